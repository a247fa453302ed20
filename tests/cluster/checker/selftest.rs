//! The checker against histories that are broken by hand, each in one place: it must name what is wrong, and find
//! nothing in the good one. A checker that cannot fail is none.

use super::facts::{Entry, Facts, Verdict, What};
use super::sabotage::SIX;
use super::synthetic::{DEADLINE, LAST_PING, MORTAL, good, ms};
use super::{Rule, check};
use crate::history::Outcome;
use suites::cases;
use suites::support::runner::Shown;

cases! {
    the_good_history_passes,
    each_of_six_breakages_is_seen,
    a_second_id_for_one_miss_is_seen,
    a_ping_that_nobody_sent_is_seen,
    a_verdict_before_its_time_is_seen,
    a_verdict_after_its_time_is_seen,
    a_miss_in_a_blind_stretch_is_seen,
    a_miss_that_deafness_explains_is_seen,
    a_delivery_that_never_ends_is_seen,
    an_alert_that_reached_nobody_is_seen,
    an_id_that_changes_between_attempts_is_seen,
    an_offset_that_is_taken_back_is_seen,
    a_recovery_that_is_not_there_is_seen,
}

async fn the_good_history_passes() -> Shown {
    let (violations, summary) = check(&good());
    assert!(violations.is_empty(), "{}", violations[0]);
    assert_eq!((summary.verdicts_of("monitor.down", "missed"), summary.verdicts_of("monitor.up", "recovered")), (1, 1));
    assert_eq!((summary.delivered, summary.blind), (2, 0));
    Ok(())
}

async fn each_of_six_breakages_is_seen() -> Shown {
    for sabotage in &SIX {
        let found = sabotage.found_in(&good()).expect("something to break");
        assert!(!found.timeline.is_empty() && !found.monitor.is_empty(), "{found}");
    }
    Ok(())
}

async fn a_second_id_for_one_miss_is_seen() -> Shown {
    // Of the same silence, by the deadline after it.
    broken(Rule::DoubleIncident, "mortal", |facts| {
        let tick = tick_of(facts, DEADLINE + 11);
        add_down(facts, tick, MORTAL, "mortal", DEADLINE + 5);
    });
    Ok(())
}

async fn a_ping_that_nobody_sent_is_seen() -> Shown {
    broken(Rule::PhantomPing, "", |facts| facts.operations.retain(|one| one.id != "living-29"));
    Ok(())
}

async fn a_verdict_before_its_time_is_seen() -> Shown {
    broken(Rule::FalseDown, "mortal", |facts| move_down(facts, DEADLINE + 5));
    Ok(())
}

async fn a_verdict_after_its_time_is_seen() -> Shown {
    broken(Rule::OtherPlace, "mortal", |facts| move_down(facts, DEADLINE + 7));
    Ok(())
}

async fn a_miss_in_a_blind_stretch_is_seen() -> Shown {
    // Nobody was heard from the last ping until long after the deadline: this miss was not proved.
    broken(Rule::FalseDown, "mortal", |facts| {
        let silence = ms(LAST_PING + 1)..ms(DEADLINE + 5);
        let evidence = |entry: &Entry| matches!(entry.what, What::Canary | What::Ping(_));
        let silent = |entry: &&mut Entry| silence.contains(&entry.append_ms) && evidence(entry);
        facts.log[0].iter_mut().filter(silent).for_each(|entry| entry.what = What::Aside);
        let unsent = |one: &mut crate::history::Operation| silence.contains(&one.start_ms);
        facts.operations.iter_mut().for_each(|one| {
            if unsent(one) {
                one.outcome = Outcome::Unknown("nobody there".into());
            }
        });
    });
    Ok(())
}

async fn a_miss_that_deafness_explains_is_seen() -> Shown {
    broken(Rule::BlindMiss, "mortal", |facts| {
        let place = tick_of(facts, DEADLINE + 7) - 1;
        facts.log[0][place].what = What::Deaf { from_ms: ms(DEADLINE - 3), to_ms: ms(DEADLINE + 4) };
    });
    Ok(())
}

async fn a_delivery_that_never_ends_is_seen() -> Shown {
    broken(Rule::OpenDelivery, "", |facts| facts.deliveries[0].state = "offered".into());
    Ok(())
}

async fn an_alert_that_reached_nobody_is_seen() -> Shown {
    broken(Rule::UntoldAlert, "", |facts| drop(facts.arrivals.remove(0)));
    broken(Rule::UntoldAlert, "mortal", |facts| drop(facts.deliveries.remove(0)));
    Ok(())
}

async fn an_id_that_changes_between_attempts_is_seen() -> Shown {
    broken(Rule::ChangedId, "", |facts| {
        let mut again = facts.arrivals[0].clone();
        again.id.push_str("-again");
        facts.arrivals.push(again);
    });
    Ok(())
}

async fn an_offset_that_is_taken_back_is_seen() -> Shown {
    broken(Rule::RewoundOffset, "", |facts| facts.snapshots.last_mut().expect("a snapshot").next_offset = 3);
    Ok(())
}

async fn a_recovery_that_is_not_there_is_seen() -> Shown {
    broken(Rule::OtherVerdict, "mortal", |facts| {
        facts.verdicts.retain(|verdict| !verdict.is_up());
        forget_untold(facts);
    });
    Ok(())
}

/// Breaks the good history, and expects a violation of that rule with a monitor, a place and a timeline.
fn broken(rule: Rule, monitor: &str, change: impl FnOnce(&mut Facts)) {
    let mut facts = good();
    change(&mut facts);
    let (violations, _) = check(&facts);
    let said: Vec<String> = violations.iter().map(ToString::to_string).collect();
    let found = violations.iter().find(|violation| violation.rule == rule && violation.monitor == monitor);
    let found = found.unwrap_or_else(|| panic!("no {rule:?} of {monitor:?} in {said:#?}"));
    assert!(monitor.is_empty() || !found.timeline.is_empty(), "no timeline: {found}");
}

fn add_down(facts: &mut Facts, entry: usize, monitor: u64, slug: &str, deadline: i64) {
    let entry = &facts.log[0][entry];
    let id = format!("tr_by_hand_{}", entry.offset);
    let verdict = Verdict {
        id: id.clone(),
        shard: 0,
        monitor,
        slug: slug.to_owned(),
        kind: "monitor.down".into(),
        reason: "missed".into(),
        occurred_ms: ms(deadline),
        known_ms: entry.append_ms,
        offset: entry.offset,
        expected_ms: Some(ms(deadline - 2)),
        deadline_ms: Some(ms(deadline)),
        incident: Some(id),
        blind_ms: None,
        retracts: None,
        channels: 0,
    };
    facts.verdicts.push(verdict);
}

/// Lets the miss be concluded at another tick.
fn move_down(facts: &mut Facts, second: i64) {
    let tick = tick_of(facts, second);
    let down = facts.verdicts.iter_mut().find(|verdict| verdict.is_missed()).expect("a down");
    down.offset = facts.log[0][tick].offset;
}

/// Deliveries and arrivals go with the transition that they tell.
fn forget_untold(facts: &mut Facts) {
    let known: Vec<String> = facts.verdicts.iter().map(|verdict| verdict.id.clone()).collect();
    facts.deliveries.retain(|delivery| delivery.transitions.iter().all(|id| known.contains(id)));
    facts.arrivals.retain(|arrival| arrival.items.iter().all(|item| known.contains(&item.transition)));
}

/// Where the tick of a second stands.
fn tick_of(facts: &Facts, second: i64) -> usize {
    let is_tick = |entry: &Entry| entry.what == What::Tick && entry.append_ms == ms(second);
    facts.log[0].iter().position(is_tick).expect("a tick")
}
