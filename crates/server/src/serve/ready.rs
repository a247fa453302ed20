//! How others learn that every port serves: one line on stdout and `ready.json`; and what the first start says.

use crate::config::types::LogFormat;
use crate::failure::Failure;
use crate::installation::keys_file::Keys;
use crate::installation::private;
use crate::output;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The file's name in the data directory.
const FILE: &str = "ready.json";

/// Where a running server is. `qp` and `quietpulse admin` read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    pub http: SocketAddr,
    pub grpc: SocketAddr,
    pub admin: SocketAddr,
    pub pid: u32,
}

/// The path of the file in a data directory.
pub fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

impl Ready {
    /// The server that runs on `directory`, if one says so.
    pub fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path(directory)).ok()?).ok()
    }

    /// Writes the file whole, then the line: whoever waits for either finds everything in place.
    pub fn announce(&self, directory: &Path, format: LogFormat) -> Result<(), Failure> {
        let path = path(directory);
        let text = serde_json::to_string(self).unwrap_or_default() + "\n";
        private::write(&path, &text).map_err(|error| Failure::failed(format_args!("{}: {error}", path.display())))?;
        output::print(&self.line(format))
    }

    fn line(&self, format: LogFormat) -> String {
        let Self { http, grpc, admin, .. } = self;
        match format {
            LogFormat::Human => format!("ready http={http} grpc={grpc} admin={admin}\n"),
            LogFormat::Json => {
                json!({ "event": "ready", "http": http, "grpc": grpc, "admin": admin }).to_string() + "\n"
            }
        }
    }
}

/// Removes the file at the end, unless it is another server's: one that was refused must leave it alone.
pub fn remove_own(path: &Path) {
    let own = path.parent().and_then(Ready::read).is_some_and(|ready| ready.pid == std::process::id());
    if own {
        remove(path);
    }
}

/// Removes what a server left behind that was killed. Only for who holds the directory's lock.
pub fn remove_stale(directory: &Path) {
    remove(&path(directory));
}

fn remove(path: &Path) {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "the ready file could not be removed");
        }
        _ => {}
    }
}

/// What the first start says, once: the keys, where they are kept, and a line to paste.
pub fn greet(keys: &Keys, directory: &Path, base_url: &str, format: LogFormat) -> Result<(), Failure> {
    let file = directory.join(crate::installation::keys_file::FILE);
    let (api_key, ping_key) = (&keys.api_key, &keys.ping_key);
    let base_url = base_url.trim_end_matches('/');
    let paste = format!("curl -fsS '{base_url}/ping/{ping_key}/hello?create=1&period=1m&grace=30s'");
    output::print(&match format {
        LogFormat::Json => {
            let keys = json!({ "event": "first_start", "api_key": api_key, "ping_key": ping_key, "kept_in": file, "try": paste });
            keys.to_string() + "\n"
        }
        LogFormat::Human => format!(
            "first start: these keys are shown once and kept in {}\n  api_key  {api_key}\n  ping_key {ping_key}\n\
             try it, then wait a minute and a half for the alert:\n  {paste}\n",
            file.display()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Ready {
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        Ready { http: at(8080), grpc: at(8081), admin: at(8082), pid: 7 }
    }

    #[test]
    fn the_line_has_the_form_that_scripts_wait_for() {
        assert_eq!(
            ready().line(LogFormat::Human),
            "ready http=127.0.0.1:8080 grpc=127.0.0.1:8081 admin=127.0.0.1:8082\n"
        );
        let line: serde_json::Value = serde_json::from_str(&ready().line(LogFormat::Json)).unwrap();
        assert_eq!(line["http"], "127.0.0.1:8080");
        assert_eq!(line["admin"], "127.0.0.1:8082");
    }

    #[test]
    fn the_file_reads_back_and_only_its_owner_removes_it() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Ready::read(directory.path()), None);
        remove_own(&path(directory.path()));
        ready().announce(directory.path(), LogFormat::Human).unwrap();
        assert_eq!(Ready::read(directory.path()), Some(ready()));
        remove_own(&path(directory.path()));
        assert_eq!(Ready::read(directory.path()), Some(ready()), "it belongs to process 7");
        let own = Ready { pid: std::process::id(), ..ready() };
        own.announce(directory.path(), LogFormat::Human).unwrap();
        remove_own(&path(directory.path()));
        assert_eq!(Ready::read(directory.path()), None);
        remove_stale(directory.path());
    }
}
