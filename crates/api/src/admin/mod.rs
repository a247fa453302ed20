//! `AdminService`: keys of the caller's tenant, the backup of the installation, and its move to another one.

mod backup;
mod key;
mod moving;

use crate::auth::Caller;
use crate::deps::Api;
use domain::ids::TenantId;
use futures::stream::BoxStream;
use std::sync::Arc;
use store::row::Scope;
use tonic::{Request, Response, Status, async_trait};
use wire::v1;
use wire::v1::admin_service_server::AdminService;

/// Whoever has its admin key runs the installation.
const OPERATOR: TenantId = TenantId(1);

/// What concerns all tenants is for the one that runs the installation.
fn only_operator(caller: &Caller, what: &str) -> Result<(), Status> {
    match caller.tenant {
        OPERATOR => Ok(()),
        _ => Err(Status::permission_denied(format!("only the tenant that runs the installation may {what}"))),
    }
}

/// The service.
pub(crate) struct Admin(pub Arc<Api>);

#[async_trait]
impl AdminService for Admin {
    async fn create_key(
        &self,
        request: Request<v1::CreateKeyRequest>,
    ) -> Result<Response<v1::CreateKeyResponse>, Status> {
        let work = |caller, asked| key::create(&self.0, caller, asked);
        self.0.gate.run("CreateKey", Scope::Admin, request, work).await
    }

    async fn list_keys(&self, request: Request<v1::ListKeysRequest>) -> Result<Response<v1::ListKeysResponse>, Status> {
        let work = |caller, _| key::list(&self.0, caller);
        self.0.gate.run("ListKeys", Scope::Admin, request, work).await
    }

    async fn revoke_key(
        &self,
        request: Request<v1::RevokeKeyRequest>,
    ) -> Result<Response<v1::RevokeKeyResponse>, Status> {
        let work = |caller, asked| key::revoke(&self.0, caller, asked);
        self.0.gate.run("RevokeKey", Scope::Admin, request, work).await
    }

    async fn backup(&self, request: Request<v1::BackupRequest>) -> Result<Response<v1::BackupResponse>, Status> {
        let work = |caller, asked| backup::backup(&self.0, caller, asked);
        self.0.gate.run_long("Backup", Scope::Admin, request, work).await
    }

    async fn begin_move(
        &self,
        request: Request<v1::BeginMoveRequest>,
    ) -> Result<Response<v1::BeginMoveResponse>, Status> {
        let work = |caller, _| moving::begin(&self.0, caller);
        self.0.gate.run_long("BeginMove", Scope::Admin, request, work).await
    }

    type FollowLogStream = BoxStream<'static, Result<v1::FollowLogResponse, Status>>;

    async fn follow_log(
        &self,
        request: Request<v1::FollowLogRequest>,
    ) -> Result<Response<Self::FollowLogStream>, Status> {
        moving::follow(&self.0, request).await
    }
}
