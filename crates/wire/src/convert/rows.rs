//! The store's rows: a two-byte big-endian format version, then the message.

use super::log::{
    config_from_wire, config_to_wire, details_from_wire, details_to_wire, kind_from_wire, kind_to_wire,
    metrics_from_wire, metrics_to_wire, run_from_wire,
};
use super::{DecodeError, bytes16, narrow};
use crate::v1;
use domain::command::{IncidentView, Live, MonitorView, Status};
use domain::delivery::{Delivery, DeliveryState};
use domain::engine::effects::{HistoryRow, MonitorRow, StatusRow};
use domain::ids::{ChannelId, DeliveryId, MonitorId, TenantId, TransitionId};
use domain::monitor::Identity;
use domain::ping::PingSummary;
use domain::transition::{IncidentRef, Reason, Transition, TransitionKind};
use prost::Message;

/// The format version of every row written today.
pub const ROW_VERSION: u16 = 1;

/// A row as a cell.
pub fn seal(message: &impl Message) -> Vec<u8> {
    let mut cell = Vec::with_capacity(2 + message.encoded_len());
    cell.extend_from_slice(&ROW_VERSION.to_be_bytes());
    // A Vec grows: encoding into it cannot fail.
    let _ = message.encode(&mut cell);
    cell
}

/// The message in a cell.
pub fn open<M: Message + Default>(cell: &[u8]) -> Result<M, DecodeError> {
    let (version, body) =
        cell.split_at_checked(2).ok_or_else(|| DecodeError::field("cell", "shorter than its version"))?;
    match u16::from_be_bytes([version[0], version[1]]) {
        ROW_VERSION => M::decode(body).map_err(|e| DecodeError::Protobuf(e.to_string())),
        other => Err(DecodeError::Version(other)),
    }
}

pub fn monitor_to_wire(row: &MonitorRow) -> v1::MonitorRow {
    v1::MonitorRow {
        monitor: row.monitor.0,
        config: Some(config_to_wire(&row.config)),
        version: row.version,
        generation: u32::from(row.generation),
        created_ms: row.created_ms,
        changed_ms: row.changed_ms,
        deleted: row.deleted,
    }
}

pub fn monitor_from_wire(row: v1::MonitorRow) -> Result<MonitorRow, DecodeError> {
    Ok(MonitorRow {
        monitor: MonitorId(row.monitor),
        config: config_from_wire(row.config.ok_or_else(|| DecodeError::field("config", "missing"))?)?,
        version: row.version,
        generation: narrow("generation", row.generation)?,
        created_ms: row.created_ms,
        changed_ms: row.changed_ms,
        deleted: row.deleted,
    })
}

pub fn status_to_wire(row: &StatusRow) -> v1::StatusRow {
    v1::StatusRow {
        monitor: row.monitor.0,
        tenant: row.tenant.0,
        slug: row.slug.clone(),
        live: Some(live_to_wire(&row.live)),
        known_ms: row.known_ms,
    }
}

pub fn status_from_wire(row: v1::StatusRow) -> Result<StatusRow, DecodeError> {
    Ok(StatusRow {
        monitor: MonitorId(row.monitor),
        tenant: TenantId(row.tenant),
        slug: row.slug,
        live: live_from_wire(row.live.unwrap_or_default())?,
        known_ms: row.known_ms,
    })
}

pub fn live_to_wire(live: &Live) -> v1::LiveRow {
    v1::LiveRow {
        status: live.status.word().to_owned(),
        runs: live.runs,
        pings: live.pings,
        created_ms: live.created_ms,
        last_ping: live.last_ping.as_ref().map(summary_to_wire),
        next_expected_ms: live.next_expected_ms,
        deadline_ms: live.deadline_ms,
        paused_until_ms: live.paused_until_ms,
        incident: live.incident.as_ref().map(|i| v1::IncidentRow {
            id: i.id.0.to_vec(),
            opened_ms: i.opened_ms,
            acknowledged: i.acknowledged,
        }),
    }
}

pub fn live_from_wire(live: v1::LiveRow) -> Result<Live, DecodeError> {
    let incident = |i: v1::IncidentRow| {
        let id = TransitionId(bytes16("incident", &i.id)?);
        Ok(IncidentView { id, opened_ms: i.opened_ms, acknowledged: i.acknowledged })
    };
    Ok(Live {
        status: word("status", &live.status, Status::from_word)?,
        runs: live.runs,
        pings: live.pings,
        created_ms: live.created_ms,
        last_ping: live.last_ping.map(summary_from_wire).transpose()?,
        next_expected_ms: live.next_expected_ms,
        deadline_ms: live.deadline_ms,
        paused_until_ms: live.paused_until_ms,
        incident: live.incident.map(incident).transpose()?,
    })
}

pub fn view_to_wire(view: &MonitorView) -> v1::MonitorViewRow {
    let row = MonitorRow {
        monitor: view.monitor,
        config: view.config.clone(),
        version: view.version,
        generation: view.generation,
        created_ms: view.live.created_ms,
        changed_ms: 0,
        deleted: false,
    };
    v1::MonitorViewRow { row: Some(monitor_to_wire(&row)), live: Some(live_to_wire(&view.live)) }
}

pub fn view_from_wire(view: v1::MonitorViewRow) -> Result<MonitorView, DecodeError> {
    let row = monitor_from_wire(view.row.ok_or_else(|| DecodeError::field("row", "missing"))?)?;
    let live = live_from_wire(view.live.ok_or_else(|| DecodeError::field("live", "missing"))?)?;
    Ok(MonitorView { monitor: row.monitor, config: row.config, version: row.version, generation: row.generation, live })
}

pub fn summary_to_wire(ping: &PingSummary) -> v1::PingSummaryRow {
    let (signal, exit_code) = kind_to_wire(ping.kind);
    v1::PingSummaryRow {
        signal: signal as i32,
        exit_code,
        at_ms: ping.at_ms,
        number: ping.number,
        duration_ms: ping.duration_ms,
        metrics: metrics_to_wire(&ping.metrics),
        run: ping.run.map(|run| run.0.to_vec()).unwrap_or_default(),
    }
}

pub fn summary_from_wire(ping: v1::PingSummaryRow) -> Result<PingSummary, DecodeError> {
    Ok(PingSummary {
        kind: kind_from_wire(ping.signal, ping.exit_code)?,
        at_ms: ping.at_ms,
        number: ping.number,
        duration_ms: ping.duration_ms,
        metrics: metrics_from_wire(ping.metrics)?,
        run: run_from_wire(&ping.run)?,
    })
}

pub fn history_to_wire(row: &HistoryRow) -> v1::HistoryRow {
    v1::HistoryRow {
        monitor: row.monitor.0,
        offset: row.offset,
        ping: Some(summary_to_wire(&row.ping)),
        ignored: row.ignored.clone(),
        coalesced: row.coalesced,
        details: Some(details_to_wire(&row.details)),
    }
}

pub fn history_from_wire(row: v1::HistoryRow) -> Result<HistoryRow, DecodeError> {
    Ok(HistoryRow {
        monitor: MonitorId(row.monitor),
        offset: row.offset,
        ping: summary_from_wire(row.ping.ok_or_else(|| DecodeError::field("ping", "missing"))?)?,
        ignored: row.ignored,
        coalesced: row.coalesced,
        details: details_from_wire(row.details.unwrap_or_default()),
    })
}

pub fn transition_to_wire(t: &Transition) -> v1::TransitionRow {
    v1::TransitionRow {
        id: t.id.0.to_vec(),
        monitor: t.monitor.0,
        tenant: t.identity.tenant.0,
        slug: t.identity.slug.clone(),
        name: t.identity.name.clone(),
        description: t.identity.description.clone(),
        tags: t.identity.tags.clone(),
        kind: t.kind.word().to_owned(),
        reason: t.reason.word().to_owned(),
        from: t.from.word().to_owned(),
        to: t.to.word().to_owned(),
        occurred_ms: t.occurred_ms,
        known_ms: t.known_ms,
        offset: t.offset,
        version: t.version,
        expected_ms: t.expected_ms,
        deadline_ms: t.deadline_ms,
        last_ping: t.last_ping.as_ref().map(summary_to_wire),
        incident_id: t.incident.map(|i| i.id.0.to_vec()).unwrap_or_default(),
        incident_opened_ms: t.incident.map(|i| i.opened_ms).unwrap_or_default(),
        zone: t.zone.clone(),
        schedule: t.schedule.clone(),
        grace_secs: t.grace_secs,
        detail: t.detail.clone(),
        run_started_ms: t.run_started_ms,
        blind_from_ms: t.blind.map(|b| b.0),
        blind_to_ms: t.blind.map(|b| b.1),
        retracts: t.retracts.map(|id| id.0.to_vec()).unwrap_or_default(),
        channels: t.channels.iter().map(|c| c.0).collect(),
    }
}

pub fn transition_from_wire(t: v1::TransitionRow) -> Result<Transition, DecodeError> {
    let optional_id = |field, bytes: &[u8]| match bytes.is_empty() {
        true => Ok(None),
        false => bytes16(field, bytes).map(|id| Some(TransitionId(id))),
    };
    let opened_ms = t.incident_opened_ms;
    Ok(Transition {
        id: TransitionId(bytes16("id", &t.id)?),
        monitor: MonitorId(t.monitor),
        identity: Identity {
            tenant: TenantId(t.tenant),
            slug: t.slug,
            name: t.name,
            description: t.description,
            tags: t.tags,
        },
        kind: word("kind", &t.kind, TransitionKind::from_word)?,
        reason: word("reason", &t.reason, Reason::from_word)?,
        from: word("from", &t.from, Status::from_word)?,
        to: word("to", &t.to, Status::from_word)?,
        occurred_ms: t.occurred_ms,
        known_ms: t.known_ms,
        offset: t.offset,
        version: t.version,
        expected_ms: t.expected_ms,
        deadline_ms: t.deadline_ms,
        last_ping: t.last_ping.map(summary_from_wire).transpose()?,
        incident: optional_id("incident", &t.incident_id)?.map(|id| IncidentRef { id, opened_ms }),
        zone: t.zone,
        schedule: t.schedule,
        grace_secs: t.grace_secs,
        detail: t.detail,
        run_started_ms: t.run_started_ms,
        blind: t.blind_from_ms.zip(t.blind_to_ms),
        retracts: optional_id("retracts", &t.retracts)?,
        channels: t.channels.into_iter().map(ChannelId).collect(),
    })
}

pub fn delivery_to_wire(d: &Delivery) -> v1::DeliveryRow {
    v1::DeliveryRow {
        id: d.id.0.to_vec(),
        tenant: d.tenant.0,
        monitor: d.monitor.0,
        channel: d.channel.0,
        transitions: d.transitions.iter().map(|t| t.0.to_vec()).collect(),
        state: d.state.word().to_owned(),
        attempts: d.attempts,
        created_ms: d.created_ms,
        changed_ms: d.changed_ms,
        due_ms: d.due_ms,
        error: d.error.clone(),
    }
}

pub fn delivery_from_wire(d: v1::DeliveryRow) -> Result<Delivery, DecodeError> {
    let transitions: Result<_, _> = d.transitions.iter().map(|t| bytes16("transitions", t).map(TransitionId)).collect();
    Ok(Delivery {
        id: DeliveryId(bytes16("id", &d.id)?),
        tenant: TenantId(d.tenant),
        monitor: MonitorId(d.monitor),
        channel: ChannelId(d.channel),
        transitions: transitions?,
        state: word("state", &d.state, DeliveryState::from_word)?,
        attempts: d.attempts,
        created_ms: d.created_ms,
        changed_ms: d.changed_ms,
        due_ms: d.due_ms,
        error: d.error,
    })
}

fn word<T>(field: &'static str, text: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, DecodeError> {
    read(text).ok_or_else(|| DecodeError::field(field, format_args!("unknown word `{}`", text.escape_debug())))
}
