//! Which evaluators there are, as far as names and links tell.
//!
//! An address is dialled when a name has it. It is let go only when no name has it any more *and* its link is of no
//! use: its stream has ended, or it was dialled in vain a few times. A name service that fails, says that there is no
//! such name or gives no address changes nothing: it is not to be believed over a stream that works.

use crate::readiness::Readiness;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// An address that no name has is dialled so often in vain.
const VAIN: u32 = 3;
/// Lines of what is missing; an operator with hundreds of evaluators needs no more.
const MOST_LINES: usize = 20;

/// All names and links.
pub(super) struct Roster {
    names: Vec<Name>,
    links: BTreeMap<SocketAddr, Link>,
    is_running: bool,
}

struct Name {
    text: String,
    /// Of its last answer that had any.
    addresses: BTreeSet<SocketAddr>,
    problem: Option<String>,
}

#[derive(Default)]
struct Link {
    up: bool,
    /// Dials in vain since no name has the address.
    vain: u32,
    problem: Option<&'static str>,
}

impl Roster {
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let name = |text| Name { text, addresses: BTreeSet::new(), problem: None };
        Self { names: names.into_iter().map(name).collect(), links: BTreeMap::new(), is_running: false }
    }

    /// Whether links are kept at all.
    pub(super) fn set_running(&mut self, is_running: bool) {
        self.is_running = is_running;
    }

    /// The answer for the nth name. Gives the addresses to dial, which have a link from now on.
    pub(super) fn resolved(&mut self, nth: usize, answer: Result<BTreeSet<SocketAddr>, String>) -> Vec<SocketAddr> {
        let Some(name) = self.names.get_mut(nth) else { return Vec::new() };
        match answer {
            Err(problem) => {
                name.problem = Some(problem);
                Vec::new()
            }
            Ok(addresses) => {
                let new: Vec<SocketAddr> =
                    addresses.iter().copied().filter(|address| !self.links.contains_key(address)).collect();
                (name.addresses, name.problem) = (addresses, None);
                self.links.extend(new.iter().map(|address| (*address, Link::default())));
                new
            }
        }
    }

    /// The stream of offers is open.
    pub(super) fn opened(&mut self, address: SocketAddr) {
        if let Some(link) = self.links.get_mut(&address) {
            *link = Link { up: true, ..Link::default() };
        }
    }

    /// The stream has ended. Whether to dial again.
    pub(super) fn ended(&mut self, address: SocketAddr, problem: &'static str) -> bool {
        self.note(address, problem, VAIN)
    }

    /// A dial was in vain. Whether to dial again.
    pub(super) fn unreached(&mut self, address: SocketAddr, problem: &'static str) -> bool {
        self.note(address, problem, 1)
    }

    fn note(&mut self, address: SocketAddr, problem: &'static str, vain: u32) -> bool {
        let is_named = self.names.iter().any(|name| name.addresses.contains(&address));
        let Some(link) = self.links.get_mut(&address) else { return false };
        let vain = if is_named { 0 } else { link.vain + vain };
        *link = Link { up: false, vain, problem: Some(problem) };
        if vain >= VAIN {
            self.links.remove(&address);
        }
        vain < VAIN
    }

    /// Nobody keeps the link any more.
    pub(super) fn left(&mut self, address: SocketAddr) {
        self.links.remove(&address);
    }

    /// Links that are up, and all.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.links.values().filter(|link| link.up).count(), self.links.len())
    }

    /// Ready when one evaluator is reached; what is missing names all that are not.
    pub(super) fn readiness(&self) -> Readiness {
        let mut missing = Vec::new();
        if !self.is_running {
            missing.push("the notifier: it does not run".to_owned());
        }
        missing.extend(self.names.iter().filter_map(Name::missing));
        let unreached = self.links.iter().filter(|(_, link)| !link.up);
        missing.extend(
            unreached.map(|(address, link)| {
                format!("the evaluator {address}: {}", link.problem.unwrap_or("is being dialled"))
            }),
        );
        if missing.len() > MOST_LINES {
            let more = missing.len() - MOST_LINES;
            missing.truncate(MOST_LINES);
            missing.push(format!("and {more} more"));
        }
        Readiness { ready: self.is_running && self.counts().0 > 0, missing }
    }
}

impl Name {
    fn missing(&self) -> Option<String> {
        let problem = match (&self.problem, self.addresses.is_empty()) {
            (Some(problem), _) => problem,
            (None, true) => "is being looked up",
            (None, false) => return None,
        };
        Some(format!("the evaluators of {}: {problem}", self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, n], 8081))
    }

    fn set(all: &[u8]) -> Result<BTreeSet<SocketAddr>, String> {
        Ok(all.iter().map(|n| at(*n)).collect())
    }

    fn roster() -> Roster {
        let mut roster = Roster::new(["a:8081".to_owned(), "b:8081".to_owned()]);
        roster.set_running(true);
        roster
    }

    #[test]
    fn each_address_has_one_link_however_many_names_have_it() {
        let mut roster = roster();
        assert_eq!(roster.resolved(0, set(&[1, 2])), [at(1), at(2)]);
        assert_eq!(roster.resolved(0, set(&[1, 2])), []);
        assert_eq!(roster.resolved(1, set(&[2, 3])), [at(3)]);
        assert_eq!(roster.counts(), (0, 3));
    }

    #[test]
    fn a_vanished_address_is_kept_while_its_stream_is_open() {
        let mut roster = roster();
        roster.resolved(0, set(&[1, 2]));
        roster.opened(at(1));
        roster.resolved(0, set(&[2]));
        assert_eq!(roster.counts(), (1, 2));
        assert!(!roster.ended(at(1), "ended"));
        assert_eq!(roster.counts(), (0, 1));
        assert_eq!(roster.resolved(0, set(&[1, 2])), [at(1)], "dialled again when it is back");
    }

    #[test]
    fn a_vanished_address_is_dialled_three_times_in_vain() {
        let mut roster = roster();
        roster.resolved(0, set(&[1]));
        assert!((0..10).all(|_| roster.unreached(at(1), "in vain")), "named ones for ever");
        roster.resolved(0, set(&[2]));
        assert_eq!([(); 3].map(|()| roster.unreached(at(1), "in vain")), [true, true, false]);
        assert_eq!(roster.counts(), (0, 1));
    }

    #[test]
    fn an_address_that_comes_back_in_time_is_kept() {
        let mut roster = roster();
        roster.resolved(0, set(&[1]));
        roster.resolved(0, set(&[2]));
        assert!(roster.unreached(at(1), "in vain") && roster.unreached(at(1), "in vain"));
        assert_eq!(roster.resolved(1, set(&[1])), []);
        assert!((0..10).all(|_| roster.unreached(at(1), "in vain")));
    }

    #[test]
    fn a_name_that_fails_changes_nothing_but_what_is_missing() {
        let mut roster = roster();
        roster.resolved(0, set(&[1]));
        roster.resolved(1, set(&[2]));
        roster.opened(at(1));
        roster.opened(at(2));
        assert_eq!(roster.readiness(), Readiness { ready: true, missing: vec![] });
        assert_eq!(roster.resolved(0, Err("no such name".into())), []);
        assert!(roster.ended(at(1), "has ended the stream"), "it is still named");
        let missing = ["the evaluators of a:8081: no such name", "the evaluator 10.0.0.1:8081: has ended the stream"];
        assert_eq!(roster.readiness(), Readiness { ready: true, missing: missing.map(str::to_owned).to_vec() });
        roster.ended(at(2), "has ended the stream");
        assert!(!roster.readiness().ready);
    }

    #[test]
    fn what_is_missing_at_first_and_at_most() {
        let mut roster = Roster::new(["a:8081".to_owned()]);
        let missing = ["the notifier: it does not run", "the evaluators of a:8081: is being looked up"];
        assert_eq!(roster.readiness(), Readiness { ready: false, missing: missing.map(str::to_owned).to_vec() });
        roster.set_running(true);
        roster.resolved(0, set(&(1..=100).collect::<Vec<_>>()));
        let missing = roster.readiness().missing;
        assert_eq!((missing.len(), missing[20].as_str()), (21, "and 80 more"));
    }
}
