//! Those who tell.

use super::scene::Scene;
use crate::history::{Arrival, arrivals};
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::time::Duration;
use suites::support::peer::Mode;
use suites::support::runner::Shown;
use suites::support::topology::Role;
use suites::support::wait::{secs, until};

/// The provider has the message and says yes to somebody who is dead: it is sent once more, under the same id (F3).
pub async fn f03_notifiers_are_killed_after_the_providers_yes(scene: &Scene, _: &mut StdRng) -> Shown {
    let mut cut_off = Vec::new();
    for _ in 0..scene.times(3, 15) {
        let before = scene.receiver.received().len();
        scene.receiver.then([Mode::Late(secs(3))]);
        let next = async || scene.receiver.received().get(before).cloned();
        let received = until("an alert is on its way", secs(60), next).await;
        for notifier in scene.topology.of(Role::Notifier) {
            notifier.kill().await;
        }
        cut_off.push(arrivals(&[received]).remove(0));
        let nodes: Vec<_> = scene.topology.of(Role::Notifier).collect();
        futures::future::join_all(nodes.iter().map(|node| node.start())).await;
    }
    until("what was cut off comes again", secs(90), async || {
        // Nothing was reported of the first attempt, so that there has to be a second one.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let counts = counts(&arrivals(&scene.receiver.received()));
        cut_off.iter().all(|one| counts.get(&one.id).is_some_and(|count| *count >= 2)).then_some(())
    })
    .await;
    Ok(())
}

/// How often each delivery came.
fn counts(arrivals: &[Arrival]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for arrival in arrivals {
        *counts.entry(arrival.id.clone()).or_default() += 1;
    }
    counts
}
