//! `create=1`: what the monitor is to be, by the parameters of the URL that first names it.

use crate::http::query::ScheduleWords;
use crate::signal::Refused;
use domain::duration::parse_duration_secs;
use domain::field_error::FieldError;
use domain::ids::{ChannelId, TenantId};
use domain::monitor::{Identity, MonitorConfig, Policy};
use domain::schedule::{Schedule, Zone};
use domain::time::UnixMs;

/// The zone of a cron or calendar expression that comes without one.
const DEFAULT_ZONE: &str = "UTC";

/// The configuration of the monitor `slug`; the refusal is one line that names the parameter.
pub(crate) fn config(
    tenant: TenantId,
    slug: &str,
    words: &ScheduleWords,
    channels: &[ChannelId],
    now: UnixMs,
) -> Result<MonitorConfig, Refused> {
    build(tenant, slug, words, channels, now).map_err(|error| Refused::Invalid(error.to_string()))
}

fn build(
    tenant: TenantId,
    slug: &str,
    words: &ScheduleWords,
    channels: &[ChannelId],
    now: UnixMs,
) -> Result<MonitorConfig, FieldError> {
    let mut policy = Policy::daily();
    if let Some(schedule) = schedule(words)? {
        policy.schedule = schedule;
    }
    if let Some(grace) = &words.grace {
        policy.grace_secs = seconds("grace", grace)?;
    }
    if let Some(max_runtime) = &words.max_runtime {
        policy.max_runtime_secs = Some(seconds("max_runtime", max_runtime)?);
    }
    policy.channels = channels.to_vec();
    let identity = Identity { tenant, slug: slug.to_owned(), name: slug.to_owned(), ..Identity::default() };
    let config = MonitorConfig { identity, policy };
    config.check(now)?;
    Ok(config)
}

/// At most one of the three kinds. A zone that a period has no use for must still be one.
fn schedule(words: &ScheduleWords) -> Result<Option<Schedule>, FieldError> {
    let zone = words.zone.as_deref().unwrap_or(DEFAULT_ZONE);
    Zone::parse(zone)?;
    match (&words.period, &words.cron, &words.oncalendar) {
        (None, None, None) => Ok(None),
        (Some(period), None, None) => Ok(Some(Schedule::Period { seconds: seconds("period", period)? })),
        (None, Some(cron), None) => Ok(Some(Schedule::cron(cron, zone)?)),
        (None, None, Some(calendar)) => Ok(Some(Schedule::oncalendar(calendar, zone)?)),
        (Some(_), Some(_), _) => Err(FieldError::new("cron", "excludes period")),
        (Some(_), None, Some(_)) => Err(FieldError::new("oncalendar", "excludes period")),
        (None, Some(_), Some(_)) => Err(FieldError::new("oncalendar", "excludes cron")),
    }
}

fn seconds(field: &'static str, text: &str) -> Result<u32, FieldError> {
    let seconds = parse_duration_secs(text).map_err(|error| FieldError::new(field, error.to_string()))?;
    u32::try_from(seconds).map_err(|_| FieldError::new(field, "longer than 366 d"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::query::PingQuery;

    fn made(query: &str) -> Result<MonitorConfig, String> {
        let words = PingQuery::parse(Some(query)).schedule;
        config(TenantId(1), "hello", &words, &[ChannelId(4)], UnixMs::from_secs(1_800_000_000))
            .map_err(|refused| refused.text().to_owned())
    }

    #[test]
    fn without_parameters_it_is_once_a_day_with_an_hour_of_grace() {
        let config = made("").unwrap();
        assert_eq!(config.policy, Policy { channels: vec![ChannelId(4)], ..Policy::daily() });
        assert_eq!((config.identity.slug.as_str(), config.identity.name.as_str()), ("hello", "hello"));
    }

    #[test]
    fn parameters_make_the_schedule() {
        let policy = made("period=1m&grace=30s&max_runtime=90").unwrap().policy;
        assert_eq!(policy.schedule, Schedule::Period { seconds: 60 });
        assert_eq!((policy.grace_secs, policy.max_runtime_secs), (30, Some(90)));
        let policy = made("cron=0+3+*+*+*&tz=Europe/Berlin").unwrap().policy;
        assert_eq!(policy.schedule, Schedule::cron("0 3 * * *", "Europe/Berlin").unwrap());
        let policy = made("oncalendar=*-*-*+04:00").unwrap().policy;
        assert_eq!(policy.schedule, Schedule::oncalendar("*-*-* 04:00", "UTC").unwrap());
    }

    #[test]
    fn a_refusal_is_one_line_that_names_the_parameter() {
        let cases = [
            ("period=soon", "period"),
            ("period=0", "period"),
            ("period=367d", "period"),
            ("period=99999999999", "period"),
            ("period=", "period"),
            ("period=%ff", "period"),
            ("grace=-1", "grace"),
            ("grace=400d", "grace"),
            ("max_runtime=0", "max_runtime"),
            ("cron=60+*+*+*+*", "cron"),
            ("cron=0+0+30+2+*", "cron"),
            ("cron=0+3+*+*+*&tz=Mars/Base", "tz"),
            ("cron=%0A%1B[2J", "cron"),
            ("oncalendar=never", "oncalendar"),
            ("period=1m&tz=utc/", "tz"),
            ("period=1m&cron=*+*+*+*+*", "cron"),
            ("cron=*+*+*+*+*&oncalendar=daily", "oncalendar"),
        ];
        for (query, field) in cases {
            let line = made(query).expect_err(query);
            assert!(line.starts_with(&format!("{field}: ")), "{query}: {line}");
            assert!(!line.contains(char::is_control) && line.len() < 400, "{query}: {line:?}");
        }
    }
}
