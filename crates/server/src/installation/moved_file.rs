//! `moved`: the installation of this data directory goes on in a cluster. A server that went on with the directory would
//! take pings that nobody judges.

use super::InstallationError;
#[cfg(feature = "cluster")]
use super::private;
use std::io;
use std::path::Path;

/// The file's name in the data directory.
pub const FILE: &str = "moved";

/// Where it went, if it did.
pub fn read(directory: &Path) -> Result<Option<String>, InstallationError> {
    let path = directory.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(InstallationError::Io { path, error }),
    }
}

/// Says where it went, in words.
#[cfg(feature = "cluster")]
pub fn write(directory: &Path, place: &str) -> Result<(), InstallationError> {
    let path = directory.join(FILE);
    private::write(&path, &format!("{place}\n")).map_err(|error| InstallationError::Io { path, error })
}
