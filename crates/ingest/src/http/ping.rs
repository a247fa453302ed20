//! One ping: find its monitor, then look at the exit status, then at the run id, read the body, append,
//! answer. The order is the one clients know: an unknown URL is 404 whatever else is wrong with it.

use crate::core::Core;
use crate::gate::{Existence, SlugTarget, TokenTarget};
use crate::http::body::{self, BodyError, Held, ReadBody};
use crate::http::door::Door;
use crate::http::query::{PingQuery, ScheduleWords};
use crate::http::reply::{ReplyBody, closing};
use crate::http::route::PingPath;
use crate::http::{create, peer};
use crate::metric::Route as Label;
use crate::signal::{Refused, Target};
use domain::command::RefusalCode;
use domain::ids::{MonitorId, ShardId, TenantId};
use domain::ping::{Ping, PingDetails, PingKind};
use domain::record::Body;
use eventlog::Appended;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use wire::v1::ShardAwaitResponse;
use wire::v1::shard_await_response::Answer;

/// For `Allow`.
pub(crate) const METHODS: &str = "GET, HEAD, POST, OPTIONS";
/// How long a ping that may make its monitor waits for the engine's word: common clients give up after 5 s.
const ENGINE_PATIENCE: Duration = Duration::from_secs(3);

/// What became of a ping that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Ok,
    Created,
}

/// What became of a ping that is not.
enum Failed {
    Refused(Refused),
    Body(BodyError),
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// A ping in progress, and what its answer must know.
struct Request<'a> {
    door: &'a Door,
    core: &'a Arc<Core>,
    head: &'a Parts,
    peer: SocketAddr,
    label: Label,
    /// Unread bytes are left on the connection.
    is_unfinished: bool,
}

/// Answers a ping; also says by which route it came.
pub(crate) async fn answer(
    door: &Door,
    head: &Parts,
    body: &mut Incoming,
    peer: SocketAddr,
    path: PingPath<'_>,
) -> (Label, Response<ReplyBody>) {
    match head.method {
        Method::GET | Method::HEAD | Method::POST => {}
        Method::OPTIONS => return (Label::Refused, door.replies.preflight()),
        _ => return (Label::Refused, door.replies.method_not_allowed(METHODS)),
    }
    let mut request = Request { door, core: &door.core, head, peer, label: Label::Token, is_unfinished: false };
    let outcome = match path.target {
        Target::Token(token) => request.by_token(token, path.kind, body).await,
        Target::Slug { key, slug } => request.by_slug(key, slug, path.kind, body).await,
    };
    (request.label, request.reply(outcome))
}

impl<'a> Request<'a> {
    fn reply(&self, outcome: Result<Taken, Failed>) -> Response<ReplyBody> {
        let replies = &self.door.replies;
        let reply = match outcome {
            Ok(Taken::Ok) => replies.ok(),
            Ok(Taken::Created) => replies.created(),
            Err(Failed::Refused(refused)) => replies.refused(&refused),
            Err(Failed::Body(BodyError::TooSlow)) => {
                closing(replies.plain(StatusCode::REQUEST_TIMEOUT, "request timeout"), self.head.version)
            }
            Err(Failed::Body(BodyError::Malformed)) => {
                closing(replies.plain(StatusCode::BAD_REQUEST, "invalid body"), self.head.version)
            }
        };
        if self.is_unfinished { closing(reply, self.head.version) } else { reply }
    }

    async fn by_token(
        &mut self,
        token: &str,
        kind: Result<PingKind, Refused>,
        body: &mut Incoming,
    ) -> Result<Taken, Failed> {
        let target = self.core.gate.by_token(token)?;
        let kind = kind?;
        let query = PingQuery::parse(self.head.uri.query());
        match target {
            TokenTarget::Canary { shard } => self.canary(shard).await,
            TokenTarget::Monitor { monitor, generation } => {
                let (ping, held) = self.read(monitor, Some(generation), kind, query, body).await?;
                let taken = self.core.take(ping, self.core.now()).await;
                drop(held);
                Ok(taken.map(|()| Taken::Ok)?)
            }
        }
    }

    async fn by_slug(
        &mut self,
        key: &str,
        slug: &str,
        kind: Result<PingKind, Refused>,
        body: &mut Incoming,
    ) -> Result<Taken, Failed> {
        self.label = Label::Slug;
        let target = self.core.gate.by_slug(key, slug).await?;
        let mut query = PingQuery::parse(self.head.uri.query());
        let may_make = query.create && target.existence != Existence::Found;
        if target.existence == Existence::Missing && !may_make {
            return Err(Refused::NotFound.into());
        }
        let kind = kind?;
        let words = std::mem::take(&mut query.schedule);
        if may_make {
            return Box::pin(self.first_ping(target, slug, &words, kind, query, body)).await;
        }
        let (ping, held) = self.read(target.monitor, None, kind, query, body).await?;
        let taken = self.core.take(ping, self.core.now()).await;
        drop(held);
        Ok(taken.map(|()| Taken::Ok)?)
    }

    /// Proves that this shard hears.
    async fn canary(&mut self, shard: ShardId) -> Result<Taken, Failed> {
        self.label = Label::Canary;
        self.core.append(shard, &Body::Canary, self.core.now()).await.map_err(|_| Refused::Unavailable)?;
        Ok(Taken::Ok)
    }

    /// A ping whose monitor may have to be made: appended with the configuration, answered by the engine.
    ///
    /// While the store is away the tenant's channels may be unknown. Then the ping goes without: it counts if
    /// the monitor exists, and a monitor that could never reach anybody is not made.
    async fn first_ping(
        &mut self,
        target: SlugTarget,
        slug: &str,
        words: &ScheduleWords,
        kind: PingKind,
        query: PingQuery,
        body: &mut Incoming,
    ) -> Result<Taken, Failed> {
        if let Some(Err(refused)) = &query.run {
            return Err(refused.clone().into());
        }
        let config = self.config(target.tenant, slug, words).await?;
        let (mut ping, held) = self.read(target.monitor, None, kind, query, body).await?;
        ping.create = config.map(Box::new);
        let may_be_made = ping.create.is_some();
        let appended = self.core.append_ping(ping, self.core.now()).await;
        drop(held);
        let appended = appended?;
        if may_be_made { Ok(self.engine_word(target.monitor, appended).await?) } else { Ok(Taken::Ok) }
    }

    async fn config(
        &self,
        tenant: TenantId,
        slug: &str,
        words: &ScheduleWords,
    ) -> Result<Option<domain::monitor::MonitorConfig>, Refused> {
        let channels = self.core.gate.enabled_channels(tenant).await;
        let config = create::config(tenant, slug, words, channels.as_deref().unwrap_or_default(), self.core.now())?;
        Ok(channels.is_some().then_some(config))
    }

    /// What the engine made of the record. No word in time says nothing against the ping: it is in the log.
    async fn engine_word(&self, monitor: MonitorId, appended: Appended) -> Result<Taken, Refused> {
        let (client, shard) = (self.core.shards.clone(), self.core.gate.shard_of(monitor));
        // The connection to the owner belongs to the runtime of pages, which outlives this worker.
        let asked = self.door.pages.spawn(async move { client.answer(shard, appended.offset, ENGINE_PATIENCE).await });
        match asked.await {
            Ok(Ok(response)) => {
                let taken = taken(response)?;
                self.core.gate.remember_found(monitor);
                Ok(taken)
            }
            Ok(Err(_)) | Err(_) => Ok(Taken::Ok),
        }
    }

    /// Checks the run id, reads the body, and puts the ping together. The body's memory is counted until the
    /// caller drops what comes with the ping.
    async fn read(
        &mut self,
        monitor: MonitorId,
        generation: Option<u8>,
        kind: PingKind,
        query: PingQuery,
        body: &mut Incoming,
    ) -> Result<(Ping, Held<'a>), Failed> {
        let run = query.run.transpose()?;
        let mut held = Held::new(self.core);
        let mut read = ReadBody::default();
        if !body.is_end_stream() {
            let options = &self.core.options;
            read = Box::pin(body::read(body, &mut held, options.body_limit_bytes, options.request_timeout))
                .await
                .map_err(Failed::Body)?;
            self.is_unfinished = read.is_unfinished;
        }
        let details = PingDetails {
            body: read.kept,
            body_cut: read.is_cut,
            message: query.message,
            environment: query.environment,
            host: query.host,
            method: self.head.method.as_str().to_owned(),
            client: peer::client(self.peer, &self.head.headers, &self.core.options.trusted_proxies),
            user_agent: peer::user_agent(&self.head.headers).to_owned(),
        };
        let (duration_ms, metrics) = (query.duration_ms, query.metrics);
        Ok((
            Ping {
                monitor,
                generation,
                kind,
                run,
                duration_ms,
                metrics,
                details: Some(Box::new(details)),
                create: None,
            },
            held,
        ))
    }
}

fn taken(response: ShardAwaitResponse) -> Result<Taken, Refused> {
    match response.answer {
        Some(Answer::Created(_)) => Ok(Taken::Created),
        Some(Answer::Refused(refusal)) => {
            let code = RefusalCode::ALL.get(refusal.code as usize);
            match code {
                Some(RefusalCode::NotFound | RefusalCode::ResourceExhausted) => Err(Refused::NotFound),
                _ => Err(Refused::Invalid(format!("{}: {}", refusal.field, refusal.message))),
            }
        }
        Some(Answer::Found(_) | Answer::Done(_) | Answer::Applied(_)) | None => Ok(Taken::Ok),
    }
}
