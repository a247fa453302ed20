//! Which monitors are compared from where on, and what is a mismatch. Pure: records and rows in, mismatches out.

use super::standing::Standing;
use super::state::Known;
use crate::model::{Implied, Opinion, differences};
use crate::timeline::{made, narrow};
use domain::command::Status;
use domain::ids::{MonitorId, TransitionId};
use domain::record::{Body, Params, Record};
use domain::transition::Transition;
use std::collections::BTreeMap;

/// Nothing is compared in the first two minutes of a log whose beginning is not known: repeats of records from before, and
/// a clock that is about to be set back, show by then.
const WARM_UP_MS: i64 = 120_000;
/// The longest that a run is waited for after a blind stretch.
const RUN_PROOF_MS: i64 = 3_600_000;
/// How long repeats of records are known: far longer than any producer sends one again.
const REPEATS_MS: i64 = 60_000;
/// How often what can matter no more is let go.
const FORGET_EVERY_MS: i64 = 600_000;
/// Blind stretches this old concern no deadline: the longest grace is 366 days.
const BLIND_KEPT_MS: i64 = 400 * 86_400_000;
/// The engine keeps 512 blind stretches apart. Before that the second opinion must begin anew.
const MAX_BLIND: usize = 400;

/// Judges one shard again.
#[derive(Debug)]
pub struct Judge {
    opinion: Opinion,
    standings: BTreeMap<MonitorId, Standing>,
    /// Monitors that are watched at most.
    most: usize,
    /// Monitors beyond that.
    left_out: usize,
    forget_at_ms: (i64, i64),
    /// Whether the log was read from its first record.
    is_whole: bool,
    /// Records below this were read.
    end: u64,
}

/// What was concluded is not what the log implies.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    pub monitor: MonitorId,
    pub offset: u64,
    pub implied: Option<Implied>,
    pub concluded: Option<Transition>,
}

impl Judge {
    /// From the first record of a log. At most `most` monitors are watched, those that are made first.
    pub fn from_the_start(params: Params, most: usize) -> Self {
        Self::new(Opinion::new(params), most, 0, true)
    }

    /// From the middle of one.
    pub fn from_the_middle(known: &Known, most: usize) -> Self {
        let opinion = Opinion::starting_at(known.now_ms, known.params);
        let mut judge = Self::new(opinion, most, known.next_offset, false);
        for view in known.monitors.iter().take(most) {
            let policy = &view.config.policy;
            let limit = i64::from(policy.max_runtime_secs.unwrap_or(policy.grace_secs)) * 1_000;
            // A run that met a blind stretch may be waited for once more.
            let wait = if view.live.runs > 0 { 2 * (limit + RUN_PROOF_MS) } else { WARM_UP_MS };
            judge.opinion.know(view);
            judge.standings.insert(view.monitor, Standing::unknown(known.now_ms + wait));
        }
        judge.left_out = known.monitors.len().saturating_sub(most);
        judge.standings.extend(known.deleted.iter().map(|monitor| (*monitor, Standing::hopeless())));
        judge
    }

    fn new(opinion: Opinion, most: usize, end: u64, is_whole: bool) -> Self {
        let standings = BTreeMap::new();
        Self { opinion, standings, most, left_out: 0, forget_at_ms: (i64::MIN, i64::MIN), is_whole, end }
    }

    /// Reads the next record.
    pub fn read(&mut self, record: &Record) {
        self.admit(record);
        let standings = &self.standings;
        let narrowed = narrow(record, |monitor| standings.contains_key(&monitor));
        self.opinion.read(&narrowed);
        self.end = record.offset + 1;
        for implied in self.opinion.implied.drain(..) {
            let standing = self.standings.get_mut(&implied.monitor);
            if let Some(standing) = standing.filter(|one| one.from.is_some_and(|from| from <= implied.offset)) {
                standing.implied.push(implied);
            }
        }
        self.hear(&narrowed);
        self.forget();
    }

    /// An id that a record is about to speak of.
    pub fn name(&mut self, incident: &Transition) {
        self.opinion.name(incident);
    }

    /// The incident that a record acknowledges: [`Self::name`] it before the record is read.
    pub fn acknowledged(&self, record: &Record) -> Option<(domain::ids::TenantId, TransitionId)> {
        let Body::Command(command) = &record.body else { return None };
        let domain::command::Action::Acknowledge { incident } = command.action else { return None };
        self.standings.contains_key(&command.monitor).then_some((command.tenant, incident))
    }

    /// Holds what was concluded about a monitor against what the log implied since the last time. `stored` are its
    /// transitions, all that the store has in the range that [`Self::open`] names; those that became true before
    /// `least_ms` are left out, since the store may have let them go. Gives the number of verdicts compared.
    pub fn compare(&mut self, monitor: MonitorId, stored: &[Transition], least_ms: i64) -> (usize, Option<Mismatch>) {
        let (end, opinion) = (self.end, &mut self.opinion);
        let Some(standing) = self.standings.get_mut(&monitor) else { return (0, None) };
        let Some(from) = standing.from else { return (0, None) };
        opinion.implied = std::mem::take(&mut standing.implied);
        opinion.implied.retain(|one| one.occurred_ms >= least_ms);
        let in_range = stored.iter().filter(|one| (from..end).contains(&one.offset) && one.occurred_ms >= least_ms);
        let stored: Vec<Transition> = in_range.cloned().collect();
        let checked = opinion.implied.len().max(stored.len());
        let difference = differences(opinion, &stored, from, end).into_iter().next();
        opinion.implied.clear();
        standing.from = Some(end);
        let Some(found) = difference else { return (checked, None) };
        standing.lose();
        let (offset, implied, concluded) = (found.offset, found.implied, found.concluded);
        (checked, Some(Mismatch { monitor, offset, implied, concluded }))
    }

    /// Monitors that are compared, with the range of records that is open for each and how much was implied in it.
    pub fn open(&self) -> impl Iterator<Item = (MonitorId, std::ops::Range<u64>, usize)> {
        let open = |(monitor, standing): (&MonitorId, &Standing)| {
            let from = standing.from.filter(|from| *from < self.end)?;
            Some((*monitor, from..self.end, standing.implied.len()))
        };
        self.standings.iter().filter_map(open)
    }

    /// How much was implied that is not compared yet.
    pub fn implied(&self) -> usize {
        self.standings.values().map(|standing| standing.implied.len()).sum()
    }

    /// Monitors that are not compared.
    pub fn unchecked(&self) -> usize {
        self.left_out + self.standings.values().filter(|one| one.from.is_none()).count()
    }

    /// Why this judge can go on no longer: monitors move, or more blind stretches than can be told apart.
    pub fn is_at_its_end(&self) -> Option<String> {
        let too_blind = self.opinion.blind().count() > MAX_BLIND;
        self.opinion.beyond.clone().or_else(|| too_blind.then(|| "too many blind stretches".to_owned()))
    }

    /// The shard's time behind the last record.
    pub fn now_ms(&self) -> i64 {
        self.opinion.now_ms()
    }

    fn admit(&mut self, record: &Record) {
        let Some(monitor) = made(record).filter(|monitor| !self.standings.contains_key(monitor)) else { return };
        if self.standings.len() >= self.most {
            self.left_out += usize::from(!matches!(record.body, Body::Ping(_)));
            return;
        }
        let is_known = self.is_whole || self.left_out == 0;
        let standing = if is_known { Standing::known(record.offset) } else { Standing::hopeless() };
        self.standings.insert(monitor, standing);
    }

    fn hear(&mut self, record: &Record) {
        let Body::Ping(ping) = &record.body else { return };
        let Some(standing) = self.standings.get_mut(&ping.monitor) else { return };
        let counted = self.opinion.heard(ping.monitor) == Some(record.offset);
        if let Some(policy) = self.opinion.policy(ping.monitor).filter(|_| counted) {
            let is_up = self.opinion.status(ping.monitor) == Some(Status::Up);
            standing.hear(ping, policy, is_up, self.opinion.now_ms(), record.offset);
        }
    }

    fn forget(&mut self) {
        let now = self.opinion.now_ms();
        if now >= self.forget_at_ms.0 {
            self.opinion.forget_repeats();
            self.forget_at_ms.0 = now + REPEATS_MS;
        }
        if now >= self.forget_at_ms.1 {
            self.opinion.forget(now - BLIND_KEPT_MS);
            self.forget_at_ms.1 = now + FORGET_EVERY_MS;
        }
    }
}
