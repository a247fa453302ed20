//! The simulator's own log and store, under the rules that every backend obeys, and each of their faults.

mod log;
#[path = "log/checks.rs"]
mod log_checks;
mod store;
#[path = "store/checks.rs"]
mod store_checks;

/// A clock that goes with tokio's, which tests pause.
mod clock {
    use domain::time::{Clock, UnixMs};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use tokio::time::Instant;

    pub const START_MS: i64 = 1_800_000_000_000;

    pub struct PausedClock {
        begun: Instant,
        ahead_ms: AtomicI64,
    }

    impl PausedClock {
        pub fn new() -> Arc<Self> {
            Arc::new(Self { begun: Instant::now(), ahead_ms: AtomicI64::new(START_MS) })
        }

        pub fn advance_ms(&self, ms: i64) {
            self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
        }
    }

    impl Clock for PausedClock {
        fn now(&self) -> UnixMs {
            UnixMs(self.ahead_ms.load(Ordering::Relaxed) + self.begun.elapsed().as_millis() as i64)
        }
    }
}

/// The rules of every log.
mod log_rules {
    use crate::clock::PausedClock;
    use crate::log::{AppendFaults, SimClient, SimLog};
    use async_trait::async_trait;
    use domain::ids::ShardCount;
    use eventlog::EventLog;
    use eventlog::conformance::Harness;
    use std::sync::Arc;

    const RETAIN_MS: i64 = 3_600_000;

    fn empty() -> (Arc<SimLog>, Arc<PausedClock>) {
        let clock = PausedClock::new();
        let log = SimLog::new(ShardCount::new(2).unwrap(), clock.clone(), 1);
        log.set_retain_ms(RETAIN_MS);
        (log, clock)
    }

    /// The log itself, which has no faults.
    struct Direct(Arc<SimLog>, Arc<PausedClock>);

    #[async_trait]
    impl Harness for Direct {
        fn log(&self) -> Arc<dyn EventLog> {
            self.0.clone()
        }

        async fn reopen(&mut self) {
            self.0.close().await;
            self.0 = self.0.reopen();
        }

        async fn expire(&mut self) -> bool {
            self.1.advance_ms(RETAIN_MS + 1);
            true
        }
    }

    /// One client of it, slow or not.
    struct Client {
        log: Arc<SimLog>,
        clock: Arc<PausedClock>,
        client: Arc<SimClient>,
    }

    #[async_trait]
    impl Harness for Client {
        fn log(&self) -> Arc<dyn EventLog> {
            self.client.clone()
        }

        async fn reopen(&mut self) {
            self.client.close().await;
            self.client = self.log.client("one");
        }

        async fn stall(&mut self) -> bool {
            self.client.freeze(true);
            true
        }

        async fn resume(&mut self) {
            self.client.freeze(false);
        }

        async fn expire(&mut self) -> bool {
            self.clock.advance_ms(RETAIN_MS + 1);
            true
        }
    }

    fn client(delay_ms: (u64, u64)) -> Client {
        let (log, clock) = empty();
        let client = log.client("one");
        client.set_faults(AppendFaults { delay_ms, timeout_ms: 30_000, ..AppendFaults::default() });
        Client { log, clock, client }
    }

    mod direct {
        async fn make() -> super::Direct {
            let (log, clock) = super::empty();
            super::Direct(log, clock)
        }

        eventlog::eventlog_conformance!(make);
    }

    mod through_a_client {
        async fn make() -> super::Client {
            super::client((0, 0))
        }

        eventlog::eventlog_conformance!(make);
    }

    mod through_a_slow_client {
        async fn make() -> super::Client {
            super::client((0, 3))
        }

        eventlog::eventlog_conformance!(make);
    }
}

/// The rules of every store.
mod store_rules {
    use crate::store::{SimStore, StoreFaults};
    use ::store::conformance::Fixture;

    async fn open() -> Fixture {
        let store = SimStore::new(1);
        Fixture::new(store.client("one"), store)
    }

    ::store::store_conformance!(open);

    /// With delays that let calls of one client overtake each other.
    mod slow {
        use super::*;

        async fn open() -> Fixture {
            let store = SimStore::new(2);
            let client = store.client("slow");
            client.set_faults(StoreFaults { delay_ms: (0, 1), ..StoreFaults::default() });
            Fixture::new(client, store)
        }

        ::store::store_conformance!(open);
    }
}
