//! Rules of reading.

use super::*;

/// A reader's first record is the one it was asked for, wherever in a batch that stands.
pub async fn a_reader_begins_anywhere(mut harness: impl Harness) {
    let log = harness.log();
    append_numbers(&log, A, 0..40).await;
    append(&log, A, "40").await;
    append_numbers(&log, A, 41..60).await;
    for from in 0..60 {
        assert_eq!(texts(&read(&log, A, from, 60).await), numbers(from..60));
    }
    drop(log);
    harness.reopen().await;
    for from in [0, 1, 39, 40, 41, 59] {
        assert_eq!(texts(&read(&harness.log(), A, from, 60).await), numbers(from..60), "after reopening");
    }
}

/// `limit` is a limit, and 0 asks for one.
pub async fn a_reader_gets_no_more_than_it_asks_for(harness: impl Harness) {
    let log = harness.log();
    append_numbers(&log, A, 0..100).await;
    let mut reader = soon("reader", log.reader(A, 0)).await.unwrap_or_else(|error| panic!("reader: {error}"));
    let mut got = Vec::new();
    for limit in [1, 0, 7, 3, 1].into_iter().cycle() {
        let records = soon("read", reader.next(limit)).await.unwrap_or_else(|error| panic!("read: {error}"));
        assert!((1..=limit.max(1)).contains(&records.len()));
        got.extend(texts(&records));
        if got.len() == 100 {
            break;
        }
    }
    assert_eq!(got, numbers(0..100));
}

/// A reader at the end waits, and gets what comes.
pub async fn a_reader_waits_for_what_comes(harness: impl Harness) {
    let log = harness.log();
    for n in 0..20u64 {
        let mut reader = soon("reader", log.reader(A, n)).await.unwrap_or_else(|error| panic!("reader: {error}"));
        let waiting = tokio::spawn(async move { reader.next(10).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        append(&log, A, n.to_string()).await;
        let records = soon("the waiting reader", waiting).await.unwrap_or_else(|error| panic!("task: {error}"));
        assert_eq!(texts(&records.unwrap_or_else(|error| panic!("read: {error}"))), numbers(n..n + 1));
    }
}

/// A call of `next` that is dropped, at any moment, leaves its records to the next call.
pub async fn a_cancelled_read_loses_nothing(mut harness: impl Harness) {
    append_numbers(&harness.log(), A, 0..300).await;
    // After reopening nothing is in memory, so that reads take their time.
    harness.reopen().await;
    let log = harness.log();
    let mut reader = soon("reader", log.reader(A, 0)).await.unwrap_or_else(|error| panic!("reader: {error}"));
    let (mut got, mut round) = (Vec::new(), 0u32);
    while got.len() < 300 {
        round += 1;
        let hurried = timeout(Duration::from_micros(u64::from(round % 40) * 50), reader.next(4)).await;
        if let Ok(records) = hurried {
            got.extend(texts(&records.unwrap_or_else(|error| panic!("read: {error}"))));
        }
        assert!(round < 1_000_000, "reads make no progress");
    }
    assert_eq!(got, numbers(0..300));
    assert!(timeout(MOMENT, reader.next(1)).await.is_err(), "nothing comes after the last");
    append(&log, A, "300").await;
    let last = soon("read", reader.next(1)).await.unwrap_or_else(|error| panic!("read: {error}"));
    assert_eq!(texts(&last), ["300"]);
}

/// Readers have places of their own, also in one shard.
pub async fn readers_do_not_disturb_each_other(harness: impl Harness) {
    let log = harness.log();
    let reading: Vec<_> = (0..8)
        .map(|n| {
            let (log, shard) = (log.clone(), if n % 2 == 0 { A } else { B });
            tokio::spawn(async move { texts(&read(&log, shard, 0, 200).await) })
        })
        .collect();
    append_numbers(&log, A, 0..100).await;
    append_numbers(&log, B, 0..200).await;
    append_numbers(&log, A, 100..200).await;
    for reader in reading {
        let got = soon("all readers", reader).await.unwrap_or_else(|error| panic!("task: {error}"));
        assert_eq!(got, numbers(0..200));
    }
}

/// One past the end is a place to wait at; beyond it is an error with the bounds in it, not a jump.
pub async fn outside_the_log_is_refused(harness: impl Harness) {
    let log = harness.log();
    append_numbers(&log, A, 0..5).await;
    assert!(soon("reader", log.reader(A, 5)).await.is_ok());
    let refusal = soon("reader", log.reader(A, 6)).await.err();
    assert_eq!(refusal, Some(ReadError::OutOfRange { shard: A, wanted: 6, first: 0, next: 5 }));
    let refusal = soon("reader", log.reader(A, u64::MAX)).await.err();
    assert!(matches!(refusal, Some(ReadError::OutOfRange { .. })), "{refusal:?}");
}

/// Bounds of an empty shard are 0 .. 0, and grow with each acknowledged record.
pub async fn bounds_say_what_is_there(harness: impl Harness) {
    let log = harness.log();
    assert_eq!(bounds(&log, A).await, Bounds { first: 0, next: 0 });
    for next in 1..=10 {
        append(&log, A, "x").await;
        assert_eq!(bounds(&log, A).await, Bounds { first: 0, next });
    }
    assert_eq!(bounds(&log, B).await, Bounds { first: 0, next: 0 });
}
