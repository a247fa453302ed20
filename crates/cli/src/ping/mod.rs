//! `qp ping`: one ping over HTTP, as curl would send it, but knowing the local server's address and key.

pub mod send;
pub mod signal;
pub mod target;

use crate::Context;
use crate::connect::ServerArgs;
use crate::exit::Failure;
use crate::output;
use crate::time;
use send::{Budget, PingError, Pinger, Reply};
use signal::{CreateArgs, Kind, Signal};
use std::io::Read;
use std::time::Duration;
use target::Target;

/// The largest body any server keeps; more of a file is not sent.
pub const MAX_BODY_BYTES: usize = 100_000;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  qp ping backup
  qp ping backup start --rid 6f0d3c1e-8a43-4c6e-9a0d-0f6f2f3f5a11
  qp ping backup 3 --msg 'disk full' --metric count=0
  journalctl -u backup -n 50 | qp ping backup fail --data -
  qp ping hello --create --period 1m --grace 30s

A slug needs the ping key (QUIETPULSE_PING_KEY, or keys.toml) and the server's HTTP address (--ping-url, \
QUIETPULSE_PING_URL, or ready.json). With only a gRPC address, the server is asked for the ping URL.")]
pub struct PingArgs {
    /// Slug, ping token, PING_KEY/SLUG, or a whole ping URL
    #[arg(value_name = "SLUG|TOKEN|URL")]
    target: String,
    /// What happened: success, start, fail, log, or an exit status 0 to 255
    #[arg(default_value = "success", value_name = "start|fail|log|N", value_parser = Kind::parse)]
    kind: Kind,
    /// The run it belongs to, a UUID
    #[arg(long, value_name = "UUID", value_parser = signal::run_id)]
    rid: Option<String>,
    /// A number the job measured, NAME=NUMBER or NAME:NUMBER; may be repeated
    #[arg(long, value_name = "NAME=NUMBER", value_parser = signal::metric)]
    metric: Vec<(String, f64)>,
    /// How long the work took, e.g. 1.5s
    #[arg(long, value_name = "D", value_parser = time::length)]
    duration: Option<Duration>,
    /// A line for people
    #[arg(long, value_name = "TEXT")]
    msg: Option<String>,
    /// Send this file as the body; - is stdin
    #[arg(long, value_name = "FILE|-")]
    data: Option<String>,
    /// The environment, e.g. staging
    #[arg(long, value_name = "TEXT")]
    env: Option<String>,
    /// The machine the work ran on
    #[arg(long, value_name = "TEXT")]
    host: Option<String>,
    #[command(flatten)]
    create: CreateArgs,
    /// Keep trying for this long when the server is away or busy
    #[arg(long, value_name = "D", default_value = "5s", value_parser = time::length)]
    retry_for: Duration,
    /// The base of ping URLs, e.g. http://127.0.0.1:8080 [env: QUIETPULSE_PING_URL]
    #[arg(long, value_name = "URL")]
    ping_url: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Answer<'a> {
    status: u16,
    reply: &'a str,
}

/// Sends the ping and prints the server's word.
pub async fn run(args: PingArgs, context: Context) -> Result<(), Failure> {
    let settings = context.settings.with_url(args.server.url.clone()).with_ping_url(args.ping_url.clone());
    let retry_for = args.retry_for;
    let target = Target::parse(&args.target).map_err(|error| Failure::Usage(error.to_string()))?;
    let signal = signal_of(args)?;
    let pinger = Pinger::new(target.resolve(&settings).await?)?;
    match pinger.send(&signal, Budget::within(retry_for)).await {
        Ok(reply) => print(&reply, context.json),
        Err(PingError::Refused { status, text }) => Err(Failure::Refused(format!("refused with {status}: {text}"))),
        Err(PingError::NotReached(cause)) => {
            Err(Failure::NotReached(format!("no server reached at {}: {cause}", pinger.place())))
        }
    }
}

fn signal_of(args: PingArgs) -> Result<Signal, Failure> {
    Ok(Signal {
        kind: args.kind,
        rid: args.rid,
        duration: args.duration,
        metrics: args.metric,
        message: args.msg.unwrap_or_default(),
        environment: args.env.unwrap_or_default(),
        host: args.host.unwrap_or_default(),
        create: args.create,
        body: args.data.as_deref().map(body).transpose()?.unwrap_or_default(),
    })
}

/// The beginning of a file: the server keeps the beginning too.
fn body(file: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let most = MAX_BODY_BYTES as u64;
    let read = match file {
        "-" => std::io::stdin().take(most).read_to_end(&mut bytes),
        _ => std::fs::File::open(file).and_then(|open| open.take(most).read_to_end(&mut bytes)),
    };
    read.map_err(|error| Failure::Usage(format!("--data: cannot read {file}: {error}")))?;
    Ok(bytes)
}

fn print(reply: &Reply, json: bool) -> Result<(), Failure> {
    if json {
        return output::document(&Answer { status: reply.status, reply: &reply.text });
    }
    output::line(&output::clean(&reply.text))
}
