//! What became of a channel's deliveries.

use super::read::find;
use crate::auth::Caller;
use crate::convert::time::timestamp;
use crate::deps::Api;
use crate::page::PageAsk;
use crate::refusal::from_paged;
use domain::delivery::{Delivery, DeliveryState};
use tonic::Status;
use wire::v1;

/// A page, newest first. The built-in channel is every tenant's: others' deliveries are left out, and a page
/// may be short and still have a next one.
pub(super) async fn list(
    api: &Api,
    caller: Caller,
    asked: v1::ListDeliveriesRequest,
) -> Result<v1::ListDeliveriesResponse, Status> {
    let ask = PageAsk::new(asked.page_size, asked.page_token)?;
    let channel = find(api, caller.tenant, &asked.channel, "channel").await?;
    let page = api.deps.store.deliveries(channel.id, ask.rows, ask.after.as_deref()).await.map_err(from_paged)?;
    let own = page.rows.into_iter().filter(|delivery| delivery.tenant == caller.tenant);
    let deliveries = own.map(|delivery| message(delivery, &channel.name)).collect();
    Ok(v1::ListDeliveriesResponse { deliveries, next_page_token: page.next.unwrap_or_default() })
}

fn message(delivery: Delivery, channel: &str) -> v1::Delivery {
    let waits = delivery.state == DeliveryState::Retrying;
    v1::Delivery {
        id: delivery.id.to_string(),
        channel: channel.to_owned(),
        monitor_id: delivery.monitor.to_string(),
        transition_ids: delivery.transitions.iter().map(ToString::to_string).collect(),
        state: delivery.state.word().to_owned(),
        attempts: delivery.attempts,
        created_at: Some(timestamp(delivery.created_ms)),
        changed_at: Some(timestamp(delivery.changed_ms)),
        next_attempt_at: waits.then(|| timestamp(delivery.due_ms)),
        error: delivery.error,
    }
}
