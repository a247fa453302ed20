//! The three calls of `PingService`.

use crate::core::Core;
use crate::message::PingMessage;
use crate::metric::Route;
use crate::signal::Refused;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use http::StatusCode;
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming, async_trait};
use wire::v1;
use wire::v1::ping_service_server::{PingService, PingServiceServer};

/// The largest message, in bytes.
const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// Pings of one stream that wait for the log at one time; more make the stream wait.
const WINDOW: usize = 512;
/// Refusals that a push names; the others are only counted.
const MAX_REFUSALS: usize = 100;

/// `PingService` over an ingest.
pub struct PingDoor(Arc<Core>);

/// The service with its limits, ready to be mounted.
pub(crate) fn service(core: Arc<Core>) -> PingServiceServer<PingDoor> {
    PingServiceServer::new(PingDoor(core)).max_decoding_message_size(MAX_MESSAGE_BYTES)
}

#[async_trait]
impl PingService for PingDoor {
    async fn ping(&self, request: Request<v1::PingRequest>) -> Result<Response<v1::PingResponse>, Status> {
        let client = client_of(&request);
        let core = &self.0;
        let submitted = core.submit_message(message_of(request.get_ref(), client)).await;
        let outcome = core.settle_message(submitted).await;
        count(core, &outcome);
        outcome.map(|()| Response::new(v1::PingResponse {})).map_err(|refused| status_of(&refused))
    }

    async fn push(&self, request: Request<Streaming<v1::PingRequest>>) -> Result<Response<v1::PushResponse>, Status> {
        let client = client_of(&request);
        let mut answers = std::pin::pin!(answers(Arc::clone(&self.0), request.into_inner(), client));
        let mut response = v1::PushResponse::default();
        while let Some(answer) = answers.next().await {
            let v1::PingAck { index, error } = answer?;
            if error.is_empty() {
                response.accepted += 1;
                continue;
            }
            response.refused_count += 1;
            if response.refused.len() < MAX_REFUSALS {
                response.refused.push(v1::PushRefusal { index, error });
            }
        }
        Ok(Response::new(response))
    }

    type StreamStream = BoxStream<'static, Result<v1::PingAck, Status>>;

    async fn stream(
        &self,
        request: Request<Streaming<v1::PingRequest>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let client = client_of(&request);
        Ok(Response::new(answers(Arc::clone(&self.0), request.into_inner(), client).boxed()))
    }
}

/// Submits the pings of a stream one after the other and answers each, in order, when the log has answered.
/// A broken stream ends with its status; what was submitted stays.
fn answers(
    core: Arc<Core>,
    pings: impl Stream<Item = Result<v1::PingRequest, Status>> + Send,
    client: String,
) -> impl Stream<Item = Result<v1::PingAck, Status>> + Send {
    let settling = Arc::clone(&core);
    let submit = move |(index, ping): (usize, Result<v1::PingRequest, Status>)| {
        let (core, client) = (Arc::clone(&core), client.clone());
        async move {
            let ping = ping?;
            Ok((index as u64, core.submit_message(message_of(&ping, client)).await))
        }
    };
    let settle = move |submitted: Result<_, Status>| {
        let core = Arc::clone(&settling);
        async move {
            let (index, submitted) = submitted?;
            let outcome = core.settle_message(submitted).await;
            count(&core, &outcome);
            Ok(v1::PingAck { index, error: outcome.err().map(|refused| refused.text().to_owned()).unwrap_or_default() })
        }
    };
    pings.enumerate().then(submit).map(settle).buffered(WINDOW)
}

pub(crate) fn message_of(ping: &v1::PingRequest, client: String) -> PingMessage<'_> {
    let mut metrics: Vec<_> = ping.metrics.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    // The map has no order of its own; of too many metrics the same ones are kept each time.
    metrics.sort_unstable_by(|a, b| a.0.cmp(b.0));
    PingMessage {
        target: &ping.target,
        kind: &ping.kind,
        run: &ping.rid,
        metrics,
        duration_ms: ping.duration_ms,
        body: &ping.body,
        message: &ping.msg,
        environment: &ping.env,
        host: &ping.host,
        method: "grpc",
        client,
    }
}

fn client_of<T>(request: &Request<T>) -> String {
    request.remote_addr().map(|peer| peer.ip().to_canonical().to_string()).unwrap_or_default()
}

fn count(core: &Core, outcome: &Result<(), Refused>) {
    let code = match outcome {
        Ok(()) => StatusCode::OK,
        Err(Refused::NotFound) => StatusCode::NOT_FOUND,
        Err(Refused::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
        Err(Refused::InvalidUrl | Refused::InvalidRunId | Refused::Invalid(_)) => StatusCode::BAD_REQUEST,
    };
    core.metrics.answered(Route::Grpc, code);
}

fn status_of(refused: &Refused) -> Status {
    match refused {
        Refused::NotFound => Status::not_found(refused.text()),
        Refused::Unavailable => Status::unavailable(refused.text()),
        Refused::InvalidUrl | Refused::InvalidRunId | Refused::Invalid(_) => Status::invalid_argument(refused.text()),
    }
}
