//! Carries the named fields of a message over into a configuration.

use super::mask::Field;
use crate::convert::time::whole_seconds;
use domain::assertion::{Assertion, MAX_ASSERTIONS};
use domain::field_error::{FieldError, quoted};
use domain::ids::ChannelId;
use domain::monitor::{MAX_TAGS, MonitorConfig, OnBlind, Overlap, Policy, check_text};
use domain::schedule::Schedule;
use prost_types::Duration;
use std::collections::BTreeSet;
use wire::v1::Monitor;

/// Longest assertion as it is sent. Alerts and lists repeat one in a line, so it has no line ends either.
const MAX_ASSERTION_CHARS: usize = 1_000;

/// Sets in `config` what `fields` names, as `m` says; a named field that `m` does not set gets its default.
/// `channels` are the ids of `m.channels`. What the whole then is worth is `MonitorConfig::check`'s question.
pub(super) fn apply(
    fields: &[Field],
    m: &Monitor,
    channels: &[ChannelId],
    config: &mut MonitorConfig,
) -> Result<(), FieldError> {
    config.policy.schedule = schedule(fields, m, &config.policy.schedule)?;
    fields.iter().try_for_each(|field| set(*field, m, channels, config))
}

fn set(field: Field, m: &Monitor, channels: &[ChannelId], config: &mut MonitorConfig) -> Result<(), FieldError> {
    let (identity, policy) = (&mut config.identity, &mut config.policy);
    let path = field.path();
    match field {
        Field::Name => identity.name = m.name.trim().to_owned(),
        Field::Description => identity.description = m.description.clone(),
        Field::Tags => identity.tags = tags(&m.tags)?,
        Field::Period | Field::Cron | Field::Oncalendar | Field::Tz => {}
        Field::Grace => policy.grace_secs = optional_secs(path, 0, &m.grace)?.unwrap_or(Policy::daily().grace_secs),
        Field::MaxRuntime => policy.max_runtime_secs = optional_secs(path, 1, &m.max_runtime)?,
        Field::MinRuntime => policy.min_runtime_secs = optional_secs(path, 1, &m.min_runtime)?,
        Field::Overlap => policy.overlap = word(path, &m.overlap, Overlap::from_word, Overlap::WORDS)?,
        Field::Early => policy.early_secs = optional_secs(path, 0, &m.early)?,
        Field::FailuresBeforeAlert => policy.failures_before_alert = count(path, m.failures_before_alert)?,
        Field::SuccessesBeforeRecovery => policy.successes_before_recovery = count(path, m.successes_before_recovery)?,
        Field::Assertions => policy.assertions = assertions(&m.assertions)?,
        Field::FirstPingWithin => policy.first_ping_within_secs = optional_secs(path, 1, &m.first_ping_within)?,
        Field::RemindEvery => policy.remind_every_secs = optional_secs(path, 60, &m.remind_every)?,
        Field::OnBlind => policy.on_blind = word(path, &m.on_blind, OnBlind::from_word, OnBlind::WORDS)?,
        Field::Channels => policy.channels = channels.to_vec(),
        Field::ManualResume => policy.manual_resume = m.manual_resume,
        Field::PostOnly => policy.post_only = m.post_only,
    }
    Ok(())
}

/// A kind of schedule that is named replaces the one there was; `tz` alone moves it to another zone.
fn schedule(fields: &[Field], m: &Monitor, current: &Schedule) -> Result<Schedule, FieldError> {
    let kinds = [
        (Field::Period, m.period.is_some()),
        (Field::Cron, !m.cron.is_empty()),
        (Field::Oncalendar, !m.oncalendar.is_empty()),
    ];
    let mut named = kinds.into_iter().filter(|(kind, _)| fields.contains(kind));
    let mut given = kinds.into_iter().filter(|(kind, given)| *given && fields.contains(kind));
    let tz = fields.contains(&Field::Tz).then_some(m.tz.as_str());
    match (given.next(), given.next(), named.next()) {
        (_, Some((second, _)), _) => Err(FieldError::new(second.path(), "allowed: one of period, cron and oncalendar")),
        (Some((kind, _)), None, _) => replaced(kind, m, tz, current),
        (None, None, Some((kind, _))) => {
            Err(FieldError::new(kind.path(), "must not be empty: a schedule is replaced by another"))
        }
        (None, None, None) => tz.map_or_else(|| Ok(current.clone()), |tz| rezoned(current, tz)),
    }
}

fn replaced(kind: Field, m: &Monitor, tz: Option<&str>, current: &Schedule) -> Result<Schedule, FieldError> {
    let kept = || current.zone().map_or("UTC", |zone| zone.name());
    let zone = tz.map_or_else(kept, or_utc);
    match kind {
        Field::Cron => Ok(Schedule::cron(&m.cron, zone)?),
        Field::Oncalendar => Ok(Schedule::oncalendar(&m.oncalendar, zone)?),
        _ => {
            no_zone_for_a_period(tz.unwrap_or_default())?;
            let seconds = whole_seconds("period", 1, &m.period.unwrap_or_default())?;
            Ok(Schedule::Period { seconds })
        }
    }
}

fn rezoned(current: &Schedule, tz: &str) -> Result<Schedule, FieldError> {
    match current {
        Schedule::Period { .. } => no_zone_for_a_period(tz).map(|()| current.clone()),
        Schedule::Cron { cron, .. } => Ok(Schedule::cron(cron.source(), or_utc(tz))?),
        Schedule::OnCalendar { calendar, .. } => Ok(Schedule::oncalendar(calendar.source(), or_utc(tz))?),
    }
}

fn no_zone_for_a_period(tz: &str) -> Result<(), FieldError> {
    if tz.is_empty() {
        Ok(())
    } else {
        Err(FieldError::new("tz", "goes with cron and oncalendar; a period has no zone"))
    }
}

fn or_utc(tz: &str) -> &str {
    if tz.is_empty() { "UTC" } else { tz }
}

fn optional_secs(field: &str, least: u32, length: &Option<Duration>) -> Result<Option<u32>, FieldError> {
    length.as_ref().map(|length| whole_seconds(field, least, length)).transpose()
}

/// Each tag where it comes first: one said twice is one. All that were said count against the most.
fn tags(texts: &[String]) -> Result<Vec<String>, FieldError> {
    if texts.len() > MAX_TAGS {
        return Err(FieldError::new("tags", format!("found {}, allowed: at most {MAX_TAGS}", texts.len())));
    }
    let mut seen = BTreeSet::new();
    Ok(texts.iter().filter(|text| seen.insert(text.as_str())).cloned().collect())
}

/// 0 means 1; what is too large is refused before it is narrowed.
fn count(field: &str, found: u32) -> Result<u8, FieldError> {
    u8::try_from(found.max(1)).map_err(|_| FieldError::new(field, format!("found {found}, allowed: 1 to 100")))
}

fn word<T: Default>(field: &str, text: &str, read: fn(&str) -> Option<T>, words: &[&str]) -> Result<T, FieldError> {
    if text.is_empty() {
        return Ok(T::default());
    }
    let refusal = || FieldError::new(field, format!("found {}, allowed: {}", quoted(text), words.join(", ")));
    read(text).ok_or_else(refusal)
}

fn assertions(texts: &[String]) -> Result<Vec<Assertion>, FieldError> {
    if texts.len() > MAX_ASSERTIONS {
        return Err(FieldError::new("assertions", format!("found {}, allowed: at most {MAX_ASSERTIONS}", texts.len())));
    }
    let parse = |(place, text): (usize, &String)| {
        let field = format!("assertions[{place}]");
        check_text(&field, text, 0, MAX_ASSERTION_CHARS, false)?;
        Assertion::parse(text).map_err(|error| FieldError::new(field, error.to_string()))
    };
    texts.iter().enumerate().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::super::mask::fields_set;
    use super::*;
    use domain::ids::TenantId;
    use domain::monitor::Identity;

    fn daily() -> MonitorConfig {
        let identity = Identity { tenant: TenantId(1), slug: "s".into(), name: "S".into(), ..Identity::default() };
        MonitorConfig { identity, policy: Policy::daily() }
    }

    fn with(config: &MonitorConfig, fields: &[Field], m: &Monitor) -> Result<MonitorConfig, FieldError> {
        let mut config = config.clone();
        apply(fields, m, &[], &mut config).map(|()| config)
    }

    fn in_berlin() -> MonitorConfig {
        let message = Monitor { cron: "0 2 * * *".into(), tz: "Europe/Berlin".into(), ..Monitor::default() };
        with(&daily(), &fields_set(&message), &message).unwrap()
    }

    fn secs(seconds: i64) -> Option<Duration> {
        Some(Duration { seconds, nanos: 0 })
    }

    #[test]
    fn a_named_schedule_replaces_and_keeps_the_zone() {
        let hourly = Monitor { cron: "0 * * * *".into(), ..Monitor::default() };
        let kept = with(&in_berlin(), &[Field::Cron], &hourly).unwrap().policy.schedule;
        assert_eq!(kept, Schedule::cron("0 * * * *", "Europe/Berlin").unwrap());
        let named = with(&in_berlin(), &[Field::Cron, Field::Tz], &hourly).unwrap().policy.schedule;
        assert_eq!(named, Schedule::cron("0 * * * *", "UTC").unwrap());
        let period = Monitor { period: secs(60), ..Monitor::default() };
        assert_eq!(
            with(&in_berlin(), &[Field::Period], &period).unwrap().policy.schedule,
            Schedule::Period { seconds: 60 }
        );
        let all = [Field::Period, Field::Cron, Field::Oncalendar, Field::Tz];
        assert_eq!(with(&in_berlin(), &all, &period).unwrap().policy.schedule, Schedule::Period { seconds: 60 });
    }

    #[test]
    fn tz_alone_moves_the_schedule() {
        let tokyo = Monitor { tz: "Asia/Tokyo".into(), ..Monitor::default() };
        let moved = with(&in_berlin(), &[Field::Tz], &tokyo).unwrap().policy.schedule;
        assert_eq!(moved, Schedule::cron("0 2 * * *", "Asia/Tokyo").unwrap());
        assert_eq!(with(&daily(), &[Field::Tz], &tokyo).unwrap_err().field, "tz");
        let wrong = Monitor { tz: "asia/tokyo".into(), ..Monitor::default() };
        assert_eq!(with(&in_berlin(), &[Field::Tz], &wrong).unwrap_err().field, "tz");
    }

    #[test]
    fn a_schedule_is_one_and_is_not_cleared() {
        let two = Monitor { cron: "0 2 * * *".into(), period: secs(60), ..Monitor::default() };
        assert_eq!(with(&daily(), &fields_set(&two), &two).unwrap_err().field, "cron");
        assert_eq!(with(&in_berlin(), &[Field::Cron], &Monitor::default()).unwrap_err().field, "cron");
    }

    #[test]
    fn a_named_field_without_a_value_gets_its_default() {
        let mut config = daily();
        (config.policy.grace_secs, config.policy.max_runtime_secs, config.policy.failures_before_alert) =
            (5, Some(9), 3);
        let fields = [Field::Grace, Field::MaxRuntime, Field::FailuresBeforeAlert];
        let reset = with(&config, &fields, &Monitor::default()).unwrap().policy;
        assert_eq!((reset.grace_secs, reset.max_runtime_secs, reset.failures_before_alert), (3_600, None, 1));
    }

    #[test]
    fn a_tag_said_twice_is_one_where_it_came_first() {
        let message = Monitor { tags: ["b", "a", "b", "c", "a"].map(str::to_owned).to_vec(), ..Monitor::default() };
        assert_eq!(with(&daily(), &[Field::Tags], &message).unwrap().identity.tags, ["b", "a", "c"]);
    }

    #[test]
    fn a_period_out_of_bounds_is_refused_in_the_words_of_the_ping_routes() {
        for seconds in [-1, 0, 31_622_401, i64::MIN] {
            let message = Monitor { period: secs(seconds), ..Monitor::default() };
            let refused = with(&daily(), &[Field::Period], &message).unwrap_err();
            assert_eq!(refused.to_string(), format!("period: found {seconds} s, allowed: 1 s to 366 d"));
        }
    }

    #[test]
    fn refusals_name_their_field() {
        let refused = |m: Monitor| with(&daily(), &fields_set(&m), &m).unwrap_err().field;
        assert_eq!(refused(Monitor { grace: secs(-1), ..Monitor::default() }), "grace");
        assert_eq!(refused(Monitor { early: Some(Duration { seconds: 1, nanos: 5 }), ..Monitor::default() }), "early");
        assert_eq!(refused(Monitor { period: secs(i64::MAX), ..Monitor::default() }), "period");
        assert_eq!(refused(Monitor { overlap: "maybe".into(), ..Monitor::default() }), "overlap");
        assert_eq!(refused(Monitor { on_blind: "Notify".into(), ..Monitor::default() }), "on_blind");
        assert_eq!(refused(Monitor { failures_before_alert: 257, ..Monitor::default() }), "failures_before_alert");
        assert_eq!(
            refused(Monitor { assertions: vec!["a > 1".into(), "b".into()], ..Monitor::default() }),
            "assertions[1]"
        );
        assert_eq!(refused(Monitor { assertions: vec!["a\n> 1".into()], ..Monitor::default() }), "assertions[0]");
        assert_eq!(refused(Monitor { assertions: vec!["a > 1".into(); 17], ..Monitor::default() }), "assertions");
    }
}
