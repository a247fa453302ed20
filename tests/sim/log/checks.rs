//! Each fault of the simulated log does what it says, and nothing else.

use crate::clock::{PausedClock, START_MS};
use crate::log::{AppendFaults, SimClient, SimLog};
use domain::ids::{ShardCount, ShardId};
use eventlog::{AppendError, AppendTicket, Appended, EventLog, RawRecord, ReadError, ShardReader};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

const A: ShardId = ShardId(0);
const B: ShardId = ShardId(1);
const MOMENT: Duration = Duration::from_millis(10);

fn log(seed: u64) -> (Arc<SimLog>, Arc<SimClient>) {
    let log = SimLog::new(ShardCount::new(2).unwrap(), PausedClock::new(), seed);
    let client = log.client("ingest-1");
    (log, client)
}

fn faulty(faults: AppendFaults) -> (Arc<SimLog>, Arc<SimClient>) {
    let (log, client) = log(1);
    client.set_faults(faults);
    (log, client)
}

fn put(client: &SimClient, text: &str) -> AppendTicket {
    client.append(A, text.into())
}

fn texts(log: &SimLog) -> Vec<String> {
    log.records(A).iter().map(|record| String::from_utf8_lossy(&record.payload).into_owned()).collect()
}

/// The answer, and after how many milliseconds it came.
async fn timed(ticket: AppendTicket) -> (Result<u64, AppendError>, u128) {
    let begun = Instant::now();
    let answer = ticket.await.map(|appended| appended.offset);
    (answer, begun.elapsed().as_millis())
}

async fn is_silent(future: impl Future) -> bool {
    timeout(Duration::from_secs(3_600), future).await.is_err()
}

async fn read_all(reader: &mut Box<dyn ShardReader>, count: usize) -> Vec<RawRecord> {
    let mut records = Vec::new();
    while records.len() < count {
        records.extend(reader.next(3).await.unwrap());
    }
    records
}

#[tokio::test(start_paused = true)]
async fn without_faults_an_append_is_answered_before_it_returns() {
    let (log, client) = log(1);
    let ticket = put(&client, "a");
    assert_eq!(texts(&log), ["a"]);
    assert_eq!(futures::poll!(std::pin::pin!(ticket)), std::task::Poll::Ready(Ok(landed(0, 0))));
}

fn landed(offset: u64, after_ms: i64) -> Appended {
    Appended { offset, append: domain::time::UnixMs(START_MS + after_ms) }
}

#[tokio::test(start_paused = true)]
async fn a_slow_append_takes_its_time() {
    let (log, client) = faulty(AppendFaults { delay_ms: (700, 700), ..AppendFaults::default() });
    let ticket = put(&client, "a");
    assert!(texts(&log).is_empty());
    assert_eq!(ticket.await, Ok(landed(0, 700)));
}

#[tokio::test(start_paused = true)]
async fn an_append_slower_than_its_time_out_lands_all_the_same() {
    let (log, client) = faulty(AppendFaults { delay_ms: (8_000, 8_000), timeout_ms: 3_000, ..AppendFaults::default() });
    assert_eq!(timed(put(&client, "a")).await, (Err(AppendError::TimedOut), 3_000));
    assert!(texts(&log).is_empty());
    sleep(Duration::from_millis(5_001)).await;
    assert_eq!(texts(&log), ["a"]);
    assert_eq!(log.records(A)[0].append.0, START_MS + 8_000);
}

#[tokio::test(start_paused = true)]
async fn a_lost_append_times_out_and_never_lands() {
    let (log, client) = faulty(AppendFaults { loss: 1.0, timeout_ms: 3_000, ..AppendFaults::default() });
    assert_eq!(timed(put(&client, "a")).await, (Err(AppendError::TimedOut), 3_000));
    sleep(Duration::from_secs(600)).await;
    assert!(texts(&log).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_leaves_the_record() {
    let (log, client) = faulty(AppendFaults { ack_lost: 1.0, timeout_ms: 3_000, ..AppendFaults::default() });
    assert_eq!(timed(put(&client, "a")).await, (Err(AppendError::TimedOut), 3_000));
    assert_eq!(texts(&log), ["a"]);
    assert_eq!(log.records(A)[0].append.0, START_MS);
}

#[tokio::test(start_paused = true)]
async fn a_doubled_append_is_answered_once() {
    let (log, client) = faulty(AppendFaults { duplicate: 1.0, delay_ms: (0, 50), ..AppendFaults::default() });
    let tickets = ["a", "b", "c"].map(|text| put(&client, text));
    for ticket in tickets {
        assert!(ticket.await.is_ok());
    }
    sleep(Duration::from_millis(51)).await;
    assert_eq!(texts(&log), ["a", "a", "b", "b", "c", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_log_says_so_at_once() {
    let (log, client) = faulty(AppendFaults { busy: 1.0, ..AppendFaults::default() });
    assert_eq!(timed(put(&client, "a")).await, (Err(AppendError::Busy), 0));
    assert!(texts(&log).is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_caller_keeps_its_order_under_any_delay() {
    let (log, client) = faulty(AppendFaults { delay_ms: (0, 900), ..AppendFaults::default() });
    let mut tickets = Vec::new();
    for n in 0..300 {
        tickets.push(put(&client, &n.to_string()));
        // Also the ones that find no delay any more wait for those before them.
        if n == 200 {
            client.set_faults(AppendFaults::default());
        }
        if n % 7 == 0 {
            sleep(Duration::from_millis(3)).await;
        }
    }
    for (n, ticket) in tickets.into_iter().enumerate() {
        assert_eq!(ticket.await.map(|appended| appended.offset), Ok(n as u64));
    }
    assert_eq!(texts(&log), (0..300).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_earlier_event_wakes_who_sleeps_for_a_later_one() {
    let (log, client) = faulty(AppendFaults { loss: 1.0, timeout_ms: 60_000, ..AppendFaults::default() });
    let lost = put(&client, "lost");
    sleep(MOMENT).await;
    client.set_faults(AppendFaults { delay_ms: (100, 100), ..AppendFaults::default() });
    assert_eq!(timed(put(&client, "a")).await, (Ok(0), 100));
    assert_eq!(timed(lost).await, (Err(AppendError::TimedOut), 59_890));
    assert_eq!(texts(&log), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_gets_through_a_cut() {
    let (log, client) = faulty(AppendFaults { timeout_ms: 3_000, ..AppendFaults::default() });
    let other = log.client("ingest-2");
    let mut reader = client.reader(A, 0).await.unwrap();
    client.cut(true);
    assert_eq!(timed(put(&client, "lost")).await, (Err(AppendError::TimedOut), 3_000));
    assert!(put(&other, "theirs").await.is_ok(), "the cut is the client's own");
    let begun = Instant::now();
    assert!(matches!(client.bounds(A).await, Err(ReadError::Broken(_))));
    assert_eq!(begun.elapsed().as_millis(), 3_000);
    client.release(A, 1).await;
    assert!(is_silent(reader.next(1)).await);
    client.cut(false);
    assert_eq!(&reader.next(1).await.unwrap()[0].payload[..], b"theirs");
    assert!(put(&client, "after").await.is_ok());
    assert_eq!(texts(&log), ["theirs", "after"]);
    log.set_retain_ms(0);
    sleep(MOMENT).await;
    assert_eq!(log.bounds(A).await.unwrap().first, 0, "the release got lost");
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_when_the_cut_comes_is_lost() {
    let (log, client) = faulty(AppendFaults { delay_ms: (100, 100), ..AppendFaults::default() });
    let ticket = put(&client, "a");
    client.cut(true);
    assert_eq!(timed(ticket).await, (Err(AppendError::TimedOut), 5_000));
    assert!(texts(&log).is_empty());
}

#[tokio::test(start_paused = true)]
async fn cut_replies_keep_only_the_answer() {
    let (log, client) = faulty(AppendFaults { timeout_ms: 3_000, ..AppendFaults::default() });
    client.cut_replies(true);
    assert_eq!(timed(put(&client, "a")).await, (Err(AppendError::TimedOut), 3_000));
    assert_eq!(texts(&log), ["a"]);
    client.cut_replies(false);
    assert_eq!(timed(put(&client, "b")).await, (Ok(1), 0));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_client_hangs_and_goes_on_where_it_stood() {
    let (log, client) = faulty(AppendFaults { delay_ms: (50, 50), ..AppendFaults::default() });
    let mut reader = client.reader(A, 0).await.unwrap();
    let mut sent = put(&client, "sent");
    client.freeze(true);
    let mut kept = put(&client, "kept");
    assert!(is_silent(async { futures::join!(&mut sent, reader.next(1), client.bounds(A)) }).await);
    assert!(is_silent(&mut sent).await && is_silent(&mut kept).await);
    assert_eq!(texts(&log), ["sent"], "what had been sent lands, what had not does not");

    client.freeze(false);
    assert_eq!(timed(sent).await, (Ok(0), 0));
    assert_eq!(timed(kept).await, (Ok(1), 50));
    assert_eq!(read_all(&mut reader, 2).await, log.records(A));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_client_hears_of_a_time_out_when_it_thaws() {
    let (log, client) = faulty(AppendFaults { loss: 1.0, timeout_ms: 3_000, ..AppendFaults::default() });
    let mut ticket = put(&client, "a");
    client.freeze(true);
    assert!(is_silent(&mut ticket).await);
    client.freeze(false);
    assert_eq!(timed(ticket).await, (Err(AppendError::TimedOut), 0));
    assert!(texts(&log).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_killed_client_takes_along_what_it_had_not_sent() {
    let (log, client) = faulty(AppendFaults { delay_ms: (50, 50), ..AppendFaults::default() });
    let mut reader = client.reader(A, 0).await.unwrap();
    let sent = put(&client, "sent");
    client.freeze(true);
    let kept = put(&client, "kept");
    client.kill();
    assert_eq!(timed(kept).await, (Err(AppendError::Closed), 0));
    assert_eq!(reader.next(1).await, Err(ReadError::Closed));
    assert_eq!(timed(put(&client, "late")).await, (Err(AppendError::Closed), 0));
    drop(sent);
    sleep(Duration::from_millis(51)).await;
    assert_eq!(texts(&log), ["sent"]);

    let next = log.client("ingest-1");
    assert_eq!((next.name(), timed(put(&next, "again")).await), ("ingest-1", (Ok(1), 50)), "as slow, not frozen");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_one_client_until_that_is_closed() {
    let (log, client) = log(1);
    assert!(Arc::ptr_eq(&client, &log.client("ingest-1")));
    client.close().await;
    assert!(put(&log.client("ingest-1"), "a").await.is_ok());
    assert_eq!(put(&client, "b").await, Err(AppendError::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_shards_clock_goes_its_own_way() {
    const YEAR_MS: i64 = 365 * 86_400_000;
    let (log, client) = log(1);
    for ms in [0, YEAR_MS, -5_000] {
        log.set_clock_offset(A, ms);
        assert!(put(&client, "a").await.is_ok());
        assert!(client.append(B, b"b".to_vec()).await.is_ok());
    }
    let times = |shard| log.records(shard).iter().map(|record| record.append.0 - START_MS).collect::<Vec<_>>();
    assert_eq!((times(A), times(B)), (vec![0, YEAR_MS, -5_000], vec![0, 0, 0]));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_breaks_now_and_then_loses_nothing() {
    let (log, client) = log(7);
    let mut reader = client.reader(A, 0).await.unwrap();
    client.set_read_faults(0.3);
    for n in 0..100 {
        assert!(put(&client, &n.to_string()).await.is_ok());
    }
    let (mut read, mut broken) = (Vec::new(), 0);
    while read.len() < 100 {
        match reader.next(2).await {
            Ok(records) => read.extend(records),
            Err(ReadError::Broken(_)) => broken += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(read, log.records(A));
    assert!((5..60).contains(&broken), "{broken} of about 71 reads broke");
}

#[tokio::test(start_paused = true)]
async fn retention_takes_what_is_released_and_old_from_readers_only() {
    let (log, client) = log(1);
    log.set_retain_ms(60_000);
    for n in 0..5 {
        assert!(put(&client, &n.to_string()).await.is_ok());
    }
    client.release(A, 3).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(client.bounds(A).await.unwrap().first, 0, "not older than that yet");
    sleep(MOMENT).await;
    assert_eq!(client.bounds(A).await.unwrap().first, 3);
    let refusal = client.reader(A, 2).await.err();
    assert_eq!(refusal, Some(ReadError::OutOfRange { shard: A, wanted: 2, first: 3, next: 5 }));
    assert_eq!((log.records(A).len(), log.records_from(A, 4).len(), log.records_from(A, 9).len()), (5, 1, 0));
}

/// What 400 appends of two clients come to.
async fn story(seed: u64) -> Vec<String> {
    let (log, one) = log(seed);
    let other = log.client("evaluator-1");
    let (delay_ms, timeout_ms) = ((0, 400), 300);
    let faults = AppendFaults { delay_ms, loss: 0.1, ack_lost: 0.1, duplicate: 0.1, busy: 0.1, timeout_ms };
    let mut tickets = Vec::new();
    for n in 0..400u64 {
        let client = if n % 3 == 0 { &other } else { &one };
        if n == 10 {
            one.set_faults(faults);
            other.set_faults(AppendFaults { delay_ms: (0, 20), ..faults });
        }
        tickets.push(client.append(ShardId((n % 2) as u16), n.to_string().into_bytes()));
        sleep(Duration::from_millis(n % 4)).await;
    }
    let mut story: Vec<_> = futures::future::join_all(tickets).await.iter().map(|t| format!("{t:?}")).collect();
    sleep(Duration::from_secs(1)).await;
    story.extend([A, B].iter().flat_map(|shard| log.records(*shard)).map(|record| format!("{record:?}")));
    story
}

#[tokio::test(start_paused = true)]
async fn a_seed_tells_the_same_story_again() {
    let first = story(5).await;
    assert_eq!(first, story(5).await);
    assert_ne!(first, story(6).await);
    for word in ["TimedOut", "Busy", "Ok"] {
        assert!(first.iter().any(|line| line.contains(word)), "no {word} in the story");
    }
}
