//! Commands: a change of a monitor becomes a record of its shard, and the engine's answer to that record is
//! the reply. Between the two nothing is decided here, so that edits and pings have one order.

use crate::auth::Caller;
use crate::deps::Api;
use crate::refusal::{from_append, from_engine, invalid_field, no_monitor, of_field, outcome_unknown};
use domain::command::{Action, Command, MonitorView};
use domain::field_error::FieldError;
use domain::ids::{CommandId, MonitorId};
use domain::record::Body;
use eventlog::AppendError;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Status};
use wire::convert::rows::view_from_wire;
use wire::v1;
use wire::v1::shard_await_response::Answer;

/// While the owner of a shard changes, it is asked again this often.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// The id a caller gave its command, or a drawn one.
pub(crate) fn command_id(text: &str) -> Result<CommandId, Status> {
    if text.is_empty() {
        return Ok(CommandId(rand::random()));
    }
    text.parse().map_err(|_| invalid_field("command_id", "allowed: `cm_` and 32 hex digits in lower case"))
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
    /// command's id when the log has it but nobody could say what came of it.
    pub async fn command(
        &self,
        caller: &Caller,
        monitor: MonitorId,
        id: CommandId,
        action: Action,
    ) -> Result<Option<MonitorView>, Status> {
        let shard = self.deps.keys.shard_of(monitor);
        let command = Command { id, tenant: caller.tenant, monitor, actor: caller.name.clone(), action };
        let ticket = self.deps.producer.append(shard, &Body::Command(command), self.deps.clock.now());
        let appended = timeout(self.limits.append, ticket).await.unwrap_or(Err(AppendError::TimedOut));
        let offset = appended.map_err(|error| from_append(error, id))?.offset;
        let until = Instant::now() + self.limits.answer;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.deps.shards.answer(shard, offset, left).await {
                Ok(reply) => return self.read_answer(caller, monitor, id, reply),
                Err(problem) if left <= ASK_AGAIN => {
                    tracing::warn!(shard = shard.0, code = ?problem.code(), "no answer to a command");
                    return Err(outcome_unknown(id));
                }
                Err(_) => sleep(ASK_AGAIN).await,
            }
        }
    }

    /// The same for commands after which the monitor is still there.
    pub async fn command_on_living(
        &self,
        caller: &Caller,
        monitor: MonitorId,
        id: CommandId,
        action: Action,
    ) -> Result<MonitorView, Status> {
        self.command(caller, monitor, id, action).await?.ok_or_else(no_monitor)
    }

    fn read_answer(
        &self,
        caller: &Caller,
        monitor: MonitorId,
        id: CommandId,
        reply: v1::ShardAwaitResponse,
    ) -> Result<Option<MonitorView>, Status> {
        match reply.answer {
            Some(Answer::Refused(refusal)) => Err(from_engine(refusal)),
            Some(Answer::Done(view)) if view.row.is_none() => Ok(None),
            Some(Answer::Done(view)) => {
                let view = view_from_wire(view).map_err(|problem| {
                    tracing::error!(%problem, "an engine's answer could not be read");
                    outcome_unknown(id)
                })?;
                // The id of a monitor is made of its tenant; this catches a bug before it shows one tenant another's.
                let own = view.config.identity.tenant == caller.tenant && view.monitor == monitor;
                if own { Ok(Some(view)) } else { Err(no_monitor()) }
            }
            Some(Answer::Created(_) | Answer::Found(_) | Answer::Applied(_)) | None => Err(outcome_unknown(id)),
        }
    }
}
