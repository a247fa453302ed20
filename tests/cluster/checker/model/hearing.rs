//! When somebody was heard, and when nobody could be.

use std::collections::BTreeMap;

/// A stretch of time, from and to.
pub type Span = (i64, i64);

/// What the log has proved so far about hearing.
#[derive(Clone, Debug, Default)]
pub struct Hearing {
    last: Option<i64>,
    /// Ordered, apart from each other.
    blind: Vec<Span>,
    nodes: BTreeMap<u64, i64>,
}

/// What is known about a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Heard,
    Blind(Span),
    /// Its end is later than the last that was heard.
    NotYet,
}

impl Hearing {
    /// A ping, a canary, a report of deafness: a gap above C before it was blind.
    pub fn heard(&mut self, node: u64, now: i64, c: i64) {
        if let Some(last) = self.last.filter(|last| now - last > c) {
            self.add((last, now));
        }
        self.note(node, now);
    }

    /// A boot: unless another node was heard within C, nobody was there since the last that was heard.
    pub fn booted(&mut self, node: u64, now: i64, c: i64) {
        let others = self.nodes.iter().any(|(other, at)| *other != node && now - at <= c);
        if let Some(last) = self.last.filter(|last| !others && *last < now) {
            self.add((last, now));
        }
        self.note(node, now);
    }

    pub fn add(&mut self, span: Span) {
        if span.0 >= span.1 {
            return;
        }
        self.blind.push(span);
        self.blind.sort_unstable();
        let mut joined: Vec<Span> = Vec::new();
        for next in self.blind.drain(..) {
            match joined.last_mut().filter(|before| before.1 >= next.0) {
                Some(before) => before.1 = before.1.max(next.1),
                None => joined.push(next),
            }
        }
        self.blind = joined;
    }

    pub fn about(&self, from: i64, to: i64) -> Known {
        if self.last.is_none_or(|last| last < to) {
            return Known::NotYet;
        }
        let meets = |span: &&Span| span.0 < to && span.1 > from;
        self.blind.iter().rev().find(meets).map_or(Known::Heard, |span| Known::Blind(*span))
    }

    /// The clock was set back: the stretch that it had run ahead through was blind (rule 8).
    pub fn set_back(&mut self, now: i64) {
        let begin = self.blind.iter().filter(|span| span.1 > now).map(|span| span.0).min().unwrap_or(now);
        self.blind.retain(|span| span.1 <= now);
        self.add((begin.min(now), now));
        if self.last.is_some() {
            self.last = Some(now);
        }
        self.nodes.values_mut().for_each(|at| *at = (*at).min(now));
    }

    pub fn blind(&self) -> &[Span] {
        &self.blind
    }

    fn note(&mut self, node: u64, now: i64) {
        self.last = Some(self.last.map_or(now, |last| last.max(now)));
        self.nodes.insert(node, now);
    }
}
