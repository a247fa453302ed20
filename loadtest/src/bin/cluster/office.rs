//! Monitors and channels, over the tenants' API.

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};
use wire::v1;
use wire::v1::channel_service_client::ChannelServiceClient;
use wire::v1::monitor_service_client::MonitorServiceClient;

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Attempts of one command, and the pause between them: shards may be on their way to another evaluator.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);
/// Monitors made at once.
const AT_ONCE: usize = 32;

/// Somebody with an API key.
pub struct Office {
    monitors: MonitorServiceClient<Channel>,
    channels: ChannelServiceClient<Channel>,
    key: MetadataValue<Ascii>,
}

impl Office {
    /// Connects when it has something to say.
    pub fn open(grpc: SocketAddr, api_key: &str) -> Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{grpc}"))?.timeout(PATIENCE).connect_lazy();
        let key = format!("Bearer {api_key}").parse()?;
        let (monitors, channels) = (MonitorServiceClient::new(channel.clone()), ChannelServiceClient::new(channel));
        Ok(Self { monitors, channels, key })
    }

    /// Makes a channel that posts to `url`.
    pub async fn webhook(&self, name: &str, url: &str) -> Result<()> {
        let settings = v1::WebhookSettings { url: url.to_owned(), ..Default::default() };
        let settings = Some(v1::channel::Settings::Webhook(settings));
        let channel = v1::Channel { name: name.to_owned(), settings, ..Default::default() };
        let request = self.signed(v1::CreateChannelRequest { channel: Some(channel) });
        self.channels.clone().create_channel(request).await.context("making a channel")?;
        Ok(())
    }

    /// Makes the monitors `<prefix>-<n>`; gives the paths that ping them. Without channels: the built-in one.
    pub async fn monitors(
        &self,
        prefix: &str,
        numbers: Range<u32>,
        period_secs: i64,
        grace_secs: i64,
        channels: &[&str],
    ) -> Result<Vec<String>> {
        let channels: Vec<String> = channels.iter().map(|name| (*name).to_owned()).collect();
        let plan = |number| v1::Monitor {
            slug: format!("{prefix}-{number}"),
            name: format!("{prefix}-{number}"),
            period: seconds(period_secs),
            grace: seconds(grace_secs),
            channels: channels.clone(),
            ..Default::default()
        };
        let making = futures::stream::iter(numbers.map(plan)).map(|monitor| self.monitor(monitor));
        making.buffered(AT_ONCE).try_collect().await
    }

    /// The same command until it is answered.
    async fn monitor(&self, monitor: v1::Monitor) -> Result<String> {
        let id = command_id(&monitor.slug);
        let wanted = v1::CreateMonitorRequest { monitor: Some(monitor), command_id: id };
        let mut attempt = 1;
        let made = loop {
            match self.monitors.clone().create_monitor(self.signed(wanted.clone())).await {
                Err(status) if passes(status.code()) && attempt < ATTEMPTS => attempt += 1,
                answer => break answer.context("making a monitor")?.into_inner(),
            }
            tokio::time::sleep(PAUSE).await;
        };
        let path = made.ping_url.splitn(4, '/').nth(3).context("a monitor without a ping URL")?;
        Ok(format!("/{path}"))
    }

    fn signed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.key.clone());
        request
    }
}

fn passes(code: Code) -> bool {
    use Code::{Aborted, Cancelled, DeadlineExceeded, ResourceExhausted, Unavailable};
    // A key may make so many calls a second; making monitors is not what is measured.
    matches!(code, Unavailable | DeadlineExceeded | Cancelled | Aborted | ResourceExhausted)
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// Another one for each slug and run, in 32 hex digits.
fn command_id(slug: &str) -> String {
    use std::hash::{BuildHasher, RandomState};
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    format!("cm_{:016x}{:016x}", nanos, RandomState::new().hash_one(slug))
}
