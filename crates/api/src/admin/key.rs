//! API keys of the caller's tenant.

use crate::auth::Caller;
use crate::convert::time::timestamp;
use crate::deps::Api;
use crate::keys::new_key;
use crate::refusal::{exhausted, from_store, invalid, invalid_field, of_field};
use domain::field_error::{FieldError, quoted};
use domain::monitor::{MAX_NAME_CHARS, check_text};
use store::StoreError;
use store::row::{ApiKeyRow, Scope};
use tonic::{Code, Status};
use wire::v1;

/// The most keys of a tenant, revoked ones counted; they are listed whole.
const KEYS_MOST: usize = 1_000;
/// A drawn prefix that is taken (1 in 10^12) is drawn again.
const DRAWS_MOST: u32 = 3;

/// Makes a key. This reply is the only place where it ever stands.
pub(super) async fn create(
    api: &Api,
    caller: Caller,
    asked: v1::CreateKeyRequest,
) -> Result<v1::CreateKeyResponse, Status> {
    check_text("name", &asked.name, 1, MAX_NAME_CHARS, false).map_err(invalid)?;
    let refusal = || invalid_field("scope", format!("found {}, allowed: read, write, admin", quoted(&asked.scope)));
    let scope = Scope::from_word(&asked.scope).ok_or_else(refusal)?;
    if api.deps.store.api_keys(caller.tenant).await.map_err(from_store)?.len() >= KEYS_MOST {
        return Err(exhausted("a tenant has at most 1,000 keys", None));
    }
    for _ in 0..DRAWS_MOST {
        let (key, row) = new_key(caller.tenant, asked.name.as_str(), scope, api.deps.clock.now());
        match api.deps.store.add_api_key(row.clone()).await {
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(from_store(error)),
            Ok(()) => {
                tracing::info!(
                    tenant = caller.tenant.0,
                    by = caller.prefix,
                    key = row.prefix,
                    scope = scope.word(),
                    "api key made"
                );
                return Ok(v1::CreateKeyResponse { key, info: Some(message(row)) });
            }
        }
    }
    Err(Status::unavailable("no free key could be drawn, try again"))
}

/// All keys of the tenant, oldest first, without the keys themselves.
pub(super) async fn list(api: &Api, caller: Caller) -> Result<v1::ListKeysResponse, Status> {
    let mut rows = api.deps.store.api_keys(caller.tenant).await.map_err(from_store)?;
    rows.retain(|row| row.tenant == caller.tenant);
    rows.sort_by(|a, b| (a.created_ms, &a.prefix).cmp(&(b.created_ms, &b.prefix)));
    Ok(v1::ListKeysResponse { keys: rows.into_iter().map(message).collect() })
}

/// Revokes a key; repeating it changes nothing. The last admin key stays: without one nobody could make another.
pub(super) async fn revoke(
    api: &Api,
    caller: Caller,
    asked: v1::RevokeKeyRequest,
) -> Result<v1::RevokeKeyResponse, Status> {
    let _one_at_a_time = api.revoking.lock().await;
    let rows = api.deps.store.api_keys(caller.tenant).await.map_err(from_store)?;
    let is_admin = |row: &&ApiKeyRow| row.scope == Scope::Admin && !row.revoked;
    let named = rows.iter().find(|row| row.prefix == asked.prefix).ok_or_else(no_key)?;
    if is_admin(&named) && rows.iter().filter(is_admin).count() == 1 {
        return Err(of_field(
            Code::FailedPrecondition,
            &FieldError::new("prefix", "is the last admin key, make another one first"),
        ));
    }
    let found = api.deps.store.revoke_api_key(caller.tenant, &asked.prefix).await.map_err(from_store)?;
    api.gate.auth.forget(&asked.prefix);
    if !found {
        return Err(no_key());
    }
    tracing::info!(tenant = caller.tenant.0, by = caller.prefix, key = asked.prefix, "api key revoked");
    Ok(v1::RevokeKeyResponse {})
}

fn no_key() -> Status {
    of_field(Code::NotFound, &FieldError::new("prefix", "no such key"))
}

fn message(row: ApiKeyRow) -> v1::ApiKey {
    v1::ApiKey {
        prefix: row.prefix,
        name: row.name,
        scope: row.scope.word().to_owned(),
        created_at: Some(timestamp(row.created_ms)),
        revoked: row.revoked,
    }
}
