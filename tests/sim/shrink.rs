//! A run that breaks a promise, made smaller: faults, edits, jobs and time are taken out as long as the same promise
//! stays broken.

use crate::check::{Promise, check};
use crate::plan::Plan;
use crate::world;

/// Runs that may be spent on it.
const RUNS: usize = 120;

/// The smallest plan found, and what it breaks.
pub fn shrink(plan: &Plan, promise: Promise) -> Plan {
    let mut best = plan.clone();
    let mut left = RUNS;
    loop {
        let before = weight(&best);
        for candidate in smaller(&best) {
            if left == 0 {
                return best;
            }
            if weight(&candidate) >= weight(&best) {
                continue;
            }
            left -= 1;
            if breaks(&candidate, promise) {
                best = candidate;
            }
        }
        if weight(&best) == before {
            return best;
        }
    }
}

fn breaks(plan: &Plan, promise: Promise) -> bool {
    check(&world::run(plan)).iter().any(|broken| broken.promise == promise)
}

fn weight(plan: &Plan) -> u64 {
    let weather =
        [plan.log.loss, plan.log.ack_lost, plan.log.duplicate, plan.store.busy, plan.store.unknown, plan.store.stale];
    let storms = weather.iter().filter(|share| **share > 0.0).count() as u64;
    plan.minutes + 20 * (plan.jobs.len() + plan.edits.len() + plan.faults.len()) as u64 + 5 * storms
}

/// The same with something taken out, the largest pieces first.
fn smaller(plan: &Plan) -> Vec<Plan> {
    let mut candidates = Vec::new();
    candidates.extend(without(plan, plan.jobs.len(), |plan, keep| retain(&mut plan.jobs, keep)));
    candidates.extend(without(plan, plan.faults.len(), |plan, keep| retain(&mut plan.faults, keep)));
    candidates.extend(without(plan, plan.edits.len(), |plan, keep| retain(&mut plan.edits, keep)));
    let mut calm = plan.clone();
    (calm.log.loss, calm.log.ack_lost, calm.log.duplicate) = (0.0, 0.0, 0.0);
    candidates.push(calm);
    let mut sure = plan.clone();
    (sure.store.busy, sure.store.unknown, sure.store.stale) = (0.0, 0.0, 0.0);
    candidates.push(sure);
    candidates.push(Plan { minutes: (plan.minutes / 2).max(1), ..plan.clone() });
    candidates.push(Plan { minutes: (plan.minutes * 3 / 4).max(1), ..plan.clone() });
    candidates
}

fn retain<T>(all: &mut Vec<T>, keep: &dyn Fn(usize) -> bool) {
    let mut place = 0;
    all.retain(|_| {
        place += 1;
        keep(place - 1)
    });
}

/// Without each half, each quarter, and so on down to each one.
fn without(plan: &Plan, count: usize, apply: impl Fn(&mut Plan, &dyn Fn(usize) -> bool)) -> Vec<Plan> {
    let mut candidates = Vec::new();
    let mut piece = count.div_ceil(2);
    while piece > 0 {
        for begin in (0..count).step_by(piece) {
            let mut smaller = plan.clone();
            apply(&mut smaller, &|place| !(begin..begin + piece).contains(&place));
            candidates.push(smaller);
        }
        piece /= 2;
    }
    candidates
}
