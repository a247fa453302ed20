//! The recorder behind `/metrics`, and what the process says about itself.

use metrics::{counter, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// From a tenth of a millisecond (an append on a fast disk) to what a person would call an outage.
const SECONDS: [f64; 18] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];
const COUNTS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1_000.0, 10_000.0];
const BYTES: [f64; 8] = [100.0, 1_000.0, 10_000.0, 100_000.0, 1e6, 1e7, 1e8, 1e9];

/// Installs the recorder. Once a process, before anything counts.
pub fn install() -> Result<PrometheusHandle, String> {
    let buckets = |builder: PrometheusBuilder, suffix: &str, values: &[f64]| {
        builder.set_buckets_for_metric(Matcher::Suffix(suffix.to_owned()), values).map_err(|error| error.to_string())
    };
    let builder = buckets(PrometheusBuilder::new(), "_seconds", &SECONDS)?;
    let builder = buckets(builder, "_records", &COUNTS)?;
    let builder = buckets(builder, "_writes", &COUNTS)?;
    let builder = buckets(builder, "_bytes", &BYTES)?;
    let handle = builder.install_recorder().map_err(|error| error.to_string())?;
    super::describe::describe();
    super::describe::begin_at_zero();
    Ok(handle)
}

/// What is running: constant ones, with the versions as labels.
pub fn observe_build() {
    gauge!("build_info", "version" => env!("CARGO_PKG_VERSION"), "sqlite" => rusqlite::version()).set(1.0);
    gauge!("tzdb_info", "version" => domain::schedule::zone::tzdb_version()).set(1.0);
}

/// Whether the process can do its job now.
pub fn observe_ready(ready: bool) {
    gauge!("ready").set(if ready { 1.0 } else { 0.0 });
}

/// A thread panicked.
pub fn count_panic() {
    counter!("panics_total").increment(1);
}
