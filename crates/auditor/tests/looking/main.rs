//! What is read back out of logs and histories: timelines and backtests.

mod backtest;
mod timeline;

use domain::ids::{MonitorId, TenantId};
use domain::monitor::{Identity, MonitorConfig, Policy};
use domain::ping::{Ping, PingKind};
use domain::record::{Body, Envelope, Record};
use domain::schedule::Schedule;
use domain::time::UnixMs;

/// A minute every minute.
fn config(seconds: u32, grace_secs: u32) -> MonitorConfig {
    let slug = "job".to_owned();
    let identity = Identity { tenant: TenantId(1), name: slug.clone(), slug, ..Identity::default() };
    MonitorConfig { identity, policy: Policy::every(Schedule::Period { seconds }, grace_secs) }
}

fn ping(monitor: u64, kind: PingKind) -> Body {
    Body::Ping(Ping {
        monitor: MonitorId(monitor),
        generation: None,
        kind,
        run: None,
        duration_ms: None,
        metrics: Vec::new(),
        details: None,
        create: None,
    })
}

fn made(monitor: u64, seconds: u32, grace_secs: u32) -> Body {
    let Body::Ping(ping) = ping(monitor, PingKind::Success) else { unreachable!("a ping") };
    Body::Ping(Ping { create: Some(Box::new(config(seconds, grace_secs))), ..ping })
}

/// A log of one ingest, a second after another.
#[derive(Default)]
struct Log(Vec<Record>);

impl Log {
    fn at(&mut self, second: i64, body: Body) {
        let (offset, at) = (self.0.len() as u64, UnixMs(second * 1_000));
        let envelope = Envelope { node: 7, received: at, ..Envelope::default() };
        self.0.push(Record { offset, append: at, envelope, body });
    }

    /// Canaries and ticks in `from..to`.
    fn pass(&mut self, from: i64, to: i64) {
        for second in from..to {
            self.at(second, Body::Canary);
            self.at(second, Body::Tick);
        }
    }

    fn only_ticks(&mut self, from: i64, to: i64) {
        (from..to).for_each(|second| self.at(second, Body::Tick));
    }
}
