//! Those who tell.

use super::scene::Scene;
use crate::history::arrivals;
use rand::rngs::StdRng;
use std::time::Duration;
use suites::support::runner::Shown;
use suites::support::topology::{Node, Role};
use suites::support::wait::{secs, until};

/// The provider has the message and says yes to somebody who is dead: it is sent once more, under the same id (F3).
pub async fn f03_notifiers_are_killed_after_the_providers_yes(scene: &Scene, _: &mut StdRng) -> Shown {
    let notifiers: Vec<&Node> = scene.topology.of(Role::Notifier).collect();
    let before = scene.trap.caught().len();
    for kill in 1..=scene.times(3, 15) {
        scene.trap.set();
        let caught = async || (scene.trap.caught().len() == before + kill).then_some(());
        until("an alert is on its way", secs(60), caught).await;
        for notifier in &notifiers {
            notifier.kill().await;
        }
        futures::future::join_all(notifiers.iter().map(|node| node.start())).await;
    }
    let cut_off = scene.trap.caught().split_off(before);
    until("what was cut off comes again", secs(120), async || {
        // Nothing was reported of the first attempt, so that there has to be a second one.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let arrived = arrivals(&scene.receiver.received());
        let came = |id: &String| arrived.iter().filter(|arrival| arrival.id == *id).count();
        cut_off.iter().all(|id| came(id) >= 2).then_some(())
    })
    .await;
    println!("f03: {} deliveries were cut off after the provider's yes, and came again", cut_off.len());
    Ok(())
}
