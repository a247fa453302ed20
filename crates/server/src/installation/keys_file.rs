//! `keys.toml`: the first keys of an installation, kept for the machine's own clients. The server itself needs
//! neither, so the file may be moved away; if it is there, it must be whole.

use super::InstallationError;
use super::private;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// The file's name in the data directory.
pub const FILE: &str = "keys.toml";

const HEADER: &str =
    "# Keys of tenant `default` for clients on this machine. Whoever reads this file may do everything.\n";

/// The keys. Printed by nobody.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Scope `admin`.
    pub api_key: String,
    pub ping_key: String,
}

/// The keys in `directory`; `None` when the file is not there.
pub fn read(directory: &Path) -> Result<Option<Keys>, InstallationError> {
    let path = directory.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(InstallationError::Io { path, error }),
    };
    let keys = toml::from_str::<Keys>(&text).ok().filter(|keys| plain(&keys.api_key) && plain(&keys.ping_key));
    let problem = "must hold api_key = \"…\" and ping_key = \"…\", or not be there at all".to_owned();
    keys.map(Some).ok_or(InstallationError::Damaged { path, problem })
}

/// Writes the keys, for the owner's eyes only.
pub fn write(directory: &Path, keys: &Keys) -> Result<(), InstallationError> {
    let path = directory.join(FILE);
    let text = format!("{HEADER}{}", toml::to_string(keys).unwrap_or_default());
    private::write(&path, &text).map_err(|error| InstallationError::Io { path, error })
}

/// A key is one word that can stand in a header or a URL.
fn plain(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_damage_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(directory.path()).unwrap().is_none());
        let keys = Keys { api_key: "qp_x".into(), ping_key: "abc".into() };
        write(directory.path(), &keys).unwrap();
        assert!(read(directory.path()).unwrap() == Some(keys));
        for bad in
            ["", "api_key = \"x\"\n", "api_key = \"\"\nping_key = \"\"\n", "api_key = \"a b\"\nping_key = \"c\"\n", "{"]
        {
            std::fs::write(directory.path().join(FILE), bad).unwrap();
            let error = read(directory.path()).err().unwrap().to_string();
            assert!(error.contains("keys.toml: damaged"), "{error}");
        }
    }
}
