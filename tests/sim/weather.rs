//! What log and store always do a little of.

use crate::log::{AppendFaults, SimClient};
use crate::plan::Plan;
use crate::store::{SimStoreClient, StoreFaults};

/// Gives a process its share of it.
pub fn apply(plan: &Plan, log: &SimClient, store: &SimStoreClient) {
    of_log(plan, log);
    let weather = &plan.store;
    store.set_faults(StoreFaults {
        delay_ms: weather.delay_ms,
        busy: weather.busy,
        unknown: weather.unknown,
        stale_read: weather.stale,
        stale_outbox: weather.stale,
        ..StoreFaults::default()
    });
}

/// The same for a process without a store.
pub fn of_log(plan: &Plan, log: &SimClient) {
    let weather = &plan.log;
    log.set_faults(AppendFaults {
        delay_ms: weather.delay_ms,
        loss: weather.loss,
        ack_lost: weather.ack_lost,
        duplicate: weather.duplicate,
        busy: 0.0,
        timeout_ms: plan.append_timeout_ms(),
    });
}
