//! What fuzz targets read monitors with: the way of a message to a configuration and back, without log and store. No
//! promise is made of anything in here.

use super::{config, mask, message};
use domain::field_error::FieldError;
use domain::ids::{ChannelId, TenantId};
use domain::monitor::{Identity, MonitorConfig, Policy, check_slug};
use domain::time::UnixMs;
use wire::v1;

/// What `CreateMonitor` makes of a message at `now`, its channels being `channels`.
pub fn created(wanted: &v1::Monitor, channels: &[ChannelId], now: UnixMs) -> Result<MonitorConfig, FieldError> {
    check_slug(&wanted.slug)?;
    mask::refuse_output_only(wanted)?;
    let identity =
        Identity { tenant: TenantId(1), slug: wanted.slug.clone(), name: wanted.slug.clone(), ..Identity::default() };
    let mut made = MonitorConfig { identity, policy: Policy::daily() };
    config::apply(&mask::fields_set(wanted), wanted, channels, &mut made)?;
    made.check(now).map(|()| made)
}

/// What `UpdateMonitor` makes of `current` at `now`.
pub fn updated(
    mut current: MonitorConfig,
    asked: &v1::UpdateMonitorRequest,
    channels: &[ChannelId],
    now: UnixMs,
) -> Result<MonitorConfig, FieldError> {
    let wanted = asked.monitor.as_ref().ok_or_else(|| FieldError::new("monitor", "is missing"))?;
    let fields = mask::fields_named(asked.update_mask.as_ref(), wanted)?;
    config::apply(&fields, wanted, channels, &mut current)?;
    current.check(now).map(|()| current)
}

/// The settable fields of a reply about `config`, its channels left out.
pub fn shown(config: &MonitorConfig) -> v1::Monitor {
    let identity = config.identity.clone();
    let mut shown = v1::Monitor {
        slug: identity.slug,
        name: identity.name,
        description: identity.description,
        tags: identity.tags,
        ..v1::Monitor::default()
    };
    message::show_policy(&config.policy, &mut shown);
    shown
}
