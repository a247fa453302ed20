//! Rows of the embedded log: the records of one commit and one shard.

use crate::frozen::{Entries, Kind, each, suite};
use crate::story::SHARD;
use crate::values::START;
use domain::time::UnixMs;
use eventlog::embedded::frozen as frames;

pub const KIND: Kind = Kind {
    what: "log-frame",
    raise: "`VERSION` in crates/eventlog/src/embedded/frame.rs and `written` in tests/compat/frames.rs",
    written: &[1],
    encode: |_| frames().into_iter().map(|(name, records)| (name.to_owned(), write(&records))).collect(),
    means: |entries: &Entries| each(entries, meaning),
    read: None,
    alone: true,
    renumber: Some(|bytes, version| bytes[0] = version),
};

suite!(KIND);

const FIRST_OFFSET: u64 = 100;

fn frames() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    vec![
        ("one record", vec![b"first".to_vec()]),
        ("three records", vec![b"first".to_vec(), vec![], vec![0xa5; 300]]),
        ("lengths of one, two and three bytes", vec![vec![1; 127], vec![2; 128], vec![3; 200]]),
    ]
}

fn write(records: &[Vec<u8>]) -> Vec<u8> {
    frames::write(SHARD, FIRST_OFFSET, UnixMs(START), records)
}

fn meaning(name: &str, bytes: &[u8]) -> Result<String, String> {
    let count = if name == "one record" { 1 } else { 3 };
    let records = frames::read(SHARD, FIRST_OFFSET, count, UnixMs(START), bytes)?;
    let line = |record: &eventlog::RawRecord| {
        format!("{} at {}: {}", record.offset, record.append, crate::frozen::hex(&record.payload))
    };
    Ok(records.iter().map(line).collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_damaged_row_is_refused_and_never_read() {
    for (name, bytes) in crate::frozen::entries(KIND.what, 1).unwrap_or_default() {
        for damaged in crate::frozen::damaged(&bytes) {
            assert!(meaning(&name, &damaged).is_err(), "{name}");
        }
    }
}
