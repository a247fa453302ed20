//! Replies to pings: status, the exact texts clients know, and headers from a template made once.

use axum::body::Body as PageBody;
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPIRES, REFERRER_POLICY, RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::http::connection::Busy;
use crate::signal::Refused;

/// On the reply to each ping that was taken, and on nothing else.
pub(crate) const PING_BODY_LIMIT: HeaderName = HeaderName::from_static("ping-body-limit");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");

/// A body of ours, or of a page of the fallback that keeps its connection busy until it is sent.
pub(crate) enum ReplyBody {
    Text(Option<Bytes>),
    Page(PageBody, Busy),
}

/// The headers of ping replies.
pub(crate) struct Replies {
    /// On everything that answers a ping URL.
    plain: HeaderMap,
    /// On pings that were taken.
    taken: HeaderMap,
}

impl Replies {
    pub(crate) fn new(body_limit_bytes: usize) -> Self {
        let mut plain = HeaderMap::with_capacity(8);
        plain.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        plain
            .insert(CACHE_CONTROL, HeaderValue::from_static("max-age=0, no-cache, no-store, must-revalidate, private"));
        plain.insert(EXPIRES, HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"));
        plain.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        let mut taken = plain.clone();
        taken.insert(PING_BODY_LIMIT, HeaderValue::from(body_limit_bytes));
        taken.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        Self { plain, taken }
    }

    /// The ping is durable.
    pub(crate) fn ok(&self) -> Response<ReplyBody> {
        self.text(StatusCode::OK, &self.taken, Bytes::from_static(b"OK"))
    }

    /// The ping is durable and has made its monitor.
    pub(crate) fn created(&self) -> Response<ReplyBody> {
        self.text(StatusCode::CREATED, &self.taken, Bytes::from_static(b"Created"))
    }

    /// The ping was refused.
    pub(crate) fn refused(&self, refused: &Refused) -> Response<ReplyBody> {
        match refused {
            Refused::NotFound => self.plain(StatusCode::NOT_FOUND, "not found"),
            Refused::InvalidUrl => self.plain(StatusCode::BAD_REQUEST, "invalid url format"),
            Refused::InvalidRunId => self.plain(StatusCode::BAD_REQUEST, "invalid uuid format"),
            Refused::Invalid(line) => self.text(StatusCode::BAD_REQUEST, &self.plain, Bytes::from(line.clone())),
            Refused::Unavailable => {
                let mut reply =
                    self.text(StatusCode::SERVICE_UNAVAILABLE, &self.plain, Bytes::from(refused.text().to_owned()));
                reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                reply
            }
        }
    }

    /// A refusal that is about the request and not about a ping.
    pub(crate) fn plain(&self, status: StatusCode, text: &'static str) -> Response<ReplyBody> {
        self.text(status, &self.plain, Bytes::from_static(text.as_bytes()))
    }

    /// Answers a preflight (Fetch standard, CORS): any page may ping, with any header.
    pub(crate) fn preflight(&self) -> Response<ReplyBody> {
        let mut reply = self.text(StatusCode::NO_CONTENT, &self.plain, Bytes::new());
        let headers = reply.headers_mut();
        headers.remove(CONTENT_TYPE);
        headers.insert(ALLOW, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        reply
    }

    /// A method that is no ping.
    pub(crate) fn method_not_allowed(&self, allowed: &'static str) -> Response<ReplyBody> {
        let mut reply = self.plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        reply
    }

    /// What another task made of a batch.
    pub(crate) fn json(&self, status: StatusCode, json: Vec<u8>) -> Response<ReplyBody> {
        let mut reply = self.text(status, &self.plain, Bytes::from(json));
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        reply
    }

    fn text(&self, status: StatusCode, headers: &HeaderMap, text: Bytes) -> Response<ReplyBody> {
        let mut reply = Response::new(ReplyBody::Text(Some(text).filter(|text| !text.is_empty())));
        *reply.status_mut() = status;
        *reply.headers_mut() = headers.clone();
        reply
    }
}

/// Makes the reply the last of its connection. HTTP/2 has no such header and no need of it: there an unread
/// body costs its own stream only.
pub(crate) fn closing(mut reply: Response<ReplyBody>, version: Version) -> Response<ReplyBody> {
    if version <= Version::HTTP_11 {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

/// Takes the body off a reply to `HEAD` and leaves its length (RFC 9110 section 9.3.2). hyper does so for
/// HTTP/1 only.
pub(crate) fn bodyless(reply: Response<ReplyBody>) -> Response<ReplyBody> {
    let (mut head, body) = reply.into_parts();
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        head.headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    Response::from_parts(head, ReplyBody::Text(None))
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Page(page, busy) => {
                let frame = Pin::new(page).poll_frame(context);
                if frame.is_ready() {
                    busy.progressed();
                }
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text(text) => text.is_none(),
            Self::Page(page, _) => page.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
            Self::Page(page, _) => page.size_hint(),
        }
    }
}
