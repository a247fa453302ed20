//! `IncidentService`: what is down, who knows of it, and news as they come.

mod acknowledge;
mod cursor;
pub mod fuzzing;
mod list;
mod watch;

use crate::deps::Api;
use futures::stream::BoxStream;
use std::sync::Arc;
use store::row::Scope;
use tonic::{Request, Response, Status, async_trait};
use wire::v1;
use wire::v1::incident_service_server::IncidentService;

/// The service.
pub(crate) struct Incidents(pub Arc<Api>);

#[async_trait]
impl IncidentService for Incidents {
    type WatchStream = BoxStream<'static, Result<v1::Transition, Status>>;

    async fn list_incidents(
        &self,
        request: Request<v1::ListIncidentsRequest>,
    ) -> Result<Response<v1::ListIncidentsResponse>, Status> {
        let work = |caller, asked| list::list(&self.0, caller, asked);
        self.0.gate.run("ListIncidents", Scope::Read, request, work).await
    }

    async fn acknowledge_incident(
        &self,
        request: Request<v1::AcknowledgeIncidentRequest>,
    ) -> Result<Response<v1::Incident>, Status> {
        let work = |caller, asked| acknowledge::acknowledge(&self.0, caller, asked);
        self.0.gate.run("AcknowledgeIncident", Scope::Write, request, work).await
    }

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        watch::watch(self.0.clone(), request).await
    }
}
