//! Who was told what, how often, and in which order (I7).

use super::{Broken, Promise};
use crate::facts::Facts;
use domain::delivery::{Delivery, DeliveryState, RETRY_MS};
use domain::ids::{ChannelId, TransitionId};
use domain::transition::{Reason, TransitionKind};
use std::collections::{BTreeMap, BTreeSet};

/// Each reaches exactly one terminal state and stays there; attempts never go back.
pub fn each_ends_once(facts: &Facts) -> Vec<Broken> {
    let mut broken = Vec::new();
    for states in &facts.deliveries {
        let Some(last) = states.last() else { continue };
        let terminal: BTreeSet<DeliveryState> =
            states.iter().map(|one| one.state).filter(|state| state.is_terminal()).collect();
        if terminal.len() > 1 {
            broken.push(Broken::of(Promise::Delivery, format!("{} ended as {terminal:?}", last.id)));
        }
    }
    broken
}

/// Nobody gives up before the schedule of attempts does, unless the receiver is gone for good.
pub fn nobody_gives_up_early(facts: &Facts) -> Vec<Broken> {
    let last = facts.deliveries.iter().filter_map(|states| states.last());
    let early = last.filter(|one| {
        let is_final = one.error.contains("410") || one.error.contains("channel disabled");
        one.state == DeliveryState::Failed && !is_final && (one.attempts as usize) < RETRY_MS.len()
    });
    let words = |one: &Delivery| format!("{} was given up after {} attempts: {}", one.id, one.attempts, one.error);
    early.map(|one| Broken::of(Promise::Delivery, words(one))).collect()
}

/// I9: what waits for its next attempt when its monitor is paused or deleted is tried no more.
pub fn paused_is_not_told(facts: &Facts) -> Vec<Broken> {
    let ends = facts.transitions.values().filter(|one| matches!(one.reason, Reason::Paused | Reason::Deleted));
    let mut broken = Vec::new();
    for end in ends {
        let told = facts.deliveries.iter().filter(|states| {
            let first = states.first();
            let is_alone = states.last().is_some_and(|last| last.transitions.len() == 1);
            let is_older = first.is_some_and(|one| one.monitor == end.monitor && one.created_ms < end.known_ms);
            let tried = |one: &&Delivery| one.state == DeliveryState::Offered && one.changed_ms > end.known_ms;
            is_alone && is_older && states.iter().any(|one| tried(&one))
        });
        broken.extend(told.filter_map(|states| states.first()).map(|one| {
            Broken::by(
                Promise::Delivery,
                &end.identity.slug,
                format!("{} was tried after its monitor was {}", one.id, end.reason),
            )
        }));
    }
    broken
}

/// Every transition that tells somebody reached each of its channels in some delivery, or was overtaken by a later one
/// or closed with its reason; a delivery that says `delivered` was received under its id.
pub fn everybody_is_told(facts: &Facts) -> Vec<Broken> {
    let last: Vec<&Delivery> = facts.deliveries.iter().filter_map(|states| states.last()).collect();
    let mut told: BTreeSet<(TransitionId, ChannelId)> = BTreeSet::new();
    for delivery in &last {
        told.extend(delivery.transitions.iter().map(|id| (*id, delivery.channel)));
    }
    let mut broken = Vec::new();
    for transition in facts.transitions.values().filter(|one| one.kind != TransitionKind::Silent) {
        for channel in &transition.channels {
            if !told.contains(&(transition.id, *channel)) {
                let words =
                    format!("{} {} was never on its way to channel {}", transition.id, transition.kind, channel.0);
                broken.push(Broken::by(Promise::NoLostAlert, &transition.identity.slug, words));
            }
        }
    }
    let received: BTreeSet<&str> = facts.arrivals.iter().map(|one| one.id.as_str()).collect();
    for delivery in last.iter().filter(|one| one.state == DeliveryState::Delivered && one.channel != ChannelId::LOG) {
        if !received.contains(delivery.id.to_string().as_str()) {
            let words = format!("{} is called delivered, and nobody received it", delivery.id);
            broken.push(Broken::of(Promise::Delivery, words));
        }
    }
    broken
}

/// Nobody hears `up` for the first time before its `down` is over: the first arrival of a delivery comes after the
/// first arrival of each older one of the same monitor and channel that arrived at all.
pub fn order_is_kept(facts: &Facts) -> Vec<Broken> {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, arrival) in facts.arrivals.iter().enumerate() {
        first.entry(arrival.id.as_str()).or_insert(place);
    }
    let mut lanes: BTreeMap<_, Vec<(u64, i64, String)>> = BTreeMap::new();
    for delivery in facts.deliveries.iter().filter_map(|states| states.first()) {
        // A digest may stand in several lanes; its first monitor's is the one that is sure.
        let Some(transition) = delivery.transitions.first().and_then(|id| facts.transitions.get(id)) else { continue };
        let lane = lanes.entry((delivery.monitor, delivery.channel)).or_default();
        // One record may close several deadlines, in an order of its own.
        lane.push((transition.offset, transition.occurred_ms, delivery.id.to_string()));
    }
    let mut broken = Vec::new();
    for ((monitor, channel), mut lane) in lanes {
        lane.sort_by_key(|(offset, occurred, _)| (*offset, *occurred));
        let arrived: Vec<(usize, &String, (u64, i64))> = lane
            .iter()
            .filter_map(|(offset, occurred, id)| first.get(id.as_str()).map(|place| (*place, id, (*offset, *occurred))))
            .collect();
        for pair in arrived.windows(2).filter(|pair| pair[0].0 > pair[1].0 && pair[0].2.0 < pair[1].2.0) {
            let of = |id: &str| {
                let states = facts.deliveries.iter().find(|states| states[0].id.to_string() == id);
                let told =
                    states.map(|states| states.iter().map(|one| (one.state, one.changed_ms)).collect::<Vec<_>>());
                let at: Vec<i64> = facts.arrivals.iter().filter(|one| one.id == id).map(|one| one.at_ms).collect();
                format!("{id} {told:?} arrived at {at:?}")
            };
            let (late, early) = (of(pair[0].1), of(pair[1].1));
            let words =
                format!("{early}\n   arrived before\n   {late}\n   (monitor {monitor:?}, channel {})", channel.0);
            broken.push(Broken::of(Promise::Delivery, words));
        }
    }
    broken
}
