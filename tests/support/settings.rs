//! The configuration file of a server under test: what differs from the defaults.

use super::runner::lock;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Mutex;

/// Settings by their full names, as TOML.
#[derive(Clone)]
pub struct Settings {
    values: BTreeMap<String, String>,
    /// Variables of the process.
    pub variables: Vec<(String, String)>,
    /// How many files the process may have open.
    pub open_files: Option<u32>,
}

impl Default for Settings {
    /// Free ports, and receivers on this machine may be reached.
    fn default() -> Self {
        let mut settings = Self { values: BTreeMap::new(), variables: Vec::new(), open_files: None };
        for port in ["http.listen", "grpc.listen", "admin.listen"] {
            settings.put(port, "\"127.0.0.1:0\"");
        }
        settings.put("notifier.egress_allow", "[\"127.0.0.0/8\"]");
        settings
    }
}

impl Settings {
    /// Sets a text.
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.put(name, &format!("{value:?}"));
        self
    }

    /// Sets anything, written as TOML.
    pub fn raw(mut self, name: &str, value: &str) -> Self {
        self.put(name, value);
        self
    }

    /// Sets a text where none is set.
    pub fn text_if_unset(self, name: &str, value: &str) -> Self {
        if self.values.contains_key(name) { self } else { self.text(name, value) }
    }

    /// What was set, as TOML.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Sets a variable of the process.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Bounds the files, and so the connections, of the process (F42).
    pub fn with_open_files(mut self, most: u32) -> Self {
        self.open_files = Some(most);
        self
    }

    /// The same HTTP port at every start, for clients that go on through a restart.
    pub fn with_fixed_http(mut self) -> Self {
        self.put("http.listen", &format!("\"127.0.0.1:{}\"", quiet_port()));
        self
    }

    /// The file.
    pub fn toml(&self) -> String {
        let mut sections: BTreeMap<&str, String> = BTreeMap::new();
        for (name, value) in &self.values {
            let (section, key) = name.split_once('.').unwrap_or(("", name));
            let _ = writeln!(sections.entry(section).or_default(), "{key} = {value}");
        }
        let mut text = sections.remove("").unwrap_or_default();
        for (section, lines) in sections {
            let _ = write!(text, "[{section}]\n{lines}");
        }
        text
    }

    fn put(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
    }
}

/// A free port below the range that outgoing connections take theirs from: nothing slips into it while its server
/// is down, least of all a client's connection to itself. Never the same one twice.
pub fn quiet_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let candidates = std::iter::repeat_with(|| rand::random_range(20_000..32_000));
    candidates.take(1_000).find(|port| free(port) && lock(&GIVEN).insert(*port)).expect("a free port")
}
