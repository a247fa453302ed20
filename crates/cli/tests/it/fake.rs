//! Fake gRPC services: they remember every request and answer from a script as small as it can be.

use prost_types::Timestamp;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};
use wire::v1::channel_service_server::{ChannelService, ChannelServiceServer};
use wire::v1::incident_service_server::{IncidentService, IncidentServiceServer};
use wire::v1::monitor_service_server::{MonitorService, MonitorServiceServer};
use wire::v1::*;

/// How many monitors the fake tenant has: more than one page.
pub const MONITORS: usize = 1_203;

/// A server of all tenants' services on a free port.
pub struct Fake {
    pub address: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    key: Mutex<String>,
    ping_url: Mutex<String>,
    created: Mutex<Vec<CreateMonitorRequest>>,
    updated: Mutex<Vec<UpdateMonitorRequest>>,
    paused: Mutex<Vec<PauseMonitorRequest>>,
    listed: Mutex<Vec<ListMonitorsRequest>>,
    channels: Mutex<Vec<UpdateChannelRequest>>,
    acknowledged: Mutex<Vec<AcknowledgeIncidentRequest>>,
}

/// The services, as tonic wants them.
#[derive(Clone)]
struct Services(Arc<State>);

macro_rules! recorded {
    ($($name:ident: $kind:ty),+ $(,)?) => {
        impl Fake {
            $(pub fn $name(&self) -> Vec<$kind> {
                self.state.$name.lock().unwrap().clone()
            })+
        }
    };
}

recorded! {
    created: CreateMonitorRequest,
    updated: UpdateMonitorRequest,
    paused: PauseMonitorRequest,
    listed: ListMonitorsRequest,
    channels: UpdateChannelRequest,
    acknowledged: AcknowledgeIncidentRequest,
}

impl Fake {
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state: Arc<State> = Arc::default();
        let services = Services(state.clone());
        std::thread::spawn(move || serve(listener, services));
        Self { address, state }
    }

    pub fn last_key(&self) -> String {
        self.state.key.lock().unwrap().clone()
    }

    pub fn set_ping_url(&self, url: &str) {
        *self.state.ping_url.lock().unwrap() = url.to_owned();
    }
}

fn serve(listener: std::net::TcpListener, services: Services) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let incoming = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener).unwrap());
        let server = tonic::transport::Server::builder()
            .add_service(MonitorServiceServer::new(services.clone()))
            .add_service(ChannelServiceServer::new(services.clone()))
            .add_service(IncidentServiceServer::new(services));
        server.serve_with_incoming(incoming).await.unwrap();
    });
}

impl Services {
    fn opened<T>(&self, request: Request<T>) -> T {
        let key = request.metadata().get("authorization").map(|key| key.to_str().unwrap().to_owned());
        *self.0.key.lock().unwrap() = key.unwrap_or_default();
        request.into_inner()
    }

    fn monitor(&self, slug: &str) -> Monitor {
        Monitor {
            id: "00000000000000aa".into(),
            slug: slug.into(),
            cron: "0 2 * * *".into(),
            tz: "Europe/Berlin".into(),
            ping_url: self.0.ping_url.lock().unwrap().clone(),
            status: "up".into(),
            last_ping_at: Some(stamp(1_767_229_206)),
            ..Monitor::default()
        }
    }
}

fn stamp(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn refused(code: Code, field: &str, description: &str) -> Status {
    Status::with_error_details(code, "refused", ErrorDetails::with_bad_request_violation(field, description))
}

/// As the API says it.
fn unknown(id: &str) -> Status {
    let mut status = Status::deadline_exceeded(format!("{id} is in the log but its outcome is not known yet"));
    status.metadata_mut().insert("command-id", id.parse().unwrap());
    status
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl MonitorService for Services {
    /// The first attempt of `shaky` gets no answer that says anything.
    async fn create_monitor(&self, request: Request<CreateMonitorRequest>) -> Answer<Monitor> {
        let request = self.opened(request);
        let mut created = self.0.created.lock().unwrap();
        created.push(request.clone());
        let monitor = request.monitor.unwrap_or_default();
        match monitor.slug.as_str() {
            "shaky" if created.len() == 1 => Err(Status::unavailable("the log does not answer")),
            "stuck" => Err(unknown(&request.command_id)),
            "taken" => Err(refused(Code::AlreadyExists, "slug", "there is such a monitor")),
            _ => Ok(Response::new(Monitor { status: "new".into(), version: 1, ..monitor })),
        }
    }

    async fn get_monitor(&self, request: Request<GetMonitorRequest>) -> Answer<Monitor> {
        match self.opened(request).slug.as_str() {
            "absent" => Err(refused(Code::NotFound, "slug", "no such monitor")),
            "locked" => Err(Status::unauthenticated("no API key")),
            slug => Ok(Response::new(self.monitor(slug))),
        }
    }

    async fn list_monitors(&self, request: Request<ListMonitorsRequest>) -> Answer<ListMonitorsResponse> {
        let request = self.opened(request);
        let from: usize = request.page_token.parse().unwrap_or(0);
        let to = (from + request.page_size as usize).min(MONITORS);
        self.0.listed.lock().unwrap().push(request);
        let monitors = (from..to).map(|number| self.monitor(&format!("m{number}"))).collect();
        let next_page_token = if to < MONITORS { to.to_string() } else { String::new() };
        Ok(Response::new(ListMonitorsResponse { monitors, next_page_token }))
    }

    async fn update_monitor(&self, request: Request<UpdateMonitorRequest>) -> Answer<Monitor> {
        let request = self.opened(request);
        self.0.updated.lock().unwrap().push(request.clone());
        Ok(Response::new(request.monitor.unwrap_or_default()))
    }

    async fn pause_monitor(&self, request: Request<PauseMonitorRequest>) -> Answer<Monitor> {
        let request = self.opened(request);
        let mut paused = self.0.paused.lock().unwrap();
        paused.push(request.clone());
        if request.slug == "shaky" && paused.len() == 1 {
            return Err(unknown(&request.command_id));
        }
        Ok(Response::new(Monitor { status: "paused".into(), ..self.monitor(&request.slug) }))
    }

    async fn resume_monitor(&self, request: Request<ResumeMonitorRequest>) -> Answer<Monitor> {
        Ok(Response::new(self.monitor(&self.opened(request).slug)))
    }

    async fn delete_monitor(&self, request: Request<DeleteMonitorRequest>) -> Answer<DeleteMonitorResponse> {
        self.opened(request);
        Ok(Response::new(DeleteMonitorResponse {}))
    }

    async fn rotate_ping_token(&self, request: Request<RotatePingTokenRequest>) -> Answer<Monitor> {
        let slug = self.opened(request).slug;
        Ok(Response::new(Monitor { ping_url: "http://h/ping/new".into(), ..self.monitor(&slug) }))
    }

    async fn list_pings(&self, request: Request<ListPingsRequest>) -> Answer<ListPingsResponse> {
        let request = self.opened(request);
        let ping = |number| Ping {
            number,
            kind: "exit".into(),
            exit_code: Some(1),
            at: Some(stamp(1_767_229_206)),
            body: b"a\x1b[2Jb".to_vec(),
            metrics: [("count".to_owned(), 1.0)].into(),
            ..Ping::default()
        };
        let pings = (1..=request.page_size.min(120)).rev().map(ping).collect();
        Ok(Response::new(ListPingsResponse { pings, next_page_token: String::new() }))
    }

    async fn list_transitions(&self, request: Request<ListTransitionsRequest>) -> Answer<ListTransitionsResponse> {
        self.opened(request);
        Ok(Response::new(ListTransitionsResponse { transitions: vec![transition(1)], next_page_token: String::new() }))
    }
}

fn transition(number: u32) -> Transition {
    Transition {
        id: format!("tr_{number}"),
        r#type: "monitor.down".into(),
        slug: "backup".into(),
        from: "up".into(),
        to: "down".into(),
        reason: "missed".into(),
        occurred_at: Some(stamp(1_767_229_206)),
        ..Transition::default()
    }
}

#[tonic::async_trait]
impl ChannelService for Services {
    async fn create_channel(&self, request: Request<CreateChannelRequest>) -> Answer<Channel> {
        let channel = self.opened(request).channel.unwrap_or_default();
        let update_mask = None;
        self.0.channels.lock().unwrap().push(UpdateChannelRequest { channel: Some(channel.clone()), update_mask });
        Ok(Response::new(Channel { kind: "webhook".into(), ..channel }))
    }

    async fn get_channel(&self, request: Request<GetChannelRequest>) -> Answer<Channel> {
        Ok(Response::new(Channel { name: self.opened(request).name, kind: "log".into(), ..Channel::default() }))
    }

    async fn list_channels(&self, request: Request<ListChannelsRequest>) -> Answer<ListChannelsResponse> {
        self.opened(request);
        let channel = |name: &str| Channel { name: name.into(), kind: "email".into(), ..Channel::default() };
        let channels = vec![channel("a"), channel("b")];
        Ok(Response::new(ListChannelsResponse { channels, next_page_token: String::new() }))
    }

    async fn update_channel(&self, request: Request<UpdateChannelRequest>) -> Answer<Channel> {
        let request = self.opened(request);
        self.0.channels.lock().unwrap().push(request.clone());
        Ok(Response::new(request.channel.unwrap_or_default()))
    }

    async fn delete_channel(&self, request: Request<DeleteChannelRequest>) -> Answer<DeleteChannelResponse> {
        self.opened(request);
        Ok(Response::new(DeleteChannelResponse {}))
    }

    async fn test_channel(&self, request: Request<TestChannelRequest>) -> Answer<TestChannelResponse> {
        let error = if self.opened(request).name == "broken" { "410 Gone" } else { "" };
        Ok(Response::new(TestChannelResponse { delivered: error.is_empty(), error: error.into() }))
    }

    async fn list_deliveries(&self, request: Request<ListDeliveriesRequest>) -> Answer<ListDeliveriesResponse> {
        let delivery = Delivery {
            id: "dl_1".into(),
            channel: self.opened(request).channel,
            state: "delivered".into(),
            ..Delivery::default()
        };
        Ok(Response::new(ListDeliveriesResponse { deliveries: vec![delivery], next_page_token: String::new() }))
    }
}

#[tonic::async_trait]
impl IncidentService for Services {
    type WatchStream = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<Transition, Status>> + Send>>;

    async fn list_incidents(&self, request: Request<ListIncidentsRequest>) -> Answer<ListIncidentsResponse> {
        self.opened(request);
        let incident = |id: &str, slug: &str| Incident { id: id.into(), slug: slug.into(), ..Incident::default() };
        let incidents = vec![incident("tr_1", "backup"), incident("tr_2", "sync")];
        Ok(Response::new(ListIncidentsResponse { incidents, next_page_token: String::new() }))
    }

    async fn acknowledge_incident(&self, request: Request<AcknowledgeIncidentRequest>) -> Answer<Incident> {
        let request = self.opened(request);
        self.0.acknowledged.lock().unwrap().push(request.clone());
        Ok(Response::new(Incident { id: request.id, slug: request.slug, acknowledged: true, ..Incident::default() }))
    }

    /// Two transitions after the cursor, some time apart, and the end.
    async fn watch(&self, request: Request<WatchRequest>) -> Answer<Self::WatchStream> {
        let from: u32 = self.opened(request).cursor.trim_start_matches(':').parse().unwrap_or(0);
        let (sender, receiver) = tokio::sync::mpsc::channel(2);
        tokio::spawn(async move {
            for number in from + 1..=from + 2 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let cursor = Some(format!(":{number}"));
                let _ = sender.send(Ok(Transition { cursor, ..transition(number) })).await;
            }
        });
        Ok(Response::new(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver))))
    }
}
