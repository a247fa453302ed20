//! What is asked.

use crate::cli::Looking;
use crate::failure::Failure;
use clap::Args;
use domain::duration::parse_duration_secs;
use domain::field_error::quoted;
use domain::ids::TenantId;
use domain::monitor::MonitorConfig;
use domain::schedule::Schedule;
use domain::time::UnixMs;

/// How the suggestion is come by.
const RULE: &str = "The suggested grace is the smallest round one that spares the alerts that took care of themselves: \
    each `missed` that a success ended within --recovered-within, while somebody could hear. How late the work came counts \
    from when it was expected. The settings are tried again with that grace, and with the next longer one while such an \
    alert is left. Settings that are not given stay as they are.";

/// Settings to try.
#[derive(Args)]
#[command(after_help = RULE)]
pub struct Arguments {
    /// The monitor
    pub slug: String,
    /// Silence after the expected time that is forgiven
    #[arg(long, value_name = "DURATION")]
    grace: Option<String>,
    /// Expect it so often
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["cron", "oncalendar"])]
    period: Option<String>,
    /// Expect it at these times
    #[arg(long, value_name = "EXPR", conflicts_with = "oncalendar")]
    cron: Option<String>,
    /// Expect it at these times, as systemd writes them
    #[arg(long, value_name = "EXPR")]
    oncalendar: Option<String>,
    /// The zone of --cron or --oncalendar [default: the monitor's, or UTC]
    #[arg(long, value_name = "ZONE", alias = "tz")]
    zone: Option<String>,
    /// How long a run may take
    #[arg(long, value_name = "DURATION")]
    max_runtime: Option<String>,
    /// Failures in a row that make an alert
    #[arg(long, value_name = "N")]
    failures_before_alert: Option<u8>,
    /// An instant, a day (its beginning in UTC), or a length of time back from now
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    from: String,
    /// The same [default: now]
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// A `missed` that a success ends so soon took care of itself
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    recovered_within: String,
    #[command(flatten)]
    pub place: Looking,
    /// Whose monitor it is
    #[arg(long, value_name = "ID", default_value_t = 1)]
    tenant: u32,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

impl Arguments {
    pub fn tenant(&self) -> TenantId {
        TenantId(self.tenant)
    }

    /// From when to when.
    pub fn span(&self, now: UnixMs) -> Result<(i64, i64), Failure> {
        let from = instant("--from", &self.from, now)?;
        let to = self.to.as_deref().map_or(Ok(now.0), |text| instant("--to", text, now))?;
        if from >= to {
            return Err(Failure::usage("--from: must be before --to"));
        }
        Ok((from, to))
    }

    pub fn recovered_within_ms(&self) -> Result<i64, Failure> {
        seconds("--recovered-within", &self.recovered_within).map(|secs| i64::from(secs) * 1_000)
    }

    /// The monitor's configuration with what is proposed instead.
    pub fn propose(&self, config: &MonitorConfig, now: UnixMs) -> Result<MonitorConfig, Failure> {
        let mut proposed = config.clone();
        let policy = &mut proposed.policy;
        policy.schedule = self.schedule(&config.policy.schedule)?;
        if let Some(text) = &self.grace {
            policy.grace_secs = seconds("--grace", text)?;
        }
        if let Some(text) = &self.max_runtime {
            policy.max_runtime_secs = Some(seconds("--max-runtime", text)?);
        }
        if let Some(count) = self.failures_before_alert {
            policy.failures_before_alert = count;
        }
        proposed.check(now).map_err(Failure::usage)?;
        Ok(proposed)
    }

    fn schedule(&self, now: &Schedule) -> Result<Schedule, Failure> {
        let named = |flag: &str, made: Result<Schedule, _>| {
            made.map_err(|error: domain::schedule::ScheduleError| Failure::usage(format_args!("--{flag}: {error}")))
        };
        let zone = self.zone.clone().or_else(|| now.zone().map(|zone| zone.name().to_owned()));
        let zone = zone.unwrap_or_else(|| "UTC".to_owned());
        match (&self.period, &self.cron, &self.oncalendar, now) {
            (Some(text), ..) => named("period", Schedule::period(seconds("--period", text)?.into())),
            (_, Some(text), ..) => named("cron", Schedule::cron(text, &zone)),
            (_, _, Some(text), _) => named("oncalendar", Schedule::oncalendar(text, &zone)),
            (.., Schedule::Cron { cron, .. }) => named("zone", Schedule::cron(cron.source(), &zone)),
            (.., Schedule::OnCalendar { calendar, .. }) => {
                named("zone", Schedule::oncalendar(calendar.source(), &zone))
            }
            (.., period) => Ok(period.clone()),
        }
    }
}

fn seconds(flag: &str, text: &str) -> Result<u32, Failure> {
    let read = parse_duration_secs(text).map_err(|error| Failure::usage(format_args!("{flag}: {error}")))?;
    u32::try_from(read)
        .map_err(|_| Failure::usage(format_args!("{flag}: found {}, allowed: at most 366d", quoted(text))))
}

fn instant(flag: &str, text: &str, now: UnixMs) -> Result<i64, Failure> {
    if let Ok(back) = parse_duration_secs(text) {
        return Ok(now.0.saturating_sub(i64::try_from(back).unwrap_or(i64::MAX).saturating_mul(1_000)));
    }
    let day = format!("{text}T00:00:00Z");
    let read = UnixMs::parse(text).or_else(|| UnixMs::parse(&day)).map(|at| at.0);
    let allowed = "allowed: 2026-11-24T00:00:00Z, 2026-11-24, or a length of time such as 30d";
    read.ok_or_else(|| Failure::usage(format_args!("{flag}: found {}, {allowed}", quoted(text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use domain::monitor::{Identity, Policy};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn asked(more: &[&str]) -> Arguments {
        Line::try_parse_from([&["backtest", "job"], more].concat()).unwrap_or_else(|error| panic!("{error}")).arguments
    }

    fn config(schedule: Schedule) -> MonitorConfig {
        let identity = Identity { slug: "job".into(), name: "job".into(), ..Identity::default() };
        MonitorConfig { identity, policy: Policy::every(schedule, 60) }
    }

    #[test]
    fn instants_are_days_times_or_lengths_of_time() {
        let now = UnixMs(1_795_485_600_000);
        let from = |text: &str| asked(&["--from", text]).span(now).map(|span| span.0);
        assert_eq!(from("1h").unwrap(), now.0 - 3_600_000);
        assert_eq!(from("2026-11-24").unwrap(), now.0 - 2 * 3_600_000);
        assert_eq!(from("2026-11-24T01:00:00Z").unwrap(), now.0 - 3_600_000);
        assert!(from("yesterday").unwrap_err().to_string().starts_with("--from: found "));
        assert!(asked(&["--to", "40d"]).span(now).is_err());
    }

    #[test]
    fn what_is_not_proposed_stays() {
        let now = UnixMs(0);
        let cron = config(Schedule::cron("0 2 * * *", "Europe/Berlin").unwrap());
        let kept = asked(&["--grace", "10m"]).propose(&cron, now).unwrap().policy;
        assert_eq!((kept.schedule, kept.grace_secs), (cron.policy.schedule.clone(), 600));
        let moved = asked(&["--zone", "UTC"]).propose(&cron, now).unwrap().policy;
        assert_eq!(moved.schedule, Schedule::cron("0 2 * * *", "UTC").unwrap());
        let other = asked(&["--cron", "0 3 * * *"]).propose(&cron, now).unwrap().policy;
        assert_eq!(other.schedule, Schedule::cron("0 3 * * *", "Europe/Berlin").unwrap());
        let refused = asked(&["--period", "0"]).propose(&cron, now).err().unwrap();
        assert_eq!(refused.status, 2);
        assert!(refused.to_string().starts_with("--period"), "{refused}");
    }
}
