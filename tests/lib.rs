//! What the suites share: the harness that starts the real binaries, the servers that stand in for other people's,
//! and the runner.

pub mod support;
