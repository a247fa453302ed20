//! `node`: the name of one process among those that share an installation, kept in its data directory so that it is
//! the same after a restart. What a process that starts anew proves about silence depends on who else was heard.

use super::{InstallationError, private, random_u64};
use std::io;
use std::path::Path;

/// The file's name in the data directory.
const FILE: &str = "node";

/// The name in `directory`, drawn if there is none. Never zero.
pub fn read_or_create(directory: &Path) -> Result<u64, InstallationError> {
    let path = directory.join(FILE);
    let failure = |error| InstallationError::Io { path: path.clone(), error };
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let node = u64::from_str_radix(text.trim(), 16).ok().filter(|node| *node != 0);
            node.ok_or_else(|| InstallationError::Damaged { path, problem: "not 16 hex digits".into() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let node = random_u64()?.max(1);
            private::write(&path, &format!("{node:016x}\n")).map_err(failure)?;
            Ok(node)
        }
        Err(error) => Err(failure(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_its_name_and_damage_is_refused() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = read_or_create(a.path()).unwrap();
        assert_eq!(read_or_create(a.path()).unwrap(), name);
        assert_ne!(read_or_create(b.path()).unwrap(), name);
        for bad in ["", "0", "node"] {
            std::fs::write(a.path().join(FILE), bad).unwrap();
            assert!(read_or_create(a.path()).is_err(), "{bad}");
        }
    }
}
