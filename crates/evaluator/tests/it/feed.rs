//! Offers and outcomes over gRPC.

use crate::rig::{HOOK, M, Rig};
use domain::delivery::DeliveryState;
use domain::ping::PingKind;
use std::time::Duration;
use store::TenantReads;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use wire::v1::delivery_feed_client::DeliveryFeedClient;
use wire::v1::{LogOutcome, Offer, WorkerHello, WorkerMessage, WorkerOutcome, log_outcome, worker_message};

struct Notifier {
    out: mpsc::Sender<WorkerMessage>,
    offers: Streaming<Offer>,
}

impl Notifier {
    async fn join(rig: &Rig, capacity: u32) -> Self {
        let (out, messages) = mpsc::channel(16);
        let hello = WorkerHello { worker: "test".into(), capacity };
        out.send(WorkerMessage { message: Some(worker_message::Message::Hello(hello)) }).await.unwrap();
        let mut client = DeliveryFeedClient::new(rig.channel.clone());
        let offers = client.work(ReceiverStream::new(messages)).await.unwrap().into_inner();
        Self { out, offers }
    }

    async fn next(&mut self) -> Offer {
        let offer = tokio::time::timeout(Duration::from_secs(10), self.offers.message());
        offer.await.expect("an offer in time").unwrap().expect("the stream goes on")
    }

    async fn answer(&self, offer: &Offer, result: log_outcome::Result) {
        let delivery = offer.delivery.as_ref().unwrap().id.clone();
        let outcome = Some(LogOutcome { delivery, attempt: offer.attempt, result: Some(result) });
        let outcome = WorkerOutcome { shard: offer.shard, outcome };
        self.out.send(WorkerMessage { message: Some(worker_message::Message::Outcome(outcome)) }).await.unwrap();
    }
}

async fn until_closed(rig: &Rig, state: DeliveryState) {
    tokio::time::timeout(Duration::from_secs(10), async {
        while rig.store.deliveries(HOOK, 10, None).await.unwrap().rows.iter().all(|row| row.state != state) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("closed in time");
}

#[tokio::test]
async fn an_alert_is_offered_with_everything_it_says_and_closed_by_its_outcome() {
    let rig = Rig::start().await;
    rig.create().await;
    let mut notifier = Notifier::join(&rig, 4).await;
    rig.ping(PingKind::Exit(3)).await;
    let offer = notifier.next().await;
    let transition = offer.items[0].transition.clone().unwrap();
    assert_eq!(
        (transition.kind.as_str(), transition.detail.as_str(), offer.attempt),
        ("monitor.down", "exit status 3", 1)
    );
    notifier.answer(&offer, log_outcome::Result::Delivered(wire::v1::Empty {})).await;
    until_closed(&rig, DeliveryState::Delivered).await;
}

#[tokio::test]
async fn an_offer_quotes_the_message_and_the_output_of_its_ping_and_no_other() {
    let rig = Rig::start().await;
    rig.create().await;
    let mut notifier = Notifier::join(&rig, 4).await;
    rig.ping_with(PingKind::Fail, "disk full", "line 1\nline 2").await;
    let down = notifier.next().await;
    assert_eq!(down.items[0].body_tail, b"disk full\nline 1\nline 2");
    notifier.answer(&down, log_outcome::Result::Delivered(wire::v1::Empty {})).await;
    rig.ping(PingKind::Success).await;
    assert!(notifier.next().await.items[0].body_tail.is_empty());
}

#[tokio::test]
async fn an_offer_whose_notifier_goes_away_is_offered_to_the_next() {
    let rig = Rig::start().await;
    rig.create().await;
    let mut first = Notifier::join(&rig, 4).await;
    rig.ping(PingKind::Fail).await;
    let offer = first.next().await;
    drop(first);
    let mut second = Notifier::join(&rig, 4).await;
    assert_eq!(second.next().await.delivery.unwrap().id, offer.delivery.unwrap().id);
}

#[tokio::test]
async fn an_unanswered_offer_survives_a_restart_with_its_id() {
    let rig = Rig::start().await;
    rig.create().await;
    let mut notifier = Notifier::join(&rig, 4).await;
    rig.ping(PingKind::Fail).await;
    let offer = notifier.next().await;
    let rig = rig.restart().await;
    let mut notifier = Notifier::join(&rig, 4).await;
    let again = notifier.next().await;
    assert_eq!((again.delivery.unwrap().id, again.attempt), (offer.delivery.unwrap().id, offer.attempt));
}

#[tokio::test]
async fn what_the_log_says_was_delivered_is_not_offered_by_a_replay() {
    let rig = Rig::start().await;
    rig.create().await;
    let mut notifier = Notifier::join(&rig, 4).await;
    rig.ping(PingKind::Fail).await;
    let down = notifier.next().await;
    // More records than are applied at once stand between the offer and its outcome.
    let many: Vec<_> = (0..9_000).map(|_| rig.append_nowait(domain::record::Body::Canary)).collect();
    for ticket in many {
        ticket.await.unwrap();
    }
    notifier.answer(&down, log_outcome::Result::Delivered(wire::v1::Empty {})).await;
    until_closed(&rig, DeliveryState::Delivered).await;
    let (directory, clock) = rig.stop().await;
    let database = rusqlite::Connection::open(directory.path().join("store.sqlite")).unwrap();
    database.execute("DELETE FROM snapshot_manifest", []).unwrap();
    drop(database);
    let rig = Rig::start_in(directory, clock, 5).await;
    let mut notifier = Notifier::join(&rig, 4).await;
    let up = rig.ping(PingKind::Success).await;
    rig.applied(up).await;
    assert_eq!(notifier.next().await.items[0].transition.as_ref().unwrap().kind, "monitor.up");
}

#[tokio::test]
async fn capacity_is_respected_and_given_back() {
    let rig = Rig::start().await;
    rig.create().await;
    let mut notifier = Notifier::join(&rig, 1).await;
    rig.ping(PingKind::Fail).await;
    let down = notifier.next().await;
    rig.ping(PingKind::Success).await;
    notifier.answer(&down, log_outcome::Result::Delivered(wire::v1::Empty {})).await;
    let up = notifier.next().await;
    assert_eq!(up.items[0].transition.as_ref().unwrap().kind, "monitor.up");
}

#[tokio::test]
async fn a_stream_that_does_not_say_hello_is_refused() {
    let rig = Rig::start().await;
    let (out, messages) = mpsc::channel(1);
    out.send(WorkerMessage { message: None }).await.unwrap();
    let refused = DeliveryFeedClient::new(rig.channel.clone()).work(ReceiverStream::new(messages)).await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::InvalidArgument);
    assert_eq!(rig.store.deliveries(HOOK, 10, None).await.unwrap().rows.len(), 0);
    assert_eq!(rig.store.history(M, 10, None).await.unwrap().rows.len(), 0);
}
