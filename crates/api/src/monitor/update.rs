//! Edits monitors: read, change the named fields, and hand the whole back under the version that was read. The
//! engine refuses a stale version; if the caller did not insist on one, the edit is made anew on what is there.

use super::{channels, config, mask, message};
use crate::auth::Caller;
use crate::command::{command_id, id_spent};
use crate::deps::Api;
use crate::live::Seen;
use crate::refusal::{invalid, invalid_field};
use domain::command::{Action, MonitorView};
use domain::field_error::FieldError;
use domain::ids::{ChannelId, CommandId};
use domain::monitor::MonitorConfig;
use mask::Field;
use sha2::{Digest, Sha256};
use tonic::{Code, Status};
use wire::v1;

/// How often an edit without a version is made anew after somebody else was first.
const TRIES_AGAIN: u32 = 5;

/// An edit as asked for.
struct Edit {
    wanted: v1::Monitor,
    fields: Vec<Field>,
    channels: Vec<ChannelId>,
    id: CommandId,
}

/// Changes the fields named by the mask. `ABORTED` when the caller's version is not the current one.
pub(super) async fn update(api: &Api, caller: Caller, asked: v1::UpdateMonitorRequest) -> Result<v1::Monitor, Status> {
    let wanted = asked.monitor.ok_or_else(|| invalid_field("monitor", "is missing"))?;
    let id = command_id(&asked.command_id)?;
    let fields = mask::fields_named(asked.update_mask.as_ref(), &wanted).map_err(invalid)?;
    let channels = match fields.contains(&Field::Channels) {
        true => channels::ids_of(api, caller.tenant, &wanted.channels).await?,
        false => Vec::new(),
    };
    let edit = Edit { wanted, fields, channels, id };
    let view = until_first(api, &caller, &edit).await?;
    message::reply(api, &caller, Seen::now(view)).await
}

async fn until_first(api: &Api, caller: &Caller, edit: &Edit) -> Result<MonitorView, Status> {
    let again = if edit.wanted.version == 0 { TRIES_AGAIN } else { 0 };
    let mut round = 0;
    loop {
        match once(api, caller, edit, round).await {
            Err(stale) if stale.code() == Code::Aborted && round < again => round += 1,
            outcome => return outcome,
        }
    }
}

async fn once(api: &Api, caller: &Caller, edit: &Edit, round: u32) -> Result<MonitorView, Status> {
    let current = api.find(caller.tenant, &edit.wanted.slug).await?.view;
    let config = edit.applied_to(current.config).map_err(invalid)?;
    config.check(api.deps.clock.now()).map_err(invalid)?;
    let version = if edit.wanted.version == 0 { current.version } else { edit.wanted.version };
    let action = Action::Update { config: Box::new(config), version };
    let view = api.command_on_living(caller, current.monitor, id_of_round(edit.id, round), action).await?;
    // The engine answers a repeated id with what came of it then. If that is not what is asked for now, the id
    // was spent on another edit.
    match edit.applied_to(view.config.clone()) {
        Ok(same) if same == view.config => Ok(view),
        _ => Err(id_spent()),
    }
}

impl Edit {
    fn applied_to(&self, mut config: MonitorConfig) -> Result<MonitorConfig, FieldError> {
        config::apply(&self.fields, &self.wanted, &self.channels, &mut config)?;
        Ok(config)
    }
}

/// Each round is a command of its own, since a refusal may be remembered under its id; derived, so that
/// repeating the call repeats its rounds.
fn id_of_round(id: CommandId, round: u32) -> CommandId {
    if round == 0 {
        return id;
    }
    let hash = Sha256::new().chain_update(id.0).chain_update(round.to_be_bytes()).finalize();
    let mut derived = [0; 16];
    derived.iter_mut().zip(hash).for_each(|(byte, from)| *byte = from);
    CommandId(derived)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_have_ids_of_their_own_that_repeat() {
        let id = CommandId([7; 16]);
        let ids: Vec<CommandId> = (0..=TRIES_AGAIN).map(|round| id_of_round(id, round)).collect();
        assert!(ids[0] == id && (1..ids.len()).all(|n| !ids[..n].contains(&ids[n])));
        assert_eq!(id_of_round(id, 3), ids[3]);
    }
}
