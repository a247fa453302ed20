//! A grace that would have spared people alerts which took care of themselves.

use super::{Alert, Story, replay};
use domain::monitor::{MAX_SECONDS, MonitorConfig};

/// What people write as a grace, in seconds.
const ROUND: [u32; 26] = [
    30, 60, 120, 180, 300, 600, 900, 1_200, 1_800, 2_700, 3_600, 5_400, 7_200, 10_800, 14_400, 21_600, 28_800, 43_200,
    64_800, 86_400, 129_600, 172_800, 259_200, 604_800, 1_209_600, 2_592_000,
];

/// A grace, and what it would have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    pub grace_secs: u32,
    /// Alerts that took care of themselves, and that this grace spares.
    pub spared: usize,
    /// The alerts that stay.
    pub alerts: Vec<Alert>,
}

/// The smallest round grace with which none of `alerts` comes that took care of itself within `within_ms`; `None`: none
/// of them did, so that the grace is long enough. An alert takes care of itself when it is a `missed` that a success
/// ends within that time, while somebody could hear.
pub fn suggest(
    config: &MonitorConfig,
    story: &Story,
    alerts: &[Alert],
    (from_ms, to_ms): (i64, i64),
    within_ms: i64,
) -> Option<Suggestion> {
    let sparable = alerts.iter().filter(|alert| alert.took_care_of_itself(within_ms));
    let late: Vec<i64> = sparable.filter_map(Alert::lateness_ms).collect();
    let latest = late.iter().max()?;
    let fitting = ROUND.into_iter().filter(|secs| *secs <= MAX_SECONDS && i64::from(*secs) * 1_000 >= *latest);
    fitting.map(|secs| tried(config, story, (from_ms, to_ms), secs, late.len())).find(|tried| {
        // The replay has the last word: a longer grace moves what comes after it.
        !tried.alerts.iter().any(|alert| alert.took_care_of_itself(within_ms))
    })
}

fn tried(config: &MonitorConfig, story: &Story, span: (i64, i64), grace_secs: u32, spared: usize) -> Suggestion {
    let mut config = config.clone();
    config.policy.grace_secs = grace_secs;
    Suggestion { grace_secs, spared, alerts: replay(&config, story, span.0, span.1) }
}
