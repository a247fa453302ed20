//! `qp`, QuietPulse's client: looks after monitors and channels over gRPC, sends pings over HTTP, computes
//! next runs by itself, and wraps jobs so that they report without being changed.
//!
//! One file or folder per command; `connect` finds server and key, `output` and `json` print, `exit` knows
//! what the process ends with.

mod channel;
mod connect;
mod exit;
mod incident;
mod json;
mod monitor;
mod next;
mod output;
mod pages;
mod ping;
mod repeat;
mod run;
mod time;
mod watch;

use clap::{Parser, Subcommand};
use connect::Settings;
use exit::Failure;
use std::io::Write;
use std::path::PathBuf;

/// QuietPulse's client: monitors, channels, pings, and a wrapper for jobs.
#[derive(Parser)]
#[command(name = "qp", version, propagate_version = true, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    /// The server's gRPC address, `host:port` or `https://host` [env: QUIETPULSE_URL]
    #[arg(long, value_name = "GRPC_ADDR")]
    url: Option<String>,
    /// The API key [env: QUIETPULSE_API_KEY]
    #[arg(long, global = true, value_name = "KEY")]
    api_key: Option<String>,
    /// The server's data directory, for ready.json and keys.toml [env: QUIETPULSE_DATA_DIR] [default: ./quietpulse-data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print JSON: one resource, or one array
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  qp monitor create backup --cron '0 2 * * *' --tz Europe/Berlin --grace 30m
  qp run --monitor backup -- /usr/local/bin/backup.sh
  qp monitor list --status down
  qp ping backup fail --msg 'disk full'
  qp next '0 2 * * *' --tz Europe/Berlin -n 3

Server and key: flags, then QUIETPULSE_URL and QUIETPULSE_API_KEY, then ready.json and keys.toml in the \
data directory. On the server's own machine nothing needs to be given.

Exit codes: 0 done, 1 refused by the server, 2 usage, 69 server not reached. `qp run` ends as its command does.";

#[derive(Subcommand)]
enum Command {
    /// Create, change and look at monitors
    Monitor(monitor::MonitorArgs),
    /// Say where alerts go
    Channel(channel::ChannelArgs),
    /// Open incidents, and acknowledging them
    Incident(incident::IncidentArgs),
    /// Print each change of status as it is concluded
    Watch(watch::WatchArgs),
    /// Send one ping
    Ping(ping::PingArgs),
    /// When a schedule runs next
    Next(next::NextArgs),
    /// Run a command and report how it went
    Run(run::RunArgs),
}

/// What every command gets.
struct Context {
    settings: Settings,
    json: bool,
}

fn main() {
    let cli = Cli::parse_from(channel::marked(std::env::args_os()));
    let code = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(dispatch(cli)),
        Err(error) => ended(Err(Failure::Usage(format!("cannot start: {error}")))),
    };
    // Not by returning: the runtime would wait for a name look-up that hangs.
    std::process::exit(code.into())
}

async fn dispatch(cli: Cli) -> u8 {
    let context = Context { settings: Settings::new(cli.url, cli.api_key, cli.data_dir), json: cli.json };
    match cli.command {
        Command::Run(args) => run::run(args, context.settings).await,
        Command::Monitor(args) => ended(monitor::run(args, context).await),
        Command::Channel(args) => ended(channel::run(args, context).await),
        Command::Incident(args) => ended(incident::run(args, context).await),
        Command::Watch(args) => ended(watch::run(args, context).await),
        Command::Ping(args) => ended(ping::run(args, context).await),
        Command::Next(args) => ended(next::run(args, context).await),
    }
}

/// Says why on stderr, and gives the exit code.
fn ended(outcome: Result<(), Failure>) -> u8 {
    let Err(failure) = outcome else { return 0 };
    if let Some(message) = failure.message() {
        warn(&message);
    }
    failure.code()
}

/// One line on stderr, in one write, so that it does not mix with what a job writes there. If stderr is closed
/// there is nobody to tell.
fn warn(message: &str) {
    let _ = std::io::stderr().write_all(format!("qp: {}\n", output::clean(message)).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
