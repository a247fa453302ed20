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

It begins now; what came before is in `qp monitor transitions SLUG`. It ends with 69 when the server goes away.")]
pub struct WatchArgs {
    #[command(flatten)]
    server: ServerArgs,
}

/// Prints until the stream ends, which it does only when the server goes away.
pub async fn run(args: WatchArgs, context: Context) -> Result<(), Failure> {
    let server = Server::connect(&context.settings.with_url(args.server.url)).await?;
    let mut stream = server.incidents().watch(server.stream_request(WatchRequest {})).await?.into_inner();
    while let Some(transition) = stream.message().await? {
        print(&transition, context.json)?;
    }
    Err(Failure::NotReached("the server ended the stream".to_owned()))
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
