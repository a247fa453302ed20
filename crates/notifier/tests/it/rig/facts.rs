//! Verdicts to tell, and offers that carry them.

use super::TENANT;
use domain::command::Status;
use domain::delivery::{Delivery, DeliveryState};
use domain::ids::{ChannelId, DeliveryId, MonitorId, TransitionId};
use domain::monitor::Identity;
use domain::ping::{Metric, PingKind, PingSummary};
use domain::transition::{IncidentRef, Reason, Transition, TransitionKind};
use std::sync::atomic::{AtomicU64, Ordering};
use wire::convert::rows::{delivery_to_wire, transition_to_wire};
use wire::v1::{Offer, OfferItem};

static NEXT: AtomicU64 = AtomicU64::new(1);

pub fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// A nightly backup that did not report.
pub fn missed() -> Transition {
    Transition {
        id: TransitionId([0xab; 16]),
        monitor: MonitorId(0x0123_4567_89ab_cdef),
        identity: Identity {
            tenant: TENANT,
            slug: "backup".into(),
            name: "Backup".into(),
            description: String::new(),
            tags: vec!["prod".into(), "db".into()],
        },
        kind: TransitionKind::Down,
        reason: Reason::Missed,
        from: Status::Up,
        to: Status::Down,
        occurred_ms: ms("2026-11-24T01:05:00Z"),
        known_ms: ms("2026-11-24T01:05:03Z"),
        offset: 9,
        version: 2,
        expected_ms: Some(ms("2026-11-24T01:00:00Z")),
        deadline_ms: Some(ms("2026-11-24T01:05:00Z")),
        last_ping: Some(PingSummary {
            kind: PingKind::Exit(0),
            at_ms: ms("2026-11-23T01:00:03.250Z"),
            number: 7,
            duration_ms: Some(12_300),
            metrics: vec![Metric { name: "count".into(), value: 3.5 }],
            run: None,
        }),
        incident: Some(IncidentRef { id: TransitionId([0xab; 16]), opened_ms: ms("2026-11-24T01:05:00Z") }),
        zone: "Europe/Berlin".into(),
        schedule: "cron 0 2 * * *".into(),
        grace_secs: 300,
        detail: String::new(),
        run_started_ms: None,
        blind: None,
        retracts: None,
        channels: Vec::new(),
    }
}

/// The same about a monitor of another name.
pub fn named(name: &str) -> Transition {
    let missed = missed();
    Transition { identity: Identity { name: name.into(), ..missed.identity }, ..missed }
}

/// An offer with a delivery id of its own.
pub fn offer(channel: ChannelId, transitions: Vec<Transition>) -> Offer {
    offer_with(channel, transitions, b"line one\nline \xff two\x1b[0m\n")
}

/// The same with these last lines of output.
pub fn offer_with(channel: ChannelId, transitions: Vec<Transition>, body_tail: &[u8]) -> Offer {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::SeqCst).to_be_bytes());
    let delivery = Delivery {
        id: DeliveryId(id),
        tenant: TENANT,
        monitor: MonitorId(0x0123_4567_89ab_cdef),
        channel,
        transitions: transitions.iter().map(|t| t.id).collect(),
        state: DeliveryState::Offered,
        attempts: 1,
        created_ms: 0,
        changed_ms: 0,
        due_ms: 0,
        error: String::new(),
    };
    let item = |t: &Transition| OfferItem { transition: Some(transition_to_wire(t)), body_tail: body_tail.to_vec() };
    Offer {
        shard: 3,
        delivery: Some(delivery_to_wire(&delivery)),
        attempt: 1,
        lease_ms: 30_000,
        items: transitions.iter().map(item).collect(),
    }
}

/// The delivery an offer is about.
pub fn id_of(offer: &Offer) -> DeliveryId {
    DeliveryId(offer.delivery.as_ref().unwrap().id.clone().try_into().unwrap())
}
