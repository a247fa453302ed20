//! What the log proves about hearing (rules 4 to 6): when an ingest-born record last arrived, and in which
//! stretches nobody could have heard a ping. Kept per origin, from facts in the log only.

use crate::codec::{CodecError, Reader, Writer};
use crate::planted;
use crate::time::UnixMs;

/// Blind windows kept per origin. Beyond that the two oldest are joined: that makes the past blinder, which
/// can turn an old miss into `unobserved` but never the other way round.
const MAX_WINDOWS: usize = 512;
/// Nodes remembered per origin, the most recent ones.
const MAX_NODES: usize = 256;

/// A stretch in which nobody could hear, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: i64,
    pub to: i64,
}

impl Window {
    /// Whether it has a moment in common with `(from, to)`. Touching at an end is not meeting.
    fn meets(self, from: i64, to: i64) -> bool {
        self.from < to && self.to > from
    }
}

/// What is known about a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// Every moment of it was heard.
    Heard,
    /// Part of it was not; the last blind window that meets it.
    Blind(Window),
    /// Nothing was heard since this instant, and the stretch reaches beyond it: not known yet.
    Silent { since: i64 },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OriginEvidence {
    origin: u8,
    last: Option<i64>,
    /// Ordered, not overlapping.
    windows: Vec<Window>,
    /// When each node was last heard, newest last.
    nodes: Vec<(u64, i64)>,
}

/// The evidence of all origins of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence(Vec<OriginEvidence>);

impl Evidence {
    /// An ingest-born record arrived at `now`. A gap above `c_ms` since the one before is a blind window,
    /// which is returned.
    pub fn heard(&mut self, origin: u8, node: u64, now: UnixMs, c_ms: i64) -> Option<Window> {
        let evidence = self.origin_mut(origin);
        let gap = evidence
            .last
            .filter(|last| now.0.saturating_sub(*last) > planted!("gap-of-two-c", c_ms, 2 * c_ms))
            .map(|from| Window { from, to: now.0 });
        if let Some(window) = gap {
            evidence.add(window);
        }
        evidence.note(node, now.0);
        gap
    }

    /// An ingest started at `now`. Unless another node was heard within `c_ms`, the whole stretch since the
    /// last evidence was blind, however short.
    pub fn booted(&mut self, origin: u8, node: u64, now: UnixMs, c_ms: i64) -> Option<Window> {
        let evidence = self.origin_mut(origin);
        let others = evidence.nodes.iter().any(|(other, at)| *other != node && now.0.saturating_sub(*at) <= c_ms);
        let blind = evidence
            .last
            .filter(|last| !planted!("boot-proves-hearing", others, true) && *last < now.0)
            .map(|from| Window { from, to: now.0 });
        if let Some(window) = blind {
            evidence.add(window);
        }
        evidence.note(node, now.0);
        blind
    }

    /// An ingest said that it did not take pings in a stretch.
    pub fn deaf(&mut self, origin: u8, window: Window) {
        if window.from < window.to {
            self.origin_mut(origin).add(window);
        }
    }

    /// The stretches in which nobody of an origin could be heard, in order.
    pub fn windows(&self, origin: u8) -> impl Iterator<Item = Window> {
        self.0.iter().filter(move |e| e.origin == origin).flat_map(|e| e.windows.iter().copied())
    }

    /// What is known about `(from, to)`, of which `to` is in the past by at least C.
    pub fn hearing(&self, origin: u8, from: i64, to: i64) -> Hearing {
        let Some(evidence) = self.0.iter().find(|e| e.origin == origin) else {
            return Hearing::Silent { since: from };
        };
        match evidence.last {
            Some(last) if last >= to => evidence.worst(from, to),
            Some(last) => Hearing::Silent { since: last },
            None => Hearing::Silent { since: from },
        }
    }

    /// The log's clock was set back to `now`: what lay ahead of it was blind, and nothing is known of the
    /// future. Returns the blind stretch.
    pub fn set_back(&mut self, now: UnixMs) -> Window {
        let mut whole = Window { from: now.0, to: now.0 };
        for evidence in &mut self.0 {
            let start = evidence.windows.iter().filter(|w| w.to > now.0).map(|w| w.from).min();
            let from = start.unwrap_or(now.0).min(now.0);
            evidence.windows.retain(|w| w.to <= now.0);
            if from < now.0 {
                evidence.add(Window { from, to: now.0 });
            }
            // An origin that was not heard meanwhile has been silent since it was heard last.
            evidence.last = evidence.last.map(|last| planted!("set-back-was-heard", last.min(now.0), last));
            evidence.nodes.iter_mut().for_each(|node| node.1 = node.1.min(now.0));
            whole.from = whole.from.min(from);
        }
        whole
    }

    fn origin_mut(&mut self, origin: u8) -> &mut OriginEvidence {
        let place = match self.0.iter().position(|e| e.origin == origin) {
            Some(place) => place,
            None => {
                self.0.push(OriginEvidence { origin, ..OriginEvidence::default() });
                self.0.len() - 1
            }
        };
        &mut self.0[place]
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.list(self.0.iter(), |w, e| {
            w.u8(e.origin).option(e.last, |w, last| {
                w.i64(last);
            });
            w.list(e.windows.iter(), |w, window| {
                w.i64(window.from).i64(window.to);
            });
            w.list(e.nodes.iter(), |w, (node, at)| {
                w.u64(*node).i64(*at);
            });
        });
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let origins = r.list(|r| {
            Ok(OriginEvidence {
                origin: r.u8()?,
                last: r.option(Reader::i64)?,
                windows: r.list(|r| Ok(Window { from: r.i64()?, to: r.i64()? }))?,
                nodes: r.list(|r| Ok((r.u64()?, r.i64()?)))?,
            })
        })?;
        Ok(Self(origins))
    }
}

impl OriginEvidence {
    fn note(&mut self, node: u64, now: i64) {
        self.last = Some(self.last.map_or(now, |last| last.max(now)));
        if let Some(newest) = self.nodes.last_mut()
            && newest.0 == node
        {
            newest.1 = newest.1.max(now);
            return;
        }
        self.nodes.retain(|(other, _)| *other != node);
        self.nodes.push((node, now));
        if self.nodes.len() > MAX_NODES {
            self.nodes.remove(0);
        }
    }

    /// Inserts a window and joins what it overlaps.
    fn add(&mut self, window: Window) {
        let first = self.windows.partition_point(|w| w.to < window.from);
        let behind = self.windows.partition_point(|w| w.from <= window.to);
        let joined = self.windows[first..behind]
            .iter()
            .fold(window, |all, w| Window { from: all.from.min(w.from), to: all.to.max(w.to) });
        self.windows.splice(first..behind, [joined]);
        if self.windows.len() > MAX_WINDOWS {
            let oldest = self.windows.remove(0);
            self.windows[0].from = oldest.from;
        }
    }

    fn worst(&self, from: i64, to: i64) -> Hearing {
        let behind = self.windows.partition_point(|w| w.from < to);
        match self.windows[..behind].last() {
            Some(window) if window.meets(from, to) => Hearing::Blind(*window),
            _ => Hearing::Heard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const C: i64 = 3_000;

    #[test]
    fn rule_4_a_gap_above_c_between_evidence_is_blind() {
        let mut evidence = Evidence::default();
        assert_eq!(evidence.heard(0, 1, UnixMs(10_000), C), None);
        assert_eq!(evidence.heard(0, 1, UnixMs(13_000), C), None);
        assert_eq!(evidence.heard(0, 1, UnixMs(16_001), C), Some(Window { from: 13_000, to: 16_001 }));
        assert_eq!(evidence.hearing(0, 10_000, 13_000), Hearing::Heard);
        assert_eq!(evidence.hearing(0, 10_000, 13_001), Hearing::Blind(Window { from: 13_000, to: 16_001 }));
    }

    #[test]
    fn rule_4_a_boot_makes_even_a_short_silence_blind() {
        let mut evidence = Evidence::default();
        evidence.heard(0, 1, UnixMs(10_000), C);
        assert_eq!(evidence.booted(0, 1, UnixMs(12_000), C), Some(Window { from: 10_000, to: 12_000 }));
    }

    #[test]
    fn rule_4_a_boot_beside_a_living_node_is_not_blind() {
        let mut evidence = Evidence::default();
        evidence.heard(0, 2, UnixMs(9_500), C);
        evidence.heard(0, 1, UnixMs(10_000), C);
        assert_eq!(evidence.booted(0, 1, UnixMs(12_000), C), None);
        assert_eq!(evidence.booted(0, 3, UnixMs(15_500), C).map(|w| w.from), Some(12_000));
    }

    #[test]
    fn rule_4_silence_that_still_goes_on_is_not_known_yet() {
        let mut evidence = Evidence::default();
        evidence.heard(0, 1, UnixMs(10_000), C);
        assert_eq!(evidence.hearing(0, 5_000, 11_000), Hearing::Silent { since: 10_000 });
        assert_eq!(evidence.hearing(0, 5_000, 10_000), Hearing::Heard);
    }

    #[test]
    fn rule_6_origins_are_heard_apart() {
        let mut evidence = Evidence::default();
        evidence.heard(0, 1, UnixMs(10_000), C);
        evidence.heard(1, 2, UnixMs(20_000), C);
        assert_eq!(evidence.hearing(0, 5_000, 15_000), Hearing::Silent { since: 10_000 });
        assert_eq!(evidence.hearing(1, 5_000, 15_000), Hearing::Heard);
        assert_eq!(evidence.hearing(7, 5_000, 15_000), Hearing::Silent { since: 5_000 });
    }

    #[test]
    fn windows_join_and_stay_bounded() {
        let mut evidence = Evidence::default();
        evidence.heard(0, 1, UnixMs(1_000_000_000), C);
        for n in 0..2_000 {
            evidence.deaf(0, Window { from: n * 1_000, to: n * 1_000 + 500 });
        }
        assert_eq!(evidence.0[0].windows.len(), MAX_WINDOWS);
        assert!(matches!(evidence.hearing(0, 100, 200), Hearing::Blind(_)));
        evidence.deaf(0, Window { from: 1_500_000, to: 1_999_000 });
        assert!(evidence.0[0].windows.len() < MAX_WINDOWS);
    }

    #[test]
    fn rule_8_setting_back_makes_the_stretch_blind() {
        let mut evidence = Evidence::default();
        evidence.heard(0, 1, UnixMs(100_000), C);
        evidence.heard(0, 1, UnixMs(3_700_000), C);
        assert_eq!(evidence.set_back(UnixMs(130_000)), Window { from: 100_000, to: 130_000 });
        assert_eq!(evidence.hearing(0, 90_000, 120_000), Hearing::Blind(Window { from: 100_000, to: 130_000 }));
        assert_eq!(evidence.heard(0, 1, UnixMs(131_000), C), None);
    }

    #[test]
    fn rule_8_setting_back_does_not_pretend_that_a_silent_origin_was_heard() {
        let mut evidence = Evidence::default();
        evidence.heard(0, 1, UnixMs(100_000), C);
        evidence.heard(1, 2, UnixMs(100_500), C);
        evidence.heard(0, 1, UnixMs(3_700_000), C);
        evidence.set_back(UnixMs(130_000));
        assert_eq!(evidence.hearing(1, 90_000, 120_000), Hearing::Silent { since: 100_500 });
        assert_eq!(evidence.windows(1).count(), 0, "and makes no window of no length");
        assert_eq!(evidence.heard(1, 2, UnixMs(131_000), C), Some(Window { from: 100_500, to: 131_000 }));
    }

    #[test]
    fn survives_a_snapshot() {
        let mut evidence = Evidence::default();
        evidence.heard(3, 1, UnixMs(10_000), C);
        evidence.heard(3, 9, UnixMs(20_000), C);
        let mut writer = Writer::default();
        evidence.write(&mut writer);
        let bytes = writer.finish();
        let mut framed = vec![0, 1];
        framed.extend(&bytes);
        assert_eq!(Evidence::read(&mut Reader::versioned(&framed, 1).unwrap()), Ok(evidence));
    }
}
