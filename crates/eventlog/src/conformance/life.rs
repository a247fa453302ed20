//! Rules of ending, beginning again, and forgetting.

use super::*;

/// What was acknowledged is there in the next life.
pub async fn acknowledged_is_there_after_reopening(mut harness: impl Harness) {
    let mut sent = 0;
    for _ in 0..3 {
        let log = harness.log();
        append_numbers(&log, A, sent..sent + 100).await;
        append_numbers(&log, B, sent..sent + 100).await;
        sent += 100;
        drop(log);
        harness.reopen().await;
    }
    for shard in [A, B] {
        assert_eq!(texts(&read(&harness.log(), shard, 0, sent).await), numbers(0..sent));
    }
}

/// The next life's first record stands behind the last one's last, under an append time that is no earlier.
pub async fn offsets_go_on_after_reopening(mut harness: impl Harness) {
    let before = append_numbers(&harness.log(), A, 0..3).await;
    harness.reopen().await;
    assert_eq!(bounds(&harness.log(), A).await, Bounds { first: 0, next: 3 });
    let after = append(&harness.log(), A, "3").await;
    assert_eq!(after.offset, 3);
    assert!(before.iter().all(|a| a.append <= after.append));
    assert_eq!(append(&harness.log(), B, "0").await.offset, 0);
}

/// When `close` returns, all that was queued has its answer and is durable.
pub async fn closing_writes_what_is_queued(mut harness: impl Harness) {
    let log = harness.log();
    let tickets: Vec<_> = (0..500u64).map(|n| log.append(A, n.to_string().into_bytes())).collect();
    soon("close", log.close()).await;
    for mut ticket in tickets {
        let answer = futures::poll!(&mut ticket);
        assert!(matches!(answer, std::task::Poll::Ready(Ok(_))), "{answer:?}");
    }
    drop(log);
    harness.reopen().await;
    assert_eq!(texts(&read(&harness.log(), A, 0, 500).await), numbers(0..500));
}

/// After `close` appends are refused; closing again is harmless.
pub async fn a_closed_log_takes_nothing(harness: impl Harness) {
    let log = harness.log();
    append(&log, A, "0").await;
    let mut at_end = soon("reader", log.reader(A, 1)).await.unwrap_or_else(|error| panic!("reader: {error}"));
    let waiting = tokio::spawn(async move { at_end.next(1).await });
    soon("close", log.close()).await;
    soon("close again", log.close()).await;
    assert_eq!(soon("append", log.append(A, b"1".to_vec())).await, Err(AppendError::Closed));
    let ended = soon("the waiting reader", waiting).await.unwrap_or_else(|error| panic!("task: {error}"));
    assert_eq!(ended, Err(ReadError::Closed));
}

/// Age alone takes nothing: a record that was not released stays, while those of another shard go.
pub async fn what_is_not_released_stays(mut harness: impl Harness) {
    let log = harness.log();
    for n in 0..20u64 {
        append(&log, A, n.to_string()).await;
        append(&log, B, n.to_string()).await;
    }
    soon("release", log.release(B, 20)).await;
    if !harness.expire().await {
        return;
    }
    eventually("retention", || async { bounds(&log, B).await.first > 1 }).await;
    assert_eq!(bounds(&log, A).await.first, 0);
    assert_eq!(texts(&read(&log, A, 0, 20).await), numbers(0..20));
}

/// What was released and is old goes; what was not released stays, however old; reading below is refused, not
/// moved up, also in the next life.
pub async fn what_is_released_and_old_goes(mut harness: impl Harness) {
    const RELEASED: u64 = 20;
    let log = harness.log();
    for n in 0..30u64 {
        append(&log, A, n.to_string()).await;
    }
    soon("release", log.release(A, RELEASED)).await;
    // A release never goes back.
    soon("release", log.release(A, 1)).await;
    if !harness.expire().await {
        return;
    }
    eventually("retention", || async { bounds(&log, A).await.first > 1 }).await;
    drop(log);
    harness.reopen().await;
    let log = harness.log();
    let first = bounds(&log, A).await.first;
    assert!((1..=RELEASED).contains(&first), "{first}");
    assert_eq!(texts(&read(&log, A, first, 30).await), numbers(first..30));
    let refusal = soon("reader", log.reader(A, first - 1)).await.err();
    assert_eq!(refusal, Some(ReadError::OutOfRange { shard: A, wanted: first - 1, first, next: 30 }));
    assert_eq!(append(&log, A, "30").await.offset, 30);
}
