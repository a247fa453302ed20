//! A good history of one shard, made by hand: three jobs, one of which falls silent, is told of once and comes back;
//! one that is paused; one that never fails.
//!
//! Seconds count from 1,000,000 s after the epoch. W and C are 6 s, as with Kafka.

use super::facts::{Command, Config, Delivery, Entry, Facts, Heard, Said, Snapshot, Verdict, What};
use crate::history::{Action, Arrival, Item, Operation, Outcome, Signal};

pub const MORTAL: u64 = 1;
pub const PAUSED: u64 = 2;
pub const LIVING: u64 = 3;
/// The silent job's last ping, its deadline (expected after 5 s, 2 s of grace), and its return.
pub const LAST_PING: i64 = 10;
pub const DEADLINE: i64 = 17;
pub const RETURN: i64 = 40;
/// When the paused job pings again.
pub const RESUMED: i64 = 45;
const END: i64 = 70;
const W: i64 = 6;

/// The history.
pub fn good() -> Facts {
    let mut facts = Facts { log: vec![Vec::new()], cut_ms: ms(END), settled_before_ms: ms(END), ..Facts::default() };
    append(&mut facts, 0, What::Params { w_ms: W * 1_000, c_ms: W * 1_000 });
    append(&mut facts, 0, What::Boot);
    for (monitor, slug) in [(MORTAL, "mortal"), (PAUSED, "paused"), (LIVING, "living")] {
        let config = Config { slug: slug.into(), period_ms: 5_000, grace_ms: 2_000, ..Config::default() };
        command(&mut facts, 0, monitor, Command::Create(config));
    }
    (1..END).for_each(|second| live(&mut facts, second));
    facts
}

/// What happens in one second; the tick comes last.
fn live(facts: &mut Facts, second: i64) {
    append(facts, second, What::Canary);
    if second % 3 == 1 && !(LAST_PING + 1..RETURN).contains(&second) {
        ping(facts, second, MORTAL, "mortal", first_or(second, 1, ("monitor.up", "recovered", RETURN)));
    }
    if second % 3 == 1 && !(20..RESUMED).contains(&second) {
        ping(facts, second, PAUSED, "paused", first_or(second, 1, ("monitor.changed", "first_ping", RESUMED + 1)));
    }
    if second % 4 == 1 {
        ping(facts, second, LIVING, "living", first_or(second, 1, ("", "", 0)));
    }
    if second == 21 {
        command(facts, second, PAUSED, Command::Pause { until_ms: None });
        conclude(facts, PAUSED, "paused", "monitor.changed", "paused", None);
    }
    if second == RESUMED {
        command(facts, second, PAUSED, Command::Resume);
        conclude(facts, PAUSED, "paused", "monitor.changed", "resumed", None);
    }
    append(facts, second, What::Tick);
    if second == DEADLINE + W {
        conclude(facts, MORTAL, "mortal", "monitor.down", "missed", Some(DEADLINE));
    }
    let snapshot = Snapshot { at_ms: ms(second), shard: 0, next_offset: facts.log[0].len() as u64 };
    facts.snapshots.push(snapshot);
}

/// The first ping makes a monitor `up` in silence; another one may have a consequence too.
fn first_or(
    second: i64,
    first: i64,
    (kind, reason, at): (&'static str, &'static str, i64),
) -> Option<(&'static str, &'static str)> {
    match second {
        _ if second == first => Some(("monitor.changed", "first_ping")),
        _ if second == at => Some((kind, reason)),
        _ => None,
    }
}

pub fn ping(facts: &mut Facts, second: i64, monitor: u64, slug: &str, consequence: Option<(&str, &str)>) {
    let id = format!("{slug}-{second}");
    let heard = Heard { monitor, signal: Said::Success, run: None, id: id.clone() };
    append(facts, second, What::Ping(heard));
    facts.operations.push(Operation {
        id,
        monitor: slug.to_owned(),
        action: Action::Ping(Signal::Success),
        attempt: 1,
        start_ms: ms(second) - 10,
        end_ms: ms(second) + 10,
        start_us: 0,
        end_us: 0,
        outcome: Outcome::Ok,
    });
    if let Some((kind, reason)) = consequence {
        conclude(facts, monitor, slug, kind, reason, None);
    }
}

pub fn append(facts: &mut Facts, second: i64, what: What) {
    let offset = facts.log[0].len() as u64;
    let (at, producer) = (ms(second), if what == What::Tick { 0 } else { 7 });
    facts.log[0].push(Entry {
        shard: 0,
        offset,
        append_ms: at,
        producer,
        sequence: offset + 1,
        node: 9,
        received_ms: at,
        what,
    });
}

fn command(facts: &mut Facts, second: i64, monitor: u64, action: Command) {
    append(facts, second, What::Command { id: format!("cm-{second}-{monitor}"), monitor, action });
}

/// A transition that the last record closed; who is told of it is.
pub fn conclude(facts: &mut Facts, monitor: u64, slug: &str, kind: &str, reason: &str, deadline: Option<i64>) {
    let last = facts.log[0].last().expect("a record");
    let (offset, known_ms) = (last.offset, last.append_ms);
    let id = format!("tr_{slug}_{kind}_{}", facts.verdicts.len());
    let opened = facts.verdicts.iter().rev().find(|verdict| verdict.monitor == monitor && verdict.is_down());
    let incident = match kind {
        "monitor.down" => Some(id.clone()),
        "monitor.up" => opened.map(|verdict| verdict.id.clone()),
        _ => None,
    };
    let is_told = kind != "monitor.changed";
    if is_told {
        tell(facts, monitor, slug, kind, &id, incident.as_deref(), known_ms);
    }
    facts.verdicts.push(Verdict {
        id,
        shard: 0,
        monitor,
        slug: slug.to_owned(),
        kind: kind.to_owned(),
        reason: reason.to_owned(),
        occurred_ms: deadline.map_or(known_ms, ms),
        known_ms,
        offset,
        expected_ms: deadline.map(|deadline| ms(deadline - 2)),
        deadline_ms: deadline.map(ms),
        incident,
        blind_ms: None,
        retracts: None,
        channels: usize::from(is_told),
    });
}

fn tell(facts: &mut Facts, monitor: u64, slug: &str, kind: &str, transition: &str, incident: Option<&str>, at_ms: i64) {
    let id = format!("dl_{transition}");
    facts.deliveries.push(Delivery {
        id: id.clone(),
        monitor,
        transitions: vec![transition.to_owned()],
        state: "delivered".into(),
        attempts: 1,
        created_ms: at_ms,
        error: String::new(),
    });
    let item = Item {
        kind: kind.to_owned(),
        transition: transition.to_owned(),
        monitor: slug.to_owned(),
        incident: incident.map(str::to_owned),
    };
    facts.arrivals.push(Arrival { at_ms: at_ms + 20, id, items: vec![item] });
}

pub fn ms(second: i64) -> i64 {
    (1_000_000 + second) * 1_000
}
