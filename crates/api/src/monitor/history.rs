//! What a monitor was told and what was concluded of it, newest first.

use crate::auth::Caller;
use crate::convert::{ping::ping, transition::transition};
use crate::deps::Api;
use crate::page::PageAsk;
use crate::refusal::from_paged;
use prost::Message;
use tonic::Status;
use wire::v1;

/// Pings are fetched in pieces of at most this many: each may carry a body of up to 100 kB.
const PIECE: u32 = 25;
/// A page that has grown beyond this ends: clients take messages of 4 MB, and one more piece must fit.
const PAGE_BYTES: usize = 1_000_000;

/// A page of pings.
pub(super) async fn pings(
    api: &Api,
    caller: Caller,
    asked: v1::ListPingsRequest,
) -> Result<v1::ListPingsResponse, Status> {
    let ask = PageAsk::new(asked.page_size, asked.page_token)?;
    let monitor = api.find(caller.tenant, &asked.slug).await?.view.monitor;
    let (rows, mut pings, mut bytes, mut after) = (ask.rows as usize, Vec::new(), 0, ask.after);
    loop {
        let limit = PIECE.min((rows - pings.len()) as u32);
        let page = api.deps.store.history(monitor, limit, after.as_deref()).await.map_err(from_paged)?;
        after = page.next;
        let piece: Vec<v1::Ping> = page.rows.into_iter().map(ping).collect();
        bytes += piece.iter().map(Message::encoded_len).sum::<usize>();
        pings.extend(piece);
        if after.is_none() || pings.len() >= rows || bytes > PAGE_BYTES {
            return Ok(v1::ListPingsResponse { pings, next_page_token: after.unwrap_or_default() });
        }
    }
}

/// A page of transitions.
pub(super) async fn transitions(
    api: &Api,
    caller: Caller,
    asked: v1::ListTransitionsRequest,
) -> Result<v1::ListTransitionsResponse, Status> {
    let ask = PageAsk::new(asked.page_size, asked.page_token)?;
    let monitor = api.find(caller.tenant, &asked.slug).await?.view.monitor;
    let page = api.deps.store.transitions(monitor, ask.rows, ask.after.as_deref()).await.map_err(from_paged)?;
    let transitions = page.rows.iter().filter(|row| row.identity.tenant == caller.tenant).map(transition).collect();
    Ok(v1::ListTransitionsResponse { transitions, next_page_token: page.next.unwrap_or_default() })
}
