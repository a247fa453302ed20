//! Makes channels.

use super::{message::message, rules, secret};
use crate::auth::Caller;
use crate::deps::Api;
use crate::refusal::{exhausted, from_store, invalid, invalid_field, of_field};
use domain::channel_rules::check_name;
use domain::field_error::FieldError;
use domain::ids::{ChannelId, TenantId};
use store::StoreError;
use store::row::ChannelRow;
use store::seal::seal_settings;
use tonic::{Code, Status};
use wire::v1;
use wire::v1::channel::Settings;

/// The most channels of a tenant; they are listed whole.
const CHANNELS_MOST: usize = 1_000;

/// Makes a channel. The reply, and only this one, shows a signing secret that was drawn here.
pub(super) async fn create(api: &Api, caller: Caller, asked: v1::CreateChannelRequest) -> Result<v1::Channel, Status> {
    let mut wanted = asked.channel.ok_or_else(|| invalid_field("channel", "is missing"))?;
    refuse_output_only(&wanted).map_err(invalid)?;
    check_name(&wanted.name).map_err(invalid)?;
    let mut settings =
        wanted.settings.take().ok_or_else(|| invalid_field("settings", "one kind of settings is needed"))?;
    let drawn = draw_secret(&mut settings);
    rules::check(&settings, &api.deps.egress).map_err(invalid)?;
    let channels = api.deps.store.channels(caller.tenant).await.map_err(from_store)?;
    if channels.len() >= CHANNELS_MOST {
        return Err(exhausted("a tenant has at most 1,000 channels", None));
    }
    let row = new_row(api, caller.tenant, wanted.name, &settings);
    api.deps.store.add_channel(row.clone()).await.map_err(name_taken)?;
    let mut reply = message(api, &row);
    if let (Some(drawn), Some(Settings::Webhook(webhook))) = (drawn, &mut reply.settings) {
        webhook.secret = drawn;
    }
    Ok(reply)
}

fn refuse_output_only(wanted: &v1::Channel) -> Result<(), FieldError> {
    let set = [
        ("id", !wanted.id.is_empty()),
        ("version", wanted.version != 0),
        ("created_at", wanted.created_at.is_some()),
        ("disabled_reason", !wanted.disabled_reason.is_empty()),
        ("kind", !wanted.kind.is_empty()),
    ];
    match set.into_iter().find(|(_, set)| *set) {
        Some((field, _)) => Err(FieldError::new(field, "cannot be set at creation")),
        None => Ok(()),
    }
}

/// Gives a webhook without a signing secret one, and says which.
fn draw_secret(settings: &mut Settings) -> Option<String> {
    match settings {
        Settings::Webhook(webhook) if webhook.secret.is_empty() => {
            webhook.secret = secret::draw();
            Some(webhook.secret.clone())
        }
        _ => None,
    }
}

fn new_row(api: &Api, tenant: TenantId, name: String, settings: &Settings) -> ChannelRow {
    // Zero is the built-in channel's.
    let id = ChannelId(rand::random::<u64>().max(1));
    let now_ms = api.deps.clock.now().0;
    ChannelRow {
        id,
        tenant,
        name,
        kind: settings.kind_word().to_owned(),
        settings: seal_settings(&api.deps.sealer, tenant, id, settings),
        version: 1,
        created_ms: now_ms,
        changed_ms: now_ms,
        disabled: String::new(),
        deleted: false,
    }
}

fn name_taken(error: StoreError) -> Status {
    match error {
        StoreError::Conflict(_) => {
            of_field(Code::AlreadyExists, &FieldError::new("name", "there is a channel of this name"))
        }
        other => from_store(other),
    }
}
