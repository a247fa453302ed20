//! A shard's owner that says what the test wants, over real gRPC.

use domain::ids::ShardId;
use parking_lot::Mutex;
use std::sync::Arc;
use tonic::{Request, Response, Status, async_trait};
use wire::internal_auth::InternalAuth;
use wire::shard_client::ShardClient;
use wire::v1;
use wire::v1::shard_await_response::Answer;
use wire::v1::shard_service_server::{ShardService, ShardServiceServer};

/// Answers every question the same way; `None`: not in time.
#[derive(Default)]
pub struct ScriptedEngine {
    pub answer: Mutex<Option<Answer>>,
    pub asked: Mutex<Vec<(ShardId, u64)>>,
}

struct Service(Arc<ScriptedEngine>);

#[async_trait]
impl ShardService for Service {
    async fn read(&self, _: Request<v1::ShardReadRequest>) -> Result<Response<v1::ShardReadResponse>, Status> {
        Ok(Response::new(v1::ShardReadResponse::default()))
    }

    async fn r#await(
        &self,
        request: Request<v1::ShardAwaitRequest>,
    ) -> Result<Response<v1::ShardAwaitResponse>, Status> {
        let asked = request.into_inner();
        self.0.asked.lock().push((ShardId(asked.shard as u16), asked.offset));
        match self.0.answer.lock().clone() {
            Some(answer) => Ok(Response::new(v1::ShardAwaitResponse { answer: Some(answer) })),
            None => Err(Status::deadline_exceeded("not in time")),
        }
    }

    async fn digest(&self, _: Request<v1::ShardDigestRequest>) -> Result<Response<v1::ShardDigestResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }
}

/// Serves an engine on a port of its own, and a client that finds it.
pub async fn start() -> (Arc<ScriptedEngine>, ShardClient) {
    let engine = Arc::new(ScriptedEngine::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let service = ShardServiceServer::new(Service(engine.clone()));
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
    let resolve = move |_| {
        let address = address.clone();
        Box::pin(async move { Some(address) }) as std::pin::Pin<Box<dyn Future<Output = _> + Send>>
    };
    (engine, ShardClient::new(Arc::new(resolve), InternalAuth::new("test")))
}
