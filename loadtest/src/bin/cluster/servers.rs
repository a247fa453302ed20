//! The Kafka and the Cassandra underneath, through `deploy/local/cluster`. They end with this.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// How the launcher ends when the machine lacks something.
const LACKS: i32 = 77;

/// One broker and one database node.
pub struct Servers {
    pub broker: String,
    pub broker_pid: u32,
    pub database: String,
    pub database_pid: u32,
    _running: Running,
}

/// Ends the servers of a directory, also when only some of them came up.
struct Running {
    launcher: PathBuf,
    directory: PathBuf,
}

impl Servers {
    /// Starts both in `directory`. Fails when some run there already, and when the machine lacks Java or Maven.
    pub async fn up(launcher: &Path, directory: &Path) -> Result<Self> {
        let report = directory.join("cluster.json");
        let end = format!("{} down --dir {}", launcher.display(), directory.display());
        ensure!(!report.exists(), "servers run in {} already; `{end}` ends them", directory.display());
        let running = Running { launcher: launcher.to_owned(), directory: directory.to_owned() };
        start(launcher, directory).await?;
        let report: Value = serde_json::from_slice(&std::fs::read(report)?)?;
        let text = |path: &str| report.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let pid = |path: &str| report.pointer(path).and_then(Value::as_u64).and_then(|pid| u32::try_from(pid).ok());
        Ok(Self {
            broker: text("/kafka/brokers/0").context("cluster.json names no broker")?,
            broker_pid: pid("/kafka/pids/0").context("cluster.json has no pid of Kafka")?,
            database: text("/cassandra/nodes/0").context("cluster.json names no database node")?,
            database_pid: pid("/cassandra/pids/0").context("cluster.json has no pid of Cassandra")?,
            _running: running,
        })
    }
}

/// Passes on what the launcher says; its last word is the reason when it fails.
async fn start(launcher: &Path, directory: &Path) -> Result<()> {
    let mut child = Command::new(launcher)
        .args(["up", "--kafka", "1", "--cassandra", "1", "--dir"])
        .arg(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{}: run this from the repository's root, with Python 3", launcher.display()))?;
    let mut lines = BufReader::new(child.stderr.take().context("no stderr")?).lines();
    let mut last = String::new();
    while let Some(line) = lines.next_line().await? {
        eprintln!("{line}");
        last = line;
    }
    let status = child.wait().await?;
    match status.code() {
        Some(0) => Ok(()),
        Some(LACKS) => bail!("this machine lacks what the servers need (JDK 17, Maven): {last}"),
        _ => bail!("the servers did not start ({status}): {last}"),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut down = std::process::Command::new(&self.launcher);
        let ended = down.args(["down", "--wipe", "--dir"]).arg(&self.directory).stdin(Stdio::null()).status();
        if !ended.is_ok_and(|status| status.success()) {
            eprintln!("the servers in {} may still run", self.directory.display());
        }
    }
}
