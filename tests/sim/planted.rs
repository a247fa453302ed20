//! The tests of the tests: bugs on purpose, each with a seed whose run finds it.
//!
//! `QP_PLANTED=NAME` looks for the first seed that finds one, `QP_PLANTED=all` for those of all.

use crate::check::check;
use crate::plan::{Plan, Size};
use crate::world;

/// How many seeds are tried for a bug whose seed is not known.
#[cfg(feature = "planted")]
const TRIES: u64 = 400;

/// Where the rule is kept, the bug, and a seed that finds it.
pub const BUGS: &[(&str, &str, u64)] = &[
    ("domain/engine/clock.rs", "lateness-unbounded", 0),
    ("domain/engine/clock.rs", "set-back-at-once", 2),
    ("domain/engine/clock.rs", "time-steps-back", 2),
    ("domain/engine/deliveries.rs", "no-queue", 6),
    ("domain/engine/deliveries.rs", "retry-never-due", 13),
    ("domain/engine/evidence.rs", "boot-proves-hearing", 24),
    ("domain/engine/evidence.rs", "gap-of-two-c", 0),
    ("domain/engine/evidence.rs", "set-back-was-heard", 32),
    ("domain/engine/expect.rs", "drop-w", 0),
    ("domain/engine/expect.rs", "early-counts-for-nothing", 4),
    ("domain/engine/expect.rs", "grace-of-a-minute", 1),
    ("domain/engine/mod.rs", "repeats-count-twice", 0),
    ("domain/engine/mod.rs", "ticks-are-evidence", 0),
    ("domain/engine/on_command.rs", "any-version-will-do", 87),
    ("domain/engine/on_command.rs", "edit-before-deadline", 10),
    ("domain/engine/on_command.rs", "paused-is-still-told", 13),
    ("domain/engine/on_ping.rs", "arm-from-append", 0),
    ("domain/engine/on_ping.rs", "arm-on-start", 0),
    ("domain/engine/on_ping.rs", "forget-lateness", 0),
    ("domain/engine/on_ping.rs", "ping-before-deadline", 0),
    ("domain/engine/on_ping.rs", "repeat-counts", 0),
    ("domain/engine/on_tick.rs", "deadline-before", 0),
    ("domain/engine/on_tick.rs", "deaf-is-no-evidence", 0),
    ("domain/engine/on_tick.rs", "down-again", 3),
    ("domain/engine/on_tick.rs", "held-too-long", 0),
    ("domain/engine/on_tick.rs", "miss-skips-a-slot", 1),
    ("domain/engine/on_tick.rs", "never-retract", 0),
    ("domain/engine/on_tick.rs", "set-back-arms-nothing", 31),
    ("domain/engine/snapshot.rs", "snapshot-drops-run", 3),
    ("domain/engine/snapshot.rs", "snapshot-unchecked", 23),
    ("domain/engine/verdict.rs", "failures-never-forgotten", 1),
    ("domain/engine/verdict.rs", "one-success-recovers", 3),
    ("evaluator/feed/hub.rs", "lease-never-ends", 4),
    ("evaluator/feed/service.rs", "busy-store-fails-offers", 0),
    ("evaluator/shard/worker.rs", "apply-again", 31),
    ("evaluator/shard/worker.rs", "busy-store-loses-rows", 0),
    ("evaluator/shard/worker.rs", "open-deliveries-forgotten", 6),
    ("evaluator/shard/worker.rs", "params-not-announced", 6),
    ("evaluator/shard/worker.rs", "poison-takes-its-batch", 29),
    ("notifier/channel/webhook/reply.rs", "any-status-is-a-yes", 2),
    ("notifier/egress/client.rs", "no-time-out", 23),
    ("wire/convert/log.rs", "log-says-success", 0),
    ("wire/convert/log.rs", "log-drops-run", 0),
];

#[cfg(feature = "planted")]
fn found(name: &'static str, seed: u64) -> Option<String> {
    domain::planted::plant(Some(name));
    let facts = world::run(&Plan::draw(seed, Size::SHORT));
    // Also while it is checked: a real bug would be in the engine that the checker asks as well.
    let found = check(&facts).first().map(ToString::to_string);
    domain::planted::plant(None);
    found
}

/// Every bug by its seed; gives those that are not found.
#[cfg(feature = "planted")]
pub fn missed() -> Vec<String> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let missed = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..crate::THREADS {
            scope.spawn(|| {
                while let Some((place, name, seed)) = BUGS.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    if found(name, *seed).is_none() {
                        missed
                            .lock()
                            .expect("no panic")
                            .push(format!("planted bug {name} ({place}): seed {seed} does not find it"));
                    }
                }
            });
        }
    });
    missed.into_inner().expect("no panic")
}

/// Looks for seeds.
#[cfg(feature = "planted")]
pub fn search(wanted: &str) {
    let names = std::env::var("QP_BUGS").unwrap_or_default();
    let names: Vec<&'static str> = if wanted == "all" && !names.is_empty() {
        names.split(',').map(|name| &*name.to_owned().leak()).collect()
    } else if wanted == "all" {
        BUGS.iter().map(|(_, name, _)| *name).collect()
    } else {
        vec![wanted.to_owned().leak()]
    };
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..crate::THREADS {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let hit = (0..TRIES).find_map(|seed| Some((seed, found(name, seed)?)));
                    match hit {
                        Some((seed, words)) => {
                            println!("{name}: seed {seed}: {}", words.chars().take(160).collect::<String>())
                        }
                        None => println!("{name}: not found in {TRIES} seeds"),
                    }
                }
            });
        }
    });
}
