//! The cases of `e2e`, word for word, against a cluster: each gets a topology where it expects a server.
//!
//! What differs for people between one machine and a cluster is what these tables say; nothing else may.

use suites::support::runner::Case;

#[path = "../e2e/channels.rs"]
mod channels;
#[path = "../e2e/client.rs"]
mod client;
#[path = "../e2e/deliveries.rs"]
mod deliveries;
#[path = "../e2e/history.rs"]
mod history;
#[path = "../e2e/jobs.rs"]
mod jobs;
#[path = "../e2e/newcomer.rs"]
mod newcomer;
#[path = "../e2e/replies.rs"]
mod replies;

/// Whole modules that stay where they are, and why.
const MODULES_NOT_RUN: [(&str, &str); 6] = [
    ("bad_input", "about the parser of one HTTP port; the cluster's ingest is the same program"),
    ("bad_settings", "about one configuration file and one data directory"),
    ("kills", "`kill -9` of the only process; here `takeover` and the fault slots kill each role"),
    ("outage", "a server that is away takes everything with it; here `takeover` and the fault slots"),
    ("secrets", "one process at level trace; every case here is searched for secrets just so"),
    ("shutdown", "two servers on one directory, ports, backups of it; here `rolling` ends every process in order"),
];

/// Single cases that stay where they are, and why.
const CASES_NOT_RUN: [(&str, &str); 3] = [
    ("history::old_pings_go_and_young_ones_stay", "the database keeps rows by its own clock, which cannot be stepped"),
    ("newcomer::the_keys_are_shown_once_and_kept_for_the_owner", "ready.json and the keys of one data directory"),
    ("client::keys_have_scopes_and_can_be_revoked", "`--data-dir` names no store here; see `administration`"),
];

/// What is run; the rest is said.
pub fn cases() -> Vec<Case> {
    let all = [
        deliveries::cases(),
        channels::cases(),
        replies::cases(),
        jobs::cases(),
        client::cases(),
        history::cases(),
        newcomer::cases(),
    ];
    let (rest, run): (Vec<Case>, Vec<Case>) = all.into_iter().flatten().partition(|case| is_not_run(case.name()));
    assert_eq!(rest.len(), CASES_NOT_RUN.len(), "each line of the table is about a case that exists");
    run
}

/// One line for each thing that is not tried here.
pub fn not_run() -> Vec<String> {
    let tables = MODULES_NOT_RUN.iter().chain(&CASES_NOT_RUN);
    tables.map(|(what, why)| format!("not for a cluster: e2e::{what}: {why}")).collect()
}

fn is_not_run(name: &str) -> bool {
    CASES_NOT_RUN.iter().any(|(case, _)| name.ends_with(case))
}
