//! What fuzz targets read channels with: the way of settings from a message to the store and back to a reply. No
//! promise is made of anything in here.

use super::{mask, rules, secret};
use domain::egress::EgressPolicy;
use domain::field_error::FieldError;
use wire::v1::channel::Settings;
use wire::v1::{Channel, UpdateChannelRequest};

/// The door of settings that are about to be stored.
pub fn check_settings(settings: &Settings, egress: &EgressPolicy) -> Result<(), FieldError> {
    rules::check(settings, egress)
}

/// The settings after an update, not yet checked.
pub fn updated_settings(mut stored: Settings, asked: &UpdateChannelRequest) -> Result<Settings, FieldError> {
    let wanted: &Channel = asked.channel.as_ref().ok_or_else(|| FieldError::new("channel", "is missing"))?;
    let paths = mask::paths_named(asked.update_mask.as_ref(), wanted)?;
    mask::carry_over(&paths, wanted.settings.clone(), &mut stored).map(|()| stored)
}

/// Settings as replies show them.
pub fn hidden_settings(settings: Settings) -> Settings {
    secret::hidden(settings)
}
