//! The files in `frozen/`, and the rules that every kind of bytes obeys. A kind says how its values are written and what
//! bytes mean; `suite!` makes the tests.

use crate::text;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, iter};

/// Named bytes, in the order of the file.
pub type Entries = Vec<(String, Vec<u8>)>;

/// A kind of bytes that outlive the process that wrote them.
pub struct Kind {
    /// The first part of its files' names.
    pub what: &'static str,
    /// Where its version stands in the code.
    pub raise: &'static str,
    /// The versions that the code can write, ascending; the last is the newest.
    pub written: &'static [u16],
    /// The frozen values, as written in a version today.
    pub encode: fn(u16) -> Entries,
    /// What entries mean, in words.
    pub means: fn(&Entries) -> Result<String, String>,
    /// What is done with entries of which one is damaged, where `means` does more than read.
    pub read: Option<fn(&Entries, usize)>,
    /// Whether an entry is read without its neighbours.
    pub alone: bool,
    /// Puts another version into an entry. `None`: the bytes carry none.
    pub renumber: Option<fn(&mut Vec<u8>, u8)>,
}

/// A version that nobody will come to.
pub const UNKNOWN: u8 = 99;

/// The tests of a [`Kind`].
macro_rules! suite {
    ($kind:expr) => {
        #[test]
        fn every_version_is_read_and_means_what_its_text_says() {
            crate::frozen::check_reading(&$kind);
        }

        #[test]
        fn todays_bytes_are_the_frozen_ones() {
            crate::frozen::check_writing(&$kind);
        }

        #[test]
        fn cut_or_flipped_bytes_are_answered() {
            crate::frozen::check_damage(&$kind);
        }

        #[test]
        fn an_unknown_version_is_refused_by_its_number() {
            crate::frozen::check_unknown_versions(&$kind);
        }
    };
}
pub(crate) use suite;

/// The name of a file, as it is written in messages.
pub fn file_of(what: &str, version: u16, end: &str) -> String {
    format!("{what}-v{version}.{end}")
}

pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/frozen")
}

/// Whether files that are not there are to be written.
pub fn is_freezing() -> bool {
    env::var("QP_FREEZE").is_ok_and(|value| value == "1")
}

/// A frozen file, if it is there.
pub fn read(name: &str) -> Option<String> {
    fs::read_to_string(directory().join(name)).ok()
}

/// Writes a file that is not there. One that is there stays as it is, whatever was asked.
pub fn freeze(name: &str, content: &str) {
    let path = directory().join(name);
    if path.exists() {
        return;
    }
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, content).and_then(|()| fs::rename(&unfinished, &path)).expect("the file is written");
}

/// Writes the bytes of a version that is not there.
pub fn freeze_entries(what: &str, version: u16, entries: &Entries) {
    freeze(&file_of(what, version, "hex"), &print(what, version, entries));
}

/// What to do when today's bytes are not the frozen ones.
pub fn advice(what: &str, newest: u16, raise: &str) -> String {
    let next = newest + 1;
    format!(
        "Bytes that were written once are read for ever, so a changed format is another version:\n\
         1. raise the version to {next} ({raise}), and go on reading version {newest};\n\
         2. leave tests/compat/frozen/{what}-v{newest}.* as they are;\n\
         3. `QP_FREEZE=1 cargo test -p quietpulse-suites --test compat` writes {what}-v{next}.*: read its text, and add \
         both to the change.\n\
         If the format was not meant to change, mend the code instead."
    )
}

/// What to do when a file of the newest version is not there.
pub fn missing(name: &str) -> String {
    format!(
        "frozen/{name} is missing. If its version is new, `QP_FREEZE=1 cargo test -p quietpulse-suites --test compat` \
         writes it: read its text, and add both to the change. If it was there before, git has it."
    )
}

/// The entries of a version, if it is frozen.
pub fn entries(what: &str, version: u16) -> Option<Entries> {
    read(&file_of(what, version, "hex")).map(|text| parse(&text))
}

/// The frozen versions of a kind: every number from 1 on.
pub fn versions(what: &str) -> impl Iterator<Item = u16> {
    (1..).take_while(move |version| directory().join(file_of(what, *version, "hex")).exists())
}

/// The text of entries that are read one by one.
pub fn each(entries: &Entries, means: impl Fn(&str, &[u8]) -> Result<String, String>) -> Result<String, String> {
    entries
        .iter()
        .try_fold(String::new(), |text, (name, bytes)| Ok(text + &format!("== {name}\n{}\n", means(name, bytes)?)))
}

pub fn check_reading(kind: &Kind) {
    for version in versions(kind.what) {
        let (hex, txt) = (file_of(kind.what, version, "hex"), file_of(kind.what, version, "txt"));
        let entries = entries(kind.what, version).expect("the file is there");
        let today =
            (kind.means)(&entries).unwrap_or_else(|error| panic!("frozen/{hex} cannot be read any more: {error}"));
        let frozen = read(&txt).unwrap_or_else(|| panic!("frozen/{txt} is missing: git has it"));
        if let Err(difference) = text::compare(&frozen, &today) {
            panic!("frozen/{hex} does not mean what frozen/{txt} says: {difference}\nMend the reading, not the file.");
        }
    }
}

pub fn check_writing(kind: &Kind) {
    let newest = *kind.written.last().expect("a version is written");
    for version in kind.written {
        let today = (kind.encode)(*version);
        if is_freezing() {
            // The text first: where there are bytes, there is a text.
            let meaning = (kind.means)(&today).expect("what is written can be read");
            freeze(&file_of(kind.what, *version, "txt"), &meaning);
            freeze_entries(kind.what, *version, &today);
        }
        let advice = advice(kind.what, newest, kind.raise);
        let name = file_of(kind.what, *version, "hex");
        let frozen = entries(kind.what, *version).unwrap_or_else(|| panic!("{}", missing(&name)));
        if let Some(difference) = differ(&frozen, &today) {
            panic!("{}: today's bytes are not those of frozen/{name}: {difference}\n{advice}", kind.what);
        }
    }
}

pub fn check_damage(kind: &Kind) {
    for version in versions(kind.what) {
        let entries = entries(kind.what, version).expect("the file is there");
        for (place, (_, bytes)) in entries.iter().enumerate() {
            damaged(bytes).for_each(|bytes| answer(kind, &entries, place, bytes));
        }
    }
}

/// Reads entries of which one is damaged: an error or a meaning, and no panic.
fn answer(kind: &Kind, entries: &Entries, place: usize, bytes: Vec<u8>) {
    let mut entries = match kind.alone {
        true => vec![entries[place].clone()],
        false => entries.clone(),
    };
    entries[if kind.alone { 0 } else { place }].1 = bytes;
    match kind.read {
        Some(read) => read(&entries, place),
        None => drop((kind.means)(&entries)),
    }
}

/// Bytes cut at every length, and with each bit flipped.
pub fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cuts = (0..bytes.len()).map(|length| bytes[..length].to_vec());
    cuts.chain((0..bytes.len() * 8).map(|bit| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    }))
}

pub fn check_unknown_versions(kind: &Kind) {
    let Some(renumber) = kind.renumber else { return };
    for version in versions(kind.what) {
        let entries = entries(kind.what, version).expect("the file is there");
        for place in 0..entries.len() {
            let mut renumbered = entries.clone();
            renumber(&mut renumbered[place].1, UNKNOWN);
            let (name, refusal) = (&entries[place].0, (kind.means)(&renumbered).err());
            let named = refusal.as_ref().is_some_and(|error| error.contains(&UNKNOWN.to_string()));
            assert!(named, "{} {name} of version {UNKNOWN}: {refusal:?}", kind.what);
        }
    }
}

fn differ(frozen: &Entries, today: &Entries) -> Option<String> {
    let names = |entries: &Entries| entries.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    if names(frozen) != names(today) {
        return Some(format!("the entries are {:?}, and were {:?}", names(today), names(frozen)));
    }
    let (old, new) = frozen.iter().zip(today).find(|(old, new)| old.1 != new.1)?;
    let at = iter::zip(&old.1, &new.1).take_while(|(old, new)| old == new).count();
    let rest = |bytes: &[u8]| hex(&bytes[at..(at + 16).min(bytes.len())]);
    Some(format!("`{}` from byte {at} on: {}…, and was {}…", old.0, rest(&new.1), rest(&old.1)))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Names at the margin, their bytes indented.
fn print(what: &str, version: u16, entries: &Entries) -> String {
    let mut text = format!("# {what}, version {version}. Never changed: what was written once is read for ever.\n");
    for (name, bytes) in entries {
        text += &format!("{name}\n");
        bytes.chunks(56).for_each(|line| text += &format!("  {}\n", hex(line)));
    }
    text
}

fn parse(text: &str) -> Entries {
    let mut entries = Entries::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix("  ") {
            Some(digits) => entries.last_mut().expect("a name before its bytes").1.extend(unhex(digits)),
            None => entries.push((line.to_owned(), Vec::new())),
        }
    }
    entries
}

fn unhex(digits: &str) -> impl Iterator<Item = u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits"))
}
