//! Where a `Watch` stands: a cursor of the store, which leads to a page, and which transitions behind it were told.
//!
//! A store with many shards gives what is behind a cursor once, but not always in one order: a shard that lagged may
//! put its own between what was there before. So the place within a page is no number of rows and no last row, but
//! the set of those that were told. It empties as they are met again. As text: the set in base64, a colon, the
//! store's cursor.

use crate::refusal::invalid_field;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ids::TransitionId;
use std::collections::BTreeSet;
use std::fmt;
use store::Page;
use tonic::Status;

/// Cursors of a store with many shards name them all.
const BYTES_MOST: usize = 64_000;
/// Transitions told at most behind one cursor of the store; a few pages. What is forgotten is told again.
const TOLD_MOST: usize = 1_000;
/// As much of an id, which is a hash, as tells one of a few hundred from the others.
const MARK_BYTES: usize = 8;

type Mark = [u8; MARK_BYTES];

/// A place between transitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The store's own.
    pub stored: String,
    told: BTreeSet<Mark>,
}

impl Cursor {
    /// Where the store's cursor leads.
    pub fn at(stored: String) -> Self {
        Self { stored, told: BTreeSet::new() }
    }

    /// A caller's cursor; `None` when it gave none.
    pub fn read(text: &str) -> Result<Option<Self>, Status> {
        if text.is_empty() {
            return Ok(None);
        }
        let refused = || invalid_field("cursor", "not a cursor that `Watch` gives");
        let (told, stored) = text.split_once(':').filter(|_| text.len() <= BYTES_MOST).ok_or_else(refused)?;
        let bytes = URL_SAFE_NO_PAD.decode(told).map_err(|_| refused())?;
        let (marks, rest) = bytes.as_chunks::<MARK_BYTES>();
        match rest {
            [] => Ok(Some(Self { stored: stored.to_owned(), told: marks.iter().copied().collect() })),
            _ => Err(refused()),
        }
    }

    /// Goes along a page that this cursor leads to. Gives what is new in it, each with the cursor that leads on behind
    /// it, and stands behind the page then. `is_last`: the store had nothing more, so what was told and is not in the
    /// page has expired.
    pub fn pass<T>(&mut self, page: Page<T>, is_last: bool, id: impl Fn(&T) -> TransitionId) -> Vec<(T, Self)> {
        let begin = std::mem::take(self);
        let (met, new): (Vec<_>, Vec<_>) = page.rows.into_iter().partition(|row| begin.told.contains(&mark(id(row))));
        self.stored = page.next.unwrap_or_else(|| begin.stored.clone());
        if !is_last {
            let met: BTreeSet<Mark> = met.iter().map(|row| mark(id(row))).collect();
            self.told = begin.told.difference(&met).copied().collect();
        }
        let (mut within, count, mut told) = (begin, new.len(), Vec::with_capacity(new.len()));
        for row in new {
            within.tell(id(&row));
            let behind = if told.len() + 1 == count { &*self } else { &within };
            told.push((row, behind.clone()));
        }
        told
    }

    fn tell(&mut self, id: TransitionId) {
        if self.told.len() >= TOLD_MOST {
            self.told.pop_first();
        }
        self.told.insert(mark(id));
    }
}

fn mark(id: TransitionId) -> Mark {
    let mut mark = Mark::default();
    mark.iter_mut().zip(id.0).for_each(|(byte, from)| *byte = from);
    mark
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<u8> = self.told.iter().flatten().copied().collect();
        write!(f, "{}:{}", URL_SAFE_NO_PAD.encode(told), self.stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use tonic::Code;

    /// A store of lanes: its cursor is a place in each, and which lanes a page is made of is anybody's guess.
    struct Lanes {
        lanes: Vec<Vec<TransitionId>>,
        chance: StdRng,
    }

    impl Lanes {
        fn grow(&mut self) {
            for lane in 0..self.lanes.len() {
                for _ in 0..self.chance.random_range(0..3) {
                    self.lanes[lane].push(TransitionId(self.chance.random()));
                }
            }
        }

        fn page(&mut self, cursor: &str, limit: usize) -> Page<TransitionId> {
            let mut places: Vec<usize> = cursor.split(',').map(|place| place.parse().unwrap()).collect();
            let mut rows = Vec::new();
            while rows.len() < limit {
                let waiting: Vec<usize> = (0..places.len()).filter(|n| places[*n] < self.lanes[*n].len()).collect();
                if waiting.is_empty() {
                    break;
                }
                let lane = waiting[self.chance.random_range(0..waiting.len())];
                rows.push(self.lanes[lane][places[lane]]);
                places[lane] += 1;
            }
            let next = places.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            Page { rows, next: Some(next) }
        }
    }

    #[test]
    fn whoever_is_cut_off_anywhere_and_goes_on_is_told_each_once() {
        const LIMIT: usize = 7;
        for seed in 0..50 {
            let mut store = Lanes { lanes: vec![Vec::new(); 5], chance: StdRng::seed_from_u64(seed) };
            let (mut told, mut held) = (Vec::new(), Cursor::at("0,0,0,0,0".into()));
            for round in 0..10_000 {
                if round < 60 {
                    store.grow();
                }
                let mut standing = Cursor::read(&held.to_string()).unwrap().unwrap();
                let page = store.page(&standing.stored, LIMIT);
                let is_last = page.rows.len() < LIMIT;
                let news = standing.pass(page, is_last, |id| *id);
                if round >= 60 && is_last && news.is_empty() {
                    break;
                }
                // Some are read, and the connection breaks; or all, and the stream goes on.
                let read = store.chance.random_range(0..=news.len());
                if read == news.len() {
                    held = standing;
                }
                for (id, behind) in news.into_iter().take(read) {
                    told.push(id);
                    held = behind;
                }
            }
            let mut all: Vec<TransitionId> = store.lanes.concat();
            all.sort_unstable();
            told.sort_unstable();
            assert!(told == all, "seed {seed}: told {} of {}", told.len(), all.len());
        }
    }

    #[test]
    fn a_cursor_reads_back_whatever_the_stores_looks_like() {
        for stored in ["", "1", "a:b:c", "tr_x:1"] {
            let start = Cursor::at(stored.to_owned());
            let mut within = start.clone();
            (0..3).for_each(|n| within.tell(TransitionId([n; 16])));
            for cursor in [start, within] {
                assert_eq!(Cursor::read(&cursor.to_string()).unwrap(), Some(cursor));
            }
        }
        assert_eq!(Cursor::read("").unwrap(), None);
        for text in ["1", "x:1", "AAAA:1", "?:1", &format!(":{}", "x".repeat(BYTES_MOST))] {
            assert_eq!(Cursor::read(text).unwrap_err().code(), Code::InvalidArgument, "{text}");
        }
    }

    #[test]
    fn what_is_told_is_bounded() {
        let mut cursor = Cursor::at("1".into());
        for n in 0..5_000_u32 {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&n.to_be_bytes());
            cursor.tell(TransitionId(id));
        }
        assert_eq!(cursor.told.len(), TOLD_MOST);
        assert!(cursor.to_string().len() < BYTES_MOST);
    }
}
