//! A verdict's story, in words and as JSON.

use super::facts::Facts;
use super::trail::Trail;
use auditor::timeline::{What, When};
use domain::delivery::{Delivery, DeliveryState};
use domain::duration::format_duration;
use domain::engine::effects::HistoryRow;
use domain::ids::ShardId;
use domain::record::{Body, Record};
use domain::time::UnixMs;
use domain::transition::Transition;
use serde_json::{Value, json};

/// One line of the story.
struct Line {
    /// Of the record it comes from; a deduction has none.
    offset: Option<u64>,
    at_ms: Option<i64>,
    what: &'static str,
    text: String,
}

/// The whole story.
pub struct Story<'a> {
    facts: &'a Facts,
    shard: ShardId,
    when: When,
    lines: Vec<Line>,
    gaps: &'a [String],
}

impl<'a> Story<'a> {
    /// Puts everything in order: what was in force, the pings, the expectation, who was heard, the verdict, who was told.
    pub fn of(facts: &'a Facts, shard: ShardId, trail: &'a Trail) -> Self {
        let when = When::in_zone(&facts.transition.zone);
        let mut story = Self { facts, shard, when, lines: Vec::new(), gaps: &trail.gaps };
        story.in_force();
        story.before(trail);
        story.expectation();
        story.hearing(trail);
        story.conclusion(trail.closing.as_ref());
        story.told(trail);
        story
    }

    fn in_force(&mut self) {
        let t = &self.facts.transition;
        let grace = format_duration(t.grace_secs.into());
        self.add("in_force", None, None, format!("version {}: {}, grace {grace}", t.version, t.schedule));
    }

    /// Pings from the history, which goes back further than the log may; edits and the like from the log.
    fn before(&mut self, trail: &Trail) {
        let t = &self.facts.transition;
        let verdict = self.facts.before.iter().map(|before| {
            let text = format!("{} to {} ({}), {}", before.from, before.to, before.reason, before.id);
            (before.offset, before.occurred_ms, "transition_before", text)
        });
        let pings = self.facts.pings.iter().map(|row| (row.offset, row.ping.at_ms, "ping", ping_words(row)));
        let is_told = |what: &What| {
            !matches!(what, What::Ping { .. } | What::Deadline { .. } | What::Implied(_) | What::Attempt(_))
        };
        let told = trail.events.iter().filter(|event| event.offset <= t.offset && is_told(&event.what));
        let told = told.map(|event| (event.offset, event.append_ms, event.what.label(), event.words(&self.when)));
        let mut lines: Vec<_> = pings.chain(verdict).chain(told).collect();
        lines.sort_by_key(|(offset, ..)| *offset);
        for (offset, at_ms, what, text) in lines {
            self.add(what, Some(offset), Some(at_ms), text);
        }
        if self.facts.pings.is_empty() {
            self.add("ping", None, None, "no ping before it is in the history".to_owned());
        }
    }

    fn expectation(&mut self) {
        let t = &self.facts.transition;
        if let Some(at) = t.run_started_ms {
            self.add("run_started", None, Some(at), "the run began".to_owned());
        }
        if let Some(at) = t.expected_ms {
            self.add("expected", None, Some(at), "the work was expected".to_owned());
        }
        if let Some(at) = t.deadline_ms {
            self.add("deadline", None, Some(at), "silence became a verdict".to_owned());
        }
    }

    fn hearing(&mut self, trail: &Trail) {
        let t = &self.facts.transition;
        if let Some(hearing) = trail.hearing.as_ref().filter(|_| t.deadline_ms.is_some()) {
            for text in hearing.words(&self.when) {
                self.add("evidence", None, None, text);
            }
        }
        if let Some((from, until)) = t.blind {
            let (from, until) = (self.when.clock(from), self.when.clock(until));
            self.add("blind", None, None, format!("the verdict names a blind stretch: {from} to {until}"));
        }
    }

    fn conclusion(&mut self, closing: Option<&Record>) {
        let t = &self.facts.transition;
        let by = closing.map_or_else(|| "a record that the log no longer has".to_owned(), record_words);
        let delay = t.deadline_ms.map_or(String::new(), |deadline| {
            format!(", {:.1} s after the deadline by the shard's clock", (t.known_ms - deadline) as f64 / 1_000.0)
        });
        let text = format!("concluded at {by}{delay}: {} to {}, {} ({})", t.from, t.to, t.kind, t.reason);
        self.add("concluded", Some(t.offset), Some(t.known_ms), text);
        if !t.detail.is_empty() {
            self.add("detail", None, None, t.detail.clone());
        }
        if let Some(retracted) = t.retracts {
            self.add("retracts", None, None, format!("takes back {retracted}"));
        }
    }

    fn told(&mut self, trail: &Trail) {
        if self.facts.transition.channels.is_empty() {
            self.add("delivery", None, None, "nobody is told of it".to_owned());
        }
        for event in trail.events.iter().filter(|event| matches!(event.what, What::Attempt(_))) {
            let text = event.words(&self.when);
            self.add("attempt", Some(event.offset), Some(event.append_ms), text);
        }
        for (channel, delivery) in &self.facts.deliveries {
            let text = delivery_words(channel, delivery, &self.when);
            self.lines.push(Line { offset: None, at_ms: Some(delivery.changed_ms), what: "delivery", text });
        }
    }

    fn add(&mut self, what: &'static str, offset: Option<u64>, at_ms: Option<i64>, text: String) {
        self.lines.push(Line { offset, at_ms, what, text });
    }

    /// A paragraph for people.
    pub fn text(&self) -> String {
        let (t, shard) = (&self.facts.transition, self.shard);
        let head = format!("{} {}: {} ({})\n", t.identity.slug, t.id, t.kind, t.reason);
        let place = format!("monitor {}, shard {shard}; times in {}\n\n", t.monitor, self.when.zone());
        let line = |line: &Line| {
            let at = line.at_ms.map_or(String::new(), |at| self.when.at(at));
            let offset = line.offset.map_or(String::new(), |offset| format!("#{offset}"));
            format!("{at:<46} {offset:>9}  {}\n", line.text)
        };
        let gap = |gap: &String| format!("\nnote: {gap}");
        let gaps: String = self.gaps.iter().map(gap).collect();
        let end = if gaps.is_empty() { "" } else { "\n" };
        format!("{head}{place}{}{gaps}{end}", self.lines.iter().map(line).collect::<String>())
    }

    /// One object.
    pub fn json(&self) -> String {
        let t = &self.facts.transition;
        let line = |line: &Line| {
            json!({
                "what": line.what,
                "offset": line.offset,
                "at": line.at_ms.map(|at| UnixMs(at).to_string()),
                "local": line.at_ms.map(|at| self.when.at(at)),
                "text": line.text,
            })
        };
        let object = json!({
            "transition": transition_json(t),
            "shard": self.shard.0,
            "zone": self.when.zone(),
            "events": self.lines.iter().map(line).collect::<Vec<Value>>(),
            "notes": self.gaps,
        });
        format!("{object}\n")
    }
}

fn transition_json(t: &Transition) -> Value {
    let at = |ms: Option<i64>| ms.map(|ms| UnixMs(ms).to_string());
    json!({
        "id": t.id.to_string(), "monitorId": t.monitor.to_string(), "slug": t.identity.slug,
        "type": t.kind.word(), "reason": t.reason.word(), "from": t.from.word(), "to": t.to.word(),
        "occurredAt": at(Some(t.occurred_ms)), "knownAt": at(Some(t.known_ms)), "offset": t.offset,
        "configVersion": t.version, "schedule": t.schedule, "graceSeconds": t.grace_secs,
        "expectedAt": at(t.expected_ms), "deadlineAt": at(t.deadline_ms),
    })
}

fn ping_words(row: &HistoryRow) -> String {
    let kind = row.ping.kind.exit_code().map_or_else(|| row.ping.kind.word().to_owned(), |code| format!("exit {code}"));
    let took = row.ping.duration_ms.map_or(String::new(), |ms| format!(", took {:.1} s", ms as f64 / 1_000.0));
    let run = row.ping.run.map_or(String::new(), |run| format!(", run {run}"));
    let more = if row.coalesced > 0 { format!(", and {} equal ones before it", row.coalesced) } else { String::new() };
    let ignored = if row.ignored.is_empty() { String::new() } else { format!(" (ignored: {})", row.ignored) };
    format!("ping {}: {kind}{run}{took}{more}{ignored}", row.ping.number)
}

fn record_words(record: &Record) -> String {
    match &record.body {
        Body::Tick => "a tick".to_owned(),
        Body::Ping(_) => "a ping of its own".to_owned(),
        Body::Deaf { .. } => "a report of deafness".to_owned(),
        Body::Command(_) => "a command".to_owned(),
        Body::Params(_) => "a change of W".to_owned(),
        _ => "a record".to_owned(),
    }
}

fn delivery_words(channel: &str, delivery: &Delivery, when: &When) -> String {
    let error = if delivery.error.is_empty() { String::new() } else { format!(": {}", delivery.error) };
    let digest = match delivery.transitions.len() {
        0 | 1 => String::new(),
        many => format!(" in a digest of {many}"),
    };
    let next = match delivery.state {
        DeliveryState::Retrying => format!(", next attempt {}", when.clock(delivery.due_ms)),
        _ => String::new(),
    };
    let attempts = match delivery.attempts {
        1 => "1 attempt".to_owned(),
        many => format!("{many} attempts"),
    };
    format!("{channel}{digest}: {} after {attempts}{next}{error} ({})", delivery.state, delivery.id)
}
