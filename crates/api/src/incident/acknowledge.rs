//! Acknowledges incidents.

use super::list::message;
use crate::auth::Caller;
use crate::command::CommandKey;
use crate::deps::Api;
use crate::refusal::{from_store, invalid, invalid_field, of_field};
use domain::command::{Action, IncidentView};
use domain::field_error::FieldError;
use domain::ids::TransitionId;
use domain::monitor::check_slug;
use tonic::{Code, Status};
use wire::v1;

/// Stops the reminders of an incident. Without a slug the incident's own monitor is looked up.
pub(super) async fn acknowledge(
    api: &Api,
    caller: Caller,
    asked: v1::AcknowledgeIncidentRequest,
) -> Result<v1::Incident, Status> {
    let id: TransitionId = asked.id.parse().map_err(|_| invalid_field("id", "allowed: `tr_` and 32 hex digits"))?;
    let slug = if asked.slug.is_empty() { slug_of(api, &caller, id).await? } else { asked.slug };
    check_slug(&slug).map_err(invalid)?;
    let monitor = api.deps.keys.monitor_id(caller.tenant, &slug);
    let action = Action::Acknowledge { incident: id };
    let key = CommandKey::read(&asked.command_id)?.derived(&[b"acknowledge", &id.0]);
    let view = api.command_on_living(&caller, monitor, key, action).await?;
    let still_open = view.live.incident.filter(|incident| incident.id == id);
    // It may end between the command and the look at it.
    let ended = IncidentView { id, opened_ms: view.live.created_ms, acknowledged: true };
    message(api, view.config.identity, still_open.unwrap_or(ended)).await
}

async fn slug_of(api: &Api, caller: &Caller, id: TransitionId) -> Result<String, Status> {
    let opening = api.deps.store.transition_by_id(caller.tenant, id).await.map_err(from_store)?;
    let own = opening.filter(|opening| opening.identity.tenant == caller.tenant);
    own.map(|opening| opening.identity.slug)
        .ok_or_else(|| of_field(Code::NotFound, &FieldError::new("id", "no such incident")))
}
