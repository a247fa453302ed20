//! Edits channels.

use super::{mask, message::message, read::find_made, rules};
use crate::auth::Caller;
use crate::deps::Api;
use crate::refusal::{from_store, invalid, invalid_field, of_field};
use domain::field_error::FieldError;
use domain::ids::ChannelId;
use domain::monitor::check_text;
use mask::DISABLED_REASON;
use store::StoreError;
use store::row::ChannelRow;
use store::seal::{open_settings, seal_settings};
use tonic::{Code, Status};
use wire::v1;

/// How often an edit without a version is made anew after somebody else was first.
const TRIES_AGAIN: u32 = 5;
const REASON_CHARS_MOST: usize = 200;

/// Changes the named settings. `ABORTED` when the caller's version is not the current one.
///
/// New settings switch a disabled channel on again: it was disabled because of the old ones. To switch one
/// off by hand, give it a `disabled_reason`; to switch it on, name that path and leave it empty.
pub(super) async fn update(api: &Api, caller: Caller, asked: v1::UpdateChannelRequest) -> Result<v1::Channel, Status> {
    let wanted = asked.channel.ok_or_else(|| invalid_field("channel", "is missing"))?;
    let paths = mask::paths_named(asked.update_mask.as_ref(), &wanted).map_err(invalid)?;
    let mut tries_left = if wanted.version == 0 { TRIES_AGAIN } else { 0 };
    let row = loop {
        let current = find_made(api, caller.tenant, &wanted.name, "name").await?;
        let row = changed(api, current, &paths, &wanted)?;
        match api.deps.store.update_channel(row.clone()).await {
            Ok(()) => break row,
            Err(StoreError::Conflict(_)) if tries_left > 0 => tries_left -= 1,
            Err(error) => return Err(from_store(error)),
        }
    };
    if !row.disabled.is_empty() {
        super::delete::close_deliveries(api, row.id).await;
    }
    Ok(message(api, &row))
}

fn changed(api: &Api, current: ChannelRow, paths: &[&str], wanted: &v1::Channel) -> Result<ChannelRow, Status> {
    if wanted.version != 0 && wanted.version != current.version {
        return Err(stale(current.version));
    }
    let mut settings = open_settings(&api.deps.sealer, &current).map_err(|problem| unopened(current.id, &problem))?;
    mask::carry_over(paths, wanted.settings.clone(), &mut settings).map_err(invalid)?;
    // Switching a channel on or off does not ask whether its settings would still be taken today.
    if paths != [DISABLED_REASON] {
        rules::check(&settings, &api.deps.egress).map_err(invalid)?;
    }
    let disabled = match paths.contains(&DISABLED_REASON) {
        true => wanted.disabled_reason.clone(),
        false => String::new(),
    };
    check_text(DISABLED_REASON, &disabled, 0, REASON_CHARS_MOST, false).map_err(invalid)?;
    let settings = seal_settings(&api.deps.sealer, current.tenant, current.id, &settings);
    Ok(ChannelRow { settings, version: current.version + 1, changed_ms: api.deps.clock.now().0, disabled, ..current })
}

fn stale(current: u32) -> Status {
    of_field(Code::Aborted, &FieldError::new("version", format!("the current version is {current}, read again")))
}

fn unopened(channel: ChannelId, problem: &store::seal::SealError) -> Status {
    tracing::error!(%channel, %problem, "a channel's settings do not open");
    Status::data_loss("the stored settings cannot be opened; delete the channel and make it again")
}
