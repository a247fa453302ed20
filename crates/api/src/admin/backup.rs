//! The backup of the whole installation.

use super::only_operator;
use crate::auth::Caller;
use crate::deps::Api;
use crate::refusal::invalid_field;
use std::path::Path;
use tonic::Status;
use wire::v1;

/// Copies log and store of all tenants to the server's disk: for the tenant that runs the installation only.
pub(super) async fn backup(api: &Api, caller: Caller, asked: v1::BackupRequest) -> Result<v1::BackupResponse, Status> {
    only_operator(&caller, "copy it")?;
    let directory = Path::new(&asked.directory);
    if !directory.is_absolute() || asked.directory.contains('\0') {
        return Err(invalid_field("directory", "allowed: an absolute path on the server's machine"));
    }
    let Ok(_alone) = api.backing_up.try_lock() else {
        return Err(Status::failed_precondition("a backup is running already"));
    };
    let copied = api.deps.backup.backup(directory).await;
    let bytes = copied.map_err(|problem| {
        tracing::warn!(problem, "backup failed");
        Status::failed_precondition(problem)
    })?;
    tracing::info!(bytes, by = caller.prefix, "backup made");
    Ok(v1::BackupResponse { bytes })
}
