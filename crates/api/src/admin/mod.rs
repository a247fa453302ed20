//! `AdminService`: keys of the caller's tenant, and the backup of the installation.

mod backup;
mod key;

use crate::deps::Api;
use std::sync::Arc;
use store::row::Scope;
use tonic::{Request, Response, Status, async_trait};
use wire::v1;
use wire::v1::admin_service_server::AdminService;

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
}
