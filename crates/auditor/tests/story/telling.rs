//! The records of one monitor before a difference, in words.

use auditor::model::Difference;
use domain::record::{Body, Record};
use domain::time::UnixMs;

/// The last records that concern the monitor, up to where they part.
pub fn told(log: &[Record], difference: &Difference) -> String {
    let lines: Vec<String> = log
        .iter()
        .take_while(|record| record.offset <= difference.offset)
        .filter(|record| concerns(record, difference))
        .map(|record| format!("  {:>6} {} {:?}", record.offset, UnixMs(record.append.0), short(&record.body)))
        .collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

fn concerns(record: &Record, difference: &Difference) -> bool {
    match &record.body {
        Body::Ping(ping) => ping.monitor == difference.monitor,
        Body::Command(command) => command.monitor == difference.monitor,
        Body::Tick | Body::Canary => record.offset == difference.offset,
        _ => true,
    }
}

fn short(body: &Body) -> String {
    match body {
        Body::Ping(ping) => {
            format!("{} {:?} create {}", ping.kind.word(), ping.run.map(|run| run.0[0]), ping.create.is_some())
        }
        Body::Command(command) => format!("{:?}", command.action),
        other => format!("{other:?}"),
    }
}
