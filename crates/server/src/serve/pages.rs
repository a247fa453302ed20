//! What the public port serves besides pings: where an alert's link leads.

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::monitor::check_slug;

/// The pages. What is neither ping nor page is not found: metrics and health are the operator's (G23).
pub(super) fn routes() -> Router {
    Router::new().route("/m/{slug}", get(monitor)).fallback(|| async { not_found() })
}

/// An alert's link. Anybody may come here, so it says nothing about the monitor, nor whether it exists: only
/// how its owner looks at it.
async fn monitor(Path(slug): Path<String>) -> Response {
    if check_slug(&slug).is_err() {
        return not_found();
    }
    let text = format!(
        "An alert about the monitor {slug} led here. Its state, pings and transitions, with an API key of its owner:\n\n    \
         qp monitor get {slug}\n    qp monitor pings {slug}\n    qp monitor transitions {slug}\n"
    );
    ([(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "not found").into_response()
}
