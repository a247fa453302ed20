//! Pause, resume, delete, rotate: commands without a configuration. Their answers do not show which command they are
//! the answer to, so a caller's id is bound to the verb and the monitor: used for another one, it is another command.

use super::message;
use crate::auth::Caller;
use crate::command::CommandKey;
use crate::convert::time::whole_seconds;
use crate::deps::Api;
use crate::live::Seen;
use crate::refusal::invalid;
use domain::command::Action;
use domain::ids::MonitorId;
use domain::monitor::check_slug;
use tonic::Status;
use wire::v1;

/// No verdict of silence until resumed, or for as long as asked.
pub(super) async fn pause(api: &Api, caller: Caller, asked: v1::PauseMonitorRequest) -> Result<v1::Monitor, Status> {
    let length = asked.pause_for.map(|length| whole_seconds("pause_for", 1, &length)).transpose().map_err(invalid)?;
    let until_ms = length.map(|secs| api.deps.clock.now().plus_ms(i64::from(secs) * 1_000).0);
    act(api, caller, &asked.slug, &asked.command_id, Action::Pause { until_ms }).await
}

pub(super) async fn resume(api: &Api, caller: Caller, asked: v1::ResumeMonitorRequest) -> Result<v1::Monitor, Status> {
    act(api, caller, &asked.slug, &asked.command_id, Action::Resume).await
}

pub(super) async fn rotate_token(
    api: &Api,
    caller: Caller,
    asked: v1::RotatePingTokenRequest,
) -> Result<v1::Monitor, Status> {
    act(api, caller, &asked.slug, &asked.command_id, Action::RotateToken).await
}

pub(super) async fn delete(
    api: &Api,
    caller: Caller,
    asked: v1::DeleteMonitorRequest,
) -> Result<v1::DeleteMonitorResponse, Status> {
    let monitor = own_id(api, &caller, &asked.slug)?;
    let key = CommandKey::read(&asked.command_id)?.derived(&[b"delete", &monitor.0.to_be_bytes()]);
    api.command(&caller, monitor, key, Action::Delete).await?;
    Ok(v1::DeleteMonitorResponse {})
}

async fn act(api: &Api, caller: Caller, slug: &str, id: &str, action: Action) -> Result<v1::Monitor, Status> {
    let monitor = own_id(api, &caller, slug)?;
    let verb: &[u8] = match &action {
        Action::Pause { .. } => b"pause",
        Action::Resume => b"resume",
        _ => b"rotate",
    };
    let key = CommandKey::read(id)?.derived(&[verb, &monitor.0.to_be_bytes()]);
    let view = api.command_on_living(&caller, monitor, key, action).await?;
    message::reply(api, &caller, Seen::now(view)).await
}

/// The id that the slug has in the caller's tenant; whether there is such a monitor the engine says.
fn own_id(api: &Api, caller: &Caller, slug: &str) -> Result<MonitorId, Status> {
    check_slug(slug).map_err(invalid)?;
    Ok(api.deps.keys.monitor_id(caller.tenant, slug))
}
