//! Monitors on their way to another installation, as they stand in `adopt` records.

use crate::frozen::{Kind, each, entries, suite};
use crate::story;
use domain::engine::adopt::Adopted;

const NEWEST: u16 = 1;

pub const KIND: Kind = Kind {
    what: "adopted",
    raise: "`VERSION` in crates/domain/src/engine/adopt.rs and `NEWEST` in tests/compat/adopted.rs",
    written: &[NEWEST],
    encode: |_| values().iter().map(|adopted| (adopted.identity().slug.clone(), adopted.encode())).collect(),
    means: |entries| each(entries, |_, bytes| decode(bytes).map(|adopted| format!("{adopted:#?}"))),
    read: None,
    alone: true,
    renumber: Some(|bytes, version| bytes[1] = version),
};

suite!(KIND);

/// The frozen ones, read; before there are any, those of the story. What the engine makes of the story may change from
/// rules to rules, and is no matter of the format.
pub fn values() -> Vec<Adopted> {
    match entries(KIND.what, NEWEST) {
        Some(entries) => entries.iter().map(|(_, bytes)| decode(bytes).expect("a frozen monitor reads")).collect(),
        None => story::everything().leave().collect(),
    }
}

fn decode(bytes: &[u8]) -> Result<Adopted, String> {
    Adopted::decode(bytes).map_err(|error| error.to_string())
}

/// Between them, the frozen monitors have everything that one can have.
#[test]
fn everything_a_monitor_can_have_is_frozen() {
    let text: String = values().iter().map(|adopted| format!("{adopted:?}")).collect();
    for part in [
        "runs: [OpenRun {",
        "extras: Some(",
        "incident: Some(",
        "held: Some(",
        "waiting: true",
        "paused_until: Some(",
        "blind: [Window {",
        "deliveries: [Open {",
        "silent: Some(",
        "acknowledged: true",
        "state: Queued",
        "state: Offered",
        "state: Retrying",
        "Cron {",
        "OnCalendar {",
        "Period {",
        "generation: 1",
        "version: 2",
        "max_runtime_secs: Some(",
    ] {
        assert!(text.contains(part), "no frozen monitor has `{part}`");
    }
}
