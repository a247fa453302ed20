//! Streams between notifiers and evaluators.

use async_trait::async_trait;
use evaluator::FeedService;
use futures::StreamExt;
use notifier::{Dial, Offers, Outcomes};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use wire::internal_auth::InternalAuth;

/// How long it takes to find out that nobody answers.
const NO_ANSWER: Duration = Duration::from_secs(5);

/// Who can be reached.
#[derive(Default)]
pub struct Network(Mutex<Links>);

#[derive(Default)]
struct Links {
    services: BTreeMap<SocketAddr, FeedService>,
    /// Notifiers that reach nobody.
    cut: BTreeSet<usize>,
    /// What ends each open stream, by both its ends.
    open: Vec<(usize, SocketAddr, CancellationToken)>,
}

impl Network {
    /// An evaluator listens at an address.
    pub fn listen(&self, at: SocketAddr, service: FeedService) {
        self.0.lock().services.insert(at, service);
    }

    /// It does no more; its streams break.
    pub fn leave(&self, at: SocketAddr) {
        let mut links = self.0.lock();
        links.services.remove(&at);
        links.end(|_, of| of == at);
    }

    /// A notifier is cut off, or not any more.
    pub fn cut(&self, notifier: usize, is_cut: bool) {
        let mut links = self.0.lock();
        if is_cut {
            links.cut.insert(notifier);
            links.end(|of, _| of == notifier);
        } else {
            links.cut.remove(&notifier);
        }
    }
}

impl Links {
    fn end(&mut self, which: impl Fn(usize, SocketAddr) -> bool) {
        self.open.retain(|(notifier, evaluator, stop)| {
            let ends = which(*notifier, *evaluator);
            if ends {
                stop.cancel();
            }
            !ends && !stop.is_cancelled()
        });
    }
}

/// One notifier's view of the network.
pub struct Wire {
    pub network: Arc<Network>,
    pub notifier: usize,
}

#[async_trait]
impl Dial for Wire {
    async fn open(&self, evaluator: SocketAddr, _: &InternalAuth, outcomes: Outcomes) -> Result<Offers, Status> {
        let stop = CancellationToken::new();
        let service = {
            let mut links = self.network.0.lock();
            let service = links.services.get(&evaluator).filter(|_| !links.cut.contains(&self.notifier)).cloned();
            if service.is_some() {
                links.open.push((self.notifier, evaluator, stop.clone()));
            }
            service
        };
        let Some(service) = service else {
            tokio::time::sleep(NO_ANSWER).await;
            return Err(Status::unavailable("nobody answers"));
        };
        let messages = outcomes.take_until(stop.clone().cancelled_owned()).boxed();
        let mut offers = service.serve(messages).await?.take_until(stop.cancelled_owned()).boxed();
        let (forward, arriving) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Some(offer) = offers.next().await {
                if forward.send(offer).await.is_err() {
                    return;
                }
            }
        });
        Ok(Box::pin(ReceiverStream::new(arriving)))
    }
}
