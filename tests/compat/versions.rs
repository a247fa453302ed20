//! No version in the code is without its frozen files. The sources are searched for constants that number a format, so
//! that a new one, or one that was raised, fails here until somebody froze what it writes.

use crate::frozen::{directory, is_freezing};
use crate::{adopted, frames, installation, log_file, records, rows, sealed, snapshots, store_file};
use domain::engine::snapshot::Format;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The formats that the sources number, and why some have no files.
const NUMBERED: [(&str, &str, Frozen); 12] = [
    ("domain/src/engine/adopt.rs", "VERSION", Frozen::As(adopted::KIND.what, "hex")),
    ("eventlog/src/embedded/frame.rs", "VERSION", Frozen::As(frames::KIND.what, "hex")),
    ("eventlog/src/embedded/database.rs", "FORMAT", Frozen::As(log_file::WHAT, "sql")),
    ("server/src/installation/mod.rs", "VERSION", Frozen::As(installation::WHAT, "toml")),
    ("store/src/embedded/schema/mod.rs", "STEPS", Frozen::As(store_file::WHAT, "sql")),
    ("store/src/scylla/feed.rs", "CELL_VERSION", Frozen::As("feed-place", "hex")),
    ("store/src/scylla/shard_tables.rs", "CELL_VERSION", Frozen::As("shard-owner", "hex")),
    ("store/src/seal.rs", "FORMAT", Frozen::As(sealed::WHAT, "hex")),
    ("wire/src/convert/rows.rs", "ROW_VERSION", Frozen::As(rows::KIND.what, "hex")),
    ("notifier/src/render/json.rs", "VERSION", Frozen::No("what a webhook sends; nothing of ours reads it")),
    (
        "store/src/page.rs",
        "VERSION",
        Frozen::No("a page token lives while somebody turns pages; a strange one is refused"),
    ),
    ("store/src/scylla/schema/steps.rs", "STEPS", Frozen::No("statements of a database, tried against a real one")),
];

/// Whether a numbered format has files, and with what ending.
#[derive(Clone, Copy)]
enum Frozen {
    As(&'static str, &'static str),
    No(&'static str),
}

impl Frozen {
    fn words(self) -> String {
        match self {
            Self::As(what, end) => format!("frozen as {what}-v*.{end}"),
            Self::No(reason) => format!("not frozen: {reason}"),
        }
    }
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates")
}

/// Whether a version is frozen, or is being frozen in this very run.
fn has_file(what: &str, version: u64, end: &str) -> bool {
    is_freezing() || directory().join(format!("{what}-v{version}.{end}")).exists()
}

/// Files and constants: (path in `crates/`, name, number).
fn numbers_in_the_sources() -> BTreeSet<(String, String, u64)> {
    let mut found = BTreeSet::new();
    for file in sources(&crates()) {
        let text = fs::read_to_string(&file).expect("a source reads");
        let path = file.strip_prefix(crates()).expect("a path in it").to_string_lossy().into_owned();
        let numbers = text.lines().filter_map(number);
        found.extend(numbers.map(|(name, number)| (path.clone(), name, number)));
    }
    found
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut files = Vec::new();
    for path in entries {
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs")
            && path.components().any(|part| part.as_os_str() == "src")
        {
            files.push(path);
        }
    }
    files
}

/// The constant of a line that numbers a format: `const VERSION: u8 = 1;`, `[0, 1]`, or a list of steps, whose length is
/// the number.
fn number(line: &str) -> Option<(String, u64)> {
    let (before, rest) = line.trim_start().split_once("const ")?;
    let (name, rest) = rest.split_once(": ")?;
    let (kind, value) = rest.split_once(" = ")?;
    let is_item = before.is_empty() || before.starts_with("pub");
    let numbers = ["VERSION", "FORMAT"].iter().any(|word| name.split('_').any(|part| part == *word)) || name == "STEPS";
    if !is_item || !numbers {
        return None;
    }
    let text = if name == "STEPS" { kind } else { value };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok().map(|number| (name.to_owned(), number))
}

#[test]
fn every_number_in_the_sources_has_its_files() {
    let found = numbers_in_the_sources();
    for (path, name, number) in &found {
        let known = NUMBERED.iter().find(|(file, constant, _)| (file, constant) == (&path.as_str(), &name.as_str()));
        let advice = "tests/compat says in main.rs how a format is frozen; its line belongs into versions.rs";
        let (_, _, frozen) = known.unwrap_or_else(|| {
            panic!("crates/{path}: {name} = {number} numbers a format without frozen files.\n{advice}")
        });
        if let Frozen::As(what, end) = frozen {
            (1..=*number).for_each(|version| {
                assert!(
                    has_file(what, version, end),
                    "crates/{path}: {name} = {number}, but frozen/{what}-v{version}.{end} is missing.\n{advice}"
                );
            });
        }
    }
    for (path, name, frozen) in NUMBERED {
        let is_there = found.iter().any(|(file, constant, _)| (file.as_str(), constant.as_str()) == (path, name));
        assert!(is_there, "crates/{path}: {name} is gone ({}); its line in versions.rs must follow it", frozen.words());
    }
}

#[test]
fn every_format_of_snapshots_has_its_files() {
    let known: Vec<u16> = (0..=u16::MAX).filter(|number| Format::from_number(*number).is_some()).collect();
    assert_eq!(known, snapshots::KIND.written, "`written` in tests/compat/snapshots.rs");
    known
        .iter()
        .for_each(|number| assert!(has_file(snapshots::KIND.what, u64::from(*number), "hex"), "format {number}"));
}

#[test]
fn every_frozen_file_belongs_to_a_kind_and_has_its_text() {
    let kinds =
        [records::KIND.what, snapshots::KIND.what].into_iter().chain(NUMBERED.iter().filter_map(|(_, _, frozen)| {
            match frozen {
                Frozen::As(what, _) => Some(*what),
                Frozen::No(_) => None,
            }
        }));
    let kinds: BTreeSet<_> = kinds.chain(["keys"]).collect();
    for entry in fs::read_dir(directory()).expect("the frozen files") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let (stem, end) = name.rsplit_once('.').unwrap_or((&name, ""));
        let what = stem.rsplit_once("-v").map_or("", |(what, _)| what);
        assert!(kinds.contains(what), "frozen/{name} belongs to nothing");
        assert!(
            end == "txt" || what == "keys" || directory().join(format!("{stem}.txt")).exists(),
            "frozen/{name} has no text"
        );
    }
}

#[test]
fn the_search_finds_what_it_is_for() {
    let numbered = |line| number(line).map(|(_, number)| number);
    assert_eq!(numbered("const VERSION: u8 = 1;"), Some(1));
    assert_eq!(numbered("    pub(super) const CELL_VERSION: [u8; 2] = [0, 1];"), Some(1));
    assert_eq!(numbered("pub const ROW_VERSION: u16 = 12;"), Some(12));
    assert_eq!(numbered("const STEPS: [&str; 2] = [include_str!(\"1.sql\"), include_str!(\"2.sql\")];"), Some(2));
    for other in [
        "const VERSION: &str = env!(\"V\");",
        "let version = 3;",
        "pub const UNVERSIONED: i32 = 0;",
        "// const VERSION: u8 = 1;",
    ] {
        assert_eq!(numbered(other), None, "{other}");
    }
}
