//! `moving.json` in the old data directory: how far the move came.

use crate::failure::Failure;
use crate::installation::private;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The file's name.
const FILE: &str = "moving.json";

/// How far a move came.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    #[serde(skip)]
    path: PathBuf,
    /// Where the move stands in each shard's log; empty: it has not begun.
    pub markers: Vec<u64>,
    /// The next record of each shard to pass on.
    pub next: Vec<u64>,
}

impl Progress {
    /// What an earlier try left.
    pub fn open(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(FILE);
        let failure = |problem: &dyn std::fmt::Display| Failure::failed(format_args!("{}: {problem}", path.display()));
        let found: Self = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| failure(&error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(failure(&error)),
        };
        if found.markers.len() != found.next.len() {
            return Err(failure(&"damaged"));
        }
        Ok(Self { path, ..found })
    }

    /// The old log says where the move stands.
    pub fn begin(&mut self, markers: Vec<u64>) -> Result<(), Failure> {
        self.next = markers.iter().map(|marker| marker + 1).collect();
        self.markers = markers;
        self.save()
    }

    /// Everything of a shard below `next` is passed on.
    pub fn advance(&mut self, shard: usize, next: u64) -> Result<(), Failure> {
        match self.next.get_mut(shard) {
            Some(at) if *at < next => *at = next,
            _ => return Ok(()),
        }
        self.save()
    }

    fn save(&self) -> Result<(), Failure> {
        let text = serde_json::to_string(self).unwrap_or_default();
        private::write(&self.path, &text)
            .map_err(|error| Failure::failed(format_args!("{}: {error}", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_goes_on_where_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let mut progress = Progress::open(directory.path()).unwrap();
        assert!(progress.markers.is_empty());
        progress.begin(vec![4, 9]).unwrap();
        progress.advance(1, 30).unwrap();
        progress.advance(1, 20).unwrap();
        let found = Progress::open(directory.path()).unwrap();
        assert_eq!((found.markers, found.next), (vec![4, 9], vec![5, 30]));
        std::fs::write(directory.path().join(FILE), "{").unwrap();
        assert!(Progress::open(directory.path()).is_err());
    }
}
