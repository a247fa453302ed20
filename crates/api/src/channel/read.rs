//! Reads channels.

use super::message::message;
use crate::auth::Caller;
use crate::deps::Api;
use crate::page::PageAsk;
use crate::refusal::{from_store, no_channel};
use domain::channel_rules::BUILT_IN_LOG;
use domain::ids::{ChannelId, TenantId};
use store::row::ChannelRow;
use store::seal::seal_settings;
use tonic::Status;
use wire::v1;
use wire::v1::channel::Settings;

/// One channel.
pub(super) async fn get(api: &Api, caller: Caller, asked: v1::GetChannelRequest) -> Result<v1::Channel, Status> {
    let row = find(api, caller.tenant, &asked.name, "name").await?;
    Ok(message(api, &row))
}

/// A page by name. The built-in channel is not listed: nobody made it.
pub(super) async fn list(
    api: &Api,
    caller: Caller,
    asked: v1::ListChannelsRequest,
) -> Result<v1::ListChannelsResponse, Status> {
    let ask = PageAsk::new(asked.page_size, asked.page_token)?;
    let mut all = api.deps.store.channels(caller.tenant).await.map_err(from_store)?;
    all.retain(|row| !row.deleted && row.tenant == caller.tenant);
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let (rows, next_page_token) = ask.of_names(all, |row| &row.name)?;
    Ok(v1::ListChannelsResponse { channels: rows.iter().map(|row| message(api, row)).collect(), next_page_token })
}

/// The caller's channel of this name, or `NOT_FOUND` that names `field`.
pub(super) async fn find(api: &Api, tenant: TenantId, name: &str, field: &str) -> Result<ChannelRow, Status> {
    if name == BUILT_IN_LOG {
        return Ok(built_in_log(api, tenant));
    }
    find_made(api, tenant, name, field).await
}

/// The same for changes, which the built-in channel does not take.
pub(super) async fn find_made(api: &Api, tenant: TenantId, name: &str, field: &str) -> Result<ChannelRow, Status> {
    if name == BUILT_IN_LOG {
        return Err(Status::failed_precondition("the built-in channel `log` cannot be changed"));
    }
    let row = api.deps.store.channel_by_name(tenant, name).await.map_err(from_store)?;
    row.filter(|row| !row.deleted && row.tenant == tenant).ok_or_else(|| no_channel(field))
}

fn built_in_log(api: &Api, tenant: TenantId) -> ChannelRow {
    let settings = Settings::Log(v1::LogSettings {});
    ChannelRow {
        id: ChannelId::LOG,
        tenant,
        name: BUILT_IN_LOG.to_owned(),
        kind: BUILT_IN_LOG.to_owned(),
        settings: seal_settings(&api.deps.sealer, tenant, ChannelId::LOG, &settings),
        version: 1,
        created_ms: 0,
        changed_ms: 0,
        disabled: String::new(),
        deleted: false,
    }
}
