//! Cells of the store: one for every kind of row, and the packs of pings that the embedded store keeps.

use crate::frozen::{Entries, Kind, each, suite};
use crate::values::{self, INCIDENT, MONITOR, RUN, START};
use domain::command::{IncidentView, Live, Status};
use domain::delivery::{Delivery, DeliveryState};
use domain::engine::effects::{HistoryRow, MonitorRow, StatusRow};
use domain::ids::{ChannelId, DeliveryId, MonitorId, TenantId, TransitionId};
use domain::ping::{PingDetails, PingKind, PingSummary};
use domain::transition::{IncidentRef, Reason, Transition, TransitionKind};
use std::fmt::Debug;
use store::cell::Cell;
use store::embedded::fuzzing as packs;
use store::row::{ApiKeyRow, ChannelRow, Scope, TenantRow};
use wire::convert::rows::ROW_VERSION;

pub const KIND: Kind = Kind {
    what: "row",
    raise: "`ROW_VERSION` in crates/wire/src/convert/rows.rs",
    written: &[ROW_VERSION],
    encode: |_| cells(),
    means: |entries| each(entries, meaning),
    read: None,
    alone: true,
    renumber: Some(|bytes, version| bytes[1] = version),
};

suite!(KIND);

fn cells() -> Entries {
    let named = |name: &str, cell| (name.to_owned(), cell);
    vec![
        named("monitor: everything", monitor().to_cell()),
        named("monitor: little", MonitorRow { config: values::small_config(), ..small_monitor() }.to_cell()),
        named("status: everything", status().to_cell()),
        named("status: little", small_status().to_cell()),
        named("history: everything", ping(7).to_cell()),
        named("history: little", small_ping().to_cell()),
        named("pack: two pings", packs::pack(&[ping(7), ping(8)]).remove(0)),
        named("transition: everything", transition().to_cell()),
        named("transition: little", small_transition().to_cell()),
        named("delivery: everything", delivery().to_cell()),
        named("delivery: little", small_delivery().to_cell()),
        named("tenant: everything", tenant().to_cell()),
        named("api_key: everything", api_key().to_cell()),
        named("channel: everything", channel().to_cell()),
    ]
}

fn meaning(name: &str, cell: &[u8]) -> Result<String, String> {
    match name.split(':').next().unwrap_or_default() {
        MonitorRow::TABLE => read::<MonitorRow>(cell),
        StatusRow::TABLE => read::<StatusRow>(cell),
        HistoryRow::TABLE => read::<HistoryRow>(cell),
        Transition::TABLE => read::<Transition>(cell),
        Delivery::TABLE => read::<Delivery>(cell),
        TenantRow::TABLE => read::<TenantRow>(cell),
        ApiKeyRow::TABLE => read::<ApiKeyRow>(cell),
        ChannelRow::TABLE => ChannelRow::from_cell(cell).map(|row| channel_text(&row)).map_err(|e| e.to_string()),
        "pack" => packs::unpack(cell).map(pack_text).map_err(|e| e.to_string()),
        other => panic!("the table {other} has no reader here"),
    }
}

/// Each ping by its offset.
fn pack_text<E: Debug>(pings: Vec<Result<HistoryRow, E>>) -> String {
    let by_offset = pings.into_iter().map(|ping| (ping.as_ref().map_or(u64::MAX, |row| row.offset), ping));
    format!("{:#?}", by_offset.collect::<Vec<_>>())
}

fn read<R: Cell + Debug>(cell: &[u8]) -> Result<String, String> {
    R::from_cell(cell).map(|row| format!("{row:#?}")).map_err(|error| error.to_string())
}

/// Its own `Debug` leaves out what it must not show.
pub fn channel_text(row: &ChannelRow) -> String {
    let ChannelRow { id, tenant, name, kind, settings, version, created_ms, changed_ms, disabled, deleted } = row;
    format!(
        "{id} of tenant {tenant}, {name:?}, {kind:?}, settings {}, version {version}, created {created_ms}, \
         changed {changed_ms}, disabled {disabled:?}, deleted {deleted}",
        crate::frozen::hex(settings)
    )
}

pub fn monitor() -> MonitorRow {
    MonitorRow {
        monitor: MONITOR,
        config: values::config(values::cron()),
        version: 7,
        generation: 5,
        created_ms: START,
        changed_ms: START + 1,
        deleted: true,
    }
}

fn small_monitor() -> MonitorRow {
    MonitorRow { version: 1, generation: 0, created_ms: 0, changed_ms: 0, deleted: false, ..monitor() }
}

fn summary(kind: PingKind) -> PingSummary {
    let metrics = values::metrics();
    PingSummary { kind, at_ms: START + 5, number: 12, duration_ms: Some(1_500), metrics, run: Some(RUN) }
}

pub fn status() -> StatusRow {
    let live = Live {
        status: Status::Down,
        runs: 2,
        pings: 12,
        created_ms: START,
        last_ping: Some(summary(PingKind::Exit(3))),
        next_expected_ms: Some(START + 300_000),
        deadline_ms: Some(START + 390_000),
        paused_until_ms: Some(START + 86_400_000),
        incident: Some(IncidentView { id: INCIDENT, opened_ms: START + 6, acknowledged: true }),
    };
    StatusRow { monitor: MONITOR, tenant: TenantId(3), slug: values::identity().slug, live, known_ms: START + 9 }
}

fn small_status() -> StatusRow {
    StatusRow { live: Live::default(), known_ms: 0, slug: "m".into(), ..status() }
}

pub fn ping(offset: u64) -> HistoryRow {
    HistoryRow {
        monitor: MONITOR,
        offset,
        ping: PingSummary { at_ms: START + offset as i64, ..summary(PingKind::Exit(137)) },
        ignored: "dead token".into(),
        coalesced: 3,
        details: values::details(),
    }
}

fn small_ping() -> HistoryRow {
    let (kind, metrics) = (PingKind::Log, vec![]);
    let ping = PingSummary { kind, at_ms: 0, number: 0, duration_ms: None, metrics, run: None };
    let details = PingDetails::default();
    HistoryRow { monitor: MonitorId(0), offset: 0, ping, ignored: String::new(), coalesced: 0, details }
}

pub fn transition() -> Transition {
    Transition {
        id: TransitionId([0x71; 16]),
        monitor: MONITOR,
        identity: values::identity(),
        kind: TransitionKind::Down,
        reason: Reason::AssertionFailed,
        from: Status::Up,
        to: Status::Down,
        occurred_ms: START + 6,
        known_ms: START + 9,
        offset: u64::MAX >> 1,
        version: 7,
        expected_ms: Some(START),
        deadline_ms: Some(START + 90_000),
        last_ping: Some(summary(PingKind::Start)),
        incident: Some(IncidentRef { id: INCIDENT, opened_ms: START + 6 }),
        zone: "Europe/Berlin".into(),
        schedule: "cron */7 2-4 * * 1-5".into(),
        grace_secs: 90,
        detail: "count >= 1: found 0".into(),
        run_started_ms: Some(START - 5),
        blind: Some((START - 9_000, START - 1_000)),
        retracts: Some(TransitionId([0x72; 16])),
        channels: vec![ChannelId(77), ChannelId::LOG],
    }
}

fn small_transition() -> Transition {
    Transition {
        kind: TransitionKind::Silent,
        reason: Reason::FirstPing,
        from: Status::New,
        to: Status::Up,
        offset: 0,
        expected_ms: None,
        deadline_ms: None,
        last_ping: None,
        incident: None,
        zone: String::new(),
        schedule: String::new(),
        grace_secs: 0,
        detail: String::new(),
        run_started_ms: None,
        blind: None,
        retracts: None,
        channels: vec![],
        ..transition()
    }
}

pub fn delivery() -> Delivery {
    Delivery {
        id: DeliveryId([0xd1; 16]),
        tenant: TenantId(3),
        monitor: MONITOR,
        channel: ChannelId(77),
        transitions: vec![transition().id, INCIDENT],
        state: DeliveryState::Retrying,
        attempts: 4,
        created_ms: START + 9,
        changed_ms: START + 10,
        due_ms: START + 60_000,
        error: "503 Service Unavailable".into(),
    }
}

fn small_delivery() -> Delivery {
    Delivery {
        transitions: vec![],
        state: DeliveryState::Queued,
        attempts: 0,
        due_ms: 0,
        error: String::new(),
        ..delivery()
    }
}

pub fn tenant() -> TenantRow {
    TenantRow { id: TenantId(3), name: "Acme \u{fc}".into(), ping_key_generation: 2, created_ms: START }
}

pub fn api_key() -> ApiKeyRow {
    ApiKeyRow {
        prefix: "qpk_1a2b3c4d".into(),
        tenant: TenantId(3),
        name: "ci".into(),
        sha256: [0x5a; 32],
        scope: Scope::Write,
        created_ms: START,
        revoked: true,
    }
}

pub fn channel() -> ChannelRow {
    ChannelRow {
        id: ChannelId(77),
        tenant: TenantId(3),
        name: "ops".into(),
        kind: "webhook".into(),
        settings: vec![1, 1, 0, 0xff],
        version: 4,
        created_ms: START,
        changed_ms: START + 1,
        disabled: "410 Gone".into(),
        deleted: true,
    }
}

/// The words that rows hold are part of their format: one that is renamed reads no more.
#[test]
fn every_word_in_a_cell_still_names_what_it_named() {
    let words = |all: &[&str]| all.join(" ");
    assert_eq!(
        words(TransitionKind::WORDS),
        "monitor.down monitor.up monitor.unobserved monitor.reminder monitor.warning monitor.changed"
    );
    assert_eq!(
        words(Reason::WORDS),
        "missed failed timed_out assertion_failed overlap too_fast recovered blind first_ping paused resumed deleted"
    );
    assert_eq!(words(DeliveryState::WORDS), "queued offered retrying delivered failed superseded");
    assert_eq!(words(Status::WORDS), "new up late down paused unknown");
    assert_eq!([Scope::Read, Scope::Write, Scope::Admin].map(Scope::word), ["read", "write", "admin"]);
}
