//! The monitor and its past, from the store.

use crate::failure::Failure;
use crate::looking::unread;
use auditor::backtest::{Alert, Story, past_alerts};
use domain::engine::effects::HistoryRow;
use domain::ids::{MonitorId, TenantId};
use domain::monitor::MonitorConfig;
use domain::transition::Transition;
use store::Store;

/// Rows of one page.
const PAGE: u32 = 1_000;
/// Pings that are taken at most.
const MOST_PINGS: usize = 1_000_000;

/// What is known of a monitor.
pub struct Past {
    pub config: MonitorConfig,
    pub story: Story,
    /// What did alert.
    pub alerts: Vec<Alert>,
    /// Pings within the stretch.
    pub pings: usize,
    /// The history does not reach back to the stretch's beginning: it begins then.
    pub begins_ms: Option<i64>,
}

impl Past {
    /// Reads history and transitions, newest first, until they are older than what is asked for.
    pub async fn gather(store: &dyn Store, tenant: TenantId, slug: &str, span: (i64, i64)) -> Result<Self, Failure> {
        let stored = store.monitor(tenant, slug).await.map_err(unread)?;
        let row = stored.map(|stored| stored.row).filter(|row| !row.deleted);
        let row = row.ok_or_else(|| Failure::failed(format_args!("{slug}: tenant {tenant} has no such monitor")))?;
        let rows = pings(store, row.monitor, span.0).await?;
        let mut transitions = transitions(store, row.monitor, span.0).await?;
        transitions.sort_by_key(|one| (one.offset, one.occurred_ms));
        let story = Story::of(&rows, &transitions);
        let alerts = past_alerts(&transitions, span.0, span.1);
        let pings = story.pings.iter().filter(|ping| (span.0..=span.1).contains(&ping.at_ms)).count();
        let first = story.pings.first().map(|ping| ping.at_ms);
        let begins_ms = first.filter(|first| *first > span.0);
        Ok(Self { config: row.config, story, alerts, pings, begins_ms })
    }
}

/// With the last finish before the stretch: what was expected at its beginning follows from that.
async fn pings(store: &dyn Store, monitor: MonitorId, from_ms: i64) -> Result<Vec<HistoryRow>, Failure> {
    let (mut rows, mut after): (Vec<HistoryRow>, Option<String>) = (Vec::new(), None);
    loop {
        let page = store.history(monitor, PAGE, after.as_deref()).await.map_err(unread)?;
        let sets_the_scene =
            |row: &HistoryRow| row.ping.at_ms < from_ms && row.ping.kind.finishes() && row.ignored.is_empty();
        let is_enough = page.rows.iter().any(sets_the_scene);
        // Only what matters is kept: a body may be large.
        rows.extend(page.rows.into_iter().map(without_body));
        if rows.len() > MOST_PINGS {
            return Err(Failure::usage(format_args!(
                "--from: more than {MOST_PINGS} pings since then; choose a later one"
            )));
        }
        after = page.next.filter(|_| !is_enough);
        if after.is_none() {
            return Ok(rows);
        }
    }
}

fn without_body(mut row: HistoryRow) -> HistoryRow {
    row.details.body = Vec::new();
    row.details.message = String::new();
    row.details.user_agent = String::new();
    row
}

async fn transitions(store: &dyn Store, monitor: MonitorId, from_ms: i64) -> Result<Vec<Transition>, Failure> {
    let (mut rows, mut after): (Vec<Transition>, Option<String>) = (Vec::new(), None);
    loop {
        let page = store.transitions(monitor, PAGE, after.as_deref()).await.map_err(unread)?;
        let is_enough = page.rows.last().is_some_and(|oldest| oldest.occurred_ms < from_ms);
        rows.extend(page.rows);
        after = page.next.filter(|_| !is_enough);
        if after.is_none() {
            return Ok(rows);
        }
    }
}
