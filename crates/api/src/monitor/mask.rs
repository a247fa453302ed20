//! Which fields of a monitor a caller may set, and which of them a request names.

use domain::field_error::{FieldError, quoted};
use prost_types::FieldMask;
use wire::v1::Monitor;

/// A settable field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Name,
    Description,
    Tags,
    Period,
    Cron,
    Oncalendar,
    Tz,
    Grace,
    MaxRuntime,
    MinRuntime,
    Overlap,
    Early,
    FailuresBeforeAlert,
    SuccessesBeforeRecovery,
    Assertions,
    FirstPingWithin,
    RemindEvery,
    OnBlind,
    Channels,
    ManualResume,
    PostOnly,
}

/// All of them, with their names in api.proto.
const FIELDS: [(Field, &str); 21] = [
    (Field::Name, "name"),
    (Field::Description, "description"),
    (Field::Tags, "tags"),
    (Field::Period, "period"),
    (Field::Cron, "cron"),
    (Field::Oncalendar, "oncalendar"),
    (Field::Tz, "tz"),
    (Field::Grace, "grace"),
    (Field::MaxRuntime, "max_runtime"),
    (Field::MinRuntime, "min_runtime"),
    (Field::Overlap, "overlap"),
    (Field::Early, "early"),
    (Field::FailuresBeforeAlert, "failures_before_alert"),
    (Field::SuccessesBeforeRecovery, "successes_before_recovery"),
    (Field::Assertions, "assertions"),
    (Field::FirstPingWithin, "first_ping_within"),
    (Field::RemindEvery, "remind_every"),
    (Field::OnBlind, "on_blind"),
    (Field::Channels, "channels"),
    (Field::ManualResume, "manual_resume"),
    (Field::PostOnly, "post_only"),
];

impl Field {
    /// Its name in api.proto.
    pub fn path(self) -> &'static str {
        FIELDS.iter().find(|(field, _)| *field == self).map_or("", |(_, path)| path)
    }

    fn from_path(path: &str) -> Result<Self, FieldError> {
        let found = FIELDS.iter().find(|(_, name)| *name == path).map(|(field, _)| *field);
        let allowed = "the name of a field that can be set";
        found.ok_or_else(|| FieldError::new("update_mask", format!("found {}, allowed: {allowed}", quoted(path))))
    }

    /// Whether `m` holds something other than the field's default.
    fn is_set(self, m: &Monitor) -> bool {
        match self {
            Self::Name => !m.name.is_empty(),
            Self::Description => !m.description.is_empty(),
            Self::Tags => !m.tags.is_empty(),
            Self::Period => m.period.is_some(),
            Self::Cron => !m.cron.is_empty(),
            Self::Oncalendar => !m.oncalendar.is_empty(),
            Self::Tz => !m.tz.is_empty(),
            Self::Grace => m.grace.is_some(),
            Self::MaxRuntime => m.max_runtime.is_some(),
            Self::MinRuntime => m.min_runtime.is_some(),
            Self::Overlap => !m.overlap.is_empty(),
            Self::Early => m.early.is_some(),
            Self::FailuresBeforeAlert => m.failures_before_alert != 0,
            Self::SuccessesBeforeRecovery => m.successes_before_recovery != 0,
            Self::Assertions => !m.assertions.is_empty(),
            Self::FirstPingWithin => m.first_ping_within.is_some(),
            Self::RemindEvery => m.remind_every.is_some(),
            Self::OnBlind => !m.on_blind.is_empty(),
            Self::Channels => !m.channels.is_empty(),
            Self::ManualResume => m.manual_resume,
            Self::PostOnly => m.post_only,
        }
    }
}

/// The fields that `message` sets.
pub(super) fn fields_set(message: &Monitor) -> Vec<Field> {
    FIELDS.iter().map(|(field, _)| *field).filter(|field| field.is_set(message)).collect()
}

/// The fields an update names. An empty mask names those the message sets, and then what is output only may
/// not be set: it would be silently dropped.
pub(super) fn fields_named(mask: Option<&FieldMask>, message: &Monitor) -> Result<Vec<Field>, FieldError> {
    let paths = mask.map_or(&[][..], |mask| &mask.paths);
    if paths.is_empty() {
        refuse_output_only(message)?;
        return some(fields_set(message));
    }
    let mut fields = Vec::new();
    for path in paths {
        let field = Field::from_path(path)?;
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    some(fields)
}

fn some(fields: Vec<Field>) -> Result<Vec<Field>, FieldError> {
    if fields.is_empty() {
        return Err(FieldError::new("update_mask", "names no field, and the monitor sets none"));
    }
    Ok(fields)
}

/// Refuses a message in which something is set that only the server sets. `version` is not looked at.
pub(super) fn refuse_output_only(m: &Monitor) -> Result<(), FieldError> {
    let set = [
        ("id", !m.id.is_empty()),
        ("ping_url", !m.ping_url.is_empty()),
        ("status", !m.status.is_empty()),
        ("running", m.running),
        ("last_ping_at", m.last_ping_at.is_some()),
        ("next_expected_at", m.next_expected_at.is_some()),
        ("deadline_at", m.deadline_at.is_some()),
        ("created_at", m.created_at.is_some()),
        ("ping_count", m.ping_count != 0),
        ("paused_until", m.paused_until.is_some()),
        ("open_runs", m.open_runs != 0),
        ("incident_id", !m.incident_id.is_empty()),
        ("down_since", m.down_since.is_some()),
        ("acknowledged", m.acknowledged),
        ("last_duration", m.last_duration.is_some()),
        ("last_ping_kind", !m.last_ping_kind.is_empty()),
        ("last_exit_code", m.last_exit_code.is_some()),
        ("state_age", m.state_age.is_some()),
    ];
    match set.into_iter().find(|(_, set)| *set) {
        Some((field, _)) => Err(FieldError::new(field, "is set by the server only")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(paths: &[&str]) -> FieldMask {
        FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
    }

    #[test]
    fn every_settable_field_has_its_path_and_no_other_has() {
        for (field, path) in FIELDS {
            assert_eq!((Field::from_path(path), field.path()), (Ok(field), path));
        }
        for path in [
            "*",
            "",
            "id",
            "tenant",
            "slug",
            "status",
            "created_at",
            "version",
            "Name",
            "maxRuntime",
            "name.x",
            "policy",
        ] {
            let error = Field::from_path(path).unwrap_err();
            assert!(error.field == "update_mask" && error.message.contains(&format!("`{path}`")), "{error}");
        }
    }

    #[test]
    fn an_empty_mask_names_what_is_set() {
        let message = Monitor { name: "x".into(), post_only: true, slug: "s".into(), version: 4, ..Monitor::default() };
        assert_eq!(fields_named(None, &message), Ok(vec![Field::Name, Field::PostOnly]));
        assert_eq!(fields_named(Some(&mask(&["tags", "tags"])), &message), Ok(vec![Field::Tags]));
        let bare = Monitor { slug: "s".into(), ..Monitor::default() };
        assert_eq!(fields_named(None, &bare).unwrap_err().field, "update_mask");
    }

    #[test]
    fn what_only_the_server_sets_is_refused_by_name() {
        let message = Monitor { name: "x".into(), status: "up".into(), ..Monitor::default() };
        assert_eq!(fields_named(None, &message).unwrap_err().field, "status");
        // A message as it was read may be sent back under a mask.
        assert_eq!(fields_named(Some(&mask(&["name"])), &message), Ok(vec![Field::Name]));
    }
}
