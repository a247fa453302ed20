//! Monitors for people.

use crate::exit::Failure;
use crate::output::{self, Table};
use crate::time;
use domain::schedule::Zone;
use prost_types::Timestamp;
use wire::v1::Monitor;

/// One monitor, as JSON or as a page for people.
pub fn monitor(monitor: &Monitor, json: bool) -> Result<(), Failure> {
    if json {
        return output::resource(monitor);
    }
    output::line(&headline(monitor))?;
    let mut page = Page { table: Table::plain(), zone: Zone::parse(&monitor.tz).ok(), now: time::now() };
    page.about(monitor);
    page.state(monitor);
    page.rules(monitor);
    page.table.print()
}

/// All monitors, one a line.
pub fn monitors(monitors: &[Monitor]) -> Result<(), Failure> {
    if monitors.is_empty() {
        return output::line("no monitors");
    }
    let mut table = Table::new(["SLUG", "STATUS", "SCHEDULE", "LAST PING", "NEXT EXPECTED", "TAGS"]);
    for monitor in monitors {
        table.row([
            monitor.slug.clone(),
            status(monitor),
            schedule(monitor),
            time::utc(monitor.last_ping_at.as_ref()),
            time::utc(monitor.next_expected_at.as_ref()),
            monitor.tags.join(","),
        ]);
    }
    table.print()
}

/// The status word, and that a run is going on.
fn status(monitor: &Monitor) -> String {
    let word = if monitor.status.is_empty() { "-" } else { &monitor.status };
    if monitor.running { format!("{word}, running") } else { word.to_owned() }
}

fn headline(monitor: &Monitor) -> String {
    let acknowledged = if monitor.acknowledged { ", acknowledged" } else { "" };
    output::clean(&format!("{}: {}{acknowledged}", monitor.slug, status(monitor)))
}

fn schedule(monitor: &Monitor) -> String {
    let zone = if monitor.tz.is_empty() { "UTC" } else { &monitor.tz };
    match monitor {
        Monitor { cron, .. } if !cron.is_empty() => format!("{cron} ({zone})"),
        Monitor { oncalendar, .. } if !oncalendar.is_empty() => format!("{} ({zone})", oncalendar.replace('\n', "; ")),
        Monitor { period, .. } => format!("every {}", time::words(period.as_ref())),
    }
}

/// A page of names and values; what is unset is left out.
struct Page {
    table: Table,
    /// The monitor's own zone, if it has one other than UTC.
    zone: Option<Zone>,
    now: jiff::Timestamp,
}

impl Page {
    fn about(&mut self, monitor: &Monitor) {
        self.text("name", &monitor.name);
        self.text("description", &monitor.description);
        self.text("ping url", &monitor.ping_url);
        self.text("tags", &monitor.tags.join(", "));
        self.text("channels", &monitor.channels.join(", "));
        self.text("schedule", &schedule(monitor));
        self.text("grace", &time::words(monitor.grace.as_ref()));
    }

    fn state(&mut self, monitor: &Monitor) {
        self.instant("last ping", monitor.last_ping_at.as_ref(), &last_ping(monitor));
        self.instant("next expected", monitor.next_expected_at.as_ref(), "");
        self.instant("deadline", monitor.deadline_at.as_ref(), "");
        self.instant("down since", monitor.down_since.as_ref(), "");
        self.text("incident", &monitor.incident_id);
        self.instant("paused until", monitor.paused_until.as_ref(), "");
        self.count("open runs", monitor.open_runs);
        self.count("pings", monitor.ping_count);
        self.length("state as of", monitor.state_age.as_ref(), " ago (the monitor's node does not answer)");
    }

    fn rules(&mut self, monitor: &Monitor) {
        self.length("max runtime", monitor.max_runtime.as_ref(), "");
        self.length("min runtime", monitor.min_runtime.as_ref(), "");
        self.length("early", monitor.early.as_ref(), "");
        self.length("first ping within", monitor.first_ping_within.as_ref(), "");
        self.length("remind every", monitor.remind_every.as_ref(), "");
        self.text("overlap", &monitor.overlap);
        self.text("on blind", &monitor.on_blind);
        self.text("assertions", &monitor.assertions.join("; "));
        self.count("failures before alert", monitor.failures_before_alert);
        self.count("successes before recovery", monitor.successes_before_recovery);
        self.text("manual resume", if monitor.manual_resume { "yes" } else { "" });
        self.text("post only", if monitor.post_only { "yes" } else { "" });
        self.instant("created", monitor.created_at.as_ref(), "");
        self.count("version", monitor.version);
    }

    fn text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.table.row([format!("  {name}"), value.to_owned()]);
        }
    }

    fn count(&mut self, name: &str, value: u32) {
        if value > 0 {
            self.text(name, &value.to_string());
        }
    }

    fn length(&mut self, name: &str, value: Option<&prost_types::Duration>, after: &str) {
        if value.is_some() {
            self.text(name, &format!("{}{after}", time::words(value)));
        }
    }

    /// UTC, the distance from now, and the local time where the monitor has a zone.
    fn instant(&mut self, name: &str, stamp: Option<&Timestamp>, after: &str) {
        let Some(at) = stamp.and_then(time::from_proto) else { return };
        let mut value = format!("{}, {}", time::utc_seconds(at), time::distance(at, self.now));
        if let Some(zone) = &self.zone {
            value.push_str(&format!(" ({} {})", time::local(at, zone.tz()), zone.name()));
        }
        self.text(name, &format!("{value}{after}"));
    }
}

fn last_ping(monitor: &Monitor) -> String {
    let mut words = String::new();
    if !monitor.last_ping_kind.is_empty() {
        words.push_str(&format!(", {}", monitor.last_ping_kind));
    }
    if let Some(code) = monitor.last_exit_code {
        words.push_str(&format!(" {code}"));
    }
    if monitor.last_duration.is_some() {
        words.push_str(&format!(", took {}", time::words(monitor.last_duration.as_ref())));
    }
    words
}
