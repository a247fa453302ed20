//! What the store knows of a verdict.

use crate::failure::Failure;
use crate::looking::unread;
use domain::delivery::{Delivery, delivery_id};
use domain::engine::effects::HistoryRow;
use domain::ids::{ChannelId, TenantId, TransitionId};
use domain::transition::Transition;
use store::Store;

/// Pings that counted and are told of.
const PINGS: usize = 5;
/// Pages that are looked through at most for what is looked for.
const MOST_PAGES: usize = 50;
const PAGE: u32 = 100;

/// A verdict and what the store has around it.
pub struct Facts {
    pub transition: Transition,
    /// The pings before it, oldest first; the last ones that counted and what was ignored between them.
    pub pings: Vec<HistoryRow>,
    /// The transition before it, of the same monitor.
    pub before: Option<Transition>,
    pub deliveries: Vec<(String, Delivery)>,
}

impl Facts {
    /// Looks everything up.
    pub async fn gather(store: &dyn Store, tenant: TenantId, id: TransitionId) -> Result<Self, Failure> {
        let found = store.transition_by_id(tenant, id).await.map_err(unread)?;
        let transition =
            found.ok_or_else(|| Failure::failed(format_args!("{id}: tenant {tenant} has no such verdict")))?;
        let pings = pings_before(store, &transition).await?;
        let before = transition_before(store, &transition).await?;
        let mut deliveries = Vec::new();
        for channel in &transition.channels {
            if let Some(delivery) = delivery_of(store, &transition, *channel).await? {
                deliveries.push((channel_name(store, *channel).await?, delivery));
            }
        }
        Ok(Self { transition, pings, before, deliveries })
    }
}

async fn pings_before(store: &dyn Store, transition: &Transition) -> Result<Vec<HistoryRow>, Failure> {
    let (mut found, mut counted, mut after) = (Vec::new(), 0, None);
    for _ in 0..MOST_PAGES {
        let page = store.history(transition.monitor, PAGE, after.as_deref()).await.map_err(unread)?;
        for row in page.rows.into_iter().filter(|row| row.offset <= transition.offset) {
            counted += usize::from(row.ignored.is_empty());
            found.push(row);
            if counted == PINGS {
                break;
            }
        }
        after = page.next.filter(|_| counted < PINGS);
        if after.is_none() {
            break;
        }
    }
    found.reverse();
    Ok(found)
}

async fn transition_before(store: &dyn Store, transition: &Transition) -> Result<Option<Transition>, Failure> {
    let mut after = None;
    for _ in 0..MOST_PAGES {
        let page = store.transitions(transition.monitor, PAGE, after.as_deref()).await.map_err(unread)?;
        let is_before = |one: &Transition| one.offset < transition.offset;
        if let Some(found) = page.rows.into_iter().find(is_before) {
            return Ok(Some(found));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(None)
}

/// Its own delivery, or the digest that it was told in.
async fn delivery_of(
    store: &dyn Store,
    transition: &Transition,
    channel: ChannelId,
) -> Result<Option<Delivery>, Failure> {
    let own = store.delivery(delivery_id(transition.id, channel)).await.map_err(unread)?;
    let mut after = None;
    for _ in 0..MOST_PAGES {
        if own.is_some() {
            break;
        }
        let page = store.deliveries(channel, PAGE, after.as_deref()).await.map_err(unread)?;
        let is_past = page.rows.last().is_some_and(|oldest| oldest.created_ms < transition.known_ms);
        if let Some(digest) = page.rows.into_iter().find(|row| row.transitions.contains(&transition.id)) {
            return Ok(Some(digest));
        }
        after = page.next.filter(|_| !is_past);
        if after.is_none() {
            break;
        }
    }
    Ok(own)
}

async fn channel_name(store: &dyn Store, channel: ChannelId) -> Result<String, Failure> {
    if channel == ChannelId::LOG {
        return Ok("the built-in channel log".to_owned());
    }
    let row = store.channel(channel).await.map_err(unread)?;
    Ok(row.map_or_else(|| channel.to_string(), |row| format!("{} ({})", row.name, row.kind)))
}
