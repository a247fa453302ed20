//! HAProxy in front of the ingest nodes, set up as docs tell operators to.

use super::node::Node;
use crate::support::http;
use crate::support::settings::quiet_port;
use crate::support::wait::{secs, until};
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::{Child, Command};

/// Where Debian puts it.
const PLACES: [&str; 3] = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy", "/usr/bin/haproxy"];

/// The balancer; it ends with this value.
pub struct Haproxy {
    address: SocketAddr,
    statistics: SocketAddr,
    _child: Child,
}

impl Haproxy {
    /// The program, if the machine has it.
    pub fn program() -> Option<PathBuf> {
        PLACES.iter().map(PathBuf::from).find(|path| path.exists())
    }

    /// Listens at `address`. Whether an ingest node gets pings is decided by what its admin port says.
    pub async fn start(address: SocketAddr, root: &Path, ingest: &[&Node]) -> Self {
        let file = root.join("haproxy.cfg");
        let statistics = SocketAddr::from((Ipv4Addr::LOCALHOST, quiet_port()));
        std::fs::write(&file, configuration(address, statistics, ingest)).expect("haproxy.cfg");
        let program = Self::program().expect("haproxy (apt: haproxy)");
        let log = std::fs::File::create(root.join("haproxy.log")).expect("haproxy.log");
        let mut command = Command::new(program);
        command.arg("-f").arg(file).arg("-db").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.kill_on_drop(true).spawn().expect("haproxy starts");
        until("haproxy listens", secs(10), async || tokio::net::TcpStream::connect(address).await.ok()).await;
        Self { address, statistics, _child: child }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it sends pings to a node.
    pub async fn until_used(&self, name: &str) {
        until(&format!("haproxy uses {name}"), secs(30), async || (self.state(name).await == "UP").then_some(())).await;
    }

    /// What it thinks of a node: the column `status` of its own statistics.
    async fn state(&self, name: &str) -> String {
        let table = http::get(self.statistics, "/;csv").await.text();
        let header: Vec<&str> = table.lines().next().unwrap_or_default().split(',').collect();
        let column = header.iter().position(|title| *title == "status").expect("a column");
        let row = table.lines().find(|line| line.starts_with(&format!("ingest,{name},")));
        row.and_then(|row| row.split(',').nth(column)).unwrap_or_default().to_owned()
    }
}

/// Checks go to the admin port; a node that says no gets no new request within two of them.
fn configuration(address: SocketAddr, statistics: SocketAddr, ingest: &[&Node]) -> String {
    let mut text = format!(
        "global\n  maxconn 2000\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 60s\n  timeout server 15s\n  \
         option http-keep-alive\n  retries 2\n  option redispatch\n\
         frontend statistics\n  bind {statistics}\n  stats enable\n  stats uri /\n\
         frontend pings\n  bind {address}\n  default_backend ingest\n\
         backend ingest\n  balance roundrobin\n  option httpchk GET /readyz\n  http-check expect status 200\n  \
         default-server check inter 500ms fall 2 rise 2\n"
    );
    for node in ingest {
        let _ = writeln!(text, "  server {} {} port {}", node.name, node.http(), node.admin().port());
    }
    text
}
