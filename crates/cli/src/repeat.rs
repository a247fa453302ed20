//! Commands whose outcome nobody could tell: repeated by themselves, and by hand under the same id. Whatever is
//! repeated under its id takes effect once, at whichever API node it arrives.

use crate::exit::Failure;
use std::error::Error;
use std::time::Duration;
use tonic::{Code, Status};
use uuid::Uuid;

/// The pauses before a command that was not taken is repeated. One that was taken and not answered in time is repeated
/// once: the server has waited long enough by itself.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(1)];

/// The pauses before a question that could not be answered is put again.
const ASK_PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(800), Duration::from_secs(2), Duration::from_secs(4)];

/// `--command-id`, for what changes something.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct CommandId {
    /// Repeat a change whose outcome was not known, under the id that was told: it takes effect once
    #[arg(long, value_name = "ID")]
    command_id: Option<String>,
}

impl CommandId {
    /// The id given, or a new one.
    pub fn or_new(self) -> String {
        self.command_id.unwrap_or_else(|| format!("cm_{}", Uuid::new_v4().simple()))
    }
}

/// Calls, and calls again while it is not known what came of it. `call` must send `id` each time.
pub async fn until_known<T>(id: &str, mut call: impl AsyncFnMut() -> Result<T, Status>) -> Result<T, Failure> {
    let mut pauses = PAUSES.as_slice();
    loop {
        let status = match call().await {
            Ok(reply) => return Ok(reply),
            Err(status) => status,
        };
        let (pause, rest) = match (status.code(), pauses) {
            (Code::Unavailable, [pause, rest @ ..]) => (pause, rest),
            (Code::DeadlineExceeded | Code::Cancelled, [pause, ..]) => (pause, [].as_slice()),
            _ => return Err(told(id, status)),
        };
        pauses = rest;
        tokio::time::sleep(*pause).await;
    }
}

/// Asks, and asks again while the server says that it cannot tell yet: a shard that changes hands has no owner for
/// some seconds. A server that is not reached at all is not waited for.
pub async fn until_told<T>(mut ask: impl AsyncFnMut() -> Result<T, Status>) -> Result<T, Status> {
    for pause in ASK_PAUSES {
        match ask().await {
            Err(status) if status.code() == Code::Unavailable && status.source().is_none() => {}
            outcome => return outcome,
        }
        tokio::time::sleep(pause).await;
    }
    ask().await
}

/// A failure that leaves the outcome open says how to go on. The server names the command then; where no answer came
/// from it, nothing is known either.
fn told(id: &str, status: Status) -> Failure {
    let is_open = status.metadata().contains_key("command-id") || status.source().is_some();
    match Failure::from(status) {
        Failure::NotReached(what) if is_open => {
            Failure::NotReached(format!("{what}; the same command with --command-id {id} takes effect once"))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a call that always fails like this is made, and what is said then.
    async fn made(status: Status) -> (u32, String) {
        let mut calls = 0;
        let outcome: Result<(), Failure> = until_known("cm_1", async || {
            calls += 1;
            Err(status.clone())
        })
        .await;
        (calls, outcome.unwrap_err().to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_is_put_again_until_somebody_can_tell() {
        for (refused, calls) in [(0, 1), (2, 3), (9, 5)] {
            let mut made = 0;
            let outcome = until_told(async || {
                made += 1;
                if made > refused { Ok(()) } else { Err(Status::unavailable("no owner")) }
            });
            assert_eq!((outcome.await.is_ok(), made), (refused < 5, calls), "refused {refused} times");
        }
        let mut made = 0;
        let known = until_told(async || {
            made += 1;
            Err::<(), _>(Status::not_found("no such monitor"))
        });
        assert_eq!((known.await.unwrap_err().code(), made), (Code::NotFound, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_known_is_repeated_a_little_and_what_is_known_is_not() {
        assert_eq!(made(Status::unavailable("nothing was changed")).await.0, 3);
        assert_eq!(made(Status::deadline_exceeded("late")).await.0, 2);
        assert_eq!(made(Status::not_found("no such monitor")).await, (1, "no such monitor".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_outcome_says_how_to_go_on() {
        let mut late = Status::deadline_exceeded("cm_1 is in the log");
        late.metadata_mut().insert("command-id", "cm_1".parse().unwrap());
        let said = made(late).await.1;
        assert!(said.ends_with("; the same command with --command-id cm_1 takes effect once"), "{said}");
        assert!(!made(Status::unavailable("nothing was changed")).await.1.contains("--command-id"));
        let broken = Status::from_error(Box::new(std::io::Error::other("reset")));
        assert!(made(broken).await.1.contains("--command-id cm_1"));
    }
}
