//! Several evaluators and several notifiers: who finds whom, what happens when some of them go, and that each attempt
//! is made once.

use crate::rig::facts::{id_of, missed, offer};
use crate::rig::fleet::{Fleet, Process, Running};
use crate::rig::receiver::Receiver;
use crate::rig::until;
use domain::command::AttemptResult;
use domain::ids::{ChannelId, DeliveryId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use wire::v1::Offer;

const NAME: &str = "evaluators.test";

/// The entry of the list that finds processes by name.
fn by_name(process: &Process) -> Vec<String> {
    vec![format!("{NAME}:{}", process.address.port())]
}

fn ips<const N: usize>(processes: [&Process; N]) -> [String; N] {
    processes.map(|process| process.address.ip().to_string())
}

fn set_names<const N: usize>(fleet: &Fleet, processes: [&Process; N]) {
    let ips = ips(processes);
    fleet.names.set(NAME, &[&ips.each_ref().map(String::as_str)]);
}

/// Waits until names were looked up so often again.
async fn looked_up(fleet: &Fleet, times: u64) {
    let goal = fleet.names.asked() + times;
    until("more look-ups", || fleet.names.asked() >= goal).await;
}

async fn both_work_for(process: &Process) {
    until("two workers", || process.hub.workers() == ["n1", "n2"]).await;
}

/// The deliveries that were reported as delivered, each by how many.
fn delivered(processes: &[&Process]) -> BTreeMap<DeliveryId, usize> {
    let mut all = BTreeMap::new();
    for (_, outcome) in processes.iter().flat_map(|process| process.hub.outcomes()) {
        assert_eq!(outcome.result, AttemptResult::Delivered);
        *all.entry(outcome.delivery).or_insert(0) += 1;
    }
    all
}

/// What a receiver was sent, by delivery.
fn received(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for arrived in receiver.arrived() {
        *all.entry(arrived.header("webhook-id").to_owned()).or_insert(0) += 1;
    }
    all
}

fn each_once(receiver: &Receiver, offers: &[Offer]) {
    let ids: BTreeMap<String, usize> = offers.iter().map(|offer| (id_of(offer).to_string(), 1)).collect();
    assert_eq!(received(receiver), ids);
}

#[tokio::test]
async fn every_notifier_works_for_every_evaluator_and_each_offer_is_worked_on_once() {
    let (fleet, processes) = (Fleet::new(), Process::start_some::<2>());
    let [one, two] = &processes;
    set_names(&fleet, [one, two]);
    let notifiers = ["n1", "n2"].map(|worker| fleet.start(worker, 16, &by_name(one)));
    both_work_for(one).await;
    both_work_for(two).await;
    let receiver = Receiver::status(200).await;
    let mut offers = Vec::new();
    for n in 0..40 {
        // One endpoint takes four at once, so each has its own.
        let channel = fleet.webhook(n + 1, receiver.url()).await;
        let offer = offer(channel, vec![missed()]);
        processes[n as usize % 2].hub.offer(offer.clone());
        offers.push(offer);
    }
    until("all outcomes", || delivered(&[one, two]).len() == 40).await;
    assert!(delivered(&[one, two]).values().all(|times| *times == 1));
    each_once(&receiver, &offers);
    for process in &processes {
        let workers: BTreeSet<String> = process.hub.outcomes().into_iter().map(|(worker, _)| worker).collect();
        assert_eq!(workers.len(), 2, "both notifiers took some");
    }
    assert!(notifiers.iter().all(|notifier| notifier.ready() && notifier.missing().is_empty()));
    for notifier in notifiers {
        notifier.stop().await;
    }
    until("they left", || one.hub.workers().is_empty() && two.hub.workers().is_empty()).await;
}

#[tokio::test]
async fn an_evaluator_that_is_killed_loses_nothing_to_its_successor() {
    let (fleet, mut processes) = (Fleet::new(), Process::start_some::<2>());
    set_names(&fleet, [&processes[0], &processes[1]]);
    let notifier = fleet.start("n1", 64, &by_name(&processes[0]));
    until("links", || processes.iter().all(|process| process.hub.workers() == ["n1"])).await;
    let receiver = Receiver::closed(|_, _| (200, Vec::new(), String::new())).await;
    let channel = fleet.webhook(1, receiver.url()).await;
    let offers: Vec<Offer> = (0..3).map(|_| offer(channel, vec![missed()])).collect();
    offers.iter().for_each(|offer| processes[0].hub.offer(offer.clone()));
    until("three attempts", || receiver.arrived().len() == 3).await;
    processes[0].kill();
    until("it is missed", || !notifier.missing().is_empty()).await;
    assert!(notifier.ready(), "one evaluator is enough");
    // The next owner of the shards has the same deliveries on offer: some while they are worked on, one after that.
    processes[1].hub.offer(offers[0].clone());
    processes[1].hub.offer(offers[1].clone());
    let healthy = Receiver::status(200).await;
    let other = offer(fleet.webhook(2, healthy.url()).await, vec![missed()]);
    processes[1].hub.offer(other.clone());
    until("another attempt", || healthy.arrived().len() == 1).await;
    receiver.open();
    until("three outcomes", || delivered(&[&processes[1]]).len() == 3).await;
    processes[1].hub.offer(offers[2].clone());
    until("the last outcome", || delivered(&[&processes[1]]).len() == 4).await;
    each_once(&receiver, &offers);
    // It comes back where it was.
    let back = Process::start(processes[0].address).await;
    until("a link to it", || back.hub.workers() == ["n1"]).await;
    until("nothing is missing", || notifier.missing().is_empty()).await;
    let again = offer(fleet.webhook(3, healthy.url()).await, vec![missed()]);
    back.hub.offer(again.clone());
    until("its outcome", || back.hub.outcomes().len() == 1).await;
    notifier.stop().await;
}

#[tokio::test]
async fn links_follow_the_addresses_of_a_name() {
    let (fleet, mut processes) = (Fleet::new(), Process::start_some::<2>());
    set_names(&fleet, [&processes[0]]);
    let notifier = fleet.start("n1", 64, &by_name(&processes[0]));
    until("a link", || processes[0].hub.workers() == ["n1"]).await;
    looked_up(&fleet, 5).await;
    assert_eq!(processes[1].hub.entered(), 0);
    set_names(&fleet, [&processes[0], &processes[1]]);
    until("the new one has a link", || processes[1].hub.workers() == ["n1"]).await;
    // The first is no longer named, and its stream works: it is kept.
    set_names(&fleet, [&processes[1]]);
    looked_up(&fleet, 8).await;
    assert_eq!(processes[0].hub.workers(), ["n1"]);
    processes[0].hub.offer(offer(ChannelId::LOG, vec![missed()]));
    until("an outcome", || processes[0].hub.outcomes().len() == 1).await;
    // It ends, and is not dialled again, though somebody else may have its address by now.
    processes[0].kill();
    let other = Process::start(processes[0].address).await;
    until("one link", || notifier.missing().is_empty() && notifier.ready()).await;
    looked_up(&fleet, 30).await;
    assert_eq!((other.hub.entered(), processes[1].hub.entered(), processes[0].hub.entered()), (0, 1, 1));
    // Until it is named again.
    set_names(&fleet, [&other, &processes[1]]);
    until("a new link", || other.hub.workers() == ["n1"]).await;
    notifier.stop().await;
}

#[tokio::test]
async fn a_name_that_fails_cuts_nothing() {
    let (fleet, mut processes) = (Fleet::new(), Process::start_some::<2>());
    set_names(&fleet, [&processes[0], &processes[1]]);
    let notifier = fleet.start("n1", 64, &by_name(&processes[0]));
    until("links", || processes.iter().all(|process| process.hub.workers() == ["n1"])).await;
    let failures: [fn(&Fleet); 2] = [|fleet| fleet.names.remove(NAME), |fleet| fleet.names.set(NAME, &[&[]])];
    for fail in failures {
        fail(&fleet);
        looked_up(&fleet, 15).await;
        assert_eq!(notifier.missing().len(), 1, "{:?}", notifier.missing());
        assert!(notifier.missing()[0].starts_with("the evaluators of evaluators.test:"));
        assert!(notifier.ready() && processes.iter().all(|process| process.hub.entered() == 1));
        for process in &processes {
            let before = process.hub.outcomes().len();
            process.hub.offer(offer(ChannelId::LOG, vec![missed()]));
            until("an outcome", || process.hub.outcomes().len() == before + 1).await;
        }
    }
    // One that dies meanwhile is dialled at its address until it is back.
    let address = processes[1].address;
    processes[1].kill();
    looked_up(&fleet, 15).await;
    assert!(notifier.missing().iter().any(|line| line.starts_with(&format!("the evaluator {address}: "))));
    let back = Process::start(address).await;
    until("it is reached again", || back.hub.workers() == ["n1"]).await;
    set_names(&fleet, [&processes[0], &back]);
    until("nothing is missing", || notifier.missing().is_empty()).await;
    notifier.stop().await;
}

#[tokio::test]
async fn a_vanished_address_that_is_never_reached_is_given_up() {
    let (fleet, mut processes) = (Fleet::new(), Process::start_some::<2>());
    processes[1].kill();
    set_names(&fleet, [&processes[0], &processes[1]]);
    let notifier = fleet.start("n1", 64, &by_name(&processes[0]));
    let address = processes[1].address;
    let unreached = format!("the evaluator {address}: cannot be reached");
    until("one of two", || notifier.ready() && notifier.missing() == [unreached.clone()]).await;
    set_names(&fleet, [&processes[0]]);
    until("it is given up", || notifier.missing().is_empty()).await;
    let late = Process::start(address).await;
    looked_up(&fleet, 20).await;
    assert_eq!((late.hub.entered(), processes[0].hub.entered()), (0, 1));
    notifier.stop().await;
}

#[tokio::test]
async fn addresses_and_names_may_be_mixed_and_wrong_ones_are_refused() {
    let (fleet, processes) = (Fleet::new(), Process::start_some::<2>());
    let [one, two] = &processes;
    set_names(&fleet, [one, two]);
    let evaluators = [vec![one.address.to_string(), "nobody.test:1".to_owned()], by_name(two)].concat();
    let notifier = fleet.start("n1", 64, &evaluators);
    until("links", || processes.iter().all(|process| process.hub.workers() == ["n1"])).await;
    looked_up(&fleet, 10).await;
    assert_eq!((one.hub.entered(), two.hub.entered()), (1, 1), "one link each, however often it is named");
    let missing = notifier.missing();
    assert!(missing.len() == 1 && missing[0].starts_with("the evaluators of nobody.test:1: "), "{missing:?}");
    notifier.stop().await;
    for wrong in ["", "evaluators", "http://e:1", "e:0"] {
        let refused = fleet.build("n1", 64, &[wrong.to_owned()]).err().expect("refused");
        assert!(refused.to_string().starts_with("notifier.evaluators: found "), "{refused}");
    }
}

#[tokio::test]
async fn it_is_ready_when_it_runs_and_reaches_one() {
    let (fleet, mut processes) = (Fleet::new(), Process::start_some::<1>());
    let evaluators = [processes[0].address.to_string()];
    let built = fleet.build("n1", 64, &evaluators).unwrap();
    assert!(!built.readiness().ready && built.readiness().missing[0] == "the notifier: it does not run");
    let notifier = fleet.start("n1", 64, &evaluators);
    until("ready", || notifier.ready()).await;
    processes[0].kill();
    until("not ready", || !notifier.ready()).await;
    assert!(notifier.missing()[0].starts_with(&format!("the evaluator {}: ", processes[0].address)));
    let stopped = notifier.notifier.clone();
    notifier.stop().await;
    assert!(!stopped.readiness().ready);
}

#[tokio::test]
async fn one_capacity_is_shared_and_no_evaluator_takes_it_all() {
    let (fleet, processes) = (Fleet::new(), Process::start_some::<2>());
    let [greedy, other] = &processes;
    let notifier = fleet.start("n1", 8, &[greedy.address.to_string(), other.address.to_string()]);
    until("links", || processes.iter().all(|process| process.hub.workers() == ["n1"])).await;
    until("both are known here too", || notifier.ready() && notifier.missing().is_empty()).await;
    assert!(processes.iter().all(|process| process.hub.capacities() == [8]), "twice the fair share");
    // Each endpoint hangs by itself, so only places bound what is under way.
    let hung = Receiver::closed(|_, _| (200, Vec::new(), String::new())).await;
    for n in 0..30 {
        let channel = fleet.webhook(n + 1, hung.url()).await;
        greedy.hub.offer(offer(channel, vec![missed()]));
    }
    until("six attempts", || hung.arrived().len() == 6).await;
    let healthy = Receiver::status(200).await;
    for n in 0..10 {
        let channel = fleet.webhook(n + 100, healthy.url()).await;
        other.hub.offer(offer(channel, vec![missed()]));
    }
    until("the others' outcomes", || other.hub.outcomes().len() == 10).await;
    assert_eq!(hung.arrived().len(), 6, "two places of eight are kept for the other");
    hung.open();
    until("all of them", || greedy.hub.outcomes().len() == 30).await;
    notifier.stop().await;
}

#[tokio::test]
async fn two_believed_owners_offer_one_attempt_and_it_is_made_once() {
    let (fleet, processes) = (Fleet::new(), Process::start_some::<2>());
    let [one, two] = &processes;
    let notifier = fleet.start("n1", 64, &[one.address.to_string(), two.address.to_string()]);
    until("links", || processes.iter().all(|process| process.hub.workers() == ["n1"])).await;
    let receiver = Receiver::closed(|_, _| (200, Vec::new(), String::new())).await;
    let channel = fleet.webhook(1, receiver.url()).await;
    let both = offer(channel, vec![missed()]);
    one.hub.offer(both.clone());
    two.hub.offer(both.clone());
    // Another one of each is worked on after it, so both have been taken when these are answered.
    for process in [one, two] {
        process.hub.offer(offer(ChannelId::LOG, vec![missed()]));
        until("the one behind it", || process.hub.outcomes().len() == 1).await;
    }
    assert_eq!(receiver.arrived().len(), 1);
    receiver.open();
    until("both are told", || one.hub.outcomes().len() == 2 && two.hub.outcomes().len() == 2).await;
    each_once(&receiver, std::slice::from_ref(&both));
    assert_eq!(delivered(&[one, two]).get(&id_of(&both)), Some(&2));
    // Another attempt of it is another one.
    one.hub.offer(Offer { attempt: 2, ..both.clone() });
    until("the second attempt", || received(&receiver).get(&id_of(&both).to_string()) == Some(&2)).await;
    notifier.stop().await;
}

#[tokio::test]
async fn a_notifier_that_stops_finishes_for_all_of_them() {
    let (fleet, processes) = (Fleet::new(), Process::start_some::<2>());
    let evaluators: Vec<String> = processes.iter().map(|process| process.address.to_string()).collect();
    let [first, second] = ["n1", "n2"].map(|worker| fleet.start(worker, 64, &evaluators));
    for process in &processes {
        both_work_for(process).await;
    }
    let receiver = Receiver::closed(|_, _| (200, Vec::new(), String::new())).await;
    let mut offers = Vec::new();
    for n in 0..8 {
        let offer = offer(fleet.webhook(n + 1, receiver.url()).await, vec![missed()]);
        processes[n as usize % 2].hub.offer(offer.clone());
        offers.push(offer);
    }
    until("eight attempts", || receiver.arrived().len() == 8).await;
    let stopping = tokio::spawn(Running::stop(first));
    let late = offer(fleet.webhook(100, Receiver::status(200).await.url()).await, vec![missed()]);
    processes[0].hub.offer(late.clone());
    tokio::time::sleep(Duration::from_millis(100)).await;
    receiver.open();
    stopping.await.unwrap();
    let [one, two] = &processes;
    until("all outcomes", || delivered(&[one, two]).len() == 9).await;
    assert!(delivered(&[one, two]).values().all(|times| *times == 1));
    each_once(&receiver, &offers);
    until("one left", || processes.iter().all(|process| process.hub.workers() == ["n2"])).await;
    second.stop().await;
}
