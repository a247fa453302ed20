//! Every process is replaced under load, one after another, behind HAProxy: nobody who pings notices, nobody is accused,
//! nobody is forgotten.

use crate::crowd::Crowd;
use suites::cases;
use suites::support::runner::{Shown, Skipped};
use suites::support::settings::Settings;
use suites::support::topology::{Haproxy, Shape, Topology};

cases! {
    a_rolling_restart_behind_haproxy_is_noticed_by_nobody,
}

async fn a_rolling_restart_behind_haproxy_is_noticed_by_nobody() -> Shown {
    if Haproxy::program().is_none() {
        return Err(Skipped("haproxy is absent (apt: haproxy)".into()));
    }
    let shape = Shape { haproxy: true, ..Shape::default() };
    // Longer than HAProxy takes to believe what /readyz says.
    let topology = Topology::start(shape, Settings::default().text("shutdown_delay", "3s")).await;
    let mut crowd = Crowd::gather(&topology).await;
    for node in topology.nodes() {
        crowd.replace(node, |_| ()).await;
    }
    println!("rolling restart: {}", crowd.ends_well().await);
    Ok(())
}
