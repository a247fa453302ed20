//! Offers as evaluators send them.

use crate::notice::{Item, Job, Notice};
use domain::command::{AttemptOutcome, AttemptResult};
use wire::convert::DecodeError;
use wire::convert::log::outcome_to_wire;
use wire::convert::rows::{delivery_from_wire, transition_from_wire};
use wire::v1;

/// An offer that cannot be read, with as much of its identity as there is.
pub(super) struct Unreadable {
    pub delivery: Vec<u8>,
    pub attempt: u32,
    pub error: DecodeError,
}

/// Reads an offer.
pub(super) fn read(offer: v1::Offer) -> Result<Job, Unreadable> {
    let attempt = offer.attempt;
    let delivery = offer.delivery.as_ref().map(|d| d.id.clone()).unwrap_or_default();
    job(offer).map_err(|error| Unreadable { delivery, attempt, error })
}

fn job(offer: v1::Offer) -> Result<Job, DecodeError> {
    let missing = |field: &'static str| DecodeError::Field { field, problem: "missing".to_owned() };
    let delivery = delivery_from_wire(offer.delivery.ok_or_else(|| missing("delivery"))?)?;
    let read_item = |item: v1::OfferItem| {
        let transition = transition_from_wire(item.transition.ok_or_else(|| missing("transition"))?)?;
        Ok(Item { transition, body_tail: item.body_tail })
    };
    let items = offer.items.into_iter().map(read_item).collect::<Result<Vec<_>, DecodeError>>()?;
    if items.is_empty() {
        return Err(missing("items"));
    }
    Ok(Job {
        delivery: delivery.id,
        attempt: offer.attempt,
        tenant: delivery.tenant,
        channel: delivery.channel,
        notice: Notice::Alert(items),
    })
}

/// The outcome of an attempt as a message.
pub(super) fn outcome(shard: u32, job: &Job, result: AttemptResult) -> v1::WorkerMessage {
    let outcome = outcome_to_wire(&AttemptOutcome { delivery: job.delivery, attempt: job.attempt, result });
    message(shard, outcome)
}

/// An offer that cannot be read is sent back for another notifier: it may come from a newer version.
pub(super) fn sent_back(shard: u32, unreadable: Unreadable) -> v1::WorkerMessage {
    let error = format!("this notifier cannot read the offer: {}", unreadable.error);
    let result = v1::log_outcome::Result::Retry(v1::LogRetry { after_ms: None, error });
    message(shard, v1::LogOutcome { delivery: unreadable.delivery, attempt: unreadable.attempt, result: Some(result) })
}

fn message(shard: u32, outcome: v1::LogOutcome) -> v1::WorkerMessage {
    let outcome = v1::WorkerOutcome { shard, outcome: Some(outcome) };
    v1::WorkerMessage { message: Some(v1::worker_message::Message::Outcome(outcome)) }
}
