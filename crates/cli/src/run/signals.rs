//! Signals sent to us that the job should get. Listening begins before the job starts, so none is lost between.
//!
//! A signal that was ignored when we started (`nohup`, a shell's background job) stays ignored: catching it
//! would make the job, which inherits our dispositions, die of what its caller wanted it to survive.

use rustix::process::Signal;
use std::future::poll_fn;
use std::task::{Context, Poll};
use tokio::signal::unix::{self, SignalKind};
use tokio::time::Instant;

const PASSED_ON: [Signal; 8] =
    [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::ALARM, Signal::USR1, Signal::USR2, Signal::WINCH];

/// The signals we catch.
pub struct Signals {
    streams: Vec<(Signal, unix::Signal)>,
}

impl Signals {
    /// Catches from now on. A signal that cannot be caught keeps its default.
    pub fn listen() -> Self {
        let ignored = ignored_mask();
        let wanted = PASSED_ON.into_iter().filter(|signal| ignored >> (signal.as_raw() - 1) & 1 == 0);
        let listen = |signal: Signal| Some((signal, unix::signal(SignalKind::from_raw(signal.as_raw())).ok()?));
        Self { streams: wanted.filter_map(listen).collect() }
    }

    /// The next signal that arrives.
    pub async fn next(&mut self) -> Signal {
        poll_fn(|context| self.poll(context)).await
    }

    /// Until one arrives, `after` or later, that asks a program to end.
    pub async fn asked_to_stop(&mut self, after: Instant) {
        loop {
            let asks = matches!(self.next().await, Signal::HUP | Signal::INT | Signal::QUIT | Signal::TERM);
            if asks && Instant::now() >= after {
                return;
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Signal> {
        for (signal, stream) in &mut self.streams {
            if let Poll::Ready(Some(())) = stream.poll_recv(context) {
                return Poll::Ready(*signal);
            }
        }
        Poll::Pending
    }
}

/// Bit n-1 for each signal n that is ignored: `SigIgn` of proc(5). Elsewhere than on Linux nothing is known.
fn ignored_mask() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
