//! Commands: a change of a monitor becomes a record of its shard, and the engine's answer to that record is
//! the reply. Between the two nothing is decided here, so that edits and pings have one order, and any node can
//! take any tenant's command.
//!
//! The owner of the shard may change meanwhile. The record stays where it is, and whoever owns the shard next applies
//! it; an answer that was lost with an owner is had by appending the command again, since an engine remembers what
//! came of an id.

use crate::auth::Caller;
use crate::deps::Api;
use crate::refusal::{append_unknown, from_append, from_engine, invalid_field, no_monitor, of_field, outcome_unknown};
use domain::command::{Action, Command, MonitorView};
use domain::field_error::FieldError;
use domain::ids::{CommandId, MonitorId, ShardId};
use domain::record::Body;
use eventlog::AppendError;
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status};
use wire::convert::rows::view_from_wire;
use wire::v1;
use wire::v1::shard_await_response::Answer;

/// A call that is cut off tells its caller nothing; so much before that the command's id is told instead.
const LAST_WORD: Duration = Duration::from_millis(10);
/// How often a command is appended, if the answers to the first records are lost.
const APPENDS: usize = 3;

/// A command's id: the one its caller repeats, and the one that stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommandKey {
    pub told: CommandId,
    pub logged: CommandId,
}

impl CommandKey {
    /// The id a caller gave its command, or a drawn one.
    pub fn read(text: &str) -> Result<Self, Status> {
        let refused = |_| invalid_field("command_id", "allowed: `cm_` and 32 hex digits in lower case");
        let id = if text.is_empty() { CommandId(rand::random()) } else { text.parse().map_err(refused)? };
        Ok(Self { told: id, logged: id })
    }

    /// The same for its caller, another one in the log for each `parts`.
    pub fn derived(self, parts: &[&[u8]]) -> Self {
        let hash = parts.iter().fold(Sha256::new().chain_update(self.told.0), |hash, part| hash.chain_update(part));
        let mut logged = [0; 16];
        logged.iter_mut().zip(hash.finalize()).for_each(|(byte, from)| *byte = from);
        Self { logged: CommandId(logged), ..self }
    }
}

/// The command id was used before, for something else.
pub(crate) fn id_spent() -> Status {
    of_field(
        Code::AlreadyExists,
        &FieldError::new("command_id", "was used for another change, or that change is no longer in force"),
    )
}

impl Api {
    /// Appends a command of `caller` for one of its own monitors and waits for the engine's answer: the
    /// monitor as it is then, `None` after a deletion.
    ///
    /// Errors: the engine's refusal; `UNAVAILABLE` when the log did not take it; `DEADLINE_EXCEEDED` with the
    /// command's id when the log has it but nobody could say what came of it, or the call's time is up.
    pub async fn command(
        &self,
        caller: &Caller,
        monitor: MonitorId,
        key: CommandKey,
        action: Action,
    ) -> Result<Option<MonitorView>, Status> {
        let shard = self.deps.keys.shard_of(monitor);
        let (id, tenant, actor) = (key.logged, caller.tenant, caller.name.clone());
        let body = Body::Command(Command { id, tenant, monitor, actor, action });
        for _ in 0..APPENDS {
            let offset = self.append_command(caller, shard, key, &body).await?;
            let reply = self.answer_to(caller, shard, key, offset).await?;
            // Every command has an answer: an owner without it took the shard over after it was given.
            if !matches!(reply.answer, Some(Answer::Applied(_))) {
                return self.read_answer(caller, monitor, key, reply);
            }
        }
        Err(outcome_unknown(key.told))
    }

    /// The same for commands after which the monitor is still there.
    pub async fn command_on_living(
        &self,
        caller: &Caller,
        monitor: MonitorId,
        key: CommandKey,
        action: Action,
    ) -> Result<MonitorView, Status> {
        self.command(caller, monitor, key, action).await?.ok_or_else(no_monitor)
    }

    async fn append_command(
        &self,
        caller: &Caller,
        shard: ShardId,
        key: CommandKey,
        body: &Body,
    ) -> Result<u64, Status> {
        let ticket = self.deps.producer.append(shard, body, self.deps.clock.now());
        let patience = Instant::now() + self.limits.append;
        let until = last_word(caller, patience);
        match timeout_at(until, ticket).await {
            Ok(appended) => Ok(appended.map_err(|error| from_append(error, key.told))?.offset),
            Err(_) if until < patience => Err(append_unknown(key.told)),
            Err(_) => Err(from_append(AppendError::TimedOut, key.told)),
        }
    }

    async fn answer_to(
        &self,
        caller: &Caller,
        shard: ShardId,
        key: CommandKey,
        offset: u64,
    ) -> Result<v1::ShardAwaitResponse, Status> {
        let until = last_word(caller, Instant::now() + self.limits.answer);
        let left = until.saturating_duration_since(Instant::now());
        let asked = timeout_at(until, self.deps.shards.answer(shard, offset, left)).await;
        asked.unwrap_or_else(|_| Err(Status::deadline_exceeded("no word in time"))).map_err(|problem| {
            tracing::warn!(shard = shard.0, code = ?problem.code(), "no answer to a command");
            outcome_unknown(key.told)
        })
    }

    fn read_answer(
        &self,
        caller: &Caller,
        monitor: MonitorId,
        key: CommandKey,
        reply: v1::ShardAwaitResponse,
    ) -> Result<Option<MonitorView>, Status> {
        match reply.answer {
            Some(Answer::Refused(refusal)) => Err(from_engine(refusal)),
            Some(Answer::Done(view)) if view.row.is_none() => Ok(None),
            Some(Answer::Done(view)) => {
                let view = view_from_wire(view).map_err(|problem| {
                    tracing::error!(%problem, "an engine's answer could not be read");
                    outcome_unknown(key.told)
                })?;
                // The id of a monitor is made of its tenant; this catches a bug before it shows one tenant another's.
                let own = view.config.identity.tenant == caller.tenant && view.monitor == monitor;
                if own { Ok(Some(view)) } else { Err(no_monitor()) }
            }
            Some(Answer::Created(_) | Answer::Found(_) | Answer::Applied(_)) | None => Err(outcome_unknown(key.told)),
        }
    }
}

/// `patience`, or a little before the call itself ends.
fn last_word(caller: &Caller, patience: Instant) -> Instant {
    let end = caller.until.and_then(|until| until.checked_sub(LAST_WORD));
    end.map_or(patience, |end| end.min(patience))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_key_is_told_as_it_was_given() {
        let key = CommandKey::read(&format!("cm_{}", "7".repeat(32))).unwrap();
        let pause = key.derived(&[b"pause", &[1]]);
        assert_eq!((pause.told, pause), (key.told, key.derived(&[b"pause", &[1]])));
        assert!(
            [key, key.derived(&[b"resume", &[1]]), key.derived(&[b"pause", &[2]])]
                .iter()
                .all(|k| k.logged != pause.logged)
        );
        assert_ne!(CommandKey::read("").unwrap(), CommandKey::read("").unwrap());
    }
}
