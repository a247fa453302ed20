//! Programs that people run their jobs with.

use super::runner::Skipped;
use std::process::{Output, Stdio};
use tokio::process::Command;

/// Runs a program to its end.
pub async fn run(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).envs(variables.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    command.output().await.unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// As [`run`]; the program must succeed.
pub async fn succeed(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = run(program, arguments, variables).await;
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether a program is there; the arguments must make it succeed at once.
pub async fn require(program: &str, probe: &[&str]) -> Result<(), Skipped> {
    let status =
        Command::new(program).args(probe).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match status.await {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Skipped(format!("`{program} {}` does not work on this machine", probe.join(" ")))),
    }
}
