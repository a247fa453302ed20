//! Files for the owner's eyes only: written whole or not at all, mode 0600.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Makes `directory` and what leads to it, readable by its owner only. One that is there stays as it is.
pub fn make_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Replaces `path` by `text`: a reader, or a start after a crash, sees the old file or the new one, never half.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    sync_directory(path)
}

/// Copies a private file; the copy is private too.
pub fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    let text = std::fs::read_to_string(from)?;
    write(to, &text)?;
    Ok(text.len() as u64)
}

/// Whether others than the owner and the group may read `path`. A group is how Kubernetes gives a mounted secret to a
/// process that is not root (mode 0440 with `fsGroup`).
pub fn is_open_to_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.mode() & 0o007 != 0)
}

/// A rename is durable when its directory is.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_replaced_whole_and_kept_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.toml");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(is_open_to_others(&path));
        std::fs::set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
        assert!(!is_open_to_others(&path));
        write(&path, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert!(!is_open_to_others(&path));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_made_directory_is_its_owners_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b");
        make_directory(&path).unwrap();
        make_directory(&path).unwrap();
        assert!(!is_open_to_others(&path));
    }
}
