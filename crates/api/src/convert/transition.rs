//! Transitions.

use super::time::timestamp;
use domain::transition::Transition;
use wire::v1;

/// A transition as lists and streams show it.
pub(crate) fn transition(t: &Transition) -> v1::Transition {
    v1::Transition {
        id: t.id.to_string(),
        r#type: t.kind.word().to_owned(),
        slug: t.identity.slug.clone(),
        monitor_id: t.monitor.to_string(),
        from: t.from.word().to_owned(),
        to: t.to.word().to_owned(),
        reason: t.reason.word().to_owned(),
        occurred_at: Some(timestamp(t.occurred_ms)),
        known_at: Some(timestamp(t.known_ms)),
        expected_at: t.expected_ms.map(timestamp),
        deadline_at: t.deadline_ms.map(timestamp),
        detail: t.detail.clone(),
        incident_id: t.incident.map(|incident| incident.id.to_string()).unwrap_or_default(),
        config_version: t.version,
        blind_from: t.blind.map(|(from, _)| timestamp(from)),
        blind_to: t.blind.map(|(_, to)| timestamp(to)),
        retracts: t.retracts.map(|id| id.to_string()).unwrap_or_default(),
        cursor: None,
    }
}
