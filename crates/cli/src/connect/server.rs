//! The connection to the server's gRPC port.

use super::Settings;
use crate::exit::{Failure, root_cause};
use std::time::Duration;
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use wire::v1::channel_service_client::ChannelServiceClient;
use wire::v1::incident_service_client::IncidentServiceClient;
use wire::v1::monitor_service_client::MonitorServiceClient;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The server answers or gives up within 15 s.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// A page of 1,000 monitors with long descriptions, or of pings with bodies of 100 kB.
const MAX_REPLY_BYTES: usize = 128 << 20;

/// An open connection to the server's gRPC port, and the key for it.
pub struct Server {
    channel: Channel,
    authorization: Option<AsciiMetadataValue>,
}

impl Server {
    /// Connects, so that "not reached" is known here and names the address.
    pub async fn connect(settings: &Settings) -> Result<Self, Failure> {
        let (url, origin) = settings.grpc()?;
        let authorization = settings.api_key()?.map(|key| bearer(&key)).transpose()?;
        let endpoint = endpoint(&url)?;
        let not_reached = |cause: String| Failure::NotReached(format!("no server reached at {url}{origin}: {cause}"));
        match tokio::time::timeout(CONNECT_TIMEOUT, endpoint.connect()).await {
            Ok(Ok(channel)) => Ok(Self { channel, authorization }),
            Ok(Err(error)) => Err(not_reached(root_cause(&error))),
            Err(_) => Err(not_reached(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
        }
    }

    /// One call: with the key and a time limit.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = self.stream_request(message);
        request.set_timeout(CALL_TIMEOUT);
        request
    }

    /// A call that stays open: with the key, without a limit.
    pub fn stream_request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        request
    }

    pub fn monitors(&self) -> MonitorServiceClient<Channel> {
        MonitorServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_REPLY_BYTES)
    }

    pub fn channels(&self) -> ChannelServiceClient<Channel> {
        ChannelServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_REPLY_BYTES)
    }

    pub fn incidents(&self) -> IncidentServiceClient<Channel> {
        IncidentServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_REPLY_BYTES)
    }
}

fn endpoint(url: &str) -> Result<Endpoint, Failure> {
    let refused =
        || Failure::Usage(format!("--url: found `{url}`, allowed: host:port, http://host:port or https://host"));
    let mut endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| refused())?;
    if url.starts_with("https://") {
        endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(|_| refused())?;
    }
    // The keep-alive lets `watch` notice a server that has vanished without a word.
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true))
}

fn bearer(key: &str) -> Result<AsciiMetadataValue, Failure> {
    let refused = |_| Failure::Usage("--api-key: contains characters that no key has".to_owned());
    format!("Bearer {}", key.trim()).parse().map_err(refused)
}
