//! Bulkheads and breakers: one bad endpoint is its owner's trouble and nobody else's.

use crate::rig::facts::{id_of, missed, offer};
use crate::rig::receiver::Receiver;
use crate::rig::{Rig, retried, until};
use domain::command::AttemptResult;
use std::time::{Duration, Instant};
use wire::v1::WebhookSettings;
use wire::v1::channel::Settings;

fn webhook(receiver: &Receiver) -> Settings {
    Settings::Webhook(WebhookSettings { url: receiver.url(), ..WebhookSettings::default() })
}

#[tokio::test]
async fn an_endpoint_that_hangs_delays_nobody_else() {
    let rig = Rig::start().await;
    let hung = Receiver::closed(|_, _| (200, Vec::new(), String::new())).await;
    let healthy = Receiver::status(200).await;
    let (bad, good) = (rig.channel(webhook(&hung)).await, rig.channel(webhook(&healthy)).await);
    let offers: Vec<_> = (0..40).map(|_| offer(bad.id, vec![missed()])).collect();
    for offer in &offers {
        rig.evaluator.offer(offer.clone()).await;
    }
    until("four attempts under way", || hung.arrived().len() == 4).await;
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(rig.deliver(offer(good.id, vec![missed()])).await, AttemptResult::Delivered);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    // 4 run and 8 wait; the others were sent back at once.
    let state = rig.evaluator.state.clone();
    until("28 answers", || state.outcomes.lock().unwrap().len() == 28).await;
    let answered = std::mem::take(&mut *state.outcomes.lock().unwrap());
    for outcome in answered {
        assert_eq!(retried(outcome.result).1, "endpoint busy");
    }
    assert_eq!(hung.arrived().len(), 4, "no more than four at once");
    hung.open();
    until("those that waited", || state.outcomes.lock().unwrap().len() == 12).await;
    assert!(state.outcomes.lock().unwrap().iter().all(|o| o.result == AttemptResult::Delivered));
}

#[tokio::test]
async fn an_endpoint_that_keeps_failing_is_left_alone() {
    let (rig, broken) = (Rig::start().await, Receiver::status(500).await);
    let channel = rig.channel(webhook(&broken)).await;
    for _ in 0..5 {
        assert_eq!(retried(rig.deliver(offer(channel.id, vec![missed()])).await).1, "HTTP 500 Internal Server Error");
    }
    let (after, error) = retried(rig.deliver(offer(channel.id, vec![missed()])).await);
    assert!(error.contains("left alone"), "{error}");
    assert!((20_000..=30_000).contains(&after.unwrap()), "{after:?}");
    assert_eq!(broken.arrived().len(), 5);
    let healthy = Receiver::status(200).await;
    let other = rig.channel(webhook(&healthy)).await;
    assert_eq!(rig.deliver(offer(other.id, vec![missed()])).await, AttemptResult::Delivered);
}

#[tokio::test]
async fn an_evaluator_that_offers_too_much_is_read_no_further() {
    let rig = Rig::with(crate::rig::Plan { capacity: 4, ..crate::rig::Plan::default() }).await;
    let hung: Vec<Receiver> = {
        let mut all = Vec::new();
        for _ in 0..20 {
            all.push(Receiver::closed(|_, _| (200, Vec::new(), String::new())).await);
        }
        all
    };
    let mut ids = Vec::new();
    for receiver in &hung {
        let channel = rig.channel(webhook(receiver)).await;
        let offer = offer(channel.id, vec![missed()]);
        ids.push(id_of(&offer));
        rig.evaluator.offer(offer).await;
    }
    let under_way = || hung.iter().filter(|r| !r.arrived().is_empty()).count();
    until("four attempts", || under_way() == 4).await;
    // Long enough for a fifth, if it were taken.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(under_way(), 4, "its capacity and no more");
    hung.iter().for_each(Receiver::open);
    for id in ids {
        assert_eq!(rig.outcome(id).await.result, AttemptResult::Delivered);
    }
}
