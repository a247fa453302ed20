//! The tenants' API over gRPC: monitors, channels, incidents and the administration of keys.
//!
//! The process that serves it calls [`add_services`] once with what it depends on; that adds the four
//! servers of `proto/quietpulse/v1/api.proto` (`MonitorService`, `ChannelService`, `IncidentService`,
//! `AdminService`). Nothing else has to wrap them: every call passes [`gate`], which knows the key, its
//! tenant and scope, bounds how many calls a key makes at once, ends each call in time and counts it.
//!
//! An edit of a monitor is never written here: it becomes a record of the monitor's shard (`command`), and
//! the engine's answer to that record is the reply. What changes with every ping is asked of the shard's
//! owner (`live`); when the owner is away the stored status answers and says how old it is. Channels and keys
//! are rows, written here and nowhere else.
//!
//! `IncidentService.Watch` never ends by itself: a server that drains must close its connections at the end
//! of its patience.

mod admin;
mod auth;
mod channel;
mod command;
mod convert;
mod deps;
mod gate;
mod incident;
pub mod keys;
mod live;
mod metric;
mod monitor;
mod page;
mod refusal;

pub use deps::{ApiDeps, Backup, ChannelTester, Limits};

/// What fuzz targets read with; no promise is made of it.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::channel::fuzzing::*;
    pub use crate::incident::fuzzing::*;
    pub use crate::monitor::fuzzing::*;
}

use deps::Api;
use std::sync::Arc;
use tonic::codec::CompressionEncoding;
use tonic::service::RoutesBuilder;
use tonic::service::interceptor::InterceptedService;
use wire::v1::admin_service_server::AdminServiceServer;
use wire::v1::channel_service_server::ChannelServiceServer;
use wire::v1::incident_service_server::IncidentServiceServer;
use wire::v1::monitor_service_server::MonitorServiceServer;

/// The longest request, after inflation, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// Adds the four services to `routes`, with the limits of [`Limits::default`].
pub fn add_services(deps: ApiDeps, routes: &mut RoutesBuilder) {
    add_services_with_limits(deps, Limits::default(), routes);
}

/// Adds the four services to `routes`.
pub fn add_services_with_limits(deps: ApiDeps, limits: Limits, routes: &mut RoutesBuilder) {
    let api = Arc::new(Api::new(deps, limits));
    // tonic bounds a message by its inflated size too, so a small bomb is refused like a large message.
    macro_rules! add {
        ($server:expr) => {
            let server = $server.max_decoding_message_size(MAX_MESSAGE_BYTES);
            let server = server.accept_compressed(CompressionEncoding::Gzip).send_compressed(CompressionEncoding::Gzip);
            routes.add_service(InterceptedService::new(server, gate::note_arrival));
        };
    }
    add!(MonitorServiceServer::new(monitor::Monitors(api.clone())));
    add!(ChannelServiceServer::new(channel::Channels(api.clone())));
    add!(IncidentServiceServer::new(incident::Incidents(api.clone())));
    add!(AdminServiceServer::new(admin::Admin(api)));
}
