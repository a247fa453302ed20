//! What the old server still takes is passed on: pings to the shard that has their monitor now, answers of attempts to
//! the one that has their delivery, and what was not heard to all.

use super::blind::Blind;
use super::progress::Progress;
use super::say;
use super::source::{Source, Stretch};
use super::target::Target;
use crate::failure::Failure;
use domain::engine::Engine;
use domain::ids::{DeliveryId, ShardId};
use domain::record::{Body, Envelope};
use domain::time::UnixMs;
use eventlog::RawRecord;
use futures::future::try_join_all;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// What is passed on sooner than this is passed on as it comes.
const FRESH_MS: i64 = 1_000;
/// How often it is looked whether everything has become quiet.
const LOOK: Duration = Duration::from_millis(200);

/// Which shard has what now.
pub struct Routes {
    deliveries: BTreeMap<DeliveryId, ShardId>,
}

impl Routes {
    pub fn of(engines: &[Engine], target: &Target) -> Self {
        let open = engines.iter().flat_map(Engine::leave).flat_map(|adopted| {
            let shard = target.shard_of(adopted.monitor());
            adopted.deliveries().map(|row| (row.id, shard)).collect::<Vec<_>>()
        });
        Self { deliveries: open.collect() }
    }

    /// Where a record goes; nowhere: it concerns the old log only.
    fn of_record(&self, body: &Body, target: &Target) -> Vec<ShardId> {
        match body {
            Body::Ping(ping) => vec![target.shard_of(ping.monitor)],
            Body::Outcome(outcome) => self.deliveries.get(&outcome.delivery).copied().into_iter().collect(),
            Body::Deaf { .. } | Body::ChannelClosed { .. } => target.shards().collect(),
            _ => vec![],
        }
    }
}

/// How the passing on goes.
struct Run<'a> {
    source: &'a Source,
    target: &'a Target,
    routes: &'a Routes,
    progress: Mutex<Progress>,
    passed: AtomicU64,
    /// How old the last record of each shard was when it was passed on; not before its log was read to the end.
    fresh: Mutex<BTreeMap<ShardId, bool>>,
    last_ping: Mutex<Instant>,
}

/// Passes on until the old server has stopped, or took no ping for `until_quiet`. `history` is done meanwhile. Gives
/// the number of records.
pub async fn run(
    source: &Source,
    target: &Target,
    routes: &Routes,
    progress: Progress,
    blind: Blind,
    until_quiet: Option<Duration>,
    history: impl Future<Output = Result<(), Failure>>,
) -> Result<u64, Failure> {
    let run = Run {
        source,
        target,
        routes,
        progress: Mutex::new(progress),
        passed: AtomicU64::new(0),
        fresh: Mutex::default(),
        last_ping: Mutex::new(Instant::now()),
    };
    let passing = async {
        tokio::select! {
            passed = try_join_all(source.shards().all().map(|shard| run.pass_on(shard))) => passed.map(drop),
            () = run.quiet(until_quiet) => Ok(()),
        }
    };
    let catching_up = blind.during(target, async {
        run.caught_up().await;
        say(format_args!("caught up; let pings go to the cluster now, then stop the old server"));
        Ok(())
    });
    let (history, passed, _) = tokio::join!(history, passing, async {
        if let Err(failure) = catching_up.await {
            say(format_args!("the cluster could not be told of the gap: {failure}"));
        }
    });
    passed.and(history)?;
    Ok(run.passed.load(Ordering::Relaxed))
}

impl Run<'_> {
    async fn pass_on(&self, shard: ShardId) -> Result<(), Failure> {
        let from = self.progress.lock().next.get(usize::from(shard.0)).copied().unwrap_or(0);
        let end = self.source.follow(shard, from, async |stretch| match stretch {
            Stretch::Records(records) => self.pass(shard, records).await.map(|()| true),
            Stretch::End => Ok(false),
        });
        end.await?;
        self.fresh.lock().insert(shard, true);
        Ok(())
    }

    async fn pass(&self, shard: ShardId, records: Vec<RawRecord>) -> Result<(), Failure> {
        let Some(last) = records.last().map(|record| (record.offset, record.append)) else { return Ok(()) };
        let mut by_shard: BTreeMap<ShardId, Vec<(Body, UnixMs)>> = BTreeMap::new();
        let mut passed = 0;
        for record in &records {
            // What cannot be read was not counted by the old engine either.
            let Ok((envelope, body)) = wire::convert::log::decode_record(&record.payload) else { continue };
            passed += u64::from(self.note(&envelope, &body));
            for to in self.routes.of_record(&body, self.target) {
                by_shard.entry(to).or_default().push((body.clone(), envelope.received));
            }
        }
        let sending = by_shard.iter().map(|(to, bodies)| self.target.append(*to, bodies));
        try_join_all(sending).await?;
        self.passed.fetch_add(passed, Ordering::Relaxed);
        self.fresh.lock().insert(shard, self.target.now().since(last.1) < FRESH_MS);
        self.progress.lock().advance(usize::from(shard.0), last.0 + 1)
    }

    /// Whether it is a ping of somebody's; canaries and ticks do not keep a move from ending.
    fn note(&self, _: &Envelope, body: &Body) -> bool {
        let ping = matches!(body, Body::Ping(_));
        if ping {
            *self.last_ping.lock() = Instant::now();
        }
        ping
    }

    /// Waits until what every shard's log takes is passed on as it comes.
    async fn caught_up(&self) {
        let shards = self.source.shards().all().count();
        loop {
            {
                let fresh = self.fresh.lock();
                if fresh.len() == shards && fresh.values().all(|fresh| *fresh) {
                    return;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn quiet(&self, length: Option<Duration>) {
        let Some(length) = length else { return std::future::pending().await };
        self.caught_up().await;
        *self.last_ping.lock() = Instant::now();
        loop {
            let since = self.last_ping.lock().elapsed();
            if since >= length {
                return;
            }
            tokio::time::sleep(LOOK.min(length - since)).await;
        }
    }
}
