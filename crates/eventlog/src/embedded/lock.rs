//! One process per data directory.

use super::OpenError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Held for as long as the process uses the directory; the operating system lets go of it when the process
/// dies, however it dies. The file stays: removing it would let two processes lock two files of one name.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes `directory`, made if it is missing, for this process.
    ///
    /// Refused with [`OpenError::Locked`], which names the directory and the process that holds it.
    pub fn take(directory: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(directory).map_err(OpenError::io(directory))?;
        let path = directory.join("lock");
        let mut file = open(&path).map_err(OpenError::io(&path))?;
        match file.try_lock() {
            Ok(()) => write_pid(&mut file).map_err(OpenError::io(&path))?,
            Err(TryLockError::WouldBlock) => return Err(held(directory, &mut file)),
            Err(TryLockError::Error(source)) => return Err(OpenError::Io { path, source }),
        }
        Ok(Self { _file: file })
    }
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    file.sync_data()
}

/// The holder may be between taking the lock and writing its number; then it has none to name.
fn held(directory: &Path, file: &mut File) -> OpenError {
    let mut text = String::new();
    let read = file.take(32).read_to_string(&mut text);
    let pid = read.ok().and_then(|_| text.trim().parse().ok());
    OpenError::Locked { directory: directory.to_owned(), pid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_by_name_and_number() {
        let directory = tempfile::tempdir().unwrap();
        let first = DirectoryLock::take(directory.path()).unwrap();
        let message = DirectoryLock::take(directory.path()).unwrap_err().to_string();
        assert!(message.contains(&directory.path().display().to_string()), "{message}");
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
        drop(first);
        DirectoryLock::take(directory.path()).unwrap();
    }

    #[test]
    fn a_longer_number_of_an_earlier_holder_leaves_no_rest() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("lock"), "99999999999999999\n").unwrap();
        let _first = DirectoryLock::take(directory.path()).unwrap();
        let text = fs::read_to_string(directory.path().join("lock")).unwrap();
        assert_eq!(text.trim(), std::process::id().to_string());
    }
}
