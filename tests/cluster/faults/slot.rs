//! The list of slots, and the order in which they come.

use super::scene::Scene;
use super::{database, evaluators, ingest, kafka, lag, network, notifiers, sabotaged, signals, stage};
use futures::future::LocalBoxFuture;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::sync::OnceLock;
use suites::support::runner::{Case, Shown};

/// One fault.
pub struct Slot {
    pub name: &'static str,
    pub run: for<'a> fn(&'a Scene, &'a mut StdRng) -> LocalBoxFuture<'a, Shown>,
}

/// Names slots once: as data, for the long run, and as cases, for the short one.
macro_rules! slots {
    ($($module:ident::$slot:ident),+ $(,)?) => {
        /// All of them.
        pub static ALL: &[Slot] = &[$(Slot {
            name: stringify!($slot),
            run: |scene, dice| Box::pin($module::$slot(scene, dice)),
        }),+];

        fn in_order() -> Vec<Case> {
            vec![$(Case::new(concat!("chaos::faults::", stringify!($slot)), || {
                Box::pin(stage::perform(stringify!($slot)))
            })),+]
        }
    };
}

slots! {
    sabotaged::f00_the_checker_sees_this_very_history_broken,
    ingest::f01_ingest_is_killed_again_and_again,
    evaluators::f02_evaluators_are_killed_again_and_again,
    notifiers::f03_notifiers_are_killed_after_the_providers_yes,
    evaluators::f06_an_evaluator_is_frozen,
    kafka::f07_a_partition_leader_is_frozen,
    database::f08_a_database_node_is_frozen,
    kafka::f09_a_partition_leader_is_killed,
    kafka::f10_two_of_three_brokers_are_killed,
    kafka::f11_brokers_are_restarted_one_after_another,
    network::f19_ingest_does_not_reach_kafka,
    network::f20_ingest_does_not_hear_kafka,
    network::f21_an_evaluator_reaches_kafka_but_not_the_database,
    network::f22_an_evaluator_reaches_the_database_but_not_kafka,
    kafka::f28_a_brokers_clock_jumps,
    database::f30_writes_are_applied_and_reported_as_timed_out,
    evaluators::f34_evaluators_come_and_go,
    lag::f35_evaluators_lag_and_catch_up,
    lag::f35_evaluators_are_away_and_catch_up,
    lag::f37_the_groups_offsets_are_lost,
    signals::f46_signals_storm,
}

/// The slots as cases, shuffled by the seed.
pub fn cases() -> Vec<Case> {
    let mut cases = in_order();
    cases.shuffle(&mut StdRng::seed_from_u64(seed()));
    cases
}

/// A slot by its name.
pub fn find(name: &str) -> &'static Slot {
    ALL.iter().find(|slot| slot.name == name).expect("a slot of that name")
}

/// `QP_SEED`, or one that is drawn; said once.
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let asked = std::env::var("QP_SEED").ok().and_then(|text| text.parse().ok());
        let seed = asked.unwrap_or_else(|| rand::random_range(0..1_000_000));
        println!("chaos: QP_SEED={seed}");
        seed
    })
}

impl Slot {
    /// The dice of its `round`th performance.
    pub fn dice(&self, round: u64) -> StdRng {
        let name = self.name.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let mut dice = StdRng::seed_from_u64(seed() ^ name);
        for _ in 0..round {
            dice.random::<u64>();
        }
        StdRng::seed_from_u64(dice.random())
    }
}
