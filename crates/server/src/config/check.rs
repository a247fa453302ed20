//! Checks of the whole configuration that a single type cannot make. Each refusal names its setting.

use super::types::Config;
use super::value::{Length, is_host_port};
use domain::egress::EgressPolicy;
use domain::field_error::quoted;
use std::time::Duration;

/// A setting and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub setting: &'static str,
    pub problem: String,
}

type Checked = Result<(), Refusal>;

/// Refuses the first setting that is out of its range or does not fit the others.
pub fn check(config: &Config) -> Checked {
    must(!config.roles.is_empty(), "roles", || "allowed: at least one role".into())?;
    must(!config.data_dir.as_os_str().is_empty(), "data_dir", || "must not be empty".into())?;
    lengths(config)?;
    numbers(config)?;
    addresses(config)?;
    mail(config)
}

fn lengths(config: &Config) -> Checked {
    const SECOND: u64 = 1_000;
    const DAY: u64 = 86_400 * SECOND;
    within("shutdown_delay", config.shutdown_delay, 0, 20 * SECOND, "0s to 20s")?;
    within("engine.append_timeout", config.engine.append_timeout, 500, 30 * SECOND, "500ms to 30s")?;
    within("engine.snapshot_every", config.engine.snapshot_every, SECOND, 600 * SECOND, "1s to 10m")?;
    within("log.retain_for", config.log.retain_for, 3_600 * SECOND, 3_660 * DAY, "1h to 3660d")?;
    within("store.history_for", config.store.history_for, DAY, 3_660 * DAY, "1d to 3660d")?;
    within("store.transitions_for", config.store.transitions_for, 7 * DAY, 3_660 * DAY, "7d to 3660d")
}

fn numbers(config: &Config) -> Checked {
    let body = config.http.body_limit.0;
    must((1_000..=100_000).contains(&body), "http.body_limit", || format!("found {body} B, allowed: 1kB to 100kB"))?;
    let bytes = config.log.retain_bytes.0;
    must(bytes >= 64_000_000, "log.retain_bytes", || format!("found {bytes} B, allowed: at least 64MB"))?;
    count("log.shards", config.log.shards.into(), 1, 64)?;
    count("http.workers", config.http.workers.into(), 0, 256)?;
    count("http.max_connections", config.http.max_connections, 16, 1_000_000)?;
    count("notifier.capacity", config.notifier.capacity, 1, 10_000)?;
    let sample = config.telemetry.otlp_sample;
    must((0.0..=1.0).contains(&sample), "telemetry.otlp_sample", || format!("found {sample}, allowed: 0.0 to 1.0"))
}

fn addresses(config: &Config) -> Checked {
    if !config.http.public_url.is_empty() {
        base_url("http.public_url", &config.http.public_url)?;
    }
    base_url("telegram.base_url", &config.telegram.base_url)?;
    if !config.telemetry.otlp_endpoint.is_empty() {
        base_url("telemetry.otlp_endpoint", &config.telemetry.otlp_endpoint)?;
    }
    for address in &config.notifier.evaluators {
        must(is_host_port(address), "notifier.evaluators", || {
            format!("found {}, allowed: host:port", quoted(address))
        })?;
    }
    let networks = "allowed: networks such as 10.0.0.0/8 or ::1/128";
    for network in &config.http.trusted_proxies {
        let known = network.parse::<ingest::Cidr>().is_ok();
        must(known, "http.trusted_proxies", || format!("found {}, {networks}", quoted(network)))?;
    }
    EgressPolicy::parse_allow(&config.notifier.egress_allow)
        .map_err(|error| Refusal { setting: "notifier.egress_allow", problem: error.message })?;
    crate::telemetry::parse_filter(&config.telemetry.log_filter)
        .map(drop)
        .map_err(|problem| Refusal { setting: "telemetry.log_filter", problem })
}

fn mail(config: &Config) -> Checked {
    let smtp = &config.smtp;
    if smtp.server.is_empty() {
        return Ok(());
    }
    must(is_host_port(&smtp.server), "smtp.server", || format!("found {}, allowed: host:port", quoted(&smtp.server)))?;
    must(smtp.from.contains('@'), "smtp.from", || "must name a sender when smtp.server is set".into())?;
    let half = smtp.username.is_empty() != smtp.password.is_empty();
    must(!half, "smtp.password", || "smtp.username and smtp.password go together".into())
}

fn must(holds: bool, setting: &'static str, problem: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Refusal { setting, problem: problem() }) }
}

fn within(setting: &'static str, found: Length, least_ms: u64, most_ms: u64, allowed: &str) -> Checked {
    let fits = (Duration::from_millis(least_ms)..=Duration::from_millis(most_ms)).contains(&found.duration());
    must(fits, setting, || format!("found {} ms, allowed: {allowed}", found.as_ms()))
}

fn count(setting: &'static str, found: u32, least: u32, most: u32) -> Checked {
    must((least..=most).contains(&found), setting, || format!("found {found}, allowed: {least} to {most}"))
}

/// An http or https URL to which a path can be added.
fn base_url(setting: &'static str, text: &str) -> Checked {
    let allowed = "allowed: an http or https URL without query, fragment, user or password";
    let refusal = || Refusal { setting, problem: format!("found {}, {allowed}", quoted(text)) };
    let url = url::Url::parse(text).map_err(|_| refusal())?;
    let plain = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none() && url.has_host();
    must(plain && nobody, setting, || refusal().problem)
}
