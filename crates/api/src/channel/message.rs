//! Channels as messages.

use super::secret::hidden;
use crate::convert::time::timestamp;
use crate::deps::Api;
use store::row::ChannelRow;
use store::seal::open_settings;
use wire::v1;

/// A channel as clients see it, without its secrets. Settings that cannot be opened (another key, a damaged
/// row) are left out: the rest is still worth seeing.
pub(super) fn message(api: &Api, row: &ChannelRow) -> v1::Channel {
    let opened = open_settings(&api.deps.sealer, row);
    let settings =
        opened.map_err(|problem| tracing::error!(channel = %row.id, %problem, "a channel's settings do not open"));
    v1::Channel {
        id: row.id.to_string(),
        name: row.name.clone(),
        settings: settings.ok().map(hidden),
        version: row.version,
        created_at: Some(timestamp(row.created_ms)),
        disabled_reason: row.disabled.clone(),
        kind: row.kind.clone(),
    }
}
