//! What would have been, beside what was.

use super::past::Past;
use auditor::backtest::{Alert, Suggestion, replay, suggest};
use auditor::timeline::{When, policy_words};
use domain::duration::{format_duration, format_duration_compact};
use domain::monitor::MonitorConfig;
use domain::time::UnixMs;
use serde_json::{Value, json};

/// The answer.
pub struct Answer<'a> {
    past: &'a Past,
    proposed: MonitorConfig,
    span: (i64, i64),
    within_ms: i64,
    alerts: Vec<Alert>,
    suggestion: Option<Suggestion>,
    when: When,
}

impl<'a> Answer<'a> {
    /// Asks the engine.
    pub fn of(past: &'a Past, proposed: MonitorConfig, span: (i64, i64), within_ms: i64) -> Self {
        let alerts = replay(&proposed, &past.story, span.0, span.1);
        let suggestion = suggest(&proposed, &past.story, &alerts, span, within_ms);
        let zone = proposed.policy.schedule.zone().map_or("UTC", |zone| zone.name()).to_owned();
        Self { past, proposed, span, within_ms, alerts, suggestion, when: When::in_zone(&zone) }
    }

    pub fn text(&self) -> String {
        let (from, to) = (self.when.at(self.span.0), self.when.at(self.span.1));
        let slug = &self.proposed.identity.slug;
        let mut text = format!("{slug}: {} pings from {from} to {to}\n", self.past.pings);
        if let Some(begins) = self.past.begins_ms {
            text += &format!("note: the history begins at {}\n", self.when.at(begins));
        }
        text += &format!("as it is:  {}\n", policy_words(&self.past.config));
        text += &format!("proposed:  {}\n\n", policy_words(&self.proposed));
        text += &self.list("alerts that came", &self.past.alerts);
        text += &self.list("alerts that would have come", &self.alerts);
        text + &self.suggestion_text()
    }

    fn list(&self, title: &str, alerts: &[Alert]) -> String {
        let line = |alert: &Alert| {
            let end = alert.recovered_ms.map_or("no success ended it".to_owned(), |at| {
                format!("a success ended it after {}", length(at - alert.at_ms))
            });
            let dark = if alert.in_the_dark { "; nobody could hear for a while, so it may not have come" } else { "" };
            format!("  {}  {}: {end}{dark}\n", self.when.at(alert.at_ms), alert.reason)
        };
        format!("{title}: {}\n{}", alerts.len(), alerts.iter().map(line).collect::<String>())
    }

    fn suggestion_text(&self) -> String {
        let within = length(self.within_ms);
        match &self.suggestion {
            None => {
                format!("suggested grace: as proposed; no alert would have been ended by a success within {within}\n")
            }
            Some(suggestion) => {
                let grace = format_duration(suggestion.grace_secs.into());
                let (spared, left) = (suggestion.spared, suggestion.alerts.len());
                format!(
                    "suggested grace: {grace}; spares {spared} of the alerts, which a success would have ended within {within}; {left} \
                     would have come\n"
                )
            }
        }
    }

    pub fn json(&self) -> String {
        let at = |ms: i64| UnixMs(ms).to_string();
        let list = |alerts: &[Alert]| alerts.iter().map(alert_json).collect::<Vec<Value>>();
        let suggestion = self.suggestion.as_ref().map(|suggestion| {
            let grace = format_duration_compact(suggestion.grace_secs.into());
            json!({ "grace": grace, "spared": suggestion.spared, "alerts": list(&suggestion.alerts) })
        });
        let object = json!({
            "slug": self.proposed.identity.slug,
            "from": at(self.span.0),
            "to": at(self.span.1),
            "historyBegins": self.past.begins_ms.map(at),
            "pings": self.past.pings,
            "asItIs": policy_words(&self.past.config),
            "proposed": policy_words(&self.proposed),
            "alertsThatCame": list(&self.past.alerts),
            "alertsThatWouldHaveCome": list(&self.alerts),
            "recoveredWithinSeconds": self.within_ms / 1_000,
            "suggestion": suggestion,
        });
        format!("{object}\n")
    }
}

fn alert_json(alert: &Alert) -> Value {
    let at = |ms: Option<i64>| ms.map(|ms| UnixMs(ms).to_string());
    json!({
        "at": at(Some(alert.at_ms)),
        "reason": alert.reason.word(),
        "expectedAt": at(alert.expected_ms),
        "recoveredAt": at(alert.recovered_ms),
        "inTheDark": alert.in_the_dark,
    })
}

fn length(ms: i64) -> String {
    format_duration(u64::try_from(ms / 1_000).unwrap_or(0))
}
