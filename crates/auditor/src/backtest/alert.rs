//! Alerts: from the transition that opened an incident to the one that ended it.

use domain::ids::TransitionId;
use domain::transition::{Reason, Transition, TransitionKind};

/// An incident that people were told of, or would have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub id: TransitionId,
    pub reason: Reason,
    /// When it became true: the deadline of a miss, the time of a ping.
    pub at_ms: i64,
    pub expected_ms: Option<i64>,
    pub deadline_ms: Option<i64>,
    /// When a success ended it.
    pub recovered_ms: Option<i64>,
    /// Nobody could hear in part of the time in which the work was expected: with that in its log the server would have
    /// waited for proof, and perhaps said nothing.
    pub in_the_dark: bool,
}

impl Alert {
    /// Whether the work came all the same, within `within_ms` of the alert.
    pub fn took_care_of_itself(&self, within_ms: i64) -> bool {
        let recovered = self.recovered_ms.is_some_and(|at| at - self.at_ms <= within_ms);
        self.reason == Reason::Missed && recovered && !self.in_the_dark
    }

    /// How late the work came, counted from when it was expected.
    pub fn lateness_ms(&self) -> Option<i64> {
        Some(self.recovered_ms? - self.expected_ms?)
    }
}

/// The alerts of one monitor among its transitions, oldest first, that began in `from_ms..=to_ms`.
pub fn past_alerts(transitions: &[Transition], from_ms: i64, to_ms: i64) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    let mut open = false;
    for transition in transitions {
        match transition.kind {
            TransitionKind::Down => {
                alerts.push(opened(transition));
                open = true;
            }
            TransitionKind::Up if open => {
                if let Some(last) = alerts.last_mut() {
                    last.recovered_ms = Some(transition.occurred_ms);
                }
                open = false;
            }
            // A reminder or a warning ends nothing; everything else does, without the work having come.
            TransitionKind::Reminder | TransitionKind::Warning => {}
            TransitionKind::Up | TransitionKind::Unobserved | TransitionKind::Silent => open = false,
        }
    }
    alerts.retain(|alert| (from_ms..=to_ms).contains(&alert.at_ms));
    alerts
}

fn opened(transition: &Transition) -> Alert {
    Alert {
        id: transition.id,
        reason: transition.reason,
        at_ms: transition.occurred_ms,
        expected_ms: transition.expected_ms,
        deadline_ms: transition.deadline_ms,
        recovered_ms: None,
        in_the_dark: false,
    }
}
