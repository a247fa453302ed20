//! What no server may log: secrets, and that it panicked. Whoever runs a server searches all it said when it is done;
//! [`findings`] tells what was found, and the runner makes it a failure.

use super::runner::lock;
use std::collections::BTreeSet;
use std::sync::Mutex;

static FINDINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What the logs of all servers so far held that no log may hold.
pub fn findings() -> Vec<String> {
    lock(&FINDINGS).clone()
}

/// Adds to them.
pub fn report(leaks: Vec<String>) {
    lock(&FINDINGS).extend(leaks);
}

/// What one installation must keep to itself.
#[derive(Default)]
pub struct Secrets(Mutex<BTreeSet<String>>);

impl Secrets {
    /// Something that must never be logged.
    pub fn add(&self, secret: &str) {
        assert!(secret.len() >= 8, "too short to search for: {secret}");
        lock(&self.0).insert(secret.to_owned());
    }

    /// What must not be in the log and is.
    pub fn leaks(&self, log: &str) -> Vec<String> {
        let leaked = |secret: &String| {
            let line = log.lines().find(|line| line.contains(secret.as_str()))?;
            Some(format!("a secret stands in this line: {}", line.replace(secret.as_str(), "[SECRET]")))
        };
        let mut leaks: Vec<String> = lock(&self.0).iter().filter_map(leaked).collect();
        leaks.extend(log.lines().filter(|line| line.contains("panicked")).map(|line| format!("a panic: {line}")));
        leaks
    }
}

/// The end of a log.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_searched_for_secrets_and_panics() {
        let secrets = Secrets::default();
        secrets.add("c4nary-token");
        assert!(secrets.leaks("all good\n").is_empty());
        let leaks = secrets.leaks("GET /ping/c4nary-token\nthread 'x' panicked at y\n");
        assert!(leaks.len() == 2 && leaks.iter().all(|leak| !leak.contains("c4nary")), "{leaks:?}");
    }
}
