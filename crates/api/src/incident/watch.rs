//! News as they come: the store is asked twice a second from a cursor on, so that nothing is held for a client
//! that reads slowly; what it has not read is still in the store. Each transition carries the cursor that leads on
//! after it, at any node. A key that is revoked ends its streams.

use super::cursor::Cursor;
use crate::auth::{Caller, Share};
use crate::convert::transition::transition;
use crate::deps::Api;
use crate::gate::Counted;
use crate::refusal::from_watched;
use domain::transition::Transition;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use std::sync::Arc;
use std::time::Duration;
use store::Page;
use store::row::Scope;
use tokio::time::{Instant, sleep_until};
use tonic::{Code, Request, Response, Status};
use wire::v1;

/// The most transitions of one look.
const NEWS_MOST: u32 = 100;
/// The longest pause between looks at a store that does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A store that stays away for so long ends the stream: the client should know that it hears nothing.
const PATIENCE: Duration = Duration::from_secs(300);

/// The longest cursor that goes into a header: clients take headers of 8 kB in all.
const HEADER_MOST: usize = 6_000;

type Item = Result<v1::Transition, Status>;
type News = BoxStream<'static, Item>;

/// A stream and where it stands.
struct Watch {
    api: Arc<Api>,
    caller: Caller,
    /// `None`: it has ended.
    cursor: Option<Cursor>,
    /// A look that was made before anybody asked for it.
    looked: Option<Page<Transition>>,
    /// When the next look is due.
    due: Instant,
    _share: Share,
}

/// The transitions of the caller's tenant from now or from a cursor on.
pub(super) async fn watch(api: Arc<Api>, request: Request<v1::WatchRequest>) -> Result<Response<News>, Status> {
    let counted = Counted::begin("Watch");
    let begun = begin(api, request).await;
    counted.end(&begun);
    let watch = begun?;
    let start = watch.cursor.as_ref().map(Cursor::to_string).filter(|start| start.len() <= HEADER_MOST);
    let batches = stream::unfold(watch, |mut watch| async move {
        let batch = watch.next().await?;
        Some((stream::iter(batch), watch))
    });
    let mut response = Response::new(batches.flatten().boxed());
    if let Some(start) = start.and_then(|start| start.parse().ok()) {
        response.metadata_mut().insert("watch-cursor", start);
    }
    Ok(response)
}

/// The first look is made before the answer, so that a cursor that leads nowhere is refused by it.
async fn begin(api: Arc<Api>, request: Request<v1::WatchRequest>) -> Result<Watch, Status> {
    let (caller, share) = api.gate.enter(Scope::Read, request.metadata()).await?;
    let asked = Cursor::read(&request.get_ref().cursor)?;
    let stored = asked.as_ref().map(|cursor| cursor.stored.as_str());
    let page = api.deps.store.transitions_since(caller.tenant, NEWS_MOST, stored).await.map_err(from_watched)?;
    let cursor = match asked {
        Some(cursor) => cursor,
        None => Cursor::at(page.next.clone().ok_or_else(|| Status::internal("the store gave no cursor"))?),
    };
    let due = Instant::now();
    Ok(Watch { api, caller, cursor: Some(cursor), looked: Some(page), due, _share: share })
}

impl Watch {
    /// The next news, waiting for some; after an error, which is the last item, `None`.
    async fn next(&mut self) -> Option<Vec<Item>> {
        let mut cursor = self.cursor.take()?;
        let (mut healthy_at, every) = (Instant::now(), self.api.limits.watch_every);
        let mut pause = every;
        loop {
            match self.look(&cursor).await {
                Ok(page) => {
                    // A full page may have more behind it.
                    let is_full = page.rows.len() >= NEWS_MOST as usize;
                    (healthy_at, pause) = (Instant::now(), every);
                    self.due = healthy_at + if is_full { Duration::ZERO } else { every };
                    let news = self.take(&mut cursor, page, !is_full);
                    if !news.is_empty() {
                        self.cursor = Some(cursor);
                        return Some(news);
                    }
                }
                Err(refused) if !is_passing(&refused) || healthy_at.elapsed() > PATIENCE => {
                    return Some(vec![Err(refused)]);
                }
                Err(_) => {
                    self.due = Instant::now() + pause;
                    pause = (pause * 2).min(LONGEST_PAUSE).max(every);
                }
            }
        }
    }

    async fn look(&mut self, cursor: &Cursor) -> Result<Page<Transition>, Status> {
        if let Some(page) = self.looked.take() {
            return Ok(page);
        }
        sleep_until(self.due).await;
        self.api.gate.auth.still_good(&self.caller).await?;
        let store = &self.api.deps.store;
        store.transitions_since(self.caller.tenant, NEWS_MOST, Some(&cursor.stored)).await.map_err(from_watched)
    }

    /// What of a page is new after `cursor`, which moves to its end.
    fn take(&self, cursor: &mut Cursor, page: Page<Transition>, is_last: bool) -> Vec<Item> {
        let new = cursor.pass(page, is_last, |row| row.id).into_iter();
        let own = new.filter(|(row, _)| row.identity.tenant == self.caller.tenant);
        let shown = own.map(|(row, behind)| v1::Transition { cursor: Some(behind.to_string()), ..transition(&row) });
        shown.map(Ok).collect()
    }
}

fn is_passing(refused: &Status) -> bool {
    refused.code() == Code::Unavailable
}
