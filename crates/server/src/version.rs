//! `quietpulse version`: what runs here, and what it was built with.

use std::fmt::Write;

/// One line each: name and version.
pub fn text() -> String {
    let mut text = String::new();
    for (name, version) in parts() {
        let _infallible = writeln!(text, "{name} {version}");
    }
    text
}

fn parts() -> [(&'static str, String); 7] {
    [
        ("quietpulse", env!("CARGO_PKG_VERSION").to_owned()),
        ("tzdb", domain::schedule::zone::tzdb_version().to_owned()),
        ("sqlite", rusqlite::version().to_owned()),
        ("librdkafka", librdkafka()),
        ("log", if cfg!(feature = "cluster") { "embedded kafka" } else { "embedded" }.to_owned()),
        ("store", if cfg!(feature = "cluster") { "embedded scylla" } else { "embedded" }.to_owned()),
        ("roles", "ingest evaluator notifier api".to_owned()),
    ]
}

#[cfg(feature = "cluster")]
fn librdkafka() -> String {
    eventlog::kafka::library_version()
}

#[cfg(not(feature = "cluster"))]
fn librdkafka() -> String {
    "not in this build".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_line_of_its_own() {
        let text = text();
        assert!(text.starts_with(concat!("quietpulse ", env!("CARGO_PKG_VERSION"), "\n")), "{text}");
        assert!(text.contains(&format!("\nsqlite {}\n", rusqlite::version())), "{text}");
        assert!(text.lines().any(|line| line.starts_with("tzdb 20")), "{text}");
    }
}
