//! The gRPC port: the tenants' API, pings, the installation's own services behind their guard, health, reflection.

use super::incoming;
use super::stages::Plan;
use crate::config::types::Role;
use crate::failure::Failure;
use evaluator::Evaluator;
use ingest::Ingest;
use notifier::Notifier;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::service::{Routes, RoutesBuilder};
use tonic::transport::Server;
use tonic_health::server::HealthReporter;

/// Streams at once on one connection.
const MOST_STREAMS: u32 = 250;
/// The most that the headers of one call may hold.
const MOST_HEADER_BYTES: u32 = 16 * 1024;
/// A connection is closed after this, so that clients find a new server in time.
const CONNECTION_AGE: Duration = Duration::from_secs(600);
/// How long the calls of an aged connection may go on.
const CONNECTION_GRACE: Duration = Duration::from_secs(60);
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The services of this process, and the hand on what `grpc.health.v1` says.
pub fn routes(
    plan: &Plan<'_>,
    ingest: Option<&Ingest>,
    evaluator: Option<&Evaluator>,
    notifier: &Notifier,
) -> Result<(Routes, HealthReporter), Failure> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let mut routes = RoutesBuilder::default();
    routes.add_service(health_service);
    if plan.plays(Role::Api) {
        api::add_services(plan.api_deps(notifier), &mut routes);
    }
    if let Some(ingest) = ingest {
        routes.add_service(ingest.ping_service());
    }
    if let Some(evaluator) = evaluator {
        routes.add_service(InterceptedService::new(evaluator.feed_service(), plan.guard()));
        routes.add_service(InterceptedService::new(evaluator.shard_service(), plan.guard()));
    }
    if plan.config.grpc.reflection {
        let service = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(wire::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(|error| Failure::failed(format_args!("grpc.reflection: {error}")))?;
        routes.add_service(service);
    }
    Ok((routes.routes(), health))
}

/// Serves until `shutdown`, then until the last call ends: the caller bounds how long that may be. With
/// `traced`, every call is a span; its path names a method and no tenant.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    traced: bool,
    shutdown: CancellationToken,
) -> Result<(), String> {
    let span = move |request: &http::Request<()>| match traced {
        true => tracing::info_span!("grpc", otel.name = request.uri().path(), otel.kind = "server"),
        false => tracing::Span::none(),
    };
    Server::builder()
        .trace_fn(span)
        .max_concurrent_streams(MOST_STREAMS)
        .http2_max_header_list_size(MOST_HEADER_BYTES)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .max_connection_age(CONNECTION_AGE)
        .max_connection_age_grace(CONNECTION_GRACE)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming::accept(listener), shutdown.cancelled_owned())
        .await
        .map_err(|error| error.to_string())
}
