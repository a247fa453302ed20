//! One process of the installation. It is killed when this is dropped.

use crate::scrape::{self, Metrics};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// How long a start, and an end in order, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often a condition is looked at: well below the times that are measured.
pub const POLL: Duration = Duration::from_millis(20);

/// A process whose admin port answers soon, and which says that it is ready when it has caught up with the log.
pub struct Starting {
    pub admin: SocketAddr,
    pid: u32,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Starting {
    /// Starts the process; stderr goes to `log`.
    pub fn spawn(mut command: Command, admin: SocketAddr, log: &Path) -> Result<Self> {
        command.arg("--admin").arg(admin.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(log)?).kill_on_drop(true);
        let mut child = command.spawn().context("starting a process")?;
        let pid = child.id().context("no pid")?;
        let lines = BufReader::new(child.stdout.take().context("no stdout")?).lines();
        Ok(Self { admin, pid, child, lines, log: log.to_owned() })
    }

    /// Waits until it says where it is.
    pub async fn ready(self) -> Result<Node> {
        let Self { admin, pid, child, mut lines, log } = self;
        let line = timeout(PATIENCE, ready_line(&mut lines)).await.ok().flatten();
        let line = line.with_context(|| format!("a process was not ready: {}", last_words(&log)))?;
        let address = |name: &str| address(&line, name).with_context(|| format!("no {name} in `{line}`"));
        let (http, grpc) = (address("http=")?, address("grpc=")?);
        // A full pipe would block it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Node { http, grpc, admin, pid, child })
    }
}

/// A running process and where it is.
pub struct Node {
    pub http: SocketAddr,
    pub grpc: SocketAddr,
    pub admin: SocketAddr,
    pub pid: u32,
    child: Child,
}

impl Node {
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

/// The last line that a process wrote to stderr, and where the others are.
fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    format!("{} ({})", text.lines().last().unwrap_or("it said nothing"), log.display())
}

/// A port below the range that outgoing connections take theirs from. Never the same one twice.
pub fn quiet_port() -> Result<SocketAddr> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let candidate = || 20_000 + (std::process::id() * 7 + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
    let addresses = std::iter::repeat_with(|| SocketAddr::from(([127, 0, 0, 1], candidate() as u16)));
    let free = |address: &SocketAddr| std::net::TcpListener::bind(address).is_ok();
    addresses.take(1_000).find(free).context("no free port")
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
