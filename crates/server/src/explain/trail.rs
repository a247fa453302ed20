//! What the log says about the time in which the work was expected.

use super::facts::Facts;
use auditor::timeline::{Asked, Event, Hearing, Timeline};
use domain::ids::ShardId;
use domain::record::{Body, Params, Record};
use domain::transition::Transition;
use eventlog::{EventLog, RawRecord, ReadError};

/// Records read at once.
const BATCH: usize = 4_096;
/// Read before the window, so that a pause that reaches into it shows, and after the verdict, for attempts at telling it.
const MARGIN_MS: i64 = 60_000;
/// Records read at most: a busy shard has many between a deadline and its verdict.
const MOST_RECORDS: u64 = 5_000_000;

/// What was found, or why nothing was.
#[derive(Default)]
pub struct Trail {
    pub events: Vec<Event>,
    pub hearing: Option<Hearing>,
    /// The record that closed the verdict.
    pub closing: Option<Record>,
    /// What the log cannot tell.
    pub gaps: Vec<String>,
}

impl Trail {
    /// Reads the log from shortly before the work was expected to shortly after the verdict. `params` hold until a record
    /// among those says otherwise.
    pub async fn read(log: &dyn EventLog, shard: ShardId, facts: &Facts, params: Params) -> Self {
        let mut trail = Self::default();
        if let Err(error) = trail.follow(log, shard, facts, params).await {
            trail.gaps.push(format!("the log could not be read further: {error}"));
        }
        trail
    }

    async fn follow(
        &mut self,
        log: &dyn EventLog,
        shard: ShardId,
        facts: &Facts,
        params: Params,
    ) -> Result<(), ReadError> {
        let (verdict, bounds) = (&facts.transition, log.bounds(shard).await?);
        if verdict.offset < bounds.first {
            self.gaps
                .push(format!("the log begins at offset {}, after the verdict: what follows is history", bounds.first));
            return Ok(());
        }
        if verdict.offset >= bounds.next {
            self.gaps.push(format!("the log ends before offset {}, where the verdict was concluded", verdict.offset));
            return Ok(());
        }
        let window = window(verdict);
        let from = offset_at(log, shard, bounds.first..verdict.offset, window.0 - MARGIN_MS).await?;
        if from == bounds.first && bounds.first > 0 {
            self.gaps.push(format!("the log no longer reaches back beyond offset {from}: what is older is history"));
        }
        let asked = Asked {
            monitor: verdict.monitor,
            from,
            end: u64::MAX,
            deliveries: facts.deliveries.iter().map(|(_, delivery)| delivery.id).collect(),
        };
        let mut timeline = Timeline::new(asked, params);
        let mut hearing = Hearing::new(window.0, window.1, params);
        let (mut next, end) = (from, bounds.next.min(from.saturating_add(MOST_RECORDS)));
        let mut reader = log.reader(shard, from).await?;
        'read: while next < end {
            for raw in reader.next(BATCH).await? {
                next = raw.offset + 1;
                let Some(record) = decoded(&raw) else { continue };
                if raw.offset > verdict.offset && raw.append.0 > verdict.known_ms + MARGIN_MS {
                    break 'read;
                }
                if let Body::Params(params) = record.body {
                    hearing.measure(params);
                }
                hearing.read(&record);
                timeline.read(&record);
                if raw.offset == verdict.offset {
                    self.closing = Some(record);
                }
            }
        }
        if self.closing.is_none() {
            self.gaps.push(format!("only {MOST_RECORDS} records were read, and the verdict lies beyond them"));
        }
        (self.events, self.hearing) = (timeline.events(), Some(hearing));
        Ok(())
    }
}

/// The time in which the work was expected: from its slot, or the start of its run, to the verdict's deadline.
fn window(verdict: &Transition) -> (i64, i64) {
    let to = verdict.deadline_ms.unwrap_or(verdict.occurred_ms);
    let from = verdict.expected_ms.or(verdict.run_started_ms).unwrap_or(to);
    (from.min(to), to)
}

/// The first record that was appended at `at_ms` or later, as far as the log's times ascend.
async fn offset_at(
    log: &dyn EventLog,
    shard: ShardId,
    among: std::ops::Range<u64>,
    at_ms: i64,
) -> Result<u64, ReadError> {
    let (mut low, mut high) = (among.start, among.end);
    while low < high {
        let middle = low + (high - low) / 2;
        let record = log.reader(shard, middle).await?.next(1).await?;
        match record.first().is_some_and(|record| record.append.0 < at_ms) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    Ok(low)
}

/// A record that cannot be read is skipped by every reader.
fn decoded(raw: &RawRecord) -> Option<Record> {
    let (envelope, body) = wire::convert::log::decode_record(&raw.payload).ok()?;
    Some(Record { offset: raw.offset, append: raw.append, envelope, body })
}
