//! A broker of one's own, to be frozen and killed.

use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const NODE: &str = "kafka-1";

/// Stopped at the end.
pub struct OwnBroker {
    directory: TempDir,
    pub brokers: String,
    /// With TLS and a login, when it was asked for.
    pub secure: Option<Secure>,
}

pub struct Secure {
    pub brokers: String,
    pub ca_file: PathBuf,
    pub username: String,
    pub password: String,
}

impl OwnBroker {
    /// None unless `QP_FAULTS=1`: starting one takes seconds and memory. Blocks.
    pub fn when_asked(options: &[&str]) -> Option<Self> {
        let asked = std::env::var("QP_FAULTS").is_ok_and(|faults| faults == "1");
        asked.then(|| Self::start(options))
    }

    fn start(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut broker = Self { directory, brokers: String::new(), secure: None };
        broker.tell(&[&["up", "--kafka", "1", "--no-cassandra"], options].concat());
        let text = std::fs::read_to_string(broker.directory.path().join("cluster.json")).unwrap();
        let found: serde_json::Value = serde_json::from_str(&text).unwrap();
        let word = |pointer: &str| found.pointer(pointer).and_then(|word| word.as_str()).map(str::to_owned);
        broker.brokers = word("/kafka/brokers/0").unwrap();
        broker.secure = word("/kafka/secure/brokers/0").map(|brokers| Secure {
            brokers,
            ca_file: word("/kafka/secure/ca_file").unwrap().into(),
            username: word("/kafka/secure/username").unwrap(),
            password: word("/kafka/secure/password").unwrap(),
        });
        broker
    }

    pub fn freeze(&self) {
        self.tell(&["stop", NODE]);
    }

    pub fn thaw(&self) {
        self.tell(&["cont", NODE]);
    }

    pub fn kill(&self) {
        self.tell(&["kill", NODE]);
    }

    pub fn start_again(&self) {
        self.tell(&["start", NODE]);
    }

    fn tell(&self, words: &[&str]) {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/local/cluster");
        let (command, rest) = words.split_first().unwrap();
        let told = Command::new(program).arg(command).arg("--dir").arg(self.directory.path()).args(rest).output();
        let told = told.unwrap();
        assert!(told.status.success(), "{words:?}: {}", String::from_utf8_lossy(&told.stderr));
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        // A frozen one does not hear that it is to stop.
        if !std::thread::panicking() {
            self.tell(&["down"]);
            return;
        }
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/local/cluster");
        for command in [&["cont", NODE][..], &["down"]] {
            let _ = Command::new(program).args(command).arg("--dir").arg(self.directory.path()).output();
        }
    }
}
