//! Reads monitors: one, or a page of them.

use super::channels::ChannelNames;
use super::message::{self, message};
use crate::auth::Caller;
use crate::deps::Api;
use crate::live::Seen;
use crate::page::{PageAsk, narrowed_token};
use crate::refusal::{from_paged, invalid_field};
use domain::command::Status as MonitorStatus;
use domain::field_error::quoted;
use domain::monitor::MAX_TAGS;
use prost::Message;
use std::time::Duration;
use store::MonitorFilter;
use tokio::time::Instant;
use tonic::Status;
use wire::v1;

/// Monitors are fetched in pieces of at most this many.
const PIECE: u32 = 100;
/// A page that has grown beyond this ends: clients take messages of 4 MB, and one more piece must fit.
const PAGE_BYTES: usize = 1_500_000;
/// A page that is looking for rare monitors ends after this, and its token leads on.
const LOOKING: Duration = Duration::from_secs(4);

/// One monitor, true to the second.
pub(super) async fn get(api: &Api, caller: Caller, asked: v1::GetMonitorRequest) -> Result<v1::Monitor, Status> {
    let seen = api.find(caller.tenant, &asked.slug).await?;
    message::reply(api, &caller, seen).await
}

/// A page by slug. The status is compared after the owners were asked, so a page may be short and still have a
/// next one.
pub(super) async fn list(
    api: &Api,
    caller: Caller,
    asked: v1::ListMonitorsRequest,
) -> Result<v1::ListMonitorsResponse, Status> {
    let status = wanted_status(&asked.status)?;
    // The store knows the tags of its tokens, but nothing of the status.
    let ask = PageAsk::new(asked.page_size, asked.page_token)?.narrowed(&asked.status)?;
    let filter = wanted_tags(asked.tags)?;
    let (rows, begun) = (ask.rows as usize, Instant::now());
    let (mut monitors, mut bytes, mut after) = (Vec::new(), 0, ask.after);
    loop {
        let limit = PIECE.min((rows - monitors.len()) as u32);
        let page =
            api.deps.store.monitors(caller.tenant, &filter, limit, after.as_deref()).await.map_err(from_paged)?;
        after = page.next;
        let mut seen = api.refresh(page.rows).await;
        seen.retain(|seen: &Seen| status.is_none_or(|status| seen.view.live.status == status));
        let names = ChannelNames::load(api, caller.tenant, &seen).await?;
        let piece: Vec<v1::Monitor> = seen.into_iter().map(|seen| message(api, caller.scope, &names, seen)).collect();
        bytes += piece.iter().map(Message::encoded_len).sum::<usize>();
        monitors.extend(piece);
        if after.is_none() || monitors.len() >= rows || bytes > PAGE_BYTES || begun.elapsed() > LOOKING {
            let next_page_token = after.map(|token| narrowed_token(&asked.status, &token)).unwrap_or_default();
            return Ok(v1::ListMonitorsResponse { monitors, next_page_token });
        }
    }
}

fn wanted_status(word: &str) -> Result<Option<MonitorStatus>, Status> {
    if word.is_empty() {
        return Ok(None);
    }
    let allowed = || format!("found {}, allowed: {}", quoted(word), MonitorStatus::WORDS.join(", "));
    MonitorStatus::from_word(word).map(Some).ok_or_else(|| invalid_field("status", allowed()))
}

fn wanted_tags(tags: Vec<String>) -> Result<MonitorFilter, Status> {
    if tags.len() > MAX_TAGS {
        return Err(invalid_field("tags", format!("found {}, allowed: at most {MAX_TAGS}", tags.len())));
    }
    Ok(MonitorFilter { tags })
}
