//! A copy of the store while it runs: one state of the file, in one read. Writers go on meanwhile; only the
//! write-ahead log grows until the copy is done.

use super::connection::{FILE, broken, open_reader};
use crate::StoreError;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::fs::{self, File};
use std::path::Path;

const PART: &str = "store.sqlite.part";

/// Copies `source` to `store.sqlite` in the directory `into`, which is made if it is not there. Refuses to
/// overwrite; a copy that fails leaves no file. Returns the size in bytes, once it is on the disk.
pub(super) fn copy(source: &Path, into: &Path) -> Result<u64, StoreError> {
    fs::create_dir_all(into).map_err(|e| failed(into, e))?;
    let (part, target) = (into.join(PART), into.join(FILE));
    if target.exists() {
        return Err(StoreError::Conflict(format!("{} is there already: give an empty directory", target.display())));
    }
    let outcome = copy_to_part(source, &part).and_then(|bytes| finish(&part, &target, into).map(|()| bytes));
    if outcome.is_err() {
        // Best effort: the next try takes its place.
        let _ = fs::remove_file(&part);
    }
    outcome
}

fn copy_to_part(source: &Path, part: &Path) -> Result<u64, StoreError> {
    if part.exists() {
        fs::remove_file(part).map_err(|e| failed(part, e))?;
    }
    let from = open_reader(source)?;
    let mut to = Connection::open(part).map_err(broken)?;
    // A crash makes the part worthless anyway; it is synced as a whole before it gets its name.
    to.execute_batch("pragma journal_mode = off; pragma synchronous = off").map_err(broken)?;
    let step = Backup::new(&from, &mut to).and_then(|backup| backup.step(-1)).map_err(broken)?;
    if step != StepResult::Done {
        return Err(StoreError::Busy("the store could not be read for a copy".into()));
    }
    to.close().map_err(|(_, e)| broken(e))?;
    fs::metadata(part).map(|found| found.len()).map_err(|e| failed(part, e))
}

fn finish(part: &Path, target: &Path, directory: &Path) -> Result<(), StoreError> {
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all()).map_err(|e| failed(path, e));
    sync(part)?;
    fs::rename(part, target).map_err(|e| failed(target, e))?;
    sync(directory)
}

fn failed(path: &Path, error: std::io::Error) -> StoreError {
    StoreError::Broken(format!("{}: {error}", path.display()))
}
