//! Where a `Watch` stands: a cursor of the store, which leads to a page, and the transition of that page that was
//! told last. As text: the transition's id or nothing, a colon, the store's cursor.

use crate::refusal::invalid_field;
use domain::ids::TransitionId;
use domain::transition::Transition;
use std::fmt;
use tonic::Status;

/// Cursors of a store with many shards name them all.
const BYTES_MOST: usize = 64_000;

/// A place between two transitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The store's own.
    pub stored: String,
    /// `None`: the page begins with what is new.
    told: Option<TransitionId>,
}

impl Cursor {
    /// Where the store's cursor leads.
    pub fn at(stored: String) -> Self {
        Self { stored, told: None }
    }

    /// A caller's cursor; `None` when it gave none.
    pub fn read(text: &str) -> Result<Option<Self>, Status> {
        if text.is_empty() {
            return Ok(None);
        }
        let refused = || invalid_field("cursor", "not a cursor that `Watch` gives");
        let (told, stored) = text.split_once(':').filter(|_| text.len() <= BYTES_MOST).ok_or_else(refused)?;
        let told = match told {
            "" => None,
            id => Some(id.parse().map_err(|_| refused())?),
        };
        Ok(Some(Self { stored: stored.to_owned(), told }))
    }

    /// The place after a transition of the page that this one leads to.
    pub fn after(&self, told: TransitionId) -> Self {
        Self { told: Some(told), ..self.clone() }
    }

    /// How many of the page's rows were told. The store gives the same rows in the same order, so the one told last
    /// is among them; one that has expired since is not, and nothing is left out then.
    pub fn seen(&self, rows: &[Transition]) -> usize {
        let told = self.told.and_then(|told| rows.iter().position(|row| row.id == told));
        told.map_or(0, |place| place + 1)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.told {
            Some(told) => write!(f, "{told}:{}", self.stored),
            None => write!(f, ":{}", self.stored),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_whatever_the_stores_looks_like() {
        for stored in ["", "1", "a:b:c", "tr_x:1"] {
            let start = Cursor::at(stored.to_owned());
            let within = start.after(TransitionId([0xab; 16]));
            for cursor in [start, within] {
                assert_eq!(Cursor::read(&cursor.to_string()).unwrap(), Some(cursor));
            }
        }
        assert_eq!(Cursor::read("").unwrap(), None);
        for text in ["1", "x:1", "tr_1:1", &format!(":{}", "x".repeat(BYTES_MOST))] {
            assert_eq!(Cursor::read(text).unwrap_err().code(), tonic::Code::InvalidArgument, "{text}");
        }
    }
}
