//! `MonitorService`: each rpc passes the gate and goes to the file of its group.

mod channels;
mod config;
mod control;
mod create;
pub mod fuzzing;
mod history;
mod list;
mod mask;
mod message;
mod update;

use crate::deps::Api;
use std::sync::Arc;
use store::row::Scope;
use tonic::{Request, Response, Status, async_trait};
use wire::v1;
use wire::v1::monitor_service_server::MonitorService;

/// The service.
pub(crate) struct Monitors(pub Arc<Api>);

#[async_trait]
impl MonitorService for Monitors {
    async fn create_monitor(
        &self,
        request: Request<v1::CreateMonitorRequest>,
    ) -> Result<Response<v1::Monitor>, Status> {
        let work = |caller, asked| create::create(&self.0, caller, asked);
        self.0.gate.run("CreateMonitor", Scope::Write, request, work).await
    }

    async fn get_monitor(&self, request: Request<v1::GetMonitorRequest>) -> Result<Response<v1::Monitor>, Status> {
        let work = |caller, asked| list::get(&self.0, caller, asked);
        self.0.gate.run("GetMonitor", Scope::Read, request, work).await
    }

    async fn list_monitors(
        &self,
        request: Request<v1::ListMonitorsRequest>,
    ) -> Result<Response<v1::ListMonitorsResponse>, Status> {
        let work = |caller, asked| list::list(&self.0, caller, asked);
        self.0.gate.run("ListMonitors", Scope::Read, request, work).await
    }

    async fn update_monitor(
        &self,
        request: Request<v1::UpdateMonitorRequest>,
    ) -> Result<Response<v1::Monitor>, Status> {
        let work = |caller, asked| update::update(&self.0, caller, asked);
        self.0.gate.run("UpdateMonitor", Scope::Write, request, work).await
    }

    async fn pause_monitor(&self, request: Request<v1::PauseMonitorRequest>) -> Result<Response<v1::Monitor>, Status> {
        let work = |caller, asked| control::pause(&self.0, caller, asked);
        self.0.gate.run("PauseMonitor", Scope::Write, request, work).await
    }

    async fn resume_monitor(
        &self,
        request: Request<v1::ResumeMonitorRequest>,
    ) -> Result<Response<v1::Monitor>, Status> {
        let work = |caller, asked| control::resume(&self.0, caller, asked);
        self.0.gate.run("ResumeMonitor", Scope::Write, request, work).await
    }

    async fn delete_monitor(
        &self,
        request: Request<v1::DeleteMonitorRequest>,
    ) -> Result<Response<v1::DeleteMonitorResponse>, Status> {
        let work = |caller, asked| control::delete(&self.0, caller, asked);
        self.0.gate.run("DeleteMonitor", Scope::Write, request, work).await
    }

    async fn rotate_ping_token(
        &self,
        request: Request<v1::RotatePingTokenRequest>,
    ) -> Result<Response<v1::Monitor>, Status> {
        let work = |caller, asked| control::rotate_token(&self.0, caller, asked);
        self.0.gate.run("RotatePingToken", Scope::Write, request, work).await
    }

    async fn list_pings(
        &self,
        request: Request<v1::ListPingsRequest>,
    ) -> Result<Response<v1::ListPingsResponse>, Status> {
        let work = |caller, asked| history::pings(&self.0, caller, asked);
        self.0.gate.run("ListPings", Scope::Read, request, work).await
    }

    async fn list_transitions(
        &self,
        request: Request<v1::ListTransitionsRequest>,
    ) -> Result<Response<v1::ListTransitionsResponse>, Status> {
        let work = |caller, asked| history::transitions(&self.0, caller, asked);
        self.0.gate.run("ListTransitions", Scope::Read, request, work).await
    }
}
