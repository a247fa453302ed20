//! Which commands were carried out lately, so that repeating one is harmless.

use crate::codec::{CodecError, Reader, Writer};
use crate::command::{Refusal, RefusalCode};
use crate::field_error::FieldError;
use crate::ids::CommandId;
use std::collections::BTreeMap;

/// Commands are remembered this long, in milliseconds, and at most so many.
const KEEP_MS: i64 = 600_000;
const MAX_COMMANDS: usize = 4_096;

/// What became of a command.
pub type Outcome = Result<(), Refusal>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandMemory {
    /// Bounded by time and number.
    outcomes: BTreeMap<CommandId, (i64, Outcome)>,
}

impl CommandMemory {
    /// What became of a command that was seen before.
    pub fn outcome(&self, id: CommandId) -> Option<&Outcome> {
        self.outcomes.get(&id).map(|(_, outcome)| outcome)
    }

    /// Remembers what became of a command.
    pub fn remember(&mut self, id: CommandId, outcome: Outcome, now_ms: i64) {
        if self.outcomes.len() >= MAX_COMMANDS {
            self.outcomes.retain(|_, (at, _)| now_ms - *at <= KEEP_MS);
        }
        if self.outcomes.len() >= MAX_COMMANDS {
            let oldest = self.outcomes.iter().min_by_key(|(_, (at, _))| *at).map(|(id, _)| *id);
            oldest.map(|id| self.outcomes.remove(&id));
        }
        self.outcomes.insert(id, (now_ms, outcome));
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.list(self.outcomes.iter(), |w, (id, (at, outcome))| {
            w.raw(&id.0).i64(*at).option(outcome.as_ref().err(), |w, refusal| {
                let code = RefusalCode::ALL.iter().position(|code| *code == refusal.code).unwrap_or(0);
                w.u8(code as u8).text(&refusal.error.field).text(&refusal.error.message);
            });
        });
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let outcomes = r.list(|r| {
            let (id, at) = (CommandId(r.id()?), r.i64()?);
            let refusal = r.option(|r| {
                let code = RefusalCode::ALL.get(usize::from(r.u8()?)).copied().ok_or(CodecError::Value("refusal"))?;
                Ok(Refusal { code, error: FieldError::new(r.text()?, r.text()?) })
            })?;
            Ok((id, (at, refusal.map_or(Ok(()), Err))))
        })?;
        Ok(Self { outcomes: outcomes.into_iter().collect() })
    }
}
