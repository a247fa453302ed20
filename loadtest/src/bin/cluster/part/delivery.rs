//! From a deadline to the alert: monitors fall silent one after another, a receiver on this machine notes when it hears.

use super::{Sizes, stop_all};
use crate::http::Http;
use crate::node::until;
use crate::site::{Site, W};
use crate::words::quantile;
use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::AbortHandle;

const PERIOD_SECS: i64 = 2;
const GRACE_SECS: i64 = 1;
/// Between the last pings of two monitors: their deadlines lie as far apart.
const APART: Duration = Duration::from_millis(40);
/// Channels that are told in turn.
const CHANNELS: u32 = 64;
/// After the last deadline and W, until an alert counts as missing.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn measure(site: &mut Site, sizes: &Sizes) -> Result<()> {
    let evaluators = site.start_ready("evaluator", 1).await?;
    let dialled = ("QUIETPULSE_NOTIFIER_EVALUATORS", evaluators[0].grpc.to_string());
    let notifier = site.start("notifier", &[dialled]).await?;
    notifier.until_ready().await?;
    let ingest = site.start_ready("ingest", 1).await?.remove(0);
    let receiver = Receiver::listen().await?;
    let paths = monitors(site, sizes, &receiver.url).await?;
    ping_each(ingest.http, &paths).await?;
    let heard = until("the alerts", PATIENCE, async || receiver.count() >= paths.len()).await;
    heard.with_context(|| format!("{} of {} alerts came", receiver.count(), paths.len()))?;
    say(&receiver.delays());
    stop_all([evaluators, vec![notifier, ingest]].into_iter().flatten().collect()).await
}

/// Each in turn tells another channel: more than ten alerts of one channel within ten seconds become a digest.
async fn monitors(site: &Site, sizes: &Sizes, url: &str) -> Result<Vec<String>> {
    let each = sizes.silent.div_ceil(CHANNELS);
    let mut of_channel = Vec::new();
    for number in 0..CHANNELS {
        let channel = format!("bench-{number}");
        site.office.webhook(&channel, url).await?;
        let prefix = format!("silent-{number}");
        of_channel.push(site.office.monitors(&prefix, 0..each, PERIOD_SECS, GRACE_SECS, &[&channel]).await?);
    }
    Ok((0..each as usize)
        .flat_map(|place| of_channel.iter().filter_map(move |paths| paths.get(place).cloned()))
        .collect())
}

async fn ping_each(target: std::net::SocketAddr, paths: &[String]) -> Result<()> {
    let (mut connection, mut pace) = (Http::open(target).await?, tokio::time::interval(APART));
    for path in paths {
        pace.tick().await;
        let (status, body) = connection.get(path).await?;
        ensure!(status == 200, "a ping was answered {status}: {body}");
    }
    Ok(())
}

fn say(delays_ms: &[f64]) {
    let seconds = |q| quantile(delays_ms, q) / 1e3;
    let [p50, p99, worst] = [0.5, 0.99, 1.0].map(seconds);
    let w = W.as_secs_f64();
    println!("  {} monitors, one every {} ms; W is {w} s", delays_ms.len(), APART.as_millis());
    println!("  deadline to arrival: p50 {p50:.2} s, p99 {p99:.2} s, worst {worst:.2} s");
    println!("  deadline + W to arrival: p50 {:.2} s, p99 {:.2} s, worst {:.2} s", p50 - w, p99 - w, worst - w);
}

/// Milliseconds from deadline to arrival, by monitor: a second attempt of an alert does not count.
type Heard = Arc<Mutex<BTreeMap<String, f64>>>;

struct Receiver {
    url: String,
    heard: Heard,
    serving: AbortHandle,
}

impl Receiver {
    async fn listen() -> Result<Self> {
        let (listener, address) = loadtest::baseline::bind().await?;
        let heard = Heard::default();
        let router = Router::new().route("/alert", post(hear)).with_state(Arc::clone(&heard));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Ok(Self { url: format!("http://{address}/alert"), heard, serving })
    }

    fn count(&self) -> usize {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn delays(&self) -> Vec<f64> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn hear(State(heard): State<Heard>, body: String) {
    let arrival = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3;
    if let Some((slug, deadline)) = missed(&body) {
        heard.lock().unwrap_or_else(PoisonError::into_inner).entry(slug).or_insert(arrival - deadline);
    }
}

/// Whose deadline has passed, and when it was, in milliseconds.
fn missed(body: &str) -> Option<(String, f64)> {
    let alert: Value = serde_json::from_str(body).ok()?;
    let deadline: jiff::Timestamp = alert["deadline_at"].as_str()?.parse().ok()?;
    let slug = alert["monitor"]["slug"].as_str()?.to_owned();
    (alert["type"] == "monitor.down").then_some((slug, deadline.as_millisecond() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_alerts_of_a_missed_ping_count() {
        let alert = r#"{"type":"monitor.down","deadline_at":"1970-01-01T00:00:01.5Z","monitor":{"slug":"a"}}"#;
        assert_eq!(missed(alert), Some(("a".to_owned(), 1_500.0)));
        assert_eq!(missed(&alert.replace("monitor.down", "monitor.up")), None);
        assert_eq!(missed("{}"), None);
    }
}
