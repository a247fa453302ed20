//! Jobs behind HAProxy while processes are replaced: some live on, and one dies with each replacement.

use crate::traffic::Traffic;
use std::sync::Arc;
use std::time::Duration;
use suites::support::qp::Monitor;
use suites::support::receiver::Receiver;
use suites::support::server::Server;
use suites::support::topology::{Node, Role, Topology};
use suites::support::wait::secs;

/// Jobs that live on.
const LIVING: usize = 8;
const FLAGS: [&str; 6] = ["--period", "2s", "--grace", "2s", "--channel", "ops"];

/// The jobs, and who is told of them.
pub struct Crowd {
    topology: Arc<Topology>,
    server: Server,
    receiver: Receiver,
    living: Vec<(Traffic, Monitor)>,
    mortal: Vec<Monitor>,
}

impl Crowd {
    /// Jobs that ping through HAProxy, which uses every ingest node.
    pub async fn gather(topology: &Arc<Topology>) -> Self {
        for node in topology.of(Role::Ingest) {
            topology.haproxy().until_used(&node.name).await;
        }
        let (server, receiver) = (Server::over(topology), Receiver::listen().await);
        server.webhook("ops", &receiver.url()).await;
        let mut crowd =
            Self { topology: Arc::clone(topology), server, receiver, living: Vec::new(), mortal: Vec::new() };
        for number in 0..LIVING {
            let one = crowd.server.create(&format!("living-{number}"), &FLAGS).await;
            let pulse = crowd.pulse(&one);
            crowd.living.push((pulse, one));
        }
        crowd
    }

    /// Ends a process in order, changes it and starts it again. One job dies meanwhile.
    pub async fn replace(&mut self, node: &Node, change: impl FnOnce(&Node)) {
        let one = self.server.create(&format!("mortal-{}-{}", self.mortal.len(), node.name), &FLAGS).await;
        let pulse = self.pulse(&one);
        self.server.until_status(&one.slug, "up", secs(20)).await;
        self.mortal.push(one);
        let (pulse_ends, ended) = (async { drop(pulse) }, node.term());
        let ((), ended) = tokio::join!(pulse_ends, ended);
        assert!(ended.success(), "{}: {ended}\n{}", node.name, node.stderr());
        change(node);
        node.start().await;
        node.until_ready().await;
        if node.role == Role::Ingest {
            self.topology.haproxy().until_used(&node.name).await;
        }
    }

    /// Every dead job was told once, and no other; every ping was answered 200. Says so in words.
    pub async fn ends_well(self) -> String {
        for one in &self.mortal {
            self.server.until_status(&one.slug, "down", secs(60)).await;
            self.receiver.message("monitor.down", &one.slug, secs(60)).await;
            let downs = self.server.transitions_of(&one.slug, "monitor.down").await;
            assert!(downs.len() == 1 && downs[0]["reason"] == "missed", "{}: {downs:#?}", one.slug);
        }
        let (mut acked, mut slowest) = (0, Duration::ZERO);
        for (traffic, one) in &self.living {
            let told = traffic.told();
            assert!(told.bad.is_empty(), "{}: {:?} besides {} good answers", one.slug, told.bad, told.acked);
            let transitions = self.server.transitions_of(&one.slug, "monitor.down").await;
            assert!(transitions.is_empty(), "{} never fell silent: {transitions:#?}", one.slug);
            (acked, slowest) = (acked + told.acked, slowest.max(told.slowest));
        }
        let replaced = self.mortal.len();
        format!("{replaced} processes replaced, {acked} of {acked} pings answered 200, slowest {slowest:.1?}")
    }

    fn pulse(&self, monitor: &Monitor) -> Traffic {
        Traffic::start(self.topology.front(), &monitor.path, Duration::from_millis(50))
    }
}
