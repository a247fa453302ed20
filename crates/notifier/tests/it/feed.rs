//! The stream to an evaluator: hello, reconnection, offers that come twice, shutdown.

use crate::rig::facts::{id_of, missed, offer};
use crate::rig::receiver::Receiver;
use crate::rig::{Plan, Rig, retried, until, within};
use domain::command::AttemptResult;
use domain::ids::ChannelId;
use std::sync::atomic::Ordering;
use std::time::Duration;
use wire::v1::WebhookSettings;
use wire::v1::channel::Settings;

fn webhook(receiver: &Receiver) -> Settings {
    Settings::Webhook(WebhookSettings { url: receiver.url(), ..WebhookSettings::default() })
}

#[tokio::test]
async fn it_says_hello_and_comes_back() {
    let rig = Rig::start().await;
    until("a hello", || rig.evaluator.hellos() == 1).await;
    let hello = rig.evaluator.state.hellos.lock().unwrap()[0].clone();
    assert_eq!((hello.worker.as_str(), hello.capacity), ("test", 64));
    for sessions in 2..4 {
        rig.evaluator.break_sessions().await;
        until("another hello", || rig.evaluator.hellos() == sessions).await;
        assert_eq!(rig.deliver(offer(ChannelId::LOG, vec![missed()])).await, AttemptResult::Delivered);
    }
}

#[tokio::test]
async fn a_notifier_of_another_installation_gets_nothing() {
    let rig = Rig::with(Plan { token: "wrong", ..Plan::default() }).await;
    until("two refusals", || rig.evaluator.state.refused.load(Ordering::SeqCst) >= 2).await;
    assert_eq!(rig.evaluator.hellos(), 0);
}

#[tokio::test]
async fn an_offer_that_comes_again_makes_one_attempt() {
    let rig = Rig::start().await;
    let receiver = Receiver::closed(|_, _| (200, Vec::new(), String::new())).await;
    let channel = rig.channel(webhook(&receiver)).await;
    let offer = offer(channel.id, vec![missed()]);
    for _ in 0..3 {
        rig.evaluator.offer(offer.clone()).await;
    }
    until("an attempt", || !receiver.arrived().is_empty()).await;
    receiver.open();
    assert_eq!(rig.outcome(id_of(&offer)).await.result, AttemptResult::Delivered);
    // Another delivery goes all the way round before we look for a second outcome.
    rig.deliver(crate::rig::facts::offer(ChannelId::LOG, vec![missed()])).await;
    assert!(rig.evaluator.state.outcomes.lock().unwrap().is_empty(), "one outcome, told once");
    assert_eq!(receiver.arrived().len(), 1);
    // The evaluator missed the outcome: it is told again, and nothing is sent twice.
    rig.evaluator.offer(offer.clone()).await;
    assert_eq!(rig.outcome(id_of(&offer)).await.result, AttemptResult::Delivered);
    assert_eq!(receiver.arrived().len(), 1);
    // Another attempt of the same delivery is another attempt, under the same id.
    let second = wire::v1::Offer { attempt: 2, ..offer };
    let id = id_of(&second);
    assert_eq!(rig.deliver(second).await, AttemptResult::Delivered);
    let ids: Vec<String> = receiver.arrived().iter().map(|a| a.header("webhook-id").to_owned()).collect();
    assert_eq!(ids, [id.to_string(), id.to_string()]);
}

#[tokio::test]
async fn an_outcome_reaches_the_session_that_asked_last() {
    let rig = Rig::start().await;
    let receiver = Receiver::closed(|_, _| (200, Vec::new(), String::new())).await;
    let channel = rig.channel(webhook(&receiver)).await;
    let offer = offer(channel.id, vec![missed()]);
    rig.evaluator.offer(offer.clone()).await;
    until("an attempt", || !receiver.arrived().is_empty()).await;
    rig.evaluator.break_sessions().await;
    until("another session", || rig.evaluator.hellos() == 2).await;
    rig.evaluator.offer(offer.clone()).await;
    // The offer is on its way before this one, so it has been taken once this one is answered.
    rig.deliver(crate::rig::facts::offer(ChannelId::LOG, vec![missed()])).await;
    receiver.open();
    assert_eq!(rig.outcome(id_of(&offer)).await.result, AttemptResult::Delivered);
    assert_eq!(receiver.arrived().len(), 1);
    assert!(rig.evaluator.state.outcomes.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_outcome_nobody_read_is_told_when_the_offer_comes_again() {
    let (rig, receiver) = (Rig::start().await, Receiver::status(200).await);
    let channel = rig.channel(webhook(&receiver)).await;
    let offer = offer(channel.id, vec![missed()]);
    rig.evaluator.state.deaf.store(true, Ordering::SeqCst);
    rig.evaluator.offer(offer.clone()).await;
    until("the attempt", || receiver.arrived().len() == 1).await;
    rig.evaluator.break_sessions().await;
    until("another session", || rig.evaluator.hellos() == 2).await;
    rig.evaluator.state.deaf.store(false, Ordering::SeqCst);
    assert_eq!(rig.deliver(offer).await, AttemptResult::Delivered);
    assert_eq!(receiver.arrived().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_sent_back() {
    let rig = Rig::start().await;
    let mut newer = offer(ChannelId::LOG, vec![missed()]);
    newer.items[0].transition.as_mut().unwrap().kind = "monitor.exploded".to_owned();
    let (_, error) = retried(rig.deliver(newer).await);
    assert!(error.starts_with("this notifier cannot read the offer: kind: "), "{error}");
    let empty = wire::v1::Offer { items: Vec::new(), ..offer(ChannelId::LOG, vec![missed()]) };
    assert!(retried(rig.deliver(empty).await).1.contains("items"));
    assert_eq!(rig.deliver(offer(ChannelId::LOG, vec![missed()])).await, AttemptResult::Delivered);
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_under_way() {
    let mut rig = Rig::start().await;
    let receiver = Receiver::closed(|_, _| (200, Vec::new(), String::new())).await;
    let channel = rig.channel(webhook(&receiver)).await;
    let offer = offer(channel.id, vec![missed()]);
    rig.evaluator.offer(offer.clone()).await;
    until("an attempt", || !receiver.arrived().is_empty()).await;
    let gate = receiver.clone();
    let stopping = rig.shutdown.clone();
    tokio::spawn(async move {
        stopping.cancelled().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        gate.open();
    });
    within(Duration::from_secs(10), rig.stop()).await;
    assert_eq!(rig.outcome(id_of(&offer)).await.result, AttemptResult::Delivered);
}
