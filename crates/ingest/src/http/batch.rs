//! `POST /api/ping/batch`: many pings in one request.
//!
//! The body is NDJSON, one ping a line, at most 10,000 lines and 8 MiB; blank lines are skipped but counted:
//!
//! ```json
//! {"target":"<token>"}
//! {"target":"<ping_key>/<slug>","kind":"fail","msg":"disk full"}
//! {"target":"<token>","kind":0,"rid":"<uuid>","metrics":{"count":7},"duration":"1.5s","body":"…","env":"prod","host":"db-1"}
//! ```
//!
//! - `target` (required) a ping token, or a ping key and a slug. There is no `create` here.
//! - `kind` `success` (the default), `start`, `fail`, `log`, or an exit status 0 to 255 as a number or a text.
//! - `rid` a UUID; `metrics` numbers by name; `duration` seconds as a number, or a text such as `1.5s`;
//!   `body`, `msg`, `env`, `host` texts, cut as on the ping route. Unknown fields are ignored.
//!
//! The answer is `200` with `{"accepted":2,"refused":[{"line":3,"error":"not found"}]}` once every accepted
//! ping is durable; lines count from 1. A refused line does not stop the others. Pings stand in the log in
//! the order of their lines. `503` with `Retry-After` when the log did not take one of them in time: earlier
//! lines may be durable, and a ping with a `rid` that is sent again counts once. `400` when the body cannot
//! be read, `408` when it comes too slowly, `413` when it is too large: then no line counts.

use crate::append::Waiting;
use crate::core::Core;
use crate::http::body::BodyError;
use crate::http::door::Door;
use crate::http::reply::{ReplyBody, closing};
use crate::message::PingMessage;
use crate::signal::Refused;
use bytes::Bytes;
use domain::duration::parse_duration_ms;
use futures::future::join_all;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

const MAX_BYTES: usize = 8 << 20;
const MAX_LINES: usize = 10_000;
/// Pings that wait for the log at one time.
const WINDOW: usize = 1_000;

#[derive(Debug, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    target: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Option<Word<'a>>,
    #[serde(borrow, default)]
    rid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    metrics: Option<BTreeMap<Cow<'a, str>, f64>>,
    #[serde(borrow, default)]
    duration: Option<Word<'a>>,
    #[serde(borrow, default)]
    body: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    msg: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    env: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    host: Option<Cow<'a, str>>,
}

/// A field that may be left out: its name, what it must be, and whether a value is that.
type FieldRule = (&'static str, &'static str, fn(&Value) -> bool);

const FIELDS: [FieldRule; 8] = [
    ("kind", "a text or a number", is_text_or_number),
    ("rid", "a text", Value::is_string),
    ("metrics", "numbers by name", is_numbers),
    ("duration", "a text or a number", is_text_or_number),
    ("body", "a text", Value::is_string),
    ("msg", "a text", Value::is_string),
    ("env", "a text", Value::is_string),
    ("host", "a text", Value::is_string),
];

/// A text or a number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Word<'a> {
    Number(serde_json::Number),
    Text(#[serde(borrow)] Cow<'a, str>),
}

#[derive(Debug, Default, Serialize)]
struct Report {
    accepted: u64,
    refused: Vec<RefusedLine>,
}

#[derive(Debug, Serialize)]
struct RefusedLine {
    line: usize,
    error: String,
}

/// Why the whole batch was refused.
enum Unreadable {
    Body(BodyError),
    TooLarge,
}

/// Answers a batch. The work is done on the runtime of pages: ten thousand lines of JSON are not to stand in
/// the way of a ping.
pub(crate) async fn answer(door: &Door, head: &Parts, body: &mut Incoming) -> Response<ReplyBody> {
    match head.method {
        Method::POST => {}
        Method::OPTIONS => return door.replies.preflight(),
        _ => return door.replies.method_not_allowed("POST, OPTIONS"),
    }
    let lines = match read(&door.core, body).await {
        Ok(lines) => lines,
        Err(unreadable) => return closing(unreadable_reply(door, &unreadable), head.version),
    };
    let core = Arc::clone(&door.core);
    match AbortOnDropHandle::new(door.pages.spawn(async move { take(&core, &lines).await })).await {
        Ok(Ok(report)) => door.replies.json(StatusCode::OK, serde_json::to_vec(&report).unwrap_or_default()),
        Ok(Err(refused)) => door.replies.refused(&refused),
        Err(_) => {
            tracing::error!("a batch has panicked");
            door.replies.refused(&Refused::Unavailable)
        }
    }
}

fn unreadable_reply(door: &Door, unreadable: &Unreadable) -> Response<ReplyBody> {
    match unreadable {
        Unreadable::Body(BodyError::TooSlow) => door.replies.plain(StatusCode::REQUEST_TIMEOUT, "request timeout"),
        Unreadable::Body(BodyError::Malformed) => door.replies.plain(StatusCode::BAD_REQUEST, "invalid body"),
        Unreadable::TooLarge => {
            door.replies.plain(StatusCode::PAYLOAD_TOO_LARGE, "a batch is at most 10000 lines and 8 MiB")
        }
    }
}

async fn read(core: &Core, body: &mut Incoming) -> Result<Bytes, Unreadable> {
    let collected = timeout(core.options.request_timeout, Limited::new(body, MAX_BYTES).collect()).await;
    match collected {
        Err(_) => Err(Unreadable::Body(BodyError::TooSlow)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Unreadable::TooLarge),
        Ok(Err(_)) => Err(Unreadable::Body(BodyError::Malformed)),
        Ok(Ok(body)) => {
            let body = body.to_bytes();
            let lines = body.strip_suffix(b"\n").unwrap_or(&body).split(|byte| *byte == b'\n').count();
            if lines > MAX_LINES { Err(Unreadable::TooLarge) } else { Ok(body) }
        }
    }
}

/// Takes all lines; `Unavailable` as soon as one window was not acknowledged whole.
async fn take(core: &Core, lines: &[u8]) -> Result<Report, Refused> {
    let mut report = Report::default();
    let mut waiting: Vec<Waiting> = Vec::with_capacity(WINDOW);
    for (place, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match submit(core, line).await {
            Ok(submitted) => waiting.push(submitted),
            Err(Refused::Unavailable) => return Err(Refused::Unavailable),
            Err(refused) => report.refused.push(RefusedLine { line: place + 1, error: refused.text().to_owned() }),
        }
        if waiting.len() == WINDOW {
            report.accepted += settle(core, &mut waiting).await?;
        }
    }
    report.accepted += settle(core, &mut waiting).await?;
    Ok(report)
}

async fn settle(core: &Core, waiting: &mut Vec<Waiting>) -> Result<u64, Refused> {
    let settled = join_all(waiting.drain(..).map(|submitted| core.settle(submitted))).await;
    settled.into_iter().try_fold(0, |accepted, word| word.map(|_| accepted + 1).map_err(|_| Refused::Unavailable))
}

async fn submit(core: &Core, line: &[u8]) -> Result<Waiting, Refused> {
    // serde would also take the fields as a list, which is nobody's contract.
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refused::Invalid(String::from("not a JSON object")));
    }
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| Refused::Invalid(problem(line, &error)))?;
    let kind = line.kind.as_ref().map(Word::text).unwrap_or_default();
    let duration_ms = line.duration.as_ref().map(duration_of).transpose()?;
    let metrics = line.metrics.iter().flatten().map(|(name, value)| (name.as_ref(), *value)).collect();
    let text = |field: &Option<Cow<'_, str>>| field.as_deref().unwrap_or_default().to_owned();
    let (run, body, message, environment, host) =
        (text(&line.rid), text(&line.body), text(&line.msg), text(&line.env), text(&line.host));
    core.submit_message(PingMessage {
        target: &line.target,
        kind: &kind,
        run: &run,
        metrics,
        duration_ms,
        body: body.as_bytes(),
        message: &message,
        environment: &environment,
        host: &host,
        method: "batch",
        client: String::new(),
    })
    .await
}

impl Word<'_> {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }
}

fn duration_of(word: &Word<'_>) -> Result<u64, Refused> {
    parse_duration_ms(&word.text()).map_err(|error| Refused::Invalid(format!("duration: {error}")))
}

/// What is wrong with a line, without a word of it: a token must not come back in an error.
fn problem(line: &[u8], error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => wrong_field(line),
        _ => format!("not a JSON object, column {}", error.column()),
    }
}

/// Names the field that a line lacks, or that is of another type.
fn wrong_field(line: &[u8]) -> String {
    let fields: Map<String, Value> = serde_json::from_slice(line).unwrap_or_default();
    let Some(target) = fields.get("target") else { return String::from("target: missing") };
    if !target.is_string() {
        return String::from("target: not a text");
    }
    let wrong = FIELDS.iter().find(|(name, _, fits)| fields.get(*name).is_some_and(|it| !it.is_null() && !fits(it)));
    // Serde refuses a repeated field, and all fields are of their types.
    wrong
        .map_or_else(|| String::from("a field is there twice"), |(name, expected, _)| format!("{name}: not {expected}"))
}

fn is_text_or_number(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

fn is_numbers(value: &Value) -> bool {
    value.as_object().is_some_and(|numbers| numbers.values().all(Value::is_number))
}
