//! One process of the installation. It is killed when this is dropped.

use crate::scrape::{self, Metrics};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// How long a start, and an end in order, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often a condition is looked at: well below the times that are measured.
pub const POLL: Duration = Duration::from_millis(20);

/// A running process and where it is.
pub struct Node {
    pub http: SocketAddr,
    pub grpc: SocketAddr,
    pub admin: SocketAddr,
    pub pid: u32,
    child: Child,
}

impl Node {
    /// Starts the process and returns when it says where it is; stderr goes to `log`.
    pub async fn start(mut command: Command, log: &Path) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(log)?).kill_on_drop(true);
        let mut child = command.spawn().context("starting a process")?;
        let pid = child.id().context("no pid")?;
        let mut lines = BufReader::new(child.stdout.take().context("no stdout")?).lines();
        let line = timeout(PATIENCE, ready_line(&mut lines)).await.ok().flatten();
        let line = line.with_context(|| format!("a process was not ready, see {}", log.display()))?;
        let address = |name: &str| address(&line, name).with_context(|| format!("no {name} in `{line}`"));
        let (http, grpc, admin) = (address("http=")?, address("grpc=")?, address("admin=")?);
        // A full pipe would block it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { http, grpc, admin, pid, child })
    }

    /// Waits until it says that it can do its job.
    pub async fn until_ready(&self) -> Result<()> {
        until("a process that can do its job", PATIENCE, async || scrape::is_ready(self.admin).await).await
    }

    pub async fn metrics(&self) -> Result<Metrics> {
        Metrics::of(self.admin).await
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("no pid")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Waits for the end of a process that was told to end.
    pub async fn gone(mut self) -> Result<()> {
        timeout(PATIENCE, self.child.wait()).await.context("a process did not end")??;
        Ok(())
    }

    /// SIGTERM, and waits.
    pub async fn stop(self) -> Result<()> {
        self.signal(Signal::TERM)?;
        self.gone().await
    }
}

async fn ready_line(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<String> {
    while let Ok(Some(line)) = lines.next_line().await {
        if line.starts_with("ready ") {
            return Some(line);
        }
    }
    None
}

fn address(line: &str, name: &str) -> Option<SocketAddr> {
    line.split_whitespace().find_map(|word| word.strip_prefix(name)?.parse().ok())
}

/// Looks at a condition until it holds; fails when it does not in time.
pub async fn until(what: &str, patience: Duration, mut holds: impl AsyncFnMut() -> bool) -> Result<()> {
    let waiting = async {
        while !holds().await {
            sleep(POLL).await;
        }
    };
    match timeout(patience, waiting).await {
        Ok(()) => Ok(()),
        Err(_) => bail!("waited {} s in vain for {what}", patience.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_the_line() {
        let line = "ready http=127.0.0.1:8080 grpc=127.0.0.1:8081 admin=127.0.0.1:8082";
        assert_eq!(address(line, "grpc="), Some(SocketAddr::from(([127, 0, 0, 1], 8081))));
        assert_eq!(address("ready", "grpc="), None);
    }
}
