//! Where a request goes: to the ping routes, the batch, or the fallback.

use crate::core::Core;
use crate::http::body::discard;
use crate::http::connection::Busy;
use crate::http::reply::{Replies, ReplyBody, bodyless, closing};
use crate::http::{batch, peer, ping, route};
use crate::metric::Route as Label;
use axum::extract::ConnectInfo;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt;

/// What a worker's requests share.
pub(crate) struct Door {
    pub core: Arc<Core>,
    pub replies: Replies,
    fallback: axum::Router,
    /// The runtime of everything that is not a ping.
    pub pages: Handle,
}

impl Door {
    pub(crate) fn new(core: Arc<Core>, fallback: axum::Router, pages: Handle) -> Self {
        Self { replies: Replies::new(core.options.body_limit_bytes), core, fallback, pages }
    }

    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr, busy: Busy) -> Response<ReplyBody> {
        let is_bodyless = request.method() == Method::HEAD && request.version() == Version::HTTP_2;
        let (head, mut body) = request.into_parts();
        let path = route::unescape(head.uri.path());
        let route = route::parse(&path);
        let reply = if route == route::Route::Other {
            let request = Request::from_parts(head, body);
            Box::pin(self.page(request, peer, busy)).await
        } else {
            let reply = self.by_route(&head, &mut body, peer, route).await;
            if head.version == Version::HTTP_2 && !body.is_end_stream() {
                Box::pin(discard(&mut body)).await;
            }
            reply
        };
        if is_bodyless { bodyless(reply) } else { reply }
    }

    async fn by_route(
        &self,
        head: &Parts,
        body: &mut Incoming,
        peer: SocketAddr,
        route: route::Route<'_>,
    ) -> Response<ReplyBody> {
        if let Some((status, text)) = peer::oversized(head) {
            return self.count(Label::Refused, closing(self.replies.plain(status, text), head.version));
        }
        match route {
            route::Route::Ping(path) => {
                let (label, reply) = ping::answer(self, head, body, peer, path).await;
                self.count(label, reply)
            }
            route::Route::Batch => {
                let reply = Box::pin(batch::answer(self, head, body)).await;
                self.count(Label::Batch, reply)
            }
            route::Route::Malformed | route::Route::Other => self.count(Label::Refused, self.not_found(&head.method)),
        }
    }

    fn count(&self, label: Label, reply: Response<ReplyBody>) -> Response<ReplyBody> {
        self.core.metrics.answered(label, reply.status());
        reply
    }

    fn not_found(&self, method: &Method) -> Response<ReplyBody> {
        match *method {
            Method::GET | Method::HEAD | Method::POST => self.replies.refused(&crate::signal::Refused::NotFound),
            Method::OPTIONS => self.replies.preflight(),
            _ => self.replies.method_not_allowed(ping::METHODS),
        }
    }

    /// A page, on the runtime of pages; dropped with its client.
    async fn page(&self, mut request: Request<Incoming>, peer: SocketAddr, busy: Busy) -> Response<ReplyBody> {
        request.extensions_mut().insert(ConnectInfo(peer));
        let page = self.fallback.clone().oneshot(request.map(axum::body::Body::new));
        match AbortOnDropHandle::new(self.pages.spawn(page)).await {
            Ok(Ok(page)) => {
                busy.becomes_page();
                page.map(|body| ReplyBody::Page(body, busy))
            }
            Ok(Err(never)) => match never {},
            Err(_) => {
                tracing::error!("a page has panicked");
                self.replies.plain(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
            }
        }
    }
}
