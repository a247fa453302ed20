//! Edits monitors: read, change the named fields, and hand the whole back under the version that was read. The
//! engine refuses a stale version; if the caller did not insist on one, the edit is made anew on what is there.

use super::{channels, config, mask, message};
use crate::auth::Caller;
use crate::command::{CommandKey, id_spent};
use crate::deps::Api;
use crate::live::Seen;
use crate::refusal::{invalid, invalid_field};
use domain::command::{Action, MonitorView};
use domain::field_error::FieldError;
use domain::ids::ChannelId;
use domain::monitor::MonitorConfig;
use mask::Field;
use tonic::{Code, Status};
use wire::v1;

/// How often an edit without a version is made anew after somebody else was first.
const TRIES_AGAIN: u32 = 5;

/// An edit as asked for.
struct Edit {
    wanted: v1::Monitor,
    fields: Vec<Field>,
    channels: Vec<ChannelId>,
    key: CommandKey,
}

/// Changes the fields named by the mask. `ABORTED` when the caller's version is not the current one.
pub(super) async fn update(api: &Api, caller: Caller, asked: v1::UpdateMonitorRequest) -> Result<v1::Monitor, Status> {
    let wanted = asked.monitor.ok_or_else(|| invalid_field("monitor", "is missing"))?;
    let key = CommandKey::read(&asked.command_id)?;
    let fields = mask::fields_named(asked.update_mask.as_ref(), &wanted).map_err(invalid)?;
    let channels = match fields.contains(&Field::Channels) {
        true => channels::ids_of(api, caller.tenant, &wanted.channels).await?,
        false => Vec::new(),
    };
    let edit = Edit { wanted, fields, channels, key };
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
    let view = api.command_on_living(caller, current.monitor, key_of_round(edit.key, round), action).await?;
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
fn key_of_round(key: CommandKey, round: u32) -> CommandKey {
    if round == 0 { key } else { key.derived(&[&round.to_be_bytes()]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::CommandId;

    #[test]
    fn rounds_have_ids_of_their_own_that_repeat() {
        let key = CommandKey::read(&format!("cm_{}", "7".repeat(32))).unwrap();
        let ids: Vec<CommandId> = (0..=TRIES_AGAIN).map(|round| key_of_round(key, round).logged).collect();
        assert!(ids[0] == key.told && (1..ids.len()).all(|n| !ids[..n].contains(&ids[n])));
        assert_eq!(key_of_round(key, 3).logged, ids[3]);
        assert_eq!(key_of_round(key, 3).told, key.told, "the caller repeats what it sent");
    }
}
