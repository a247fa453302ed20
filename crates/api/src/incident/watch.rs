//! News as they come: the store is asked twice a second from a cursor on, so that nothing is held for a client
//! that reads slowly; what it has not read is still in the store. A key that is revoked ends its streams.

use crate::auth::{Caller, Share};
use crate::convert::transition::transition;
use crate::deps::Api;
use crate::gate::Counted;
use crate::refusal::from_store;
use domain::transition::Transition;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use std::sync::Arc;
use std::time::Duration;
use store::Page;
use store::row::Scope;
use tokio::time::{Instant, sleep};
use tonic::{Code, Request, Response, Status};
use wire::v1;

/// The most transitions of one look.
const NEWS_MOST: u32 = 100;
/// A store that stays away for so long ends the stream: the client should know that it hears nothing.
const PATIENCE: Duration = Duration::from_secs(20);

type News = BoxStream<'static, Result<v1::Transition, Status>>;

/// A stream and where it stands.
struct Watch {
    api: Arc<Api>,
    caller: Caller,
    /// `None`: it has ended.
    cursor: Option<String>,
    _share: Share,
}

/// The transitions of the caller's tenant from now on.
pub(super) async fn watch(api: Arc<Api>, request: Request<v1::WatchRequest>) -> Result<Response<News>, Status> {
    let counted = Counted::begin("Watch");
    let begun = begin(api, request).await;
    counted.end(&begun);
    let batches = stream::unfold(begun?, |mut watch| async move {
        let batch = watch.next().await?;
        Some((stream::iter(batch), watch))
    });
    Ok(Response::new(batches.flatten().boxed()))
}

async fn begin(api: Arc<Api>, request: Request<v1::WatchRequest>) -> Result<Watch, Status> {
    let (caller, share) = api.gate.enter(Scope::Read, request.metadata()).await?;
    let start = api.deps.store.transitions_since(caller.tenant, NEWS_MOST, None).await.map_err(from_store)?;
    let cursor = start.next.ok_or_else(|| Status::internal("the store gave no cursor"))?;
    Ok(Watch { api, caller, cursor: Some(cursor), _share: share })
}

impl Watch {
    /// The next news, waiting for some; after an error, which is the last item, `None`.
    async fn next(&mut self) -> Option<Vec<Result<v1::Transition, Status>>> {
        let mut cursor = self.cursor.take()?;
        let mut healthy_at = Instant::now();
        loop {
            match self.look(&cursor).await {
                Ok(page) => {
                    healthy_at = Instant::now();
                    cursor = page.next.unwrap_or(cursor);
                    let own = page.rows.iter().filter(|row| row.identity.tenant == self.caller.tenant);
                    let news: Vec<_> = own.map(|row| Ok(transition(row))).collect();
                    if !news.is_empty() {
                        self.cursor = Some(cursor);
                        return Some(news);
                    }
                }
                Err(refused) if !is_passing(&refused) || healthy_at.elapsed() > PATIENCE => {
                    return Some(vec![Err(refused)]);
                }
                Err(_) => {}
            }
            sleep(self.api.limits.watch_every).await;
        }
    }

    async fn look(&self, cursor: &str) -> Result<Page<Transition>, Status> {
        self.api.gate.auth.still_good(&self.caller).await?;
        let store = &self.api.deps.store;
        store.transitions_since(self.caller.tenant, NEWS_MOST, Some(cursor)).await.map_err(from_store)
    }
}

fn is_passing(refused: &Status) -> bool {
    refused.code() == Code::Unavailable
}
