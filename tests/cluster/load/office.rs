//! What people do to monitors, over gRPC: each command with an id of its own, again until it is answered.

use super::roster::Plan;
use crate::history::{Action, History, Outcome};
use futures::StreamExt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use wire::v1;
use wire::v1::channel_service_client::ChannelServiceClient;
use wire::v1::monitor_service_client::MonitorServiceClient;

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Pause between the attempts of one command.
const PAUSE: Duration = Duration::from_secs(1);
/// After so many attempts nobody believes in it any more.
const ATTEMPTS: u32 = 300;
/// Monitors made at once.
const AT_ONCE: usize = 16;

/// A monitor that was made.
#[derive(Clone, Debug)]
pub struct Made {
    pub id: u64,
    /// Of its ping URL.
    pub path: String,
}

/// Somebody with an API key.
pub struct Office {
    monitors: MonitorServiceClient<Channel>,
    channels: ChannelServiceClient<Channel>,
    key: MetadataValue<tonic::metadata::Ascii>,
    history: Arc<History>,
    names: Vec<String>,
}

impl Office {
    /// Connects when it has something to say.
    pub fn open(grpc: SocketAddr, api_key: &str, history: Arc<History>) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{grpc}")).expect("an address").timeout(PATIENCE);
        let channel = endpoint.connect_timeout(PATIENCE).connect_lazy();
        let key = format!("Bearer {api_key}").parse().expect("a header");
        let (monitors, channels) = (MonitorServiceClient::new(channel.clone()), ChannelServiceClient::new(channel));
        Self { monitors, channels, key, history, names: Vec::new() }
    }

    /// Makes webhook channels; gives their ids.
    pub async fn webhooks(&mut self, url: &str, count: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        for number in 0..count {
            let name = format!("ops-{number}");
            let settings = v1::WebhookSettings { url: url.to_owned(), ..Default::default() };
            let settings = Some(v1::channel::Settings::Webhook(settings));
            let channel = v1::Channel { name: name.clone(), settings, ..Default::default() };
            let request = self.signed(v1::CreateChannelRequest { channel: Some(channel) });
            let made = self.channels.create_channel(request).await.expect("a channel is made before anything breaks");
            ids.push(hex(&made.into_inner().id));
            self.names.push(name);
        }
        ids
    }

    /// In the order of the plans.
    pub async fn create_all(&self, plans: &[Plan]) -> Vec<Made> {
        futures::stream::iter(plans).map(|plan| self.create(plan)).buffered(AT_ONCE).collect().await
    }

    async fn create(&self, plan: &Plan) -> Made {
        let monitor = v1::Monitor {
            slug: plan.slug.clone(),
            name: plan.slug.clone(),
            period: seconds(plan.period_secs),
            grace: seconds(plan.grace_secs),
            max_runtime: plan.max_runtime_secs.and_then(seconds),
            channels: vec![self.names[plan.channel].clone()],
            ..Default::default()
        };
        let request = v1::CreateMonitorRequest { monitor: Some(monitor), command_id: command_id() };
        let call = || {
            let (mut client, request) = (self.monitors.clone(), self.signed(request.clone()));
            async move { client.create_monitor(request).await }
        };
        let made = self.insist(&plan.slug, Action::Create, &request.command_id, call).await;
        let path = made.ping_url.splitn(4, '/').nth(3).expect("a URL");
        Made { id: hex(&made.id), path: format!("/{path}") }
    }

    pub async fn pause(&self, slug: &str) {
        let request = v1::PauseMonitorRequest { slug: slug.to_owned(), pause_for: None, command_id: command_id() };
        let call = || {
            let (mut client, request) = (self.monitors.clone(), self.signed(request.clone()));
            async move { client.pause_monitor(request).await }
        };
        self.insist(slug, Action::Pause, &request.command_id, call).await;
    }

    /// A monitor that a late ping has resumed already is none to be resumed.
    pub async fn resume(&self, slug: &str) {
        let request = v1::ResumeMonitorRequest { slug: slug.to_owned(), command_id: command_id() };
        let call = || {
            let (mut client, request) = (self.monitors.clone(), self.signed(request.clone()));
            async move {
                match client.resume_monitor(request).await {
                    Err(status) if status.code() == Code::FailedPrecondition => {
                        Ok(Response::new(v1::Monitor::default()))
                    }
                    answer => answer,
                }
            }
        };
        self.insist(slug, Action::Resume, &request.command_id, call).await;
    }

    pub async fn set_period(&self, slug: &str, period_secs: u32) {
        let monitor = v1::Monitor { slug: slug.to_owned(), period: seconds(period_secs), ..Default::default() };
        let update_mask = Some(prost_types::FieldMask { paths: vec!["period".into()] });
        let request = v1::UpdateMonitorRequest { monitor: Some(monitor), update_mask, command_id: command_id() };
        let call = || {
            let (mut client, request) = (self.monitors.clone(), self.signed(request.clone()));
            async move { client.update_monitor(request).await }
        };
        self.insist(slug, Action::Update, &request.command_id, call).await;
    }

    /// The same command until it is answered; the history tells each attempt.
    async fn insist<T, Answer: Future<Output = Result<Response<T>, Status>>>(
        &self,
        slug: &str,
        action: Action,
        id: &str,
        call: impl Fn() -> Answer,
    ) -> T {
        for attempt in 1..=ATTEMPTS {
            let mut answer = None;
            let doing = async {
                match call().await {
                    Ok(response) => {
                        answer = Some(response.into_inner());
                        Outcome::Ok
                    }
                    Err(status) => Outcome::Refused(format!("{:?} {}", status.code(), status.message())),
                }
            };
            self.history.attempt(id, slug, action.clone(), attempt, doing).await;
            if let Some(answer) = answer {
                return answer;
            }
            sleep(PAUSE).await;
        }
        panic!("{slug}: {action:?} was not carried out in {ATTEMPTS} attempts");
    }

    fn signed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.key.clone());
        request
    }
}

fn seconds(seconds: u32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: seconds.into(), nanos: 0 })
}

fn command_id() -> String {
    format!("cm_{:032x}", rand::random::<u128>())
}

/// The number in an id such as `mon_0123456789abcdef`.
fn hex(id: &str) -> u64 {
    let digits = id.rsplit('_').next().expect("an id");
    u64::from_str_radix(digits, 16).unwrap_or_else(|error| panic!("{id}: {error}"))
}
