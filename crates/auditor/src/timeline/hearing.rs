//! Who was heard in a stretch of time, and where nobody was (rule 4 of time).

use super::When;
use domain::record::{Params, Record};
use std::collections::BTreeMap;

/// Stretches that are kept at most.
const MAX_GAPS: usize = 100;
/// Machines that are told apart at most.
const MAX_NODES: usize = 64;

/// What was heard between two instants, told from the records of a shard in order. Feed it from a little before the
/// stretch to a little after: a gap that reaches into it begins before.
#[derive(Clone, Debug)]
pub struct Hearing {
    from_ms: i64,
    to_ms: i64,
    c_ms: i64,
    now_ms: i64,
    /// The last evidence of each origin.
    last: BTreeMap<u8, i64>,
    /// The last that was heard before the stretch, and the first behind it.
    pub around: (Option<i64>, Option<i64>),
    /// By machine: how much of it was heard, first and last.
    pub nodes: BTreeMap<u64, Node>,
    /// Stretches above C in which nobody of an origin was heard, and those an ingest owned up to.
    pub gaps: Vec<(i64, i64)>,
}

/// What was heard of one machine in the stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    pub records: u64,
    pub first_ms: i64,
    pub last_ms: i64,
}

impl Hearing {
    /// Nothing read yet.
    pub fn new(from_ms: i64, to_ms: i64, params: Params) -> Self {
        let (c_ms, last, nodes) = (params.c_ms.min(params.w_ms).into(), BTreeMap::new(), BTreeMap::new());
        Self { from_ms, to_ms, c_ms, now_ms: 0, last, around: (None, None), nodes, gaps: Vec::new() }
    }

    /// From here on this counts as a pause.
    pub fn measure(&mut self, params: Params) {
        self.c_ms = params.c_ms.min(params.w_ms).into();
    }

    /// Reads the next record.
    pub fn read(&mut self, record: &Record) {
        self.now_ms = self.now_ms.max(record.append.0);
        if !record.body.is_evidence() {
            return;
        }
        if let domain::record::Body::Deaf { from, to } = record.body {
            self.add_gap((from.0, to.0));
        }
        let last = self.last.insert(record.envelope.origin, self.now_ms);
        if let Some(last) = last.filter(|last| self.now_ms - last > self.c_ms) {
            self.add_gap((last, self.now_ms));
        }
        match self.now_ms {
            now if now < self.from_ms => self.around.0 = Some(now),
            now if now > self.to_ms => self.around.1 = self.around.1.or(Some(now)),
            _ => self.count(record.envelope.node),
        }
    }

    fn count(&mut self, node: u64) {
        let now = self.now_ms;
        if self.nodes.len() < MAX_NODES || self.nodes.contains_key(&node) {
            let known = self.nodes.entry(node).or_insert(Node { records: 0, first_ms: now, last_ms: now });
            (known.records, known.last_ms) = (known.records + 1, now);
        }
    }

    fn add_gap(&mut self, gap: (i64, i64)) {
        if gap.0 < self.to_ms && gap.1 > self.from_ms && self.gaps.len() < MAX_GAPS {
            self.gaps.push(gap);
        }
    }

    /// Whether anything was heard after the stretch: before that nothing is known about its end.
    pub fn reaches_beyond(&self) -> bool {
        self.last.values().any(|last| *last >= self.to_ms)
    }

    /// In words, a line each.
    pub fn words(&self, when: &When) -> Vec<String> {
        let heard = |(node, known): (&u64, &Node)| {
            let (first, last) = (when.clock(known.first_ms), when.clock(known.last_ms));
            format!("heard: ingest {node:016x}, {} times from {first} to {last}", known.records)
        };
        let gap = |gap: &(i64, i64)| {
            let seconds = (gap.1 - gap.0) as f64 / 1_000.0;
            format!("nobody could be heard from {} to {} ({seconds:.1} s)", when.clock(gap.0), when.clock(gap.1))
        };
        let mut lines: Vec<String> = self.nodes.iter().map(heard).chain(self.gaps.iter().map(gap)).collect();
        let around = [("heard before that", self.around.0), ("heard after that", self.around.1)];
        lines.extend(around.iter().filter_map(|(what, at)| Some(format!("{what}: {}", when.clock((*at)?)))));
        if self.gaps.is_empty() {
            let beyond = if self.reaches_beyond() { "" } else { ", as far as the log goes" };
            lines.push(format!("no pause was longer than {:.1} s{beyond}", self.c_ms as f64 / 1_000.0));
        }
        lines
    }
}
