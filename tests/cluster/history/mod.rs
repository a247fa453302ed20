//! What the clients saw: one line an attempt, written when it ends, so that a checker which knows nothing of the
//! product can hold the log against it afterwards.
//!
//! An operation has one id for all its attempts. A ping carries it in its body, which the log keeps.

mod arrival;
mod operation;

pub use arrival::{Arrival, Item, arrivals};
pub use operation::{Action, Operation, Outcome, Signal};

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;
use suites::support::runner::lock;

/// The history of one run.
pub struct History {
    began: Instant,
    book: Mutex<Book>,
}

struct Book {
    file: BufWriter<File>,
    ended: Vec<Operation>,
    /// What is under way, by a number of its own.
    open: BTreeMap<u64, Operation>,
    next: u64,
}

impl History {
    /// Writes to `history.jsonl` in `directory`.
    pub fn create(directory: &Path) -> Self {
        let file = BufWriter::new(File::create(directory.join("history.jsonl")).expect("the history"));
        let book = Book { file, ended: Vec::new(), open: BTreeMap::new(), next: 0 };
        Self { began: Instant::now(), book: Mutex::new(book) }
    }

    /// Makes one attempt and notes how it went.
    pub async fn attempt(
        &self,
        id: &str,
        monitor: &str,
        action: Action,
        attempt: u32,
        doing: impl Future<Output = Outcome>,
    ) -> Outcome {
        let number = self.begin(Operation {
            id: id.to_owned(),
            monitor: monitor.to_owned(),
            action,
            attempt,
            start_ms: now_ms(),
            start_us: self.clock_us(),
            end_ms: i64::MAX,
            end_us: u64::MAX,
            outcome: Outcome::Unknown("under way".into()),
        });
        let outcome = doing.await;
        self.end(number, outcome.clone());
        outcome
    }

    /// All attempts so far, those under way included.
    pub fn operations(&self) -> Vec<Operation> {
        let book = lock(&self.book);
        book.ended.iter().chain(book.open.values()).cloned().collect()
    }

    /// The attempts of pings that began and ended between two instants of the wall clock, the latest end first.
    pub fn pings_between(&self, from_ms: i64, to_ms: i64) -> Vec<Operation> {
        let book = lock(&self.book);
        // They stand in the order in which they ended.
        let recent = book.ended.iter().rev().take_while(|one| one.end_ms >= from_ms);
        let within = |one: &&Operation| one.ping().is_some() && one.start_ms >= from_ms && one.end_ms <= to_ms;
        recent.filter(within).cloned().collect()
    }

    /// How many pings were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        let counts = |one: &&Operation| one.ping().is_some() && one.outcome == Outcome::Ok;
        lock(&self.book).ended.iter().filter(counts).count()
    }

    fn begin(&self, operation: Operation) -> u64 {
        let mut book = lock(&self.book);
        let number = book.next;
        book.next += 1;
        book.open.insert(number, operation);
        number
    }

    fn end(&self, number: u64, outcome: Outcome) {
        let (end_ms, end_us) = (now_ms(), self.clock_us());
        let mut book = lock(&self.book);
        let Some(mut operation) = book.open.remove(&number) else { return };
        (operation.end_ms, operation.end_us, operation.outcome) = (end_ms, end_us, outcome);
        let line = serde_json::to_string(&operation).expect("JSON");
        writeln!(book.file, "{line}").and_then(|()| book.file.flush()).expect("the history is written");
        book.ended.push(operation);
    }

    fn clock_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).expect("shorter than centuries")
    }
}

/// The machine's wall clock, which no case moves.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
