//! The HTTP client of all channels.

use super::error::EgressError;
use super::resolver::{GuardedResolver, Lookup};
use async_trait::async_trait;
use domain::egress::EgressPolicy;
use domain::planted;
use http::{HeaderMap, Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

const CONNECT: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_secs(15);
/// The status decides; a body that trickles must not hold the attempt for the whole of `TOTAL`.
const BODY: Duration = Duration::from_secs(5);
const MAX_REPLY_BYTES: usize = 20_000;
const USER_AGENT: &str = concat!("QuietPulse/", env!("CARGO_PKG_VERSION"));

/// One request.
pub(crate) struct Outgoing<'a> {
    pub method: Method,
    pub url: &'a str,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// What came back: the body is cut at 20 kB, or where it stopped coming.
#[derive(Debug)]
pub(crate) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Carries requests to their receivers. The guard comes before it, and every status is a reply.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Brings one request there and its reply back.
    async fn carry(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, EgressError>;
}

/// Sends requests under a policy: no redirects, no proxy, no decompression, HTTP/1.1, bounded time and size.
#[derive(Clone)]
pub(crate) struct EgressClient {
    way: Way,
    policy: Option<Arc<EgressPolicy>>,
}

#[derive(Clone)]
enum Way {
    Network(reqwest::Client),
    Other(Arc<dyn Transport>),
}

impl EgressClient {
    /// For URLs of tenants.
    pub(crate) fn guarded(policy: Arc<EgressPolicy>, lookup: Arc<dyn Lookup>) -> Result<Self, reqwest::Error> {
        Self::build(Some(policy), lookup)
    }

    /// For URLs of the operator.
    pub(crate) fn trusted(lookup: Arc<dyn Lookup>) -> Result<Self, reqwest::Error> {
        Self::build(None, lookup)
    }

    fn build(policy: Option<Arc<EgressPolicy>>, lookup: Arc<dyn Lookup>) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .dns_resolver(GuardedResolver { lookup, policy: policy.clone() })
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .referer(false)
            .http1_only()
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .pool_max_idle_per_host(2)
            .user_agent(USER_AGENT)
            .build()?;
        Ok(Self { way: Way::Network(http), policy })
    }

    /// The same over another way than the network.
    pub(crate) fn over(self, transport: Arc<dyn Transport>) -> Self {
        Self { way: Way::Other(transport), ..self }
    }

    /// Sends one request. Every status is a reply; errors are those of the way there.
    pub(crate) async fn send(&self, request: Outgoing<'_>) -> Result<Reply, EgressError> {
        let url = Url::parse(request.url).map_err(|_| EgressError::BadUrl)?;
        self.check(&url)?;
        match &self.way {
            Way::Network(http) => {
                let sent = http.request(request.method, url).headers(request.headers).body(request.body).send();
                let mut response = sent.await?;
                let headers = std::mem::take(response.headers_mut());
                let (status, body) = (response.status(), read_some(response).await);
                Ok(Reply { status, headers, body })
            }
            Way::Other(transport) => carry(transport.as_ref(), request, url).await,
        }
    }

    /// IP literals never meet the resolver, so the URL itself is checked before each request.
    fn check(&self, url: &Url) -> Result<(), EgressError> {
        let Some(policy) = &self.policy else { return Ok(()) };
        let credentials = !url.username().is_empty() || url.password().is_some();
        let port = url.port_or_known_default().unwrap_or(0);
        Ok(policy.check_url(url.scheme(), url.host_str().unwrap_or(""), port, credentials)?)
    }
}

async fn carry(transport: &dyn Transport, request: Outgoing<'_>, url: Url) -> Result<Reply, EgressError> {
    let built = http::Request::builder().method(request.method).uri(url.as_str()).body(request.body);
    let mut carried = built.map_err(|_| EgressError::BadUrl)?;
    *carried.headers_mut() = request.headers;
    let patience = planted!("no-time-out", TOTAL, 10_000 * TOTAL);
    let reply = tokio::time::timeout(patience, transport.carry(carried)).await.map_err(|_| EgressError::Timeout)??;
    let (head, mut body) = reply.into_parts();
    body.truncate(MAX_REPLY_BYTES);
    Ok(Reply { status: head.status, headers: head.headers, body })
}

/// The body as far as it comes in time and fits; dropping the rest closes the connection.
async fn read_some(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    let deadline = tokio::time::Instant::now() + BODY;
    while let Ok(Ok(Some(chunk))) = tokio::time::timeout_at(deadline, response.chunk()).await {
        let room = MAX_REPLY_BYTES - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if body.len() >= MAX_REPLY_BYTES {
            break;
        }
    }
    body
}
