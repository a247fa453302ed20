//! The way to an evaluator: gRPC, unless somebody gives another.

use async_trait::async_trait;
use futures::Stream;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Code, Status};
use wire::internal_auth::InternalAuth;
use wire::v1::delivery_feed_client::DeliveryFeedClient;
use wire::v1::{Offer, WorkerMessage};

/// A digest of many items with their last lines of output.
const MAX_OFFER_BYTES: usize = 16 << 20;
const CONNECT: Duration = Duration::from_secs(5);
/// Tells a dead peer from a quiet one.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// What an evaluator offers, until the stream ends or breaks.
pub type Offers = Pin<Box<dyn Stream<Item = Result<Offer, Status>> + Send + Sync>>;
/// What goes to it: hello, then outcomes.
pub type Outcomes = ReceiverStream<WorkerMessage>;

/// Opens a stream of offers.
#[async_trait]
pub trait Dial: Send + Sync + 'static {
    /// Connects and says hello, which is the first of `outcomes`. Fails when the evaluator is not reached or refuses.
    async fn open(&self, evaluator: SocketAddr, auth: &InternalAuth, outcomes: Outcomes) -> Result<Offers, Status>;
}

/// `DeliveryFeed.Work` over HTTP/2.
pub(crate) struct Tonic;

#[async_trait]
impl Dial for Tonic {
    async fn open(&self, evaluator: SocketAddr, auth: &InternalAuth, outcomes: Outcomes) -> Result<Offers, Status> {
        let endpoint = Endpoint::from_shared(format!("http://{evaluator}"))
            .map_err(|_| Status::new(Code::InvalidArgument, "the evaluator's address is not one"))?
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true);
        let channel = endpoint.connect().await.map_err(|_| Status::unavailable("the evaluator cannot be reached"))?;
        let client = DeliveryFeedClient::with_interceptor(channel, auth.clone());
        let answer = client.max_decoding_message_size(MAX_OFFER_BYTES).work(outcomes).await?;
        Ok(Box::pin(answer.into_inner()))
    }
}
