//! What makes a data directory an installation: its secrets, its number of shards, its name in the log.
//!
//! `installation.toml` is made once and never rewritten by a start. Monitor ids, ping URLs and sealed channel
//! secrets hang on it; without it the rest of the directory is worth little, so a directory that holds data
//! but no such file is refused instead of being given new secrets. Processes that share an installation share the
//! file, and each keeps a name of its own in its data directory ([`node_file`]).

pub mod keys_file;
pub mod moved_file;
pub mod node_file;
pub mod private;

use domain::ids::ShardCount;
use domain::token::KeyRing;
use rand::TryRngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The file's name in the data directory.
pub const FILE: &str = "installation.toml";

/// The format of the file.
const VERSION: u32 = 1;

const HEADER: &str = "# Made with this data directory. Monitor ids, ping URLs and sealed channel secrets hang on it:\n\
                      # keep it with every backup, change nothing, show it to nobody.\n";

/// Why an installation could not be opened or made.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("{path}: damaged: {problem}; restore it from a backup")]
    Damaged { path: PathBuf, problem: String },
    #[error("{directory}: holds {found} but no {FILE}; restore that file from a backup, or name an empty directory")]
    Headless { directory: PathBuf, found: String },
    #[error("{0}: not the data directory of an installation (no {FILE})")]
    Missing(PathBuf),
    #[error("{0}: there already; nothing was changed")]
    Exists(PathBuf),
    #[error("the operating system gave no random bytes: {0}")]
    NoRandomness(String),
}

/// The secrets and fixed numbers of one installation.
#[derive(Clone)]
pub struct Installation {
    identity: [u8; 32],
    /// Newest first.
    token_keys: Vec<[u8; 32]>,
    root: [u8; 32],
    /// This machine's name in the log, the same across restarts.
    pub node: u64,
    pub shards: ShardCount,
}

impl Installation {
    /// Opens the installation in `directory`.
    pub fn open(directory: &Path) -> Result<Self, InstallationError> {
        match Self::read(&directory.join(FILE))? {
            Some(found) => Ok(found),
            None => Err(InstallationError::Missing(directory.into())),
        }
    }

    /// The installation of a file; `None`: there is no such file.
    pub fn read(path: &Path) -> Result<Option<Self>, InstallationError> {
        let path = path.to_owned();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(InstallationError::Io { path, error }),
        };
        let damaged = |problem: String| InstallationError::Damaged { path: path.clone(), problem };
        // serde's messages would repeat what they found, and here that may be half a secret.
        let stored: Stored = toml::from_str(&text).map_err(|_| damaged("not the file that was written".into()))?;
        stored.opened().map(Some).map_err(damaged)
    }

    /// Makes the installation of an empty `directory`, with `shards` shards for its whole life.
    pub fn create(directory: &Path, shards: ShardCount) -> Result<Self, InstallationError> {
        refuse_headless(directory)?;
        let made = Self::draw(shards)?;
        made.write(&directory.join(FILE))?;
        Ok(made)
    }

    /// Draws the secrets of a new installation.
    pub fn draw(shards: ShardCount) -> Result<Self, InstallationError> {
        Ok(Self { identity: random()?, token_keys: vec![random()?], root: random()?, node: node()?, shards })
    }

    fn write(&self, path: &Path) -> Result<(), InstallationError> {
        let text = format!("{HEADER}{}", toml::to_string(&Stored::of(self)).unwrap_or_default());
        private::write(path, &text).map_err(|error| InstallationError::Io { path: path.into(), error })
    }

    /// The same secrets with another number of shards, for a move: ids, ping URLs and sealed settings stay what they are.
    pub fn with_shards(self, shards: ShardCount) -> Self {
        Self { shards, ..self }
    }

    /// Whether ids, tokens and sealed settings of one are those of the other.
    #[cfg(feature = "cluster")]
    pub fn shares_secrets_with(&self, other: &Self) -> bool {
        (self.identity, &self.token_keys, self.root) == (other.identity, &other.token_keys, other.root)
    }

    /// Writes an installation for several processes to share. A file that is there is left alone.
    pub fn write_shared(&self, path: &Path) -> Result<(), InstallationError> {
        if path.exists() {
            return Err(InstallationError::Exists(path.into()));
        }
        self.write(path)
    }

    /// The same installation as one of its processes knows it.
    pub fn named(self, node: u64) -> Self {
        Self { node, ..self }
    }

    /// The keys of ping tokens.
    pub fn key_ring(&self) -> KeyRing {
        KeyRing::new(self.identity, self.token_keys.clone(), self.shards)
    }

    /// The secret that others are derived from.
    pub fn root(&self) -> &[u8; 32] {
        &self.root
    }
}

/// 64 random bits, e.g. for one life of a process.
pub fn random_u64() -> Result<u64, InstallationError> {
    let bytes: [u8; 32] = random()?;
    Ok(bytes.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

fn random() -> Result<[u8; 32], InstallationError> {
    let mut bytes = [0; 32];
    OsRng.try_fill_bytes(&mut bytes).map_err(|error| InstallationError::NoRandomness(error.to_string()))?;
    Ok(bytes)
}

/// Never zero, which stands for nobody.
fn node() -> Result<u64, InstallationError> {
    Ok(random_u64()?.max(1))
}

/// A directory with data of an earlier life must not get new secrets: every ping URL in use would die.
fn refuse_headless(directory: &Path) -> Result<(), InstallationError> {
    let io = |error| InstallationError::Io { path: directory.into(), error };
    for entry in std::fs::read_dir(directory).map_err(io)? {
        let name = entry.map_err(io)?.file_name().to_string_lossy().into_owned();
        let data = name == keys_file::FILE || [".db", ".sqlite", ".sqlite3"].iter().any(|end| name.ends_with(end));
        if data {
            return Err(InstallationError::Headless { directory: directory.into(), found: name });
        }
    }
    Ok(())
}

/// The file as it stands on disk: 32-byte secrets as hex.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    shards: u16,
    node: String,
    identity_key: String,
    token_keys: Vec<String>,
    root_secret: String,
}

impl Stored {
    fn of(made: &Installation) -> Self {
        Self {
            version: VERSION,
            shards: made.shards.get(),
            node: format!("{:016x}", made.node),
            identity_key: hex(&made.identity),
            token_keys: made.token_keys.iter().map(|key| hex(key)).collect(),
            root_secret: hex(&made.root),
        }
    }

    fn opened(self) -> Result<Installation, String> {
        if self.version != VERSION {
            return Err(format!("version {}, allowed: {VERSION}", self.version));
        }
        let token_keys: Vec<_> =
            self.token_keys.iter().map(|key| unhex("token_keys", key)).collect::<Result<_, _>>()?;
        if token_keys.is_empty() {
            return Err("token_keys is empty".into());
        }
        Ok(Installation {
            identity: unhex("identity_key", &self.identity_key)?,
            token_keys,
            root: unhex("root_secret", &self.root_secret)?,
            node: u64::from_str_radix(&self.node, 16).map_err(|_| "node is not 16 hex digits".to_owned())?,
            shards: ShardCount::new(self.shards).ok_or_else(|| "shards is not 1 to 4096".to_owned())?,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 32 bytes from 64 hex digits; all zeroes is no secret.
fn unhex(field: &str, text: &str) -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    let plain = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pairs =
        text.as_bytes().chunks_exact(2).map(|pair| pair.iter().fold(0, |value, digit| value * 16 + digit_of(*digit)));
    if plain {
        bytes.iter_mut().zip(pairs).for_each(|(byte, value)| *byte = value);
    }
    if bytes == [0; 32] { Err(format!("{field} is not a secret of 64 hex digits")) } else { Ok(bytes) }
}

fn digit_of(digit: u8) -> u8 {
    (digit as char).to_digit(16).unwrap_or_default() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::TenantId;

    fn four() -> ShardCount {
        ShardCount::new(4).unwrap()
    }

    #[test]
    fn an_installation_opens_as_it_was_made() {
        let directory = tempfile::tempdir().unwrap();
        let made = Installation::create(directory.path(), four()).unwrap();
        let opened = Installation::open(directory.path()).unwrap();
        assert_eq!(opened.root(), made.root());
        assert_eq!((opened.node, opened.shards), (made.node, four()));
        assert_eq!(opened.key_ring().ping_key(TenantId(1), 0), made.key_ring().ping_key(TenantId(1), 0));
        assert!(!private::is_open_to_others(&directory.path().join(FILE)));
    }

    #[test]
    fn two_installations_share_no_secret() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (a, b) = (Installation::create(a.path(), four()).unwrap(), Installation::create(b.path(), four()).unwrap());
        assert_ne!(a.root(), b.root());
        assert_ne!(a.identity, b.identity);
        assert_ne!(a.token_keys, b.token_keys);
    }

    #[test]
    fn a_damaged_file_is_refused_without_its_secrets() {
        let directory = tempfile::tempdir().unwrap();
        let made = Installation::create(directory.path(), four()).unwrap();
        let path = directory.path().join(FILE);
        let good = std::fs::read_to_string(&path).unwrap();
        let root = hex(made.root());
        for bad in [
            String::new(),
            good[..good.len() / 2].to_owned(),
            good.replace(&root, &root[2..]),
            good.replace(&root, &"0".repeat(64)),
            good.replace("version = 1", "version = 2"),
            good.replace("shards = 4", "shards = 0"),
            good.replace(&root, &"é".repeat(32)),
        ] {
            std::fs::write(&path, bad).unwrap();
            let error = Installation::open(directory.path()).err().unwrap().to_string();
            assert!(error.contains("installation.toml: damaged: ") && !error.contains(&root[..16]), "{error}");
        }
    }

    #[test]
    fn data_without_its_secrets_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("keys.toml"), "").unwrap();
        let error = Installation::create(directory.path(), four()).err().unwrap().to_string();
        assert!(error.contains("holds keys.toml but no installation.toml"), "{error}");
        assert!(matches!(Installation::open(directory.path()), Err(InstallationError::Missing(_))));
    }
}
