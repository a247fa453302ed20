//! The flags that `create` and `update` share, as a monitor and the paths of the fields that were given.

use crate::time::{seconds, to_proto};
use clap::builder::PossibleValuesParser;
use domain::monitor::{OnBlind, Overlap};
use wire::v1::Monitor;

/// What can be said about a monitor.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Fields {
    /// Name for people; the slug when it is left out
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Text for people: what it is, what to do when it fails
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Expected every so often: 1s to 366d, counted from the last ping
    #[arg(long, value_name = "D", value_parser = seconds, group = "schedule")]
    period: Option<u64>,
    /// Expected at the times of a cron expression
    #[arg(long, value_name = "EXPR", group = "schedule")]
    cron: Option<String>,
    /// Expected at the times of a systemd calendar expression
    #[arg(long, value_name = "EXPR", group = "schedule")]
    oncalendar: Option<String>,
    /// IANA time zone of --cron and --oncalendar; UTC when left out
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Silence after the expected time that is still forgiven [default: 1h]
    #[arg(long, value_name = "D", value_parser = seconds)]
    grace: Option<u64>,
    /// How long a run may take; the grace when left out
    #[arg(long, value_name = "D", value_parser = seconds)]
    max_runtime: Option<u64>,
    /// A run that ends sooner gets a warning
    #[arg(long, value_name = "D", value_parser = seconds)]
    min_runtime: Option<u64>,
    /// What a start does while another run is open [default: allow]
    #[arg(long, value_parser = PossibleValuesParser::new(Overlap::WORDS))]
    overlap: Option<String>,
    /// What a success must report, e.g. 'count >= 1' or 'duration < 5m'; may be repeated
    #[arg(long, value_name = "ASSERTION")]
    assert: Vec<String>,
    /// How long before its time a success still counts [default: 1m, at most a tenth of the period]
    #[arg(long, value_name = "D", value_parser = seconds)]
    early: Option<u64>,
    /// Consecutive failures that make an incident [default: 1]
    #[arg(long, value_name = "N")]
    failures_before_alert: Option<u32>,
    /// Consecutive successes that end an incident [default: 1]
    #[arg(long, value_name = "N")]
    successes_before_recovery: Option<u32>,
    /// Repeat an open, unacknowledged incident this often [default: never]
    #[arg(long, value_name = "D", value_parser = seconds)]
    remind_every: Option<u64>,
    /// A monitor that never pinged is missed after this long [default: never]
    #[arg(long, value_name = "D", value_parser = seconds)]
    first_ping_within: Option<u64>,
    /// What to conclude from a silence while QuietPulse itself could not hear [default: notify]
    #[arg(long, value_parser = PossibleValuesParser::new(OnBlind::WORDS))]
    on_blind: Option<String>,
    /// A tag; may be repeated
    #[arg(long, value_name = "T")]
    tag: Vec<String>,
    /// A channel's name; may be repeated. Without one, alerts go to the server's log
    #[arg(long, value_name = "NAME")]
    channel: Vec<String>,
    /// While paused, ignore pings until somebody resumes the monitor
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    manual_resume: Option<bool>,
    /// Only POST counts: link previews cannot ping
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    post_only: Option<bool>,
}

impl Fields {
    /// The monitor, and the API's names of the fields that were given.
    pub fn into_monitor(self, slug: String) -> (Monitor, Vec<&'static str>) {
        let mut draft = Draft { monitor: Monitor { slug, ..Monitor::default() }, paths: Vec::new() };
        draft.set("name", self.name, |m, v| m.name = v);
        draft.set("description", self.description, |m, v| m.description = v);
        draft.set("period", self.period, |m, v| m.period = Some(to_proto(v)));
        draft.set("cron", self.cron, |m, v| m.cron = v);
        draft.set("oncalendar", self.oncalendar, |m, v| m.oncalendar = v);
        draft.set("tz", self.tz, |m, v| m.tz = v);
        draft.set("grace", self.grace, |m, v| m.grace = Some(to_proto(v)));
        draft.set("max_runtime", self.max_runtime, |m, v| m.max_runtime = Some(to_proto(v)));
        draft.set("min_runtime", self.min_runtime, |m, v| m.min_runtime = Some(to_proto(v)));
        draft.set("overlap", self.overlap, |m, v| m.overlap = v);
        draft.set("early", self.early, |m, v| m.early = Some(to_proto(v)));
        draft.set("failures_before_alert", self.failures_before_alert, |m, v| m.failures_before_alert = v);
        draft.set("successes_before_recovery", self.successes_before_recovery, |m, v| m.successes_before_recovery = v);
        draft.set("remind_every", self.remind_every, |m, v| m.remind_every = Some(to_proto(v)));
        draft.set("first_ping_within", self.first_ping_within, |m, v| m.first_ping_within = Some(to_proto(v)));
        draft.set("on_blind", self.on_blind, |m, v| m.on_blind = v);
        draft.set("assertions", given(self.assert), |m, v| m.assertions = v);
        draft.set("tags", given(self.tag), |m, v| m.tags = v);
        draft.set("channels", given(self.channel), |m, v| m.channels = v);
        draft.set("manual_resume", self.manual_resume, |m, v| m.manual_resume = v);
        draft.set("post_only", self.post_only, |m, v| m.post_only = v);
        (draft.monitor, draft.paths)
    }
}

struct Draft {
    monitor: Monitor,
    paths: Vec<&'static str>,
}

impl Draft {
    fn set<T>(&mut self, path: &'static str, value: Option<T>, put: impl FnOnce(&mut Monitor, T)) {
        if let Some(value) = value {
            put(&mut self.monitor, value);
            self.paths.push(path);
        }
    }
}

fn given(list: Vec<String>) -> Option<Vec<String>> {
    (!list.is_empty()).then_some(list)
}

/// A field that `--clear` may name, by its name in the API.
#[derive(Clone, Copy, Debug)]
pub struct Clearable(pub &'static str);

const CLEARABLE: [&str; 18] = [
    "name",
    "description",
    "tags",
    "tz",
    "grace",
    "max_runtime",
    "min_runtime",
    "overlap",
    "early",
    "failures_before_alert",
    "successes_before_recovery",
    "assertions",
    "first_ping_within",
    "remind_every",
    "on_blind",
    "channels",
    "manual_resume",
    "post_only",
];

impl Clearable {
    /// Takes the API's name, and the flag's: `max-runtime`, `tag`, `channel`, `assert`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = match text.replace('-', "_").as_str() {
            "tag" => "tags".to_owned(),
            "channel" => "channels".to_owned(),
            "assert" => "assertions".to_owned(),
            name => name.to_owned(),
        };
        let known = CLEARABLE.iter().find(|known| **known == name);
        known.map(|known| Self(known)).ok_or_else(|| format!("allowed: {}", CLEARABLE.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_names_what_was_given() {
        let fields = Fields { grace: Some(90), tag: vec!["a".into(), "b".into()], ..Fields::default() };
        let (monitor, paths) = fields.into_monitor("backup".into());
        assert_eq!(paths, ["grace", "tags"]);
        assert_eq!((monitor.slug.as_str(), monitor.grace.unwrap().seconds, monitor.tags.len()), ("backup", 90, 2));
    }

    #[test]
    fn clear_takes_flags_and_fields() {
        for (text, field) in
            [("max-runtime", "max_runtime"), ("tag", "tags"), ("assert", "assertions"), ("post_only", "post_only")]
        {
            assert_eq!(Clearable::parse(text).unwrap().0, field);
        }
        assert!(Clearable::parse("slug").is_err());
    }
}
