//! Policies are stored once: ten thousand monitors made by one script share one schedule, grace and list of
//! channels. A policy nobody uses any more gives its place back.

use crate::assertion::Assertion;
use crate::codec::{CodecError, Reader, Writer};
use crate::ids::ChannelId;
use crate::monitor::{OnBlind, Overlap, Policy};
use crate::schedule::Schedule;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The interned policies, by place.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    places: Vec<Option<Entry>>,
    by_value: BTreeMap<Arc<Policy>, u32>,
    free: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Entry {
    policy: Arc<Policy>,
    users: u32,
}

impl Policies {
    /// The place of `policy`, with one user more.
    pub fn acquire(&mut self, policy: Policy) -> u32 {
        if let Some(place) = self.by_value.get(&policy).copied() {
            if let Some(entry) = &mut self.places[place as usize] {
                entry.users += 1;
            }
            return place;
        }
        let policy = Arc::new(policy);
        let entry = Some(Entry { policy: Arc::clone(&policy), users: 1 });
        let place = match self.free.pop() {
            Some(place) => {
                self.places[place as usize] = entry;
                place
            }
            None => {
                self.places.push(entry);
                (self.places.len() - 1) as u32
            }
        };
        self.by_value.insert(policy, place);
        place
    }

    /// One user less.
    pub fn release(&mut self, place: u32) {
        let Some(entry) = &mut self.places[place as usize] else { return };
        entry.users -= 1;
        if entry.users == 0 {
            self.by_value.remove(&entry.policy);
            self.places[place as usize] = None;
            self.free.push(place);
        }
    }

    /// The policy at a place that somebody uses.
    pub fn get(&self, place: u32) -> &Arc<Policy> {
        match &self.places[place as usize] {
            Some(entry) => &entry.policy,
            None => unreachable!("a policy with users has a place"),
        }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.list(self.places.iter(), |w, place| {
            w.option(place.as_ref(), |w, entry| write_policy(w, &entry.policy));
        });
    }

    /// Reads the policies without users; each slot read afterwards adds itself with [`Self::reuse`].
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let mut policies = Self::default();
        for policy in r.list(|r| r.option(read_policy))? {
            let place = policies.places.len() as u32;
            if let Some(policy) = policy {
                let policy = Arc::new(policy);
                policies.by_value.insert(Arc::clone(&policy), place);
                policies.places.push(Some(Entry { policy, users: 0 }));
            } else {
                policies.free.push(place);
                policies.places.push(None);
            }
        }
        Ok(policies)
    }

    /// One user more of a place read from a snapshot.
    pub(super) fn reuse(&mut self, place: u32) -> Result<(), CodecError> {
        match self.places.get_mut(place as usize) {
            Some(Some(entry)) => {
                entry.users += 1;
                Ok(())
            }
            _ => Err(CodecError::Value("policy place")),
        }
    }
}

pub(super) fn write_policy(w: &mut Writer, p: &Policy) {
    write_schedule(w, &p.schedule);
    w.u32(p.grace_secs);
    for secs in [p.max_runtime_secs, p.min_runtime_secs, p.early_secs, p.first_ping_within_secs, p.remind_every_secs] {
        w.option(secs, |w, secs| {
            w.u32(secs);
        });
    }
    w.u8(p.overlap as u8).u8(p.on_blind as u8);
    w.u8(p.failures_before_alert).u8(p.successes_before_recovery);
    w.u8(u8::from(p.manual_resume)).u8(u8::from(p.post_only));
    w.list(p.assertions.iter(), |w, a| {
        w.text(a.source());
    });
    w.list(p.channels.iter(), |w, c| {
        w.u64(c.0);
    });
}

pub(super) fn read_policy(r: &mut Reader<'_>) -> Result<Policy, CodecError> {
    let mut policy = Policy::every(read_schedule(r)?, r.u32()?);
    policy.max_runtime_secs = r.option(Reader::u32)?;
    policy.min_runtime_secs = r.option(Reader::u32)?;
    policy.early_secs = r.option(Reader::u32)?;
    policy.first_ping_within_secs = r.option(Reader::u32)?;
    policy.remind_every_secs = r.option(Reader::u32)?;
    policy.overlap = pick(&[Overlap::Allow, Overlap::Warn, Overlap::Fail], r.u8()?)?;
    policy.on_blind = pick(&[OnBlind::Notify, OnBlind::Hold, OnBlind::Down], r.u8()?)?;
    policy.failures_before_alert = r.u8()?;
    policy.successes_before_recovery = r.u8()?;
    policy.manual_resume = r.u8()? != 0;
    policy.post_only = r.u8()? != 0;
    policy.assertions = r.list(|r| Assertion::parse(&r.text()?).map_err(|_| CodecError::Value("assertion")))?;
    policy.channels = r.list(|r| r.u64().map(ChannelId))?;
    Ok(policy)
}

fn write_schedule(w: &mut Writer, schedule: &Schedule) {
    match schedule {
        Schedule::Period { seconds } => w.u8(0).u32(*seconds),
        Schedule::Cron { cron, zone } => w.u8(1).text(cron.source()).text(zone.name()),
        Schedule::OnCalendar { calendar, zone } => w.u8(2).text(calendar.source()).text(zone.name()),
    };
}

fn read_schedule(r: &mut Reader<'_>) -> Result<Schedule, CodecError> {
    let refused = |_| CodecError::Value("schedule");
    match r.u8()? {
        0 => Ok(Schedule::Period { seconds: r.u32()? }),
        1 => Schedule::cron(&r.text()?, &r.text()?).map_err(refused),
        2 => Schedule::oncalendar(&r.text()?, &r.text()?).map_err(refused),
        _ => Err(CodecError::Value("schedule kind")),
    }
}

fn pick<T: Copy>(all: &[T], place: u8) -> Result<T, CodecError> {
    all.get(usize::from(place)).copied().ok_or(CodecError::Value("word"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_policies_share_a_place_and_give_it_back() {
        let mut policies = Policies::default();
        let (a, b) = (policies.acquire(Policy::daily()), policies.acquire(Policy::daily()));
        assert_eq!(a, b);
        policies.release(a);
        assert_eq!(**policies.get(b), Policy::daily());
        policies.release(b);
        let other = Policy::every(Schedule::Period { seconds: 60 }, 5);
        assert_eq!(policies.acquire(other), a);
    }

    #[test]
    fn a_policy_reads_back() {
        let mut policy = Policy::every(Schedule::cron("30 2 * * *", "Europe/Berlin").unwrap(), 300);
        policy.assertions = vec![Assertion::parse("count >= 1").unwrap()];
        policy.channels = vec![ChannelId(5)];
        policy.overlap = Overlap::Fail;
        policy.max_runtime_secs = Some(3);
        let mut w = Writer::versioned(1);
        write_policy(&mut w, &policy);
        let bytes = w.finish();
        assert_eq!(read_policy(&mut Reader::versioned(&bytes, 1).unwrap()), Ok(policy));
    }
}
