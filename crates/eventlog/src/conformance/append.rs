//! Rules of appending.

use super::*;
use std::pin::Pin;
use std::task::{Context, Waker};

/// A shard's first record stands at 0, and each next one right behind.
pub async fn offsets_are_dense_from_zero(harness: impl Harness) {
    let log = harness.log();
    assert_eq!(append(&log, A, "0").await.offset, 0);
    assert_eq!(append(&log, A, "1").await.offset, 1);
    let appended = append_numbers(&log, A, 2..500).await;
    assert!(appended.iter().map(|a| a.offset).eq(2..500));
    assert_eq!(texts(&read(&log, A, 0, 500).await), numbers(0..500));
}

/// Records of one caller stand in the order in which it appended them, whether or not it waits in between.
pub async fn one_caller_keeps_its_order(harness: impl Harness) {
    let log = harness.log();
    let mut sent = 0;
    for burst in [1, 700, 1, 1, 90, 3] {
        append_numbers(&log, A, sent..sent + burst).await;
        sent += burst;
    }
    assert_eq!(texts(&read(&log, A, 0, sent).await), numbers(0..sent));
}

/// Also when each append comes from another thread than the one before.
pub async fn a_caller_that_moves_between_threads_keeps_its_order(harness: impl Harness) {
    let log = harness.log();
    for n in 0..400u64 {
        let log = log.clone();
        let appending = tokio::task::spawn_blocking(move || log.append(A, n.to_string().into_bytes()));
        let ticket = appending.await.unwrap_or_else(|error| panic!("append: {error}"));
        if n == 399 {
            soon("the last append", ticket).await.unwrap_or_else(|error| panic!("append: {error}"));
        }
    }
    assert_eq!(texts(&read(&log, A, 0, 400).await), numbers(0..400));
}

/// Every record has an append time, the same for ticket and reader, which does not fall while the clock does not.
pub async fn append_times_are_there_and_follow_the_clock(harness: impl Harness) {
    let log = harness.log();
    let mut appended = append_numbers(&log, A, 0..50).await;
    appended.push(append(&log, A, "50").await);
    appended.push(append(&log, A, "51").await);
    assert!(appended.iter().all(|a| a.append.0 > 0));
    assert!(appended.is_sorted_by_key(|a| a.append));
    let read: Vec<_> =
        read(&log, A, 0, 52).await.iter().map(|r| Appended { offset: r.offset, append: r.append }).collect();
    assert_eq!(read, appended);
}

/// Each shard counts for itself and holds its own records.
pub async fn shards_are_independent(harness: impl Harness) {
    let log = harness.log();
    append_numbers(&log, A, 0..20).await;
    assert_eq!(append(&log, B, "b").await.offset, 0);
    append_numbers(&log, A, 20..30).await;
    assert_eq!(texts(&read(&log, A, 0, 30).await), numbers(0..30));
    assert_eq!(texts(&read(&log, B, 0, 1).await), ["b"]);
    assert_eq!(bounds(&log, B).await, Bounds { first: 0, next: 1 });
}

/// 64 tasks at once: every acknowledged record is there once, where its ticket says.
pub async fn many_tasks_at_once_lose_and_double_nothing(harness: impl Harness) {
    const TASKS: u64 = 64;
    const EACH: u64 = 50;
    let log = harness.log();
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(append_marked(log.clone(), task, EACH))).collect();
    let mut acked = BTreeMap::new();
    for task in tasks {
        acked.extend(soon("all appends", task).await.unwrap_or_else(|error| panic!("task: {error}")));
    }
    assert_eq!(acked.len() as u64, TASKS * EACH, "no two records share an offset");
    let mut found = BTreeMap::new();
    for shard in [A, B] {
        let end = bounds(&log, shard).await.next;
        for record in read(&log, shard, 0, end).await {
            found.insert((shard, record.offset), String::from_utf8_lossy(&record.payload).into_owned());
        }
    }
    assert_eq!(found, acked);
    assert_eq!(found.values().collect::<BTreeSet<_>>().len(), found.len(), "no record is there twice");
}

async fn append_marked(log: Arc<dyn EventLog>, task: u64, count: u64) -> Vec<((ShardId, u64), String)> {
    let mut acked = Vec::new();
    for n in 0..count {
        let shard = if (task + n).is_multiple_of(3) { B } else { A };
        let text = format!("{task}/{n}");
        acked.push(((shard, append(&log, shard, text.clone()).await.offset), text));
    }
    acked
}

/// Dropping a ticket, polled or not, leaves its record where it is.
pub async fn a_dropped_ticket_takes_nothing_back(harness: impl Harness) {
    let log = harness.log();
    drop(log.append(A, b"0".to_vec()));
    let mut polled = log.append(A, b"1".to_vec());
    let _ = futures::poll!(&mut polled);
    drop(polled);
    append(&log, A, "2").await;
    assert_eq!(texts(&read(&log, A, 0, 3).await), numbers(0..3));
}

/// A ticket that was polled once and is then left lying holds up no other, whoever of a batch is woken first.
pub async fn a_ticket_that_nobody_polls_holds_nobody_up(harness: impl Harness) {
    let log = harness.log();
    let mut idle = Context::from_waker(Waker::noop());
    let mut left_lying = Vec::new();
    for _ in 0..20 {
        // The first keeps the log busy, so that the others share a batch.
        let mut tickets: Vec<_> = (0..4).map(|_| log.append(A, b"x".to_vec())).collect();
        let waiting = tickets.swap_remove(2);
        let mut waiting = Box::pin(waiting);
        let _ = tickets.first_mut().map(|ticket| Pin::new(ticket).poll(&mut idle));
        let _ = futures::poll!(&mut waiting);
        let _ = tickets.last_mut().map(|ticket| Pin::new(ticket).poll(&mut idle));
        soon("a ticket beside others", waiting).await.unwrap_or_else(|error| panic!("append: {error}"));
        left_lying.extend(tickets);
    }
}

/// Binary payloads from nothing to 100 kB, each as it was.
pub async fn payloads_of_every_size_come_back(mut harness: impl Harness) {
    let payloads: Vec<_> = [0, 1, 2, 127, 128, 129, 1_000, 4_096, 16_384, 65_536, 100_000].map(noise).into();
    let log = harness.log();
    let tickets: Vec<_> = payloads.iter().map(|payload| log.append(A, payload.clone())).collect();
    for ticket in tickets {
        soon("append", ticket).await.unwrap_or_else(|error| panic!("append: {error}"));
    }
    let same = |records: Vec<RawRecord>| records.iter().map(|r| &r.payload[..]).eq(payloads.iter().map(|p| &p[..]));
    assert!(same(read(&log, A, 0, payloads.len() as u64).await));
    drop(log);
    harness.reopen().await;
    assert!(same(read(&harness.log(), A, 0, payloads.len() as u64).await), "after reopening");
}

/// All byte values, not compressible.
fn noise(length: usize) -> Vec<u8> {
    let mut state = length as u64 + 1;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| byte()).collect()
}

/// A record above the limit is refused and leaves no hole.
pub async fn too_large_is_refused_and_the_rest_goes_on(harness: impl Harness) {
    let log = harness.log();
    append(&log, A, "0").await;
    let refused = soon("append", log.append(A, vec![0; MAX_RECORD_BYTES + 1])).await;
    assert_eq!(refused, Err(AppendError::TooLarge));
    assert_eq!(append(&log, A, "1").await.offset, 1);
}

/// Neither appending to nor reading from a shard that is not there does anything but fail.
pub async fn a_shard_that_does_not_exist_is_an_error(harness: impl Harness) {
    let log = harness.log();
    let nowhere = ShardId(log.shards().get());
    assert!(soon("append", log.append(nowhere, b"x".to_vec())).await.is_err());
    assert!(soon("reader", log.reader(nowhere, 0)).await.is_err());
    assert!(soon("bounds", log.bounds(nowhere)).await.is_err());
    soon("release", log.release(nowhere, 1)).await;
    append(&log, A, "still there").await;
}

/// While the log cannot write, its queue fills; then an append is answered at once, and what was queued is
/// written later, without what was refused.
pub async fn a_full_queue_is_busy_at_once(mut harness: impl Harness) {
    if !harness.stall().await {
        return;
    }
    let log = harness.log();
    let (mut queued, mut busy) = (Vec::new(), 0);
    while busy < 10 {
        assert!(queued.len() < 1_000_000, "the queue has no bound");
        let mut ticket = log.append(A, queued.len().to_string().into_bytes());
        match futures::poll!(&mut ticket) {
            std::task::Poll::Ready(answer) => {
                assert_eq!(answer, Err(AppendError::Busy));
                busy += 1;
            }
            std::task::Poll::Pending => queued.push(ticket),
        }
    }
    harness.resume().await;
    let count = queued.len() as u64;
    assert!(count > 0);
    for ticket in queued {
        soon("what was queued", ticket).await.unwrap_or_else(|error| panic!("append: {error}"));
    }
    assert_eq!(texts(&read(&log, A, 0, count).await), numbers(0..count));
    assert_eq!(append(&log, A, "next").await.offset, count, "there is room again, and no refused record");
}
