//! The engine's answers to recent records, for whoever asks within a minute.

use domain::command::Answer;
use std::collections::BTreeMap;

/// Answers kept at most; the oldest go first.
const MAX_ANSWERS: usize = 20_000;

/// Answers by offset.
#[derive(Default)]
pub struct AnswerBook(BTreeMap<u64, Answer>);

impl AnswerBook {
    /// Notes the answer to the record at `offset`.
    pub fn put(&mut self, offset: u64, answer: Answer) {
        self.0.insert(offset, answer);
        while self.0.len() > MAX_ANSWERS {
            self.0.pop_first();
        }
    }

    /// The answer to the record at `offset`.
    pub fn get(&self, offset: u64) -> Option<Answer> {
        self.0.get(&offset).cloned()
    }
}
