//! Which commands were carried out lately, so that repeating one is harmless.

use crate::codec::{CodecError, Reader, Writer};
use crate::command::{Refusal, RefusalCode};
use crate::field_error::FieldError;
use crate::ids::CommandId;
use std::collections::{BTreeMap, VecDeque};

/// Commands are remembered this long, in milliseconds, and at most so many.
const KEEP_MS: i64 = 600_000;
const MAX_COMMANDS: usize = 4_096;

/// What became of a command.
pub type Outcome = Result<(), Refusal>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandMemory {
    outcomes: BTreeMap<CommandId, Outcome>,
    /// When each was remembered, oldest first.
    order: VecDeque<(i64, CommandId)>,
}

impl CommandMemory {
    /// What became of a command that was seen before.
    pub fn outcome(&self, id: CommandId) -> Option<&Outcome> {
        self.outcomes.get(&id)
    }

    /// Remembers what became of a command, and forgets what is too old or too much.
    pub fn remember(&mut self, id: CommandId, outcome: Outcome, now_ms: i64) {
        let too_old = |at: i64| now_ms - at > KEEP_MS;
        while self.order.front().is_some_and(|(at, _)| too_old(*at) || self.order.len() >= MAX_COMMANDS) {
            self.order.pop_front().map(|(_, oldest)| self.outcomes.remove(&oldest));
        }
        if self.outcomes.insert(id, outcome).is_none() {
            self.order.push_back((now_ms, id));
        }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.list(self.order.iter(), |w, (at, id)| {
            let refusal = self.outcomes.get(id).and_then(|outcome| outcome.as_ref().err());
            w.raw(&id.0).i64(*at).option(refusal, |w, refusal| {
                let code = RefusalCode::ALL.iter().position(|code| *code == refusal.code).unwrap_or(0);
                w.u8(code as u8).text(&refusal.error.field).text(&refusal.error.message);
            });
        });
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let mut memory = Self::default();
        let remembered = r.list(|r| {
            let (id, at) = (CommandId(r.id()?), r.i64()?);
            let refusal = r.option(|r| {
                let code = RefusalCode::ALL.get(usize::from(r.u8()?)).copied().ok_or(CodecError::Value("refusal"))?;
                Ok(Refusal { code, error: FieldError::new(r.text()?, r.text()?) })
            })?;
            Ok((at, id, refusal.map_or(Ok(()), Err)))
        })?;
        for (at, id, outcome) in remembered {
            memory.order.push_back((at, id));
            memory.outcomes.insert(id, outcome);
        }
        Ok(memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> CommandId {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        CommandId(id)
    }

    #[test]
    fn the_oldest_go_first_and_old_ones_go_by_time() {
        let mut memory = CommandMemory::default();
        (0..MAX_COMMANDS as u32 + 10).for_each(|n| memory.remember(id(n), Ok(()), i64::from(n)));
        assert_eq!((memory.outcomes.len(), memory.order.len()), (MAX_COMMANDS, MAX_COMMANDS));
        assert!(memory.outcome(id(9)).is_none() && memory.outcome(id(10)).is_some());
        memory.remember(id(1_000_000), Ok(()), 10 * KEEP_MS);
        assert_eq!(memory.outcomes.len(), 1);
    }
}
