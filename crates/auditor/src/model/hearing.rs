//! When somebody was heard, and when nobody could be.

use std::collections::BTreeMap;

/// A stretch of time, from and to, in milliseconds.
pub type Span = (i64, i64);

/// What the log has proved so far, origin by origin.
#[derive(Clone, Debug, Default)]
pub struct Hearing(BTreeMap<u8, Origin>);

#[derive(Clone, Debug, Default)]
struct Origin {
    last: Option<i64>,
    blind: Vec<Span>,
    nodes: BTreeMap<u64, i64>,
}

/// What is known about a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Heard,
    /// The latest blind stretch that meets it.
    Blind(Span),
    /// Its end is later than the last that was heard.
    NotYet,
}

impl Hearing {
    /// A ping, a canary, a report of deafness: a gap above C before it was blind.
    pub fn heard(&mut self, origin: u8, node: u64, now: i64, c: i64) {
        let origin = self.0.entry(origin).or_default();
        if let Some(last) = origin.last.filter(|last| now - last > c) {
            origin.add((last, now));
        }
        origin.note(node, now);
    }

    /// A boot: unless another node was heard within C, nobody was there since the last that was heard.
    pub fn booted(&mut self, origin: u8, node: u64, now: i64, c: i64) {
        let origin = self.0.entry(origin).or_default();
        let others = origin.nodes.iter().any(|(other, at)| *other != node && now - at <= c);
        if let Some(last) = origin.last.filter(|_| !others) {
            origin.add((last, now));
        }
        origin.note(node, now);
    }

    /// An ingest says that it did not hear.
    pub fn deaf(&mut self, origin: u8, span: Span) {
        self.0.entry(origin).or_default().add(span);
    }

    pub fn about(&self, origin: u8, from: i64, to: i64) -> Known {
        let Some(origin) = self.0.get(&origin) else { return Known::NotYet };
        if origin.last.is_none_or(|last| last < to) {
            return Known::NotYet;
        }
        let meeting = origin.blind.iter().filter(|span| span.0 < to && span.1 > from);
        meeting.max_by_key(|span| span.0).map_or(Known::Heard, |span| Known::Blind(*span))
    }

    /// The clock was set back: the stretch that it had run ahead through was blind (rule 8).
    pub fn set_back(&mut self, now: i64) {
        for origin in self.0.values_mut() {
            let begin = origin.blind.iter().filter(|span| span.1 > now).map(|span| span.0).min();
            origin.blind.retain(|span| span.1 <= now);
            origin.add((begin.unwrap_or(now).min(now), now));
            origin.last = origin.last.map(|last| last.min(now));
            origin.nodes.values_mut().for_each(|at| *at = (*at).min(now));
        }
    }

    /// Lets go of blind stretches that ended before `before`.
    pub fn forget(&mut self, before: i64) {
        self.0.values_mut().for_each(|origin| origin.blind.retain(|span| span.1 >= before));
    }

    /// Every blind stretch of every origin.
    pub fn blind(&self) -> impl Iterator<Item = (u8, Span)> {
        self.0.iter().flat_map(|(origin, known)| known.blind.iter().map(|span| (*origin, *span)))
    }
}

impl Origin {
    fn note(&mut self, node: u64, now: i64) {
        self.last = self.last.max(Some(now));
        self.nodes.insert(node, now);
    }

    /// Stretches that touch are one.
    fn add(&mut self, span: Span) {
        if span.0 >= span.1 {
            return;
        }
        let (touching, apart): (Vec<Span>, Vec<Span>) =
            self.blind.iter().partition(|other| other.0 <= span.1 && other.1 >= span.0);
        let from = touching.iter().map(|other| other.0).fold(span.0, i64::min);
        let to = touching.iter().map(|other| other.1).fold(span.1, i64::max);
        self.blind = apart;
        self.blind.push((from, to));
    }
}
