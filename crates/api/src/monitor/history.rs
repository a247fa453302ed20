//! What a monitor was told and what was concluded of it, newest first. A monitor that was deleted and made anew
//! has the id of its predecessor, whose rows are still stored: the lists end where it begins.

use crate::auth::Caller;
use crate::convert::{ping::ping, transition::transition};
use crate::deps::Api;
use crate::page::PageAsk;
use crate::refusal::from_paged;
use domain::command::Live;
use domain::engine::effects::HistoryRow;
use domain::record::Params;
use domain::transition::{Reason, Transition};
use prost::Message;
use tonic::Status;
use wire::v1;

/// Pings are fetched in pieces of at most this many: each may carry a body of up to 100 kB.
const PIECE: u32 = 25;
/// A page that has grown beyond this ends: clients take messages of 4 MB, and one more piece must fit.
const PAGE_BYTES: usize = 1_000_000;

/// The earliest that a ping's time may lie before its append, whatever the log: the first ping of a monitor may be
/// so much older than the monitor that it made.
const LATENESS_MOST_MS: i64 = Params::KAFKA.w_ms as i64;

/// A page of pings.
pub(super) async fn pings(
    api: &Api,
    caller: Caller,
    asked: v1::ListPingsRequest,
) -> Result<v1::ListPingsResponse, Status> {
    let ask = PageAsk::new(asked.page_size, asked.page_token)?;
    let seen = api.find(caller.tenant, &asked.slug).await?;
    let (monitor, live) = (seen.view.monitor, seen.view.live);
    // A stored count may be behind what is stored of the pings.
    let unpinged = live.pings == 0 && seen.age_ms.is_none();
    let (rows, mut pings, mut bytes, mut after) = (ask.rows as usize, Vec::new(), 0, ask.after);
    loop {
        let limit = PIECE.min((rows - pings.len()) as u32);
        let page = api.deps.store.history(monitor, limit, after.as_deref()).await.map_err(from_paged)?;
        let (own, ended) = own_pings(page.rows, &live);
        let own = if unpinged { Vec::new() } else { own };
        after = page.next.filter(|_| !ended && !unpinged);
        let piece: Vec<v1::Ping> = own.into_iter().map(ping).collect();
        bytes += piece.iter().map(Message::encoded_len).sum::<usize>();
        pings.extend(piece);
        if after.is_none() || pings.len() >= rows || bytes > PAGE_BYTES {
            return Ok(v1::ListPingsResponse { pings, next_page_token: after.unwrap_or_default() });
        }
    }
}

/// The rows of the monitor as it is now, and whether its beginning was reached. Numbers begin at 1 with the monitor;
/// the time ends the list where the first ping has expired or was made one with another.
fn own_pings(mut rows: Vec<HistoryRow>, live: &Live) -> (Vec<HistoryRow>, bool) {
    let first = rows.iter().position(|row| row.ping.number == 1);
    let older = rows.iter().position(|row| row.ping.at_ms < live.created_ms.saturating_sub(LATENESS_MOST_MS));
    let end = [first.map(|first| first + 1), older].into_iter().flatten().min();
    rows.truncate(end.unwrap_or(rows.len()));
    (rows, end.is_some())
}

/// A page of transitions.
pub(super) async fn transitions(
    api: &Api,
    caller: Caller,
    asked: v1::ListTransitionsRequest,
) -> Result<v1::ListTransitionsResponse, Status> {
    let ask = PageAsk::new(asked.page_size, asked.page_token)?;
    let view = api.find(caller.tenant, &asked.slug).await?.view;
    let (monitor, created_ms) = (view.monitor, view.live.created_ms);
    let page = api.deps.store.transitions(monitor, ask.rows, ask.after.as_deref()).await.map_err(from_paged)?;
    let end = page.rows.iter().position(|row| is_predecessors(row, created_ms));
    let own = page.rows.iter().take(end.unwrap_or(page.rows.len()));
    let transitions = own.filter(|row| row.identity.tenant == caller.tenant).map(transition).collect();
    let next_page_token = page.next.filter(|_| end.is_none()).unwrap_or_default();
    Ok(v1::ListTransitionsResponse { transitions, next_page_token })
}

/// A monitor that lives was never deleted itself: that may have been in the millisecond in which it was made anew.
fn is_predecessors(row: &Transition, created_ms: i64) -> bool {
    row.known_ms < created_ms || row.reason == Reason::Deleted
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::MonitorId;
    use domain::ping::{PingKind, PingSummary};

    fn row(number: u32, at_ms: i64) -> HistoryRow {
        let kind = PingKind::Success;
        let ping = PingSummary { kind, at_ms, number, duration_ms: None, metrics: Vec::new(), run: None };
        let (monitor, ignored, details) = (MonitorId(1), String::new(), Default::default());
        HistoryRow { monitor, offset: 1, ping, ignored, coalesced: 0, details }
    }

    fn shown(rows: &[(u32, i64)]) -> (Vec<u32>, bool) {
        let live = Live { created_ms: 100_000, ..Live::default() };
        let (own, ended) = own_pings(rows.iter().map(|(number, at_ms)| row(*number, *at_ms)).collect(), &live);
        (own.iter().map(|row| row.ping.number).collect(), ended)
    }

    #[test]
    fn the_first_ping_ends_the_list_and_may_be_older_than_its_monitor() {
        assert_eq!(shown(&[(3, 110_000), (2, 105_000)]), (vec![3, 2], false));
        assert_eq!(shown(&[(2, 105_000), (1, 94_000), (9, 93_999)]), (vec![2, 1], true));
        assert_eq!(shown(&[(1, 100_000), (9, 99_999)]), (vec![1], true));
    }

    #[test]
    fn where_the_first_is_missing_the_time_ends_the_list() {
        assert_eq!(shown(&[(3, 110_000), (9, 93_999), (8, 93_000)]), (vec![3], true));
        assert_eq!(shown(&[(9, 93_999)]), (vec![], true));
        assert_eq!(shown(&[]), (vec![], false));
    }
}
