//! The commands over gRPC.

use super::KeyLine;
use crate::failure::Failure;
use domain::time::UnixMs;
use std::error::Error;
use std::path::Path;
use std::time::Duration;
use store::row::Scope;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use wire::v1;
use wire::v1::admin_service_client::AdminServiceClient;

const CONNECT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(15);

/// A server, and the key it is asked with.
#[derive(Clone)]
pub struct Remote {
    client: AdminServiceClient<Channel>,
    authorization: AsciiMetadataValue,
    address: String,
}

impl Remote {
    /// The server at `host:port`, or a URL. Connects at the first call.
    pub fn connect(address: &str, key: &str) -> Result<Self, Failure> {
        let url = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let refusal = || {
            Failure::usage(format_args!("--url: found {}, allowed: host:port", domain::field_error::quoted(address)))
        };
        let secure = url.starts_with("https://");
        let endpoint = Endpoint::from_shared(url).map_err(|_| refusal())?.connect_timeout(CONNECT);
        let endpoint = match secure {
            true => endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(|_| refusal())?,
            false => endpoint,
        };
        let mut authorization: AsciiMetadataValue =
            format!("Bearer {key}").parse().map_err(|_| Failure::usage("--api-key: not a key"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            client: AdminServiceClient::new(endpoint.connect_lazy()),
            authorization,
            address: address.to_owned(),
        })
    }

    pub async fn create_key(&self, name: &str, scope: Scope) -> Result<String, Failure> {
        let request = self.request(v1::CreateKeyRequest { name: name.to_owned(), scope: scope.word().to_owned() });
        Ok(self.client.clone().create_key(request).await.map_err(|status| self.failure(&status))?.into_inner().key)
    }

    pub async fn keys(&self) -> Result<Vec<KeyLine>, Failure> {
        let request = self.request(v1::ListKeysRequest {});
        let reply = self.client.clone().list_keys(request).await.map_err(|status| self.failure(&status))?;
        Ok(reply.into_inner().keys.into_iter().map(KeyLine::from).collect())
    }

    pub async fn revoke_key(&self, prefix: &str) -> Result<(), Failure> {
        let request = self.request(v1::RevokeKeyRequest { prefix: prefix.to_owned() });
        self.client.clone().revoke_key(request).await.map(drop).map_err(|status| self.failure(&status))
    }

    /// A copy takes as long as it takes.
    pub async fn backup(&self, directory: &Path) -> Result<u64, Failure> {
        let directory = directory.to_str().ok_or_else(|| Failure::usage("DIR: not a text in UTF-8"))?.to_owned();
        let request = self.authorized(Request::new(v1::BackupRequest { directory }));
        Ok(self.client.clone().backup(request).await.map_err(|status| self.failure(&status))?.into_inner().bytes)
    }

    /// Ends all judging there; where that stands in each shard's log.
    #[cfg(feature = "cluster")]
    pub async fn begin_move(&self) -> Result<Vec<u64>, Failure> {
        let request = self.request(v1::BeginMoveRequest {});
        Ok(self.client.clone().begin_move(request).await.map_err(|status| self.failure(&status))?.into_inner().offsets)
    }

    /// A shard's records from an offset on.
    #[cfg(feature = "cluster")]
    pub async fn follow_log(&self, shard: u32, from: u64) -> Result<tonic::Streaming<v1::FollowLogResponse>, Failure> {
        let request = self.authorized(Request::new(v1::FollowLogRequest { shard, from }));
        Ok(self.client.clone().follow_log(request).await.map_err(|status| self.failure(&status))?.into_inner())
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(CALL);
        self.authorized(request)
    }

    fn authorized<T>(&self, mut request: Request<T>) -> Request<T> {
        request.metadata_mut().insert("authorization", self.authorization.clone());
        request
    }

    fn failure(&self, status: &Status) -> Failure {
        let (code, address, message) = (status.code(), &self.address, status.message());
        match root_cause(status) {
            Some(cause) => Failure::failed(format_args!("the server at {address}: {message}: {cause}")),
            None => Failure::failed(format_args!("the server at {address}: {message} ({code:?})")),
        }
    }
}

/// A transport's own words alone tell nobody whether the port or the name was wrong.
fn root_cause(status: &Status) -> Option<&dyn Error> {
    let mut cause = status.source()?;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause)
}

impl From<v1::ApiKey> for KeyLine {
    fn from(key: v1::ApiKey) -> Self {
        let created = key
            .created_at
            .map_or(0, |at| at.seconds.saturating_mul(1_000).saturating_add(i64::from(at.nanos / 1_000_000)));
        Self { prefix: key.prefix, name: key.name, scope: key.scope, created: UnixMs(created), revoked: key.revoked }
    }
}
