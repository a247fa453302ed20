//! What happens in one run, drawn from a seed before anything starts. It is plain data: a run that breaks a promise is
//! made smaller by taking things out of it.

use domain::engine::snapshot::Format;
use domain::monitor::{OnBlind, Overlap, Policy};
use domain::record::Params;
use domain::schedule::Schedule;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Shards of every run.
pub const SHARDS: u16 = 2;
pub const EVALUATORS: usize = 2;
pub const NOTIFIERS: usize = 2;
pub const INGESTS: usize = 2;
pub const CHANNELS: u64 = 3;

/// How large runs are.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub monitors: usize,
    pub minutes: u64,
}

impl Size {
    /// For CI: many short runs find more than few long ones.
    pub const SHORT: Self = Self { monitors: 14, minutes: 45 };
    /// A day of two hundred monitors.
    pub const DAY: Self = Self { monitors: 200, minutes: 24 * 60 };
}

/// One run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub begin_ms: i64,
    pub minutes: u64,
    pub params: Params,
    /// How far the clock of each ingest is off, in milliseconds.
    pub skew_ms: [i64; INGESTS],
    /// How each evaluator writes its snapshots: two versions may own shards side by side.
    pub formats: [Format; EVALUATORS],
    pub snapshot_secs: u64,
    /// What the log and the store always do a little of.
    pub log: LogWeather,
    pub store: StoreWeather,
    pub jobs: Vec<JobPlan>,
    pub edits: Vec<EditPlan>,
    pub faults: Vec<FaultPlan>,
}

#[derive(Clone, Copy, Debug)]
pub struct LogWeather {
    pub delay_ms: (u64, u64),
    pub loss: f64,
    pub ack_lost: f64,
    pub duplicate: f64,
}

#[derive(Clone, Copy, Debug)]
pub struct StoreWeather {
    pub delay_ms: (u64, u64),
    pub busy: f64,
    pub unknown: f64,
    pub stale: f64,
}

/// A monitor and how its job behaves.
#[derive(Clone, Debug)]
pub struct JobPlan {
    pub number: u64,
    pub policy: Policy,
    /// How long before (negative) or after its slot the job pings, at most, in milliseconds.
    pub jitter_ms: (i64, i64),
    /// Stretches in which it does not ping, in seconds of the run.
    pub silent: Vec<(u64, u64)>,
    /// Shares of its runs that begin with a start, fail, are followed by a note, are sent twice.
    pub starts: f64,
    pub fails: f64,
    pub notes: f64,
    pub doubles: f64,
    pub run_secs: (u64, u64),
}

/// A change somebody makes.
#[derive(Clone, Debug)]
pub struct EditPlan {
    pub at_secs: u64,
    pub job: u64,
    pub what: Edit,
    /// Made at the very second of the monitor's deadline, if it has one.
    pub at_deadline: bool,
}

#[derive(Clone, Debug)]
pub enum Edit {
    Policy(Box<Policy>),
    Pause(Option<u64>),
    Resume,
    Delete,
    Create,
    Rotate,
    Acknowledge,
}

/// Something that goes wrong for a while.
#[derive(Clone, Debug)]
pub struct FaultPlan {
    pub at_secs: u64,
    pub secs: u64,
    pub what: Fault,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// An ingest dies and comes back at the end.
    KillIngest(usize),
    /// No client reaches any ingest, and no canary comes through.
    Deaf,
    CutIngest(usize),
    CutIngestReplies(usize),
    /// An evaluator dies; the others take its shards after a while.
    KillEvaluator(usize),
    /// It does nothing for a while, and believes what it believed.
    PauseEvaluator(usize),
    StopEvaluator(usize),
    /// Both own every shard.
    TwoOwners,
    CutEvaluatorFromLog(usize),
    CutEvaluatorFromStore(usize),
    KillNotifier(usize),
    CutNotifier(usize),
    /// A channel's provider does something else than take messages.
    Provider(u64, ProviderMode),
    /// The log's clock of a shard is off.
    Clock(u16, i64),
    /// A record nobody can read.
    Poison(u16),
    /// A stored snapshot is damaged while nobody looks.
    CorruptSnapshot(u16),
    /// W and C become so many times as long.
    Params(u32),
    /// Nothing works at all.
    Everything,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ProviderMode {
    Status(u16),
    /// 429 with `Retry-After`, in seconds.
    Patience(u64),
    Hang,
    /// Takes the message and drops the answer.
    AcceptThenDrop,
}

/// Nights in which clocks change, and days like any other.
const BEGINS: [&str; 6] = [
    "2026-03-28T22:40:00Z",
    "2026-10-24T22:20:00Z",
    "2026-03-08T05:10:00Z",
    "2026-11-01T04:30:00Z",
    "2026-06-03T10:00:00Z",
    "2026-12-31T23:30:00Z",
];

impl Plan {
    /// The run of a seed.
    pub fn draw(seed: u64, size: Size) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let begin: jiff::Timestamp = BEGINS.choose(&mut dice).expect("some").parse().expect("a time");
        let secs = size.minutes * 60;
        let w_ms = *[4_000, 6_000, 6_000, 12_000, 30_000].choose(&mut dice).expect("some");
        let params = Params { w_ms, c_ms: w_ms, rules: 1 };
        let skew = i64::from(w_ms) / 6;
        let formats = std::array::from_fn(|_| if dice.random_bool(0.5) { Format::Plain } else { Format::Checked });
        let mut jobs: Vec<JobPlan> = (0..size.monitors as u64).map(|number| job(number, secs, &mut dice)).collect();
        if dice.random_bool(0.15) {
            storm(&mut jobs, secs, &mut dice);
        }
        let edits = edits(&jobs, secs, &mut dice);
        let faults = faults(secs, &mut dice);
        // The first format has no checksum: what it cannot see it cannot survive.
        let is_damaged = faults.iter().any(|fault| matches!(fault.what, Fault::CorruptSnapshot(_)));
        // Nor can a shard go on whose snapshot is lost when a clock that runs ahead has let its log expire.
        let faults: Vec<FaultPlan> =
            faults.into_iter().filter(|fault| !is_damaged || !matches!(fault.what, Fault::Clock(..))).collect();
        let formats = if is_damaged { [Format::Checked; EVALUATORS] } else { formats };
        Self {
            seed,
            begin_ms: begin.as_millisecond(),
            minutes: size.minutes,
            params,
            skew_ms: std::array::from_fn(|_| dice.random_range(-skew..=skew)),
            formats,
            snapshot_secs: *[2, 10, 30, 120].choose(&mut dice).expect("some"),
            log: log_weather(w_ms, &mut dice),
            store: store_weather(&mut dice),
            jobs,
            edits,
            faults,
        }
    }

    /// Ingest answers 503 after so long: W is that and the bound of skew (rule 2).
    pub fn append_timeout_ms(&self) -> u64 {
        u64::from(self.params.w_ms) * 5 / 6
    }
}

fn log_weather(w_ms: u32, dice: &mut StdRng) -> LogWeather {
    let slow = u64::from(w_ms) * if dice.random_bool(0.2) { 2 } else { 1 };
    LogWeather {
        delay_ms: *[(0, 0), (0, 0), (0, 20), (1, 400), (0, slow)].choose(dice).expect("some"),
        loss: *[0.0, 0.0, 0.01, 0.1].choose(dice).expect("some"),
        ack_lost: *[0.0, 0.0, 0.02, 0.1].choose(dice).expect("some"),
        duplicate: *[0.0, 0.0, 0.05, 0.3].choose(dice).expect("some"),
    }
}

fn store_weather(dice: &mut StdRng) -> StoreWeather {
    StoreWeather {
        delay_ms: *[(0, 0), (0, 3), (1, 20), (5, 400)].choose(dice).expect("some"),
        busy: *[0.0, 0.0, 0.02, 0.1].choose(dice).expect("some"),
        unknown: *[0.0, 0.0, 0.02, 0.1].choose(dice).expect("some"),
        stale: *[0.0, 0.0, 0.05].choose(dice).expect("some"),
    }
}

fn job(number: u64, secs: u64, dice: &mut StdRng) -> JobPlan {
    let policy = policy(dice);
    let mut silent = Vec::new();
    while dice.random_bool(0.45) && silent.len() < 3 {
        let from = dice.random_range(0..secs);
        silent.push((from, from + dice.random_range(20..secs.max(60))));
    }
    let share = |dice: &mut StdRng, most: f64| if dice.random_bool(0.5) { dice.random_range(0.0..most) } else { 0.0 };
    let late = i64::from(policy.grace_secs) * 1_000;
    // Many jobs ping in time; some at the last moment of their grace, some now and then after it.
    let jitter_ms =
        *[(0, 300), (-2_000, 2_000), (late - 900, late), (0, late.max(1) + 400)].choose(dice).expect("some");
    JobPlan {
        number,
        jitter_ms: (jitter_ms.0.min(jitter_ms.1), jitter_ms.1.max(jitter_ms.0)),
        policy,
        silent,
        starts: share(dice, 1.0),
        fails: share(dice, 0.2),
        notes: share(dice, 0.2),
        doubles: share(dice, 0.3),
        run_secs: *[(0, 1), (1, 8), (5, 90)].choose(dice).expect("some"),
    }
}

/// Every job tells one channel, and all of them fall silent at once.
fn storm(jobs: &mut [JobPlan], secs: u64, dice: &mut StdRng) {
    let from = dice.random_range(60..secs);
    for job in jobs {
        job.policy = Policy::every(Schedule::Period { seconds: 30 }, 5);
        job.policy.channels = vec![domain::ids::ChannelId(1)];
        job.jitter_ms = (0, 300);
        job.silent.push((from, from + 300));
    }
}

fn policy(dice: &mut StdRng) -> Policy {
    let schedule = match dice.random_range(0..8) {
        0..4 => Schedule::Period { seconds: *[7, 30, 60, 240, 900].choose(dice).expect("some") },
        4 if dice.random_bool(0.3) => Schedule::Period { seconds: *[4_000, 86_400].choose(dice).expect("some") },
        4 => Schedule::cron("17,50 23,0-6,12 * * *", "UTC").expect("a schedule"),
        5 => Schedule::cron("*/5 * * * *", "Europe/Berlin").expect("a schedule"),
        6 => Schedule::cron("*/10 1-3 * * *", "America/New_York").expect("a schedule"),
        _ => Schedule::oncalendar("*:0/7:30", "Europe/Berlin").expect("a schedule"),
    };
    let mut policy = Policy::every(schedule, *[0, 1, 5, 30, 120].choose(dice).expect("some"));
    let seldom = |dice: &mut StdRng, share: f64, least: u32, most: u32| -> Option<u32> {
        dice.random_bool(share).then(|| dice.random_range(least..most))
    };
    policy.max_runtime_secs = seldom(dice, 0.3, 2, 120);
    policy.first_ping_within_secs = seldom(dice, 0.2, 5, 400);
    policy.remind_every_secs = seldom(dice, 0.15, 60, 400);
    policy.failures_before_alert = seldom(dice, 0.2, 1, 3).unwrap_or(1) as u8;
    policy.successes_before_recovery = seldom(dice, 0.2, 1, 3).unwrap_or(1) as u8;
    policy.on_blind = *[OnBlind::Notify, OnBlind::Notify, OnBlind::Hold, OnBlind::Down].choose(dice).expect("some");
    policy.overlap = *[Overlap::Allow, Overlap::Allow, Overlap::Warn, Overlap::Fail].choose(dice).expect("some");
    policy.manual_resume = dice.random_bool(0.1);
    let channels = dice.random_range(0..3);
    policy.channels =
        (1..=channels).map(|n| domain::ids::ChannelId((n + dice.random_range(0..CHANNELS)) % CHANNELS + 1)).collect();
    policy.channels.sort_unstable();
    policy.channels.dedup();
    policy
}

fn edits(jobs: &[JobPlan], secs: u64, dice: &mut StdRng) -> Vec<EditPlan> {
    let count = dice.random_range(0..jobs.len() * 2);
    let mut edits: Vec<EditPlan> = (0..count)
        .map(|_| {
            let job = dice.random_range(0..jobs.len()) as u64;
            let what = match dice.random_range(0..14) {
                0..5 => {
                    let mut policy = jobs[job as usize].policy.clone();
                    match dice.random_range(0..3) {
                        0 => policy.grace_secs = dice.random_range(0..90),
                        1 => policy.schedule = self::policy(dice).schedule,
                        _ => policy = self::policy(dice),
                    }
                    Edit::Policy(Box::new(policy))
                }
                5..7 => Edit::Pause(dice.random_bool(0.5).then(|| dice.random_range(1..600))),
                7..9 => Edit::Resume,
                9 => Edit::Delete,
                10 => Edit::Create,
                11 => Edit::Rotate,
                _ => Edit::Acknowledge,
            };
            EditPlan { at_secs: dice.random_range(1..secs), job, what, at_deadline: dice.random_bool(0.3) }
        })
        .collect();
    edits.sort_by_key(|edit| edit.at_secs);
    edits
}

fn faults(secs: u64, dice: &mut StdRng) -> Vec<FaultPlan> {
    let count = *[0, 1, 2, 4, 7, 11].choose(dice).expect("some");
    let mut faults: Vec<FaultPlan> = (0..count)
        .map(|_| {
            let what = fault(dice);
            let longest = match what {
                Fault::Deaf | Fault::Everything if dice.random_bool(0.2) => 3 * 3_600,
                Fault::Provider(..) => 1_500,
                _ => *[5, 30, 120, 600].choose(dice).expect("some"),
            };
            FaultPlan { at_secs: dice.random_range(5..secs), secs: dice.random_range(1..=longest), what }
        })
        .collect();
    faults.sort_by_key(|fault| fault.at_secs);
    faults
}

fn fault(dice: &mut StdRng) -> Fault {
    let (ingest, evaluator, notifier) =
        (dice.random_range(0..INGESTS), dice.random_range(0..EVALUATORS), dice.random_range(0..NOTIFIERS));
    let (shard, channel) = (dice.random_range(0..SHARDS), dice.random_range(1..=CHANNELS));
    match dice.random_range(0..24) {
        0 | 1 => Fault::KillIngest(ingest),
        2 | 3 => Fault::Deaf,
        4 => Fault::CutIngest(ingest),
        5 => Fault::CutIngestReplies(ingest),
        6..9 => Fault::KillEvaluator(evaluator),
        9 | 10 => Fault::PauseEvaluator(evaluator),
        11 => Fault::StopEvaluator(evaluator),
        12 => Fault::TwoOwners,
        13 => Fault::CutEvaluatorFromLog(evaluator),
        14 => Fault::CutEvaluatorFromStore(evaluator),
        15 => Fault::KillNotifier(notifier),
        16 => Fault::CutNotifier(notifier),
        17..20 => {
            let modes = [
                ProviderMode::Status(500),
                ProviderMode::Status(410),
                ProviderMode::Patience(20),
                ProviderMode::Hang,
                ProviderMode::AcceptThenDrop,
                ProviderMode::AcceptThenDrop,
            ];
            Fault::Provider(channel, *modes.choose(dice).expect("some"))
        }
        20 => {
            let off = [-5_000, -90_000, -3_600_000, 1_500, 70_000, 3_600_000, 31_536_000_000];
            Fault::Clock(shard, *off.choose(dice).expect("some"))
        }
        21 => Fault::Poison(shard),
        22 => match dice.random_bool(0.5) {
            true => Fault::CorruptSnapshot(shard),
            false => Fault::Params(dice.random_range(2..4)),
        },
        _ => Fault::Everything,
    }
}
