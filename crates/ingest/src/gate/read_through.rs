//! Memory over the store: one read for all who wait for the same key, a bound on what is kept, and the last
//! known value while the store is away.

use futures::future::{BoxFuture, FutureExt, Shared};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;
use store::StoreError;
use tokio::time::Instant;

const STRIPES: usize = 16;
/// How many patiences a read may take before a new one is begun beside it.
const HUNG_AFTER: u32 = 10;

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known<V> {
    Fresh(V),
    /// The store did not answer; this was true when it last did.
    Stale(V),
    /// The store did not answer, and nothing is remembered.
    Away,
}

type Load<V> = Shared<BoxFuture<'static, Option<(V, Duration)>>>;

struct Entry<V> {
    value: Option<V>,
    fresh_until: Instant,
    /// The read in progress, and when it began.
    loading: Option<(Load<V>, Instant)>,
}

/// What is at hand without the store's answer: the value that was true, and the read to wait for.
struct Wanted<V> {
    stale: Option<V>,
    reading: Load<V>,
    since: Instant,
}

/// The memory: at most `capacity` keys, each as long as its load said.
pub(crate) struct ReadThrough<K, V> {
    stripes: [Mutex<HashMap<K, Entry<V>>>; STRIPES],
    capacity: usize,
    patience: Duration,
    hasher: RandomState,
}

impl<K, V> ReadThrough<K, V>
where
    K: Copy + Eq + Hash,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(capacity: usize, patience: Duration) -> Self {
        Self { stripes: Default::default(), capacity: capacity / STRIPES, patience, hasher: RandomState::new() }
    }

    /// The remembered value, or what `load` finds: the value and how long it may be remembered. Waits for
    /// the store at most as long as the patience lasts; the read itself goes on for those who come later.
    pub(crate) async fn get<F, R>(&self, key: K, load: F) -> Known<V>
    where
        F: FnOnce() -> R,
        R: Future<Output = Result<(V, Duration), StoreError>> + Send + 'static,
    {
        let Wanted { stale, reading, since } = match self.look(key, load) {
            Ok(value) => return Known::Fresh(value),
            Err(wanted) => wanted,
        };
        // Counted from the start of the read, so that one hung read delays a key's pings once and not each.
        let patience = self.patience.saturating_sub(since.elapsed());
        match tokio::time::timeout(patience, reading.clone()).await {
            Ok(Some((value, ttl))) => {
                self.settle(key, &reading, Some((value.clone(), ttl)));
                Known::Fresh(value)
            }
            Ok(None) => {
                self.settle(key, &reading, None);
                stale.map_or(Known::Away, Known::Stale)
            }
            Err(_) => stale.map_or(Known::Away, Known::Stale),
        }
    }

    /// Remembers a value that somebody else found.
    pub(crate) fn put(&self, key: K, value: V, ttl: Duration) {
        let mut stripe = self.stripe(key).lock();
        self.make_room(&mut stripe);
        stripe.insert(key, Entry { value: Some(value), fresh_until: Instant::now() + ttl, loading: None });
    }

    /// Forgets a key, also what a read in progress will find.
    pub(crate) fn forget(&self, key: &K) {
        self.stripe(*key).lock().remove(key);
    }

    /// A fresh value, or the read to wait for; one that hangs is given up for a new one.
    fn look<F, R>(&self, key: K, load: F) -> Result<V, Wanted<V>>
    where
        F: FnOnce() -> R,
        R: Future<Output = Result<(V, Duration), StoreError>> + Send + 'static,
    {
        let mut stripe = self.stripe(key).lock();
        let now = Instant::now();
        match stripe.get(&key) {
            Some(Entry { value: Some(value), fresh_until, .. }) if *fresh_until > now => return Ok(value.clone()),
            Some(Entry { value, loading: Some((reading, since)), .. }) if *since + self.patience * HUNG_AFTER > now => {
                return Err(Wanted { stale: value.clone(), reading: reading.clone(), since: *since });
            }
            Some(_) => {}
            None => self.make_room(&mut stripe),
        }
        let reading = load().map(Result::ok).boxed().shared();
        let entry = stripe.entry(key).or_insert(Entry { value: None, fresh_until: now, loading: None });
        entry.loading = Some((reading.clone(), now));
        Err(Wanted { stale: entry.value.clone(), reading, since: now })
    }

    /// Writes what a read found, unless the key was forgotten or read again meanwhile.
    fn settle(&self, key: K, reading: &Load<V>, found: Option<(V, Duration)>) {
        let mut stripe = self.stripe(key).lock();
        let Some(entry) = stripe.get_mut(&key).filter(|entry| entry.is_waiting_for(reading)) else {
            return;
        };
        entry.loading = None;
        if let Some((value, ttl)) = found {
            entry.value = Some(value);
            entry.fresh_until = Instant::now() + ttl;
        } else if entry.value.is_none() {
            stripe.remove(&key);
        }
    }

    /// Drops what is no longer fresh; if that is not enough, every second key.
    fn make_room(&self, stripe: &mut HashMap<K, Entry<V>>) {
        if stripe.len() < self.capacity.max(1) {
            return;
        }
        let now = Instant::now();
        stripe.retain(|_, entry| entry.fresh_until > now);
        if stripe.len() >= self.capacity.max(1) {
            let mut keep = false;
            stripe.retain(|_, _| {
                keep = !keep;
                keep
            });
        }
    }

    fn stripe(&self, key: K) -> &Mutex<HashMap<K, Entry<V>>> {
        let place = self.hasher.hash_one(key) as usize % STRIPES;
        &self.stripes[place]
    }
}

impl<V> Entry<V>
where
    V: Clone,
{
    fn is_waiting_for(&self, reading: &Load<V>) -> bool {
        self.loading.as_ref().is_some_and(|(mine, _)| mine.ptr_eq(reading))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    const SECOND: Duration = Duration::from_secs(1);

    fn away() -> StoreError {
        StoreError::Busy("away".into())
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_wait_cause_one_read() {
        let memory = Arc::new(ReadThrough::new(100, SECOND));
        let reads = Arc::new(AtomicU32::new(0));
        let ask = || {
            let (memory, reads) = (memory.clone(), reads.clone());
            async move {
                let load = || async move {
                    reads.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Ok((7, SECOND))
                };
                memory.get(1, load).await
            }
        };
        let answers = futures::future::join_all((0..50).map(|_| ask())).await;
        assert!(answers.iter().all(|answer| *answer == Known::Fresh(7)));
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        tokio::time::advance(SECOND).await;
        assert_eq!(ask().await, Known::Fresh(7));
        assert_eq!(reads.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_known_value_serves_while_the_store_is_away() {
        let memory = ReadThrough::new(100, SECOND);
        assert_eq!(memory.get(1, || async { Err(away()) }).await, Known::<u8>::Away);
        memory.get(1, || async { Ok((5, SECOND)) }).await;
        tokio::time::advance(SECOND * 2).await;
        assert_eq!(memory.get(1, || async { Err(away()) }).await, Known::Stale(5));
        assert_eq!(memory.get(1, std::future::pending).await, Known::Stale(5));
        assert_eq!(memory.get(2, std::future::pending).await, Known::Away);
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded() {
        let memory = ReadThrough::new(160, SECOND);
        for key in 0..10_000 {
            memory.put(key, true, SECOND);
        }
        let kept: usize = memory.stripes.iter().map(|stripe| stripe.lock().len()).sum();
        assert!(kept <= 160, "{kept} kept");
    }

    #[tokio::test]
    async fn a_forgotten_key_is_read_again() {
        let memory = ReadThrough::new(100, SECOND);
        memory.put(1, 1, SECOND);
        memory.forget(&1);
        assert_eq!(memory.get(1, || async { Ok((2, SECOND)) }).await, Known::Fresh(2));
    }
}
