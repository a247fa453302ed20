//! Figures as people read them.

use crate::cpu;
use std::time::Duration;

/// What the figures were taken on.
pub fn machine() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?").to_owned();
    let build = if cfg!(debug_assertions) { "debug build: no figure means anything" } else { "release build" };
    format!("{} processors, load {load} when the servers were up, {build}; generator beside the servers", cpu::cores())
}

/// The one in the middle; of an even number the upper one. 0 of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The value below which a share `q` of all lie. 0 of none.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * q).ceil() as usize;
    values.get(rank.max(1) - 1).copied().unwrap_or(0.0)
}

/// Such as `min 1.20 s, median 1.30 s, max 2.00 s`.
pub fn spread(times: &[Duration]) -> String {
    let seconds: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
    let [low, middle, high] = [quantile(&seconds, 0.0), quantile(&seconds, 0.5), quantile(&seconds, 1.0)];
    format!("min {low:.2} s, median {middle:.2} s, max {high:.2} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_there() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!([0.0, 0.5, 0.75, 0.99, 1.0].map(|q| quantile(&values, q)), [1.0, 2.0, 3.0, 4.0, 4.0]);
        assert_eq!(median(values), 3.0);
        assert_eq!((median([]), quantile(&[], 0.5)), (0.0, 0.0));
    }
}
