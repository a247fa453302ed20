//! What the receiver saw: each alert at least once, under one id, `down` before `up`.

use super::facts::{Facts, Verdict};
use super::violation::{Rule, Violation};
use crate::history::Arrival;
use std::collections::BTreeMap;

/// By what arrived.
pub fn check(facts: &Facts) -> Vec<Violation> {
    let told = Told::of(&facts.arrivals);
    let mut violations = told.changed_ids();
    violations.extend(facts.verdicts.iter().filter(|verdict| verdict.is_up()).filter_map(|up| told.swapped(up)));
    violations
}

/// When each transition first came, and under which ids.
pub struct Told<'a> {
    first: BTreeMap<&'a str, usize>,
    ids: BTreeMap<&'a str, Vec<&'a str>>,
    contents: BTreeMap<&'a str, Vec<Vec<&'a str>>>,
}

impl<'a> Told<'a> {
    pub fn of(arrivals: &'a [Arrival]) -> Self {
        let mut told = Self { first: BTreeMap::new(), ids: BTreeMap::new(), contents: BTreeMap::new() };
        for (place, arrival) in arrivals.iter().enumerate() {
            let items: Vec<&str> = arrival.items.iter().map(|item| item.transition.as_str()).collect();
            for item in &items {
                told.first.entry(item).or_insert(place);
                add(&mut told.ids, item, arrival.id.as_str());
            }
            add(&mut told.contents, arrival.id.as_str(), items);
        }
        told
    }

    pub fn has(&self, transition: &str) -> bool {
        self.first.contains_key(transition)
    }

    /// One delivery, one id and one content on every attempt; one alert, one delivery.
    fn changed_ids(&self) -> Vec<Violation> {
        let under_several = self.ids.iter().filter(|(_, ids)| ids.len() > 1);
        let under_several = under_several.map(|(transition, ids)| format!("{transition} came under the ids {ids:?}"));
        let changed = self.contents.iter().filter(|(_, contents)| contents.len() > 1);
        let changed = changed.map(|(id, contents)| format!("{id} said {contents:?}"));
        under_several.chain(changed).map(|words| Violation::new(Rule::ChangedId, "", words)).collect()
    }

    /// An `up` that came before the `down` it ends.
    fn swapped(&self, up: &Verdict) -> Option<Violation> {
        let opened = up.incident.as_deref()?;
        let (down_at, up_at) = (self.first.get(opened)?, self.first.get(up.id.as_str())?);
        let words = format!("{} (up) came before {opened} (down), which it ends", up.id);
        // In one message, a digest, there is no order of arrival.
        (up_at < down_at).then(|| Violation::new(Rule::SwappedOrder, &up.slug, words).at(up.shard, up.offset))
    }
}

fn add<'a, T: PartialEq>(map: &mut BTreeMap<&'a str, Vec<T>>, key: &'a str, value: T) {
    let values = map.entry(key).or_default();
    if !values.contains(&value) {
        values.push(value);
    }
}
