//! Recovery, answers, poison: a shard's life.

use crate::rig::{M, Rig, SHARD, TENANT};
use domain::command::Status;
use domain::ping::PingKind;
use domain::record::Body;
use store::{ShardTables, TenantReads};
use wire::v1::shard_await_response::Answer;
use wire::v1::shard_service_client::ShardServiceClient;
use wire::v1::{ShardAwaitRequest, ShardReadRequest};

#[tokio::test]
async fn a_command_is_answered_with_what_the_engine_made_of_it() {
    let rig = Rig::start().await;
    let made = rig.create().await;
    let again = rig.create().await;
    let mut client = ShardServiceClient::new(rig.channel.clone());
    let ask = |offset| ShardAwaitRequest { shard: 0, offset, timeout_ms: 10_000 };
    let answer = client.r#await(ask(made.offset)).await.unwrap().into_inner().answer;
    assert!(matches!(answer, Some(Answer::Done(view)) if view.row.as_ref().unwrap().version == 1));
    let answer = client.r#await(ask(again.offset)).await.unwrap().into_inner().answer;
    assert!(matches!(answer, Some(Answer::Refused(refusal)) if refusal.field == "slug"));
}

#[tokio::test]
async fn waiting_for_what_is_not_written_yet_ends_in_time() {
    let rig = Rig::start().await;
    let mut client = ShardServiceClient::new(rig.channel.clone());
    let never = ShardAwaitRequest { shard: 0, offset: 1_000_000, timeout_ms: 50 };
    assert_eq!(client.r#await(never).await.unwrap_err().code(), tonic::Code::DeadlineExceeded);
    let elsewhere = ShardAwaitRequest { shard: 9, offset: 0, timeout_ms: 50 };
    assert_eq!(client.r#await(elsewhere).await.unwrap_err().code(), tonic::Code::Unavailable);
}

#[tokio::test]
async fn a_ping_is_in_the_history_and_in_the_live_state() {
    let rig = Rig::start().await;
    rig.create().await;
    rig.ping(PingKind::Start).await;
    let last = rig.ping(PingKind::Exit(0)).await;
    rig.applied(last).await;
    let kinds: Vec<_> =
        rig.store.history(M, 10, None).await.unwrap().rows.into_iter().map(|row| row.ping.kind).collect();
    assert_eq!(kinds, [PingKind::Exit(0), PingKind::Start]);
    let mut client = ShardServiceClient::new(rig.channel.clone());
    let views = client.read(ShardReadRequest { shard: 0, monitors: vec![M.0, 99] }).await.unwrap().into_inner().views;
    assert_eq!((views.len(), views[0].live.as_ref().unwrap().status.as_str()), (1, "up"));
}

#[tokio::test]
async fn whoever_has_just_pinged_sees_it() {
    let rig = Rig::start().await;
    rig.create().await;
    let mut client = ShardServiceClient::new(rig.channel.clone());
    for number in 1..200 {
        rig.ping(PingKind::Success).await;
        let views = client.read(ShardReadRequest { shard: 0, monitors: vec![M.0] }).await.unwrap().into_inner().views;
        assert_eq!(views[0].live.as_ref().unwrap().pings, number);
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_skipped_and_its_shard_goes_on() {
    use eventlog::EventLog;
    let rig = Rig::start().await;
    rig.create().await;
    rig.log.append(SHARD, vec![0xff; 40]).await.unwrap();
    rig.log.append(SHARD, vec![]).await.unwrap();
    let last = rig.ping(PingKind::Success).await;
    rig.applied(last).await;
    let stored = rig.store.monitor(TENANT, "backup").await.unwrap().unwrap();
    assert_eq!(stored.status.unwrap().live.status, Status::Up);
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let rig = Rig::start().await;
    rig.create().await;
    let ping = rig.ping(PingKind::Success).await;
    rig.applied(ping).await;
    let rig = rig.restart().await;
    assert!(rig.store.load_manifest(SHARD).await.unwrap().is_some());
    let fail = rig.ping(PingKind::Fail).await;
    rig.applied(fail).await;
    let stored = rig.store.monitor(TENANT, "backup").await.unwrap().unwrap();
    assert_eq!(stored.status.unwrap().live.status, Status::Down);
    assert_eq!(rig.store.history(M, 10, None).await.unwrap().rows.len(), 2);
}

#[tokio::test]
async fn a_damaged_snapshot_costs_nothing_while_the_log_is_whole() {
    let rig = Rig::start().await;
    rig.create().await;
    let ping = rig.ping(PingKind::Success).await;
    rig.applied(ping).await;
    let (directory, clock) = rig.stop().await;
    let database = rusqlite::Connection::open(directory.path().join("store.sqlite")).unwrap();
    let changed = database.execute("UPDATE snapshot_manifest SET bytes = x'ffff'", []).unwrap();
    assert_eq!(changed, 1);
    drop(database);
    let rig = Rig::start_in(directory, clock, 3).await;
    let fail = rig.ping(PingKind::Fail).await;
    rig.applied(fail).await;
    assert_eq!(rig.store.history(M, 10, None).await.unwrap().rows.len(), 2);
}

#[tokio::test]
async fn silence_is_judged_by_the_owner_s_ticks() {
    let rig = Rig::start().await;
    rig.append(Body::Boot).await;
    rig.create().await;
    let ping = rig.ping(PingKind::Success).await;
    rig.applied(ping).await;
    rig.pass(70).await;
    let status = async || rig.store.monitor(TENANT, "backup").await.unwrap().unwrap().status.unwrap().live.status;
    tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while status().await != Status::Down {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("a tick within seconds");
}

#[tokio::test]
async fn what_nobody_could_hear_is_not_missed() {
    let rig = Rig::start().await;
    rig.append(Body::Boot).await;
    rig.create().await;
    rig.ping(PingKind::Success).await;
    rig.jump(50);
    let rig = rig.restart().await;
    rig.jump(20);
    rig.append(Body::Boot).await;
    rig.pass(30).await;
    let ping = rig.ping(PingKind::Success).await;
    rig.applied(ping).await;
    let told = rig.store.transitions(M, 10, None).await.unwrap().rows;
    assert!(told.iter().all(|t| t.kind == domain::transition::TransitionKind::Silent), "{told:?}");
}
