//! `qp watch`: transitions as they are concluded, one a line, until interrupted.

use crate::Context;
use crate::connect::{Server, ServerArgs};
use crate::exit::Failure;
use crate::{output, time};
use wire::v1::{Transition, WatchRequest};

#[derive(clap::Args)]
#[command(after_help = "\
With --json one object a line, for pipes:
  qp watch --json | jq -r 'select(.to == \"down\") | .slug'

It begins now; what came before is in `qp monitor transitions SLUG`. It ends with 69 when the server goes away, and
says with which --cursor to go on, at this or another API node; with --json each line has it.")]
pub struct WatchArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Go on after the transition that came with this cursor
    #[arg(long, value_name = "CURSOR", default_value = "", hide_default_value = true)]
    cursor: String,
}

/// Prints until the stream ends, which it does only when the server goes away.
pub async fn run(args: WatchArgs, context: Context) -> Result<(), Failure> {
    let server = Server::connect(&context.settings.with_url(args.server.url)).await?;
    let ask = WatchRequest { cursor: args.cursor };
    let begun = server.incidents().watch(server.stream_request(ask)).await?;
    let start = begun.metadata().get("watch-cursor").and_then(|cursor| cursor.to_str().ok());
    let (mut cursor, mut stream) = (start.unwrap_or_default().to_owned(), begun.into_inner());
    loop {
        match stream.message().await {
            Ok(Some(transition)) => {
                print(&transition, context.json)?;
                cursor = transition.cursor.unwrap_or(cursor);
            }
            Ok(None) => return Err(ended("the server ended the stream".to_owned(), &cursor)),
            Err(status) => match Failure::from(status) {
                Failure::NotReached(why) => return Err(ended(why, &cursor)),
                refused => return Err(refused),
            },
        }
    }
}

/// Nothing is lost for who goes on from the last cursor.
fn ended(why: String, cursor: &str) -> Failure {
    match cursor {
        "" => Failure::NotReached(why),
        cursor => Failure::NotReached(format!("{why}; go on with --cursor '{cursor}'")),
    }
}

fn print(transition: &Transition, json: bool) -> Result<(), Failure> {
    if json {
        return output::object_line(transition);
    }
    let Transition { slug, r#type: kind, from, to, reason, detail, .. } = transition;
    let at = time::utc(transition.occurred_at.as_ref());
    let line = format!("{at}  {slug}  {kind}  {from} -> {to}  {reason}  {detail}");
    output::line(output::clean(&line).trim_end())
}
