//! What fuzz targets read with: the parsers behind the doors, which nothing else outside has a use for. No promise is
//! made of anything in here.

use crate::grpc::message_of;
use crate::http::create;
use crate::http::framing::Framing;
use crate::http::query::{PingQuery, ScheduleWords};
use crate::http::route::{self, Route};
use crate::message::PingMessage;
use crate::signal::{Refused, Target};
use domain::ids::{MonitorId, RunId, TenantId};
use domain::monitor::MonitorConfig;
use domain::ping::{Metric, Ping, PingKind};
use domain::time::UnixMs;
use wire::v1::PingRequest;

/// A ping's URL, read. Refusals are the texts that clients see.
#[derive(Clone, Debug, PartialEq)]
pub struct PingUrl {
    /// `<uuid>` or `<ping_key>/<slug>`.
    pub target: String,
    pub kind: Result<PingKind, String>,
    pub run: Option<Result<RunId, String>>,
    pub duration_ms: Option<u64>,
    pub metrics: Vec<Metric>,
    pub message: String,
    pub environment: String,
    pub host: String,
    /// What `create=1` would make; asked for or not.
    pub create: Result<MonitorConfig, String>,
}

/// Reads a path and the query behind it, `now` being when a monitor would be made. `None`: names no ping.
pub fn ping_url(path: &str, query: Option<&str>, now: UnixMs) -> Option<PingUrl> {
    let path = route::unescape(path);
    let Route::Ping(ping) = route::parse(&path) else { return None };
    let read = PingQuery::parse(query);
    Some(PingUrl {
        target: target_text(ping.target),
        kind: ping.kind.map_err(text),
        run: read.run.map(|run| run.map_err(text)),
        duration_ms: read.duration_ms,
        metrics: read.metrics,
        message: read.message,
        environment: read.environment,
        host: read.host,
        create: create(ping.target, &read.schedule, now),
    })
}

/// Reads a message of the gRPC door, as far as can be told without a store.
pub fn ping_message(message: &PingRequest, body_limit_bytes: usize) -> Result<Ping, String> {
    let message: PingMessage<'_> = message_of(message, String::new());
    Target::parse(message.target).ok_or(Refused::NotFound).map_err(text)?;
    message.into_ping(MonitorId(1), None, body_limit_bytes).map_err(text)
}

/// A client's bytes, in the reads they came in, after the framing was followed through them.
pub fn framed(mut reads: Vec<Vec<u8>>) -> Vec<u8> {
    let mut framing = Framing::default();
    reads.iter_mut().for_each(|read| framing.inspect(read));
    reads.concat()
}

fn create(target: Target<'_>, words: &ScheduleWords, now: UnixMs) -> Result<MonitorConfig, String> {
    let slug = match target {
        Target::Slug { slug, .. } => slug,
        Target::Token(token) => token,
    };
    create::config(TenantId(1), slug, words, &[], now).map_err(text)
}

fn target_text(target: Target<'_>) -> String {
    match target {
        Target::Token(token) => token.to_owned(),
        Target::Slug { key, slug } => format!("{key}/{slug}"),
    }
}

fn text(refused: Refused) -> String {
    refused.text().to_owned()
}
