//! The consumer group as it deals out shards.

use crate::support::{TestTopic, append_numbers, brokers, expect_numbers, open, options, within};
use domain::ids::ShardId;
use eventlog::EventLog;
use eventlog::kafka::{KafkaLog, KafkaOptions};
use eventlog::placement::{Placement, PlacementChange};
use parking_lot::Mutex;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A session that does not expire while a test runs: whatever moves, moves because somebody said so.
const FOR_EVER: Duration = Duration::from_secs(45);
/// Long enough for a rebalance to come through if there were one.
const A_WHILE: Duration = Duration::from_secs(3);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Gained(&'static str, Vec<u16>),
    Lost(&'static str, Vec<u16>),
}

/// What all members saw, in order.
type Story = Arc<Mutex<Vec<Event>>>;

/// A member that gives up at once what it is to give up.
struct Member {
    log: Arc<KafkaLog>,
    owned: Arc<Mutex<BTreeSet<u16>>>,
    leave: tokio::sync::oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Member {
    async fn join(name: &'static str, options: &KafkaOptions, story: &Story) -> Self {
        let log = open(options).await;
        let placement = log.placement().unwrap();
        let (owned, story) = (Arc::new(Mutex::new(BTreeSet::new())), story.clone());
        let (leave, left) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(live(name, placement, owned.clone(), story, left));
        Self { log, owned, leave, task }
    }

    fn owned(&self) -> BTreeSet<u16> {
        self.owned.lock().clone()
    }

    async fn leave(self) {
        let _ = self.leave.send(());
        within(self.task).await.unwrap();
        within(self.log.close()).await;
    }
}

async fn live(
    name: &'static str,
    mut placement: Box<dyn Placement>,
    owned: Arc<Mutex<BTreeSet<u16>>>,
    story: Story,
    mut left: tokio::sync::oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            _ = &mut left => return placement.leave().await,
            change = placement.next() => match change {
                PlacementChange::Gained(shards) => {
                    story.lock().push(Event::Gained(name, numbers(&shards)));
                    owned.lock().extend(numbers(&shards));
                }
                PlacementChange::Lost { shards, done } => {
                    story.lock().push(Event::Lost(name, numbers(&shards)));
                    owned.lock().retain(|shard| !shards.contains(&ShardId(*shard)));
                    let _ = done.send(());
                }
            }
        }
    }
}

fn numbers(shards: &[ShardId]) -> Vec<u16> {
    shards.iter().map(|shard| shard.0).collect()
}

/// Waits until the members own all shards, each its share.
async fn shared_evenly(members: &[&Member], shards: usize) {
    let even = || {
        let owned: Vec<_> = members.iter().map(|member| member.owned()).collect();
        let all: BTreeSet<_> = owned.iter().flatten().collect();
        all.len() == shards && owned.iter().all(|owned| owned.len() == shards / members.len())
    };
    within(async {
        while !even() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

async fn topic(shards: u16, session_timeout: Duration) -> TestTopic {
    let mut topic = TestTopic::new(shards).await;
    topic.options.session_timeout = session_timeout;
    topic
}

#[tokio::test]
async fn two_share_all_shards_and_a_third_moves_the_fewest() {
    let (topic, story) = (topic(12, FOR_EVER).await, Story::default());
    let one = Member::join("one", &topic.options, &story).await;
    shared_evenly(&[&one], 12).await;
    let two = Member::join("two", &topic.options, &story).await;
    shared_evenly(&[&one, &two], 12).await;
    let before = [one.owned(), two.owned()];
    story.lock().clear();
    let three = Member::join("three", &topic.options, &story).await;
    shared_evenly(&[&one, &two, &three], 12).await;
    for (member, before) in [&one, &two].into_iter().zip(before) {
        assert!(member.owned().is_subset(&before), "nothing moves between those that were there");
    }
    let moved: Vec<_> = story.lock().iter().flat_map(lost_by).collect();
    assert_eq!(BTreeSet::from_iter(moved.iter().copied()), three.owned());
    assert_eq!(moved.len(), 4, "each once");
    for member in [one, two, three] {
        member.leave().await;
    }
}

fn lost_by(event: &Event) -> Vec<u16> {
    match event {
        Event::Lost(_, shards) => shards.clone(),
        Event::Gained(..) => Vec::new(),
    }
}

/// The session would last for longer than this test has patience: it is the goodbye that hands over.
#[tokio::test]
async fn a_polite_leave_hands_over_without_a_time_out() {
    let (topic, story) = (topic(6, FOR_EVER).await, Story::default());
    let stays = Member::join("stays", &topic.options, &story).await;
    let goes = Member::join("goes", &topic.options, &story).await;
    shared_evenly(&[&stays, &goes], 6).await;
    let handed = goes.owned();
    story.lock().clear();
    goes.leave().await;
    timeout(FOR_EVER / 3, shared_evenly(&[&stays], 6)).await.expect("the shards before the session expires");
    let gained: BTreeSet<_> = story.lock().iter().flat_map(gained_by).collect();
    assert_eq!(gained, handed, "and no others changed hands");
    stays.leave().await;
}

fn gained_by(event: &Event) -> Vec<u16> {
    match event {
        Event::Gained(_, shards) => shards.clone(),
        Event::Lost(..) => Vec::new(),
    }
}

/// All of a member's shards, and the change that takes some of them.
async fn all_gained(placement: &mut Box<dyn Placement>, shards: usize) {
    match within(placement.next()).await {
        PlacementChange::Gained(gained) => assert_eq!(gained.len(), shards),
        lost => panic!("{lost:?}"),
    }
}

#[tokio::test]
async fn the_next_owner_is_told_only_when_the_last_is_done() {
    let topic = topic(4, FOR_EVER).await;
    let (log, other) = (open(&topic.options).await, open(&topic.options).await);
    let mut owner = log.placement().unwrap();
    all_gained(&mut owner, 4).await;
    let mut next = other.placement().unwrap();
    let PlacementChange::Lost { shards, done } = within(owner.next()).await else { panic!("two are to be given up") };
    assert_eq!(shards.len(), 2);
    assert!(timeout(A_WHILE, next.next()).await.is_err(), "the owner is not done");
    done.send(()).unwrap();
    match within(next.next()).await {
        PlacementChange::Gained(gained) => assert_eq!(BTreeSet::from_iter(gained), BTreeSet::from_iter(shards)),
        lost => panic!("{lost:?}"),
    }
    within(next.leave()).await;
    within(owner.leave()).await;
}

#[tokio::test]
async fn an_owner_that_is_never_done_is_not_waited_for_for_ever() {
    let topic = topic(4, FOR_EVER).await;
    let (log, other) = (open(&topic.options).await, open(&topic.options).await);
    let mut owner = log.placement().unwrap();
    all_gained(&mut owner, 4).await;
    let mut next = other.placement().unwrap();
    let PlacementChange::Lost { done, .. } = within(owner.next()).await else { panic!("two are to be given up") };
    all_gained(&mut next, 2).await;
    // The owner has not said anything yet.
    assert!(done.is_closed());
    within(next.leave()).await;
    within(owner.leave()).await;
}

#[tokio::test]
async fn who_is_not_in_the_group_says_so() {
    let topic = topic(2, FOR_EVER).await;
    let log = open(&topic.options).await;
    let mut placement = log.placement().unwrap();
    let obstacle = placement.obstacle().unwrap();
    assert!(obstacle.contains("kafka.group") && obstacle.contains(&topic.options.group), "{obstacle}");
    all_gained(&mut placement, 2).await;
    assert_eq!(placement.obstacle(), None);
    within(placement.leave()).await;
    // After leaving nothing changes any more.
    assert!(timeout(Duration::from_millis(100), placement.next()).await.is_err());
}

/// A member without a shard has a place in the group all the same, and is told so once it is sure that none is coming.
#[tokio::test]
async fn more_members_than_shards_are_no_obstacle() {
    let (topic, story) = (topic(1, FOR_EVER).await, Story::default());
    let one = Member::join("one", &topic.options, &story).await;
    shared_evenly(&[&one], 1).await;
    let log = open(&topic.options).await;
    let mut idle = log.placement().unwrap();
    all_gained(&mut idle, 0).await;
    assert_eq!(idle.obstacle(), None);
    assert_eq!(one.owned().len(), 1);
    within(idle.leave()).await;
    one.leave().await;
}

/// Nothing is committed, so nothing is lost with what the group knows (F37).
#[tokio::test]
async fn forgetting_the_group_changes_nothing() {
    let (topic, story) = (topic(3, FOR_EVER).await, Story::default());
    let one = Member::join("one", &topic.options, &story).await;
    shared_evenly(&[&one], 3).await;
    append_numbers(&one.log, ShardId(1), 0..50).await;
    expect_numbers(&mut within(one.log.reader(ShardId(1), 10)).await.unwrap(), 10, 50).await;
    one.leave().await;
    assert_eq!(committed(&topic.options), vec![Offset::Invalid; 3]);
    forget(&topic.options).await;
    let again = Member::join("again", &topic.options, &story).await;
    shared_evenly(&[&again], 3).await;
    expect_numbers(&mut within(again.log.reader(ShardId(1), 20)).await.unwrap(), 20, 50).await;
    again.leave().await;
}

fn committed(options: &KafkaOptions) -> Vec<Offset> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &options.brokers).set("group.id", &options.group);
    let consumer: BaseConsumer = config.create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_range(&options.topic, 0, 2);
    let found = consumer.committed_offsets(list, Duration::from_secs(30)).unwrap();
    found.elements().iter().map(|element| element.offset()).collect()
}

async fn forget(options: &KafkaOptions) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &options.brokers).create().unwrap();
    let deleted = within(admin.delete_groups(&[&options.group], &AdminOptions::new())).await.unwrap();
    deleted.into_iter().for_each(|deleted| drop(deleted.unwrap()));
}

const CHILD_TOPIC: &str = "QUIETPULSE_TEST_MEMBER_TOPIC";

/// Not a rule of its own: what the test below starts and kills. Does nothing unless it was started so.
#[tokio::test]
async fn member_child() {
    let Ok(topic) = std::env::var(CHILD_TOPIC) else { return };
    let log = open(&options(&brokers(), &topic)).await;
    let mut placement = log.placement().unwrap();
    loop {
        if let PlacementChange::Gained(shards) = placement.next().await {
            // In one write, on a line of its own.
            println!("\ngained {}", shards.len());
        }
    }
}

/// Kills its child even when the test fails.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn shards_of_a_member_that_was_killed_go_to_the_other() {
    let (topic, story) = (topic(4, Duration::from_secs(6)).await, Story::default());
    let test = ["placement::member_child", "--exact", "--nocapture"];
    let child = Command::new(std::env::current_exe().unwrap())
        .args(test)
        .env(CHILD_TOPIC, &topic.options.topic)
        .stdout(Stdio::piped())
        .spawn();
    let mut child = Killed(child.unwrap());
    let output = BufReader::new(child.0.stdout.take().unwrap());
    let joined = tokio::task::spawn_blocking(|| output.lines().map_while(Result::ok).any(|line| line == "gained 4"));
    assert!(within(joined).await.unwrap(), "the child owns all");
    let survivor = Member::join("survivor", &topic.options, &story).await;
    shared_half(&survivor).await;
    drop(child);
    shared_evenly(&[&survivor], 4).await;
    survivor.leave().await;
}

async fn shared_half(member: &Member) {
    within(async {
        while member.owned().len() != 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
