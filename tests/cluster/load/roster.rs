//! Which jobs there are.

use rand::Rng;
use rand::rngs::StdRng;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Pings in time, always.
    Healthy,
    /// Falls silent now and then, for longer than is forgiven.
    Silent,
    /// Says now and then that it failed.
    Failing,
    /// Says when it begins and when it ends; now and then it takes too long.
    Run,
    /// Is paused now and then, and says nothing meanwhile.
    Paused,
    /// Fails and succeeds in turns.
    Flapping,
    /// Gets another period now and then, while it goes on.
    Edited,
}

/// Each behaviour, and its share of a hundred.
const SHARES: [(Behaviour, usize); 7] = [
    (Behaviour::Healthy, 40),
    (Behaviour::Silent, 24),
    (Behaviour::Run, 14),
    (Behaviour::Failing, 5),
    (Behaviour::Flapping, 3),
    (Behaviour::Paused, 7),
    (Behaviour::Edited, 7),
];

/// One job and its monitor.
#[derive(Clone, Debug)]
pub struct Plan {
    pub slug: String,
    pub behaviour: Behaviour,
    pub period_secs: u32,
    pub grace_secs: u32,
    pub max_runtime_secs: Option<u32>,
    /// Which of the channels is told.
    pub channel: usize,
    /// Of the job's own dice.
    pub seed: u64,
}

/// So many jobs.
pub fn roster(count: usize, channels: usize, dice: &mut StdRng) -> Vec<Plan> {
    let behaviours = SHARES.iter().flat_map(|(behaviour, share)| {
        let jobs = (count * share).div_ceil(100);
        std::iter::repeat_n(*behaviour, jobs)
    });
    let behaviours: Vec<Behaviour> = behaviours.take(count).collect();
    behaviours.into_iter().enumerate().map(|(number, behaviour)| plan(number, behaviour, channels, dice)).collect()
}

fn plan(number: usize, behaviour: Behaviour, channels: usize, dice: &mut StdRng) -> Plan {
    let word = format!("{behaviour:?}").to_lowercase();
    // Who alerts often does not do so every few seconds.
    let least = if matches!(behaviour, Behaviour::Run | Behaviour::Failing | Behaviour::Flapping) { 8 } else { 2 };
    Plan {
        slug: format!("{word}-{number}"),
        behaviour,
        period_secs: dice.random_range(least..=20),
        grace_secs: dice.random_range(1..=4),
        max_runtime_secs: (behaviour == Behaviour::Run).then(|| dice.random_range(3..=6)),
        channel: number % channels,
        seed: dice.random(),
    }
}
