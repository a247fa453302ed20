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

fn parts() -> [(&'static str, &'static str); 7] {
    [
        ("quietpulse", env!("CARGO_PKG_VERSION")),
        ("tzdb", domain::schedule::zone::tzdb_version()),
        ("sqlite", rusqlite::version()),
        ("librdkafka", "not in this build"),
        ("log", "embedded"),
        ("store", "embedded"),
        ("roles", "ingest evaluator notifier api"),
    ]
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
