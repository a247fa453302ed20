//! Connections to owners, one an address, kept while they are used and do not hang.

use super::Client;
use crate::internal_auth::InternalAuth;
use crate::v1::shard_service_client::ShardServiceClient;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use tonic::Status;
use tonic::transport::Endpoint;

const CONNECT: Duration = Duration::from_secs(1);
/// Tells a machine that has vanished from one that has nothing to say.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long an owner that did not answer in time is not asked for what can be had elsewhere.
const SILENCE: Duration = Duration::from_secs(1);
/// Addresses come and go with their processes.
const UNUSED: Duration = Duration::from_secs(120);

/// The connections of this process.
pub(super) struct Connections {
    auth: InternalAuth,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: BTreeMap<String, Open>,
    silent: BTreeMap<String, Instant>,
}

struct Open {
    client: Client,
    used: Instant,
}

impl Connections {
    pub(super) fn new(auth: InternalAuth) -> Self {
        Self { auth, state: Mutex::default() }
    }

    /// A client for `address`, connected when it is first used.
    pub(super) fn to(&self, address: &str) -> Result<Client, Status> {
        let now = Instant::now();
        let mut state = self.state.lock();
        if let Some(open) = state.open.get_mut(address) {
            open.used = now;
            return Ok(open.client.clone());
        }
        let client = self.dial(address)?;
        state.open.retain(|_, open| open.used + UNUSED > now);
        state.silent.retain(|_, since| *since + SILENCE > now);
        state.open.insert(address.to_owned(), Open { client: client.clone(), used: now });
        Ok(client)
    }

    /// `address` did not answer in time: its connection may lead nowhere, so the next question makes a new one.
    pub(super) fn hangs(&self, address: &str) {
        let mut state = self.state.lock();
        state.open.remove(address);
        state.silent.insert(address.to_owned(), Instant::now());
    }

    /// Whether `address` did not answer in time just now.
    pub(super) fn is_silent(&self, address: &str) -> bool {
        self.state.lock().silent.get(address).is_some_and(|since| since.elapsed() < SILENCE)
    }

    fn dial(&self, address: &str) -> Result<Client, Status> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|_| Status::internal("the owner's address is not an address"))?
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE / 2);
        Ok(ShardServiceClient::with_interceptor(endpoint.connect_lazy(), self.auth.clone()))
    }
}
