//! What people type: `qp`, which finds the server through its data directory.

use super::server::Server;
use super::wait::{secs, within};
use serde_json::Value;
use std::process::Output;
use std::time::Duration;

/// A monitor that a case works with.
#[derive(Clone, Debug)]
pub struct Monitor {
    pub slug: String,
    /// As `qp` shows it.
    pub ping_url: String,
    /// The same without scheme, host and port, which change with a restart.
    pub path: String,
}

impl Server {
    /// Runs `qp` to its end, whatever that is.
    pub async fn qp_output(&self, arguments: &[&str]) -> Output {
        self.home.qp(arguments).output().await.expect("qp runs")
    }

    /// Runs `qp --json`, which must succeed.
    pub async fn qp(&self, arguments: &[&str]) -> Value {
        let output = self.qp_output(&[&["--json"], arguments].concat()).await;
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "qp {}: {}: {stderr}", arguments.join(" "), output.status);
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("qp {}: {error}: {stdout}", arguments.join(" ")))
    }

    /// Makes a monitor with the given flags.
    pub async fn create(&self, slug: &str, flags: &[&str]) -> Monitor {
        self.qp(&[&["monitor", "create", slug], flags].concat()).await;
        self.known(slug).await
    }

    /// A monitor that exists.
    pub async fn known(&self, slug: &str) -> Monitor {
        let shown = self.monitor(slug).await;
        let ping_url = shown["pingUrl"].as_str().expect("pingUrl").to_owned();
        let path = ping_url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).expect("a path");
        self.home.secret(path.rsplit('/').next().expect("a token"));
        Monitor { slug: slug.to_owned(), ping_url, path }
    }

    /// The monitor as it is now.
    pub async fn monitor(&self, slug: &str) -> Value {
        self.qp(&["monitor", "get", slug]).await
    }

    pub async fn status(&self, slug: &str) -> String {
        self.monitor(slug).await["status"].as_str().expect("status").to_owned()
    }

    /// Waits for a status; the failure tells the last one.
    pub async fn until_status(&self, slug: &str, wanted: &str, patience: Duration) {
        let mut last = String::new();
        let reached = within(patience, async || {
            last = self.status(slug).await;
            (last == wanted).then_some(())
        });
        let reached = reached.await.is_some();
        assert!(reached, "{slug} is {last} after {patience:?} and not {wanted}: {:#?}", self.transitions(slug).await);
    }

    /// Waits for a transition by type and reason, and gives it.
    pub async fn until_transition(&self, slug: &str, kind: &str, reason: &str, patience: Duration) -> Value {
        let wanted = |transition: &Value| transition["type"] == kind && transition["reason"] == reason;
        let found = within(patience, async || self.transitions(slug).await.into_iter().find(wanted)).await;
        match found {
            Some(found) => found,
            None => panic!("{slug} has no {kind} ({reason}) after {patience:?}: {:#?}", self.transitions(slug).await),
        }
    }

    /// All transitions, newest first.
    pub async fn transitions(&self, slug: &str) -> Vec<Value> {
        self.list(&["monitor", "transitions", slug]).await
    }

    /// The transitions of one type.
    pub async fn transitions_of(&self, slug: &str, kind: &str) -> Vec<Value> {
        self.transitions(slug).await.into_iter().filter(|transition| transition["type"] == kind).collect()
    }

    /// All pings, newest first.
    pub async fn pings(&self, slug: &str) -> Vec<Value> {
        self.list(&["monitor", "pings", slug]).await
    }

    /// Waits until the history holds so many pings, and gives them, newest first.
    pub async fn until_pings(&self, slug: &str, count: usize) -> Vec<Value> {
        let found = within(secs(10), async || Some(self.pings(slug).await).filter(|pings| pings.len() >= count)).await;
        found.unwrap_or_else(|| panic!("{slug} has fewer than {count} pings"))
    }

    /// The deliveries of a channel, newest first.
    pub async fn deliveries(&self, channel: &str) -> Vec<Value> {
        self.list(&["channel", "deliveries", channel]).await
    }

    /// Makes a webhook channel; gives its secret.
    pub async fn webhook(&self, name: &str, url: &str) -> String {
        let shown = self.qp(&["channel", "create", name, "webhook", "--url", url]).await;
        let secret = shown["webhook"]["secret"].as_str().expect("the secret is shown at creation").to_owned();
        self.home.secret(&secret);
        secret
    }

    async fn list(&self, arguments: &[&str]) -> Vec<Value> {
        self.qp(arguments).await.as_array().expect("a list").clone()
    }

    /// A ping that must be taken.
    pub async fn ping(&self, monitor: &Monitor, rest: &str) {
        let reply = super::http::get(self.http, &format!("{}{rest}", monitor.path)).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "OK"), "{}{rest}", monitor.slug);
    }
}
