//! `qp next`: when a schedule runs. An expression is computed here, by the same code that judges monitors; a
//! bare slug asks the server for the monitor's schedule first.

use crate::connect::{Server, ServerArgs};
use crate::exit::Failure;
use crate::monitor;
use crate::output::{self, Table};
use crate::{Context, time};
use domain::monitor::check_slug;
use domain::schedule::{OnCalendar, Schedule, ScheduleError};
use domain::time::UnixMs;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tonic::Code;
use wire::v1::Monitor;

#[derive(clap::Args)]
#[command(after_help = "\
A text with blanks, `@` or `*`, or any text with --tz or --oncalendar, is an expression; otherwise it is a slug.
A date that is past, or that cannot be, has no next run: nothing is printed (--json: []), and that is no error.

Examples:
  qp next '30 2 * * *' --tz Europe/Berlin --from 2026-03-28T00:00:00Z -n 3
  qp next 'Mon..Fri 07:30' --tz Europe/Riga --oncalendar
  qp next backup --json")]
pub struct NextArgs {
    /// A monitor's slug, or a cron or calendar expression
    #[arg(value_name = "SLUG|EXPR")]
    what: String,
    /// IANA time zone of the expression [default: UTC]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// The expression is a systemd calendar expression, not cron
    #[arg(long)]
    oncalendar: bool,
    /// Runs strictly after this instant (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::instant)]
    from: Option<Timestamp>,
    /// How many
    #[arg(short = 'n', long = "count", value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    #[command(flatten)]
    server: ServerArgs,
}

/// Prints the next runs.
pub async fn run(args: NextArgs, context: Context) -> Result<(), Failure> {
    // Rounding down is right: runs lie on whole seconds, and "strictly after" still holds.
    let from = UnixMs(args.from.unwrap_or_else(time::now).as_millisecond());
    let (schedule, from) = if is_expression(&args) {
        (from_expression(&args)?, from)
    } else {
        let server = Server::connect(&context.settings.with_url(args.server.url)).await?;
        let monitor = ask(&server, &args.what).await?;
        let schedule = from_monitor(&monitor)?;
        let from = aligned(&schedule, &monitor, from);
        (schedule, from)
    };
    let runs = runs(&schedule, from, args.count as usize);
    if context.json { json(&runs) } else { table(&runs, &schedule) }
}

fn is_expression(args: &NextArgs) -> bool {
    args.tz.is_some() || args.oncalendar || check_slug(&args.what).is_err()
}

fn from_expression(args: &NextArgs) -> Result<Schedule, Failure> {
    let zone = args.tz.as_deref().unwrap_or("UTC");
    if args.oncalendar {
        return Schedule::oncalendar(&args.what, zone).map_err(|error| Failure::Usage(error.to_string()));
    }
    Schedule::cron(&args.what, zone).map_err(|error| Failure::Usage(with_hint(error, &args.what)))
}

/// Somebody who forgot `--oncalendar` is told so.
fn with_hint(error: ScheduleError, text: &str) -> String {
    let calendar = error.field == "cron" && OnCalendar::parse(text).is_ok();
    if calendar { format!("{error}; for a calendar expression give --oncalendar") } else { error.to_string() }
}

async fn ask(server: &Server, slug: &str) -> Result<Monitor, Failure> {
    match monitor::get(server, slug.to_owned()).await {
        Ok(reply) => Ok(reply.into_inner()),
        Err(status) if status.code() == Code::NotFound => {
            Err(Failure::Refused(format!("slug: no monitor `{slug}`; for an expression give --tz or --oncalendar")))
        }
        Err(status) => Err(status.into()),
    }
}

fn from_monitor(monitor: &Monitor) -> Result<Schedule, Failure> {
    let zone = if monitor.tz.is_empty() { "UTC" } else { &monitor.tz };
    let schedule = match monitor {
        Monitor { cron, .. } if !cron.is_empty() => Schedule::cron(cron, zone),
        Monitor { oncalendar, .. } if !oncalendar.is_empty() => Schedule::oncalendar(oncalendar, zone),
        Monitor { period, .. } => Schedule::period(period.as_ref().map_or(0, |period| period.seconds.unsigned_abs())),
    };
    schedule.map_err(|error| Failure::Refused(format!("the server's schedule is not understood: {error}")))
}

/// A period counts from pings, so its runs lie in step with the one the server expects next.
fn aligned(schedule: &Schedule, monitor: &Monitor, from: UnixMs) -> UnixMs {
    let expected = monitor.next_expected_at.as_ref().and_then(time::from_proto).map(Timestamp::as_millisecond);
    match (schedule, expected) {
        (Schedule::Period { seconds }, Some(expected)) => in_step(i64::from(*seconds) * 1_000, expected, from),
        _ => from,
    }
}

/// The latest instant at or before `from` that lies a whole number of periods from `expected`.
fn in_step(period_ms: i64, expected: i64, from: UnixMs) -> UnixMs {
    from.plus_ms(-from.0.saturating_sub(expected).rem_euclid(period_ms.max(1)))
}

/// At most `count` runs after `from`.
fn runs(schedule: &Schedule, from: UnixMs, count: usize) -> Vec<UnixMs> {
    std::iter::successors(schedule.next(from), |last| schedule.next(*last)).take(count).collect()
}

fn json(runs: &[UnixMs]) -> Result<(), Failure> {
    let instants: Vec<String> = runs.iter().map(UnixMs::to_string).collect();
    output::document(&instants)
}

fn table(runs: &[UnixMs], schedule: &Schedule) -> Result<(), Failure> {
    let zone = schedule.zone().map_or(TimeZone::UTC, |zone| zone.tz().clone());
    let name = schedule.zone().map_or("UTC", |zone| zone.name());
    let mut table = Table::plain();
    for run in runs {
        let local = Timestamp::from_millisecond(run.0).map(|at| time::local(at, &zone)).unwrap_or_default();
        table.row([run.to_string(), local, name.to_owned()]);
    }
    table.print()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMs {
        UnixMs(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn a_gap_moves_a_fixed_time_job_to_its_end() {
        let schedule = Schedule::cron("30 2 * * *", "Europe/Berlin").unwrap();
        let runs = runs(&schedule, at("2026-03-28T12:00:00Z"), 2);
        assert_eq!(runs, [at("2026-03-29T01:00:00Z"), at("2026-03-30T00:30:00Z")]);
    }

    #[test]
    fn what_never_runs_is_an_empty_list() {
        assert!(runs(&Schedule::cron("0 0 30 2 *", "UTC").unwrap(), at("2026-01-01T00:00:00Z"), 10).is_empty());
        assert!(runs(&Schedule::oncalendar("2020-01-01", "UTC").unwrap(), at("2026-01-01T00:00:00Z"), 10).is_empty());
    }

    #[test]
    fn a_period_stays_in_step_with_the_server() {
        let expected = at("2026-01-01T00:00:30Z").0;
        assert_eq!(in_step(60_000, expected, at("2026-01-01T00:10:00Z")), at("2026-01-01T00:09:30Z"));
        assert_eq!(in_step(60_000, expected, at("2025-12-31T23:50:00Z")), at("2025-12-31T23:49:30Z"));
        assert_eq!(in_step(60_000, expected, UnixMs(expected)), UnixMs(expected));
    }
}
