//! Makes monitors.

use super::{channels, config, mask, message};
use crate::auth::Caller;
use crate::command::{CommandKey, id_spent};
use crate::deps::Api;
use crate::live::Seen;
use crate::refusal::{invalid, invalid_field};
use domain::command::Action;
use domain::ids::TenantId;
use domain::monitor::{Identity, MonitorConfig, Policy, check_slug};
use tonic::Status;
use wire::v1;

/// Makes a monitor of the caller's tenant. `ALREADY_EXISTS` when the slug is taken, unless the command id says
/// that it was this very call that took it.
pub(super) async fn create(api: &Api, caller: Caller, asked: v1::CreateMonitorRequest) -> Result<v1::Monitor, Status> {
    let wanted = asked.monitor.ok_or_else(|| invalid_field("monitor", "is missing"))?;
    let key = CommandKey::read(&asked.command_id)?;
    let config = config_of(api, caller.tenant, &wanted).await?;
    let monitor = api.deps.keys.monitor_id(caller.tenant, &config.identity.slug);
    let view = api.command(&caller, monitor, key, Action::Create(Box::new(config.clone()))).await?;
    // A repeated id is answered with the monitor as it is now; if that is not what is asked for, the id was
    // spent on another wish.
    let made = view.filter(|view| view.config == config).ok_or_else(id_spent)?;
    message::reply(api, &caller, Seen::now(made)).await
}

/// The configuration a message describes, defaults filled in and checked at the door.
async fn config_of(api: &Api, tenant: TenantId, wanted: &v1::Monitor) -> Result<MonitorConfig, Status> {
    check_slug(&wanted.slug).map_err(invalid)?;
    mask::refuse_output_only(wanted).map_err(invalid)?;
    if wanted.version != 0 {
        return Err(invalid_field("version", "is set by the server only"));
    }
    let identity = Identity { tenant, slug: wanted.slug.clone(), name: wanted.slug.clone(), ..Identity::default() };
    let mut config = MonitorConfig { identity, policy: Policy::daily() };
    let channels = channels::ids_of(api, tenant, &wanted.channels).await?;
    config::apply(&mask::fields_set(wanted), wanted, &channels, &mut config).map_err(invalid)?;
    config.check(api.deps.clock.now()).map_err(invalid)?;
    Ok(config)
}
