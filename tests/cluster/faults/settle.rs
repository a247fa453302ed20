//! What follows each slot: everything mended, the log applied to its end, and the checker's word.

use super::gather::{gather, sync};
use super::scene::{SHARDS, Scene};
use super::slot::seed;
use crate::checker::{Facts, Summary, Topic, Violation, check};
use crate::history::now_ms;
use std::time::Duration;
use suites::support::runner::lock;
use suites::support::topology::Node;
use suites::support::wait::{secs, within};

/// How long evaluators may need to apply what has piled up.
const CATCH_UP: Duration = Duration::from_secs(180);
/// How long a delivery may be open once everything works: twice the longest pause of a delivery that failed often.
const DELIVER: Duration = Duration::from_secs(150);
const SERVERS: [&str; 6] = ["kafka-1", "kafka-2", "kafka-3", "cassandra-1", "cassandra-2", "cassandra-3"];

impl Scene {
    /// Waits until nothing is behind, and checks everything from the beginning. Panics with what is new and wrong.
    pub async fn settle(&self, slot: &str) -> Summary {
        self.heal().await;
        self.note("healed");
        let cut_ms = now_ms();
        let facts = self.facts(cut_ms).await;
        let (violations, summary) = check(&facts);
        self.tell(slot, &facts, &violations);
        summary
    }

    /// Everything up to now, once the log is applied and what it implies is told.
    pub async fn facts(&self, cut_ms: i64) -> Facts {
        let ends = self.topic(|topic| topic.ends()).await;
        self.until_applied(&ends).await;
        self.note("applied");
        self.until_delivered(cut_ms).await;
        self.note("told");
        let facts = gather(self, ends, cut_ms).await;
        self.note("gathered");
        facts
    }

    /// Every process runs and says that it can do its job, and no replica is behind.
    pub async fn heal(&self) {
        for node in self.topology.nodes().filter(|node| !node.is_running()) {
            node.start().await;
        }
        for node in self.topology.nodes() {
            node.until_ready().await;
        }
        let all_in_sync = within(secs(120), async || self.topic(|topic| topic.is_in_sync()).await.then_some(())).await;
        assert!(all_in_sync.is_some(), "the brokers' replicas do not come together again");
    }

    /// As [`Self::heal`], from whatever state a slot that failed has left behind.
    pub async fn heal_by_force(&self) {
        for server in SERVERS {
            self.topology.real().start(server).await;
            self.topology.real().cont(server).await;
        }
        let running = self.topology.nodes().filter(|node| node.is_running());
        running.for_each(|node| node.signal("CONT"));
        self.heal().await;
    }

    /// Waits until every shard's snapshot covers the log up to `ends`: all that it implies is durable then.
    pub async fn until_applied(&self, ends: &[u64]) {
        let mut behind = Vec::new();
        let applied = within(CATCH_UP, async || {
            let snapshots = self.stored.snapshots().await;
            behind = snapshots.into_iter().filter(|one| one.next_offset < ends[usize::from(one.shard)]).collect();
            behind.is_empty().then_some(())
        });
        let applied = applied.await.is_some();
        assert!(
            applied,
            "after {CATCH_UP:?} shards are behind their ends {ends:?}: {behind:?}\n{}",
            self.states().await
        );
    }

    /// Waits a while until what began before has been told; what then is open the checker will name.
    async fn until_delivered(&self, before_ms: i64) {
        let mut open = self.stored.deliveries(&self.channels).await;
        open.retain(|one| one.created_ms < before_ms && !one.is_terminal());
        let told = within(DELIVER, async || {
            open = self.stored.still_open(std::mem::take(&mut open)).await;
            open.is_empty().then_some(())
        });
        let _ = told.await;
    }

    /// Does something with the topic on a thread that may wait.
    pub async fn topic<T: Send + 'static>(&self, doing: impl FnOnce(&Topic) -> T + Send + 'static) -> T {
        let (brokers, name) = (self.topology.real().brokers().to_owned(), self.topology.topic().to_owned());
        sync(move || doing(&Topic::open(&brokers, &name, SHARDS))).await
    }

    fn tell(&self, slot: &str, facts: &Facts, violations: &[Violation]) {
        let mut told = lock(&self.told);
        let new: Vec<&Violation> = violations
            .iter()
            .filter(|one| told.insert(format!("{:?} {} {}", one.rule, one.monitor, one.words)))
            .collect();
        drop(told);
        if new.is_empty() {
            return;
        }
        let kept = self.keep_evidence(slot, facts);
        let words: Vec<String> = new.iter().take(10).map(|one| format!("- {one}")).collect();
        panic!(
            "{} promises are broken after {slot} (QP_SEED={}), evidence in {kept}:\n{}",
            new.len(),
            seed(),
            words.join("\n")
        );
    }

    /// The facts, and the logs of all processes.
    fn keep_evidence(&self, slot: &str, facts: &Facts) -> String {
        let place = self.directory().join(slot);
        std::fs::create_dir_all(&place).expect("a place for evidence");
        let file = std::fs::File::create(place.join("facts.json")).expect("facts.json");
        serde_json::to_writer(std::io::BufWriter::new(file), facts).expect("facts.json");
        for node in self.topology.nodes() {
            std::fs::write(place.join(format!("{}.log", node.name)), node.stderr()).expect("a log");
        }
        place.display().to_string()
    }

    /// What each process says of itself, for a failure's message.
    async fn states(&self) -> String {
        let mut states = Vec::new();
        for node in self.topology.nodes() {
            states.push(format!("{}: {}\n{}", node.name, state(node).await, tail(&node.stderr())));
        }
        states.join("\n")
    }
}

async fn state(node: &Node) -> String {
    let ready = node.is_ready().await;
    let owned = node.metric("shards_owned").await;
    format!("running {}, ready {ready}, owns {owned:?}", node.is_running())
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(6)..].join("\n")
}
