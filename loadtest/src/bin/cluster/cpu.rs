//! Processor time of processes, from `/proc/PID/stat` (proc(5)): user and system, of all threads that are or were.

use std::time::Instant;

/// The kernel counts in hundredths of a second for user space on every architecture (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// How many processors there are.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Seconds that a process has spent so far; 0 when it is gone.
pub fn seconds_of(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    ticks(&stat) as f64 / TICKS_PER_SECOND
}

/// The second field may hold blanks and parentheses: count from behind it. Fields 14 and 15 are utime and stime.
fn ticks(stat: &str) -> u64 {
    let behind = stat.rsplit(')').next().unwrap_or_default();
    behind.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// What a group of processes spent in an interval.
pub struct Spent {
    pub group: &'static str,
    pub seconds: f64,
    /// Of all processors, 0 to 1.
    pub share: f64,
}

/// Groups of processes, watched from `start` to `stop`.
pub struct Meter {
    groups: Vec<(&'static str, Vec<u32>, f64)>,
    since: Instant,
}

impl Meter {
    pub fn start(groups: Vec<(&'static str, Vec<u32>)>) -> Self {
        let groups = groups.into_iter().map(|(name, pids)| {
            let before = together(&pids);
            (name, pids, before)
        });
        Self { groups: groups.collect(), since: Instant::now() }
    }

    /// In the order of the groups.
    pub fn stop(&self) -> Vec<Spent> {
        let whole = self.since.elapsed().as_secs_f64() * cores() as f64;
        let spent = |(group, pids, before): &(&'static str, Vec<u32>, f64)| {
            let seconds = (together(pids) - before).max(0.0);
            Spent { group, seconds, share: seconds / whole }
        };
        self.groups.iter().map(spent).collect()
    }
}

fn together(pids: &[u32]) -> f64 {
    pids.iter().map(|pid| seconds_of(*pid)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_count_from_behind_the_name() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 100 1 2";
        assert_eq!(ticks(stat), 300);
        assert_eq!(ticks(""), 0);
    }

    #[test]
    fn work_is_seen() {
        let meter = Meter::start(vec![("self", vec![std::process::id()])]);
        let begun = Instant::now();
        while meter.stop()[0].seconds == 0.0 {
            assert!(begun.elapsed().as_secs() < 60, "no tick in a minute of work");
        }
    }
}
