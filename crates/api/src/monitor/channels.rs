//! Channels are named in messages and numbered in configurations.

use crate::deps::Api;
use crate::live::Seen;
use crate::refusal::{from_store, invalid_field};
use domain::channel_rules::BUILT_IN_LOG;
use domain::field_error::quoted;
use domain::ids::{ChannelId, TenantId};
use domain::monitor::MAX_CHANNELS;
use std::collections::BTreeMap;
use tonic::Status;

/// The names of a tenant's channels.
#[derive(Default)]
pub(super) struct ChannelNames(BTreeMap<ChannelId, String>);

impl ChannelNames {
    /// Reads them, if any of `seen` has a channel at all.
    pub async fn load(api: &Api, tenant: TenantId, seen: &[Seen]) -> Result<Self, Status> {
        let mut names = BTreeMap::from([(ChannelId::LOG, BUILT_IN_LOG.to_owned())]);
        if seen.iter().any(|seen| seen.view.config.policy.channels.iter().any(|id| *id != ChannelId::LOG)) {
            let rows = api.deps.store.channels(tenant).await.map_err(from_store)?;
            names.extend(rows.into_iter().map(|row| (row.id, row.name)));
        }
        Ok(Self(names))
    }

    /// The names of `ids`, in their order; deleted channels are left out.
    pub fn of(&self, ids: &[ChannelId]) -> Vec<String> {
        ids.iter().filter_map(|id| self.0.get(id)).cloned().collect()
    }
}

/// The ids of channels of the caller's tenant; another's have no names here.
pub(super) async fn ids_of(api: &Api, tenant: TenantId, names: &[String]) -> Result<Vec<ChannelId>, Status> {
    if names.len() > MAX_CHANNELS {
        return Err(invalid_field("channels", format!("found {}, allowed: at most {MAX_CHANNELS}", names.len())));
    }
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let id = id_of(api, tenant, name).await?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

async fn id_of(api: &Api, tenant: TenantId, name: &str) -> Result<ChannelId, Status> {
    if name == BUILT_IN_LOG {
        return Ok(ChannelId::LOG);
    }
    let row = api.deps.store.channel_by_name(tenant, name).await.map_err(from_store)?;
    let own = row.filter(|row| !row.deleted && row.tenant == tenant);
    own.map(|row| row.id).ok_or_else(|| invalid_field("channels", format!("there is no channel {}", quoted(name))))
}
