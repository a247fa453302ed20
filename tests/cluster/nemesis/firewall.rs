//! Packets between the processes of one user and some ports, dropped by nftables.
//!
//! Packets of a process are known by its user (`meta skuid`); those that come back to it by a mark that its own packets
//! leave on the connection. Each cut is a table of its own, named after the process that made it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use suites::support::runner::Skipped;

const PREFIX: &str = "quietpulse_";

/// Packets are dropped for as long as this lives.
pub struct Cut {
    table: String,
}

/// Whether packets can be dropped here.
pub fn require() -> Result<(), Skipped> {
    let probe = name();
    let works = nft(&format!("table inet {probe} {{ }}\n")).and_then(|()| nft(&format!("delete table inet {probe}\n")));
    works.map_err(|error| Skipped(format!("packets cannot be cut off (root, and apt: nftables): {error}")))
}

/// Removes what processes left behind that are no more.
pub fn sweep() {
    let Ok(output) = Command::new("nft").args(["list", "tables", "inet"]).output() else { return };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for table in text.lines().filter_map(|line| line.strip_prefix("table inet ")) {
        let pid = table.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next());
        let gone = pid.is_some_and(|pid| !std::path::Path::new("/proc").join(pid).exists());
        if gone && nft(&format!("delete table inet {table}\n")).is_ok() {
            println!("removed {table}, which an earlier run left behind");
        }
    }
}

impl Cut {
    /// Nothing passes, either way.
    pub fn both(users: &[u32], ports: &[u16]) -> Self {
        Self::make(users, ports, true)
    }

    /// What is asked arrives; no answer does.
    pub fn replies(users: &[u32], ports: &[u16]) -> Self {
        Self::make(users, ports, false)
    }

    fn make(users: &[u32], ports: &[u16], both: bool) -> Self {
        let (table, users, ports) = (name(), list(users), list(ports));
        // Each cut has a mark of its own: connections keep theirs when it ends.
        let mark = 0x5150_0000 + number();
        let asked = if both { format!("ct mark {mark} tcp dport {ports} drop\n") } else { String::new() };
        let rules = format!(
            "table inet {table} {{\nchain out {{\ntype filter hook output priority 0;\n\
             meta skuid {users} tcp dport {ports} ct mark set {mark}\n{asked}\
             ct mark {mark} tcp sport {ports} drop\n}}\n}}\n"
        );
        nft(&rules).unwrap_or_else(|error| panic!("nft: {error}\n{rules}"));
        Self { table }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        if let Err(error) = nft(&format!("delete table inet {}\n", self.table)) {
            eprintln!("{} stays behind: {error}", self.table);
        }
    }
}

fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Of a table of this process.
fn name() -> String {
    format!("{PREFIX}{}_{}", std::process::id(), number())
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(T::to_string).collect();
    format!("{{ {} }}", items.join(", "))
}

fn nft(script: &str) -> Result<(), String> {
    let mut command = Command::new("nft");
    command.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().ok_or("no pipe")?;
    stdin.write_all(script.as_bytes()).map_err(|error| error.to_string())?;
    drop(stdin);
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}
