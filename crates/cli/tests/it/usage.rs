//! What is wrong with a command line ends with 2, before anybody is called.

use crate::{code, qp_with, stderr, stdout};

#[test]
fn a_bad_command_line_is_2() {
    let bad: &[&[&str]] = &[
        &[],
        &["no-such-command"],
        &["monitor", "create"],
        &["monitor", "create", "x", "--period", "soon"],
        &["monitor", "create", "x", "--period", "1m", "--cron", "* * * * *"],
        &["monitor", "create", "x", "--overlap", "maybe"],
        &["monitor", "list", "--status", "fine"],
        &["monitor", "update", "x"],
        &["monitor", "update", "x", "--clear", "slug"],
        &["monitor", "update", "x", "--grace", "1m", "--clear", "grace"],
        &["channel", "create", "x", "webhook"],
        &["channel", "create", "x", "pigeon"],
        &["channel", "update", "x"],
        &["ping", "x", "256"],
        &["ping", "x", "--rid", "1"],
        &["ping", "x", "--metric", "count"],
        &["ping", "x", "--period", "1m"],
        &["ping", "Not A Slug"],
        &["run"],
        &["run", "--"],
        &["run", "--timeout", "x", "--", "true"],
        &["run", "--metric", "count:(", "--", "true"],
        &["run", "--report-within", "2m", "--", "true"],
        &["next"],
        &["next", "* * * * *", "-n", "0"],
    ];
    for args in bad {
        let output = qp_with(args);
        assert_eq!(code(&output), 2, "{args:?}: {}", stderr(&output));
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn help_and_version_are_0() {
    let help = qp_with(&["run", "--help"]);
    assert_eq!(code(&help), 0);
    assert!(stdout(&help).contains("124 after --timeout"), "{}", stdout(&help));
    let version = qp_with(&["--version"]);
    assert_eq!(stdout(&version), format!("qp {}\n", env!("CARGO_PKG_VERSION")));
}
