//! A copy of the log taken while it runs.

use super::OpenError;
use super::database::{file_in, open_reader};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Copies the log at `from` into `directory`, as of one instant; commits go on meanwhile. The copy is a log
/// that can be opened. Returns its size in bytes.
pub(super) fn copy(from: &Path, directory: &Path) -> Result<u64, OpenError> {
    fs::create_dir_all(directory).map_err(OpenError::io(directory))?;
    let into = file_in(directory);
    claim(&into)?;
    match copy_into(from, &into) {
        Ok(()) => finish(directory, &into).map_err(OpenError::io(&into)),
        Err(source) => {
            // Half a copy must not be taken for one; the reason is worth more than a second error.
            let _ = fs::remove_file(&into);
            Err(OpenError::Sqlite { path: into, source })
        }
    }
}

/// Makes the file or refuses, in one step: two backups into one place cannot both begin.
fn claim(into: &Path) -> Result<(), OpenError> {
    match OpenOptions::new().write(true).create_new(true).open(into) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(OpenError::Exists { path: into.to_owned() }),
        Err(source) => Err(OpenError::Io { path: into.to_owned(), source }),
    }
}

/// `VACUUM INTO` takes a file that is empty and reads everything in one transaction.
fn copy_into(from: &Path, into: &Path) -> rusqlite::Result<()> {
    open_reader(from)?.execute("VACUUM INTO ?1", [into.to_string_lossy()]).map(|_| ())
}

fn finish(directory: &Path, into: &Path) -> io::Result<u64> {
    let file = File::open(into)?;
    file.sync_all()?;
    File::open(directory)?.sync_all()?;
    Ok(file.metadata()?.len())
}
