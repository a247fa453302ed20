//! `qp run`: runs a job and reports how it went. The job comes first: its output passes through byte for byte,
//! its exit code is ours, signals reach it, and QuietPulse being away costs at most a bounded wait after it.
//!
//! `job` starts and ends the command, `signals` catches what is sent to us, `tee` passes output on and keeps
//! its end, `metrics` finds numbers in it, `report` talks to the server.

mod job;
mod metrics;
mod report;
mod signals;
mod tee;

use crate::connect::{ServerArgs, Settings};
use crate::ping::signal::CreateArgs;
use crate::{time, warn};
use job::{End, Job, JobOptions};
use metrics::Rule;
use report::Reporter;
use signals::Signals;
use std::ffi::OsString;
use std::time::Duration;
use tee::Tee;
use tokio::time::Instant;

#[derive(clap::Args)]
#[command(after_help = "\
Sends a start ping in the background, runs the command, then sends its exit code with the duration, the metrics \
and the end of its output. In a crontab:
  0 2 * * *  qp run --monitor backup -- /usr/local/bin/backup.sh
  0 * * * *  qp run -m sync --timeout 45m --metric 'count:copied ([0-9]+)' -- sync-files
A pipeline needs a shell:
  qp run --monitor dump -- bash -o pipefail -c 'pg_dump shop | gzip > /backup/shop.gz'

Exit code: the command's own, whatever QuietPulse does; 124 after --timeout, 126 when the command cannot be \
executed, 127 when it is not found, 128+N when signal N killed it.

SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2 and SIGWINCH are passed on. Without a terminal on \
stdin (cron, systemd, CI) the command gets its own process group, and signals and --timeout reach all of it. On \
a terminal it stays in ours, so that it can read from the terminal; Ctrl-C reaches it directly, other signals and \
--timeout reach the command itself only. A command that asks for a password on the terminal while its stdin is \
something else needs --foreground.

Output is passed on for as long as the command runs, and until the pipes are quiet for a second if something it \
left in the background still holds them; --no-capture gives the command our own stdout and stderr instead.")]
pub struct RunArgs {
    /// Slug, ping token, PING_KEY/SLUG, or a whole ping URL
    #[arg(long, short, env = "QUIETPULSE_MONITOR", hide_env_values = true, value_name = "SLUG|TOKEN|URL")]
    monitor: Option<String>,
    /// End the command after this long: SIGTERM, then SIGKILL; exit code 124
    #[arg(long, value_name = "D", value_parser = time::length)]
    timeout: Option<Duration>,
    /// How long after the SIGTERM of --timeout the SIGKILL follows
    #[arg(long, value_name = "D", default_value = "10s", value_parser = time::length)]
    kill_after: Duration,
    /// Report a number found in the output, NAME:REGEX: per line, the first group or the whole match, the last
    /// match counts; may be repeated
    #[arg(long, value_name = "NAME:REGEX", value_parser = Rule::parse)]
    metric: Vec<Rule>,
    /// The longest wait for QuietPulse after the command has ended
    #[arg(long, value_name = "D", default_value = "5s", value_parser = report_wait)]
    report_within: Duration,
    /// Keep the command in our process group, as if stdin were a terminal
    #[arg(long)]
    foreground: bool,
    /// Give the command our own stdout and stderr: nothing of its output is reported
    #[arg(long, conflicts_with = "metric")]
    no_capture: bool,
    #[command(flatten)]
    create: CreateArgs,
    /// The base of ping URLs, e.g. http://127.0.0.1:8080 [env: QUIETPULSE_PING_URL]
    #[arg(long, value_name = "URL")]
    ping_url: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Ctrl-C on a terminal, and systemd, signal the job and us at once. A signal that comes this soon after the
/// job's end is the one that ended it, and no reason to leave that unreported.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// Runs the job to its end; the exit code is the job's.
pub async fn run(args: RunArgs, settings: Settings) -> u8 {
    let settings = settings.with_url(args.server.url).with_ping_url(args.ping_url);
    let mut signals = Signals::listen();
    let options = JobOptions { timeout: args.timeout, kill_after: args.kill_after, foreground: args.foreground };
    let tee = if args.no_capture { None } else { tee_or_warn(args.metric) };
    let job = Job::start(&args.command, tee, options);
    let start = job.is_ok();
    let reporter = Reporter::begin(args.monitor, settings, args.create, start);
    let end = match job {
        Ok(job) => job.run(&mut signals).await,
        Err(error) => {
            warn(&error.to_string());
            End::not_started(&error)
        }
    };
    let code = end.code;
    let over = Instant::now() + SAME_SIGNAL;
    tokio::select! {
        () = reporter.finish(end, args.report_within) => {}
        // Whoever stops us while the report is on its way wants us gone; the job has ended already.
        () = signals.asked_to_stop(over) => {}
    }
    code
}

/// Without pipes the job still runs, only its output is not reported.
fn tee_or_warn(rules: Vec<Rule>) -> Option<Tee> {
    Tee::new(rules).inspect_err(|error| warn(&format!("the output is not reported: {error}"))).ok()
}

/// Flag value: at most a minute, since the next run may be waiting.
fn report_wait(text: &str) -> Result<Duration, String> {
    let length = time::length(text)?;
    if length <= Duration::from_secs(60) { Ok(length) } else { Err("allowed: at most 60s".to_owned()) }
}
