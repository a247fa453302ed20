//! Seeds of the log: what an installation appends in a day, in one record each and as stories of several.

use super::Seed;
use domain::assertion::Assertion;
use domain::command::{Action, AttemptOutcome, AttemptResult, Command};
use domain::engine::Engine;
use domain::engine::effects::Effect;
use domain::ids::{ChannelId, CommandId, DeliveryId, MonitorId, RunId, ShardId, TenantId, TransitionId};
use domain::monitor::{Identity, MonitorConfig, OnBlind, Overlap, Policy};
use domain::ping::{Metric, Ping, PingDetails, PingKind};
use domain::record::{Body, Envelope, Params, Record};
use domain::schedule::Schedule;
use domain::time::UnixMs;
use wire::convert::log::encode_record;

/// 2026-11-24T00:00:00Z, where the target's stories begin.
const START_MS: i64 = 1_795_478_400_000;
const MONITOR: MonitorId = MonitorId(0x1111);
const HOUR: u64 = 3_600_000;

/// A record, and by how many milliseconds it comes after the one before.
pub type Step = (u64, Body);

/// One record of every kind, and some that are broken.
pub fn records() -> Vec<Seed> {
    let mut seeds: Vec<Seed> = bodies().into_iter().map(|(name, body)| (name.to_owned(), record(1, &body))).collect();
    let whole = record(3, &Body::Ping(rich_ping()));
    seeds.push(("bad-cut".into(), whole[..whole.len() / 2].to_vec()));
    seeds.push(("bad-no-body".into(), record(3, &Body::Tick)[..2].to_vec()));
    seeds.push(("bad-varint".into(), vec![0xff; 12]));
    seeds.push(("bad-depth".into(), b"\x52\x7e".repeat(64)));
    seeds
}

fn bodies() -> Vec<(&'static str, Body)> {
    let command = |action| Body::Command(command(7, action));
    let outcome = |result| Body::Outcome(AttemptOutcome { delivery: DeliveryId([3; 16]), attempt: 2, result });
    vec![
        ("ping", Body::Ping(ping(PingKind::Success))),
        ("ping-rich", Body::Ping(rich_ping())),
        ("ping-create", Body::Ping(Ping { create: Some(Box::new(config(5))), ..ping(PingKind::Exit(3)) })),
        ("canary", Body::Canary),
        ("boot", Body::Boot),
        ("deaf", Body::Deaf { from: UnixMs(START_MS), to: UnixMs(START_MS + 5_000) }),
        ("deaf-for-ever", Body::Deaf { from: UnixMs(i64::MIN), to: UnixMs(i64::MAX) }),
        ("tick", Body::Tick),
        ("create", command(Action::Create(Box::new(config(1))))),
        ("update", command(Action::Update { config: Box::new(rich_config()), version: 1 })),
        ("pause", command(Action::Pause { until_ms: Some(START_MS + 60_000) })),
        ("pause-open", command(Action::Pause { until_ms: None })),
        ("resume", command(Action::Resume)),
        ("delete", command(Action::Delete)),
        ("rotate", command(Action::RotateToken)),
        ("acknowledge", command(Action::Acknowledge { incident: TransitionId([4; 16]) })),
        ("delivered", outcome(AttemptResult::Delivered)),
        ("retry", outcome(AttemptResult::Retry { after_ms: Some(u64::MAX), error: "HTTP 503".into() })),
        ("failed", outcome(AttemptResult::Failed { error: "HTTP 404".into() })),
        ("gone", outcome(AttemptResult::Gone { error: "HTTP 410".into() })),
        ("channel-closed", Body::ChannelClosed { channel: ChannelId(77) }),
        ("params", Body::Params(Params::KAFKA)),
        ("moved", Body::Moved),
        ("adopt", Body::Adopt(Box::new(told(&silent_night()).0.leave().next().expect("a monitor")))),
    ]
}

/// Stories as the target reads them.
pub fn stories() -> Vec<Seed> {
    let mut seeds: Vec<Seed> =
        all_stories().into_iter().map(|(name, steps)| (name.to_owned(), story_bytes(&steps))).collect();
    let whole = story_bytes(&silent_night());
    seeds.push(("bad-middle".into(), [&whole[..120], &[0xff; 9], &whole[120..]].concat()));
    seeds
}

/// Every story, by its name.
pub fn all_stories() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        ("silent-night", silent_night()),
        ("runs", runs()),
        ("retries", retries()),
        ("outage", outage()),
        ("deaf", deaf()),
        ("edits", edits()),
        ("clock-ahead", clock_ahead()),
        ("moves", moves()),
        ("created-by-ping", created_by_ping()),
        ("many", many()),
        ("closed-channel", closed_channel()),
        ("cron", cron_days()),
    ]
}

/// The engine that applied a story, and what it wanted done.
pub fn told(steps: &[Step]) -> (Engine, Vec<Effect>) {
    let mut engine = Engine::new(ShardId(0), Params::EMBEDDED);
    let (mut effects, mut now) = (Vec::new(), UnixMs(START_MS));
    for (offset, (after, body)) in steps.iter().enumerate() {
        now = now.plus_ms(*after as i64);
        let envelope = envelope(offset as u64 + 1, body, now);
        engine.apply(&Record { offset: offset as u64, append: now, envelope, body: body.clone() }, &mut effects);
    }
    (engine, effects)
}

fn story_bytes(steps: &[Step]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut now = UnixMs(START_MS);
    for (place, (after, body)) in steps.iter().enumerate() {
        let (code, passed) = passed_code(*after);
        now = now.plus_ms(passed);
        let record = encode_record(&envelope(place as u64 + 1, body, now), body);
        bytes.extend_from_slice(&code.to_be_bytes());
        bytes.extend_from_slice(&(record.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&record);
    }
    bytes
}

/// How the target writes that time passes, and how much of it that is.
fn passed_code(ms: u64) -> (u16, i64) {
    let (code, passed) = match ms {
        ..0x4000 => (ms, ms),
        0x4000..0x1f4_0000 => (0x4000 + ms / 1_000, ms / 1_000 * 1_000),
        _ => (0x6000 + ms / HOUR, ms / HOUR * HOUR),
    };
    (code as u16, passed as i64)
}

fn record(sequence: u64, body: &Body) -> Vec<u8> {
    encode_record(&envelope(sequence, body, UnixMs(START_MS)), body)
}

fn envelope(sequence: u64, body: &Body, now: UnixMs) -> Envelope {
    let producer = if matches!(body, Body::Tick) { 0 } else { 9 };
    Envelope { producer, sequence, node: 1, origin: 0, received: now.plus_ms(-20) }
}

fn ping(kind: PingKind) -> Ping {
    Ping {
        monitor: MONITOR,
        generation: Some(0),
        kind,
        run: None,
        duration_ms: None,
        metrics: vec![],
        details: None,
        create: None,
    }
}

fn rich_ping() -> Ping {
    let details = PingDetails {
        body: b"line 1\nline 2 \xff\x00".to_vec(),
        body_cut: true,
        message: "all good".into(),
        environment: "prod".into(),
        host: "db-1".into(),
        method: "POST".into(),
        client: "192.0.2.1".into(),
        user_agent: "curl/8".into(),
    };
    let metrics = vec![Metric { name: "count".into(), value: 3.0 }, Metric { name: "t".into(), value: -1.5e300 }];
    Ping {
        run: Some(RunId([5; 16])),
        duration_ms: Some(1_500),
        metrics,
        details: Some(Box::new(details)),
        ..ping(PingKind::Exit(0))
    }
}

fn run_ping(kind: PingKind, run: u8) -> Body {
    Body::Ping(Ping { run: Some(RunId([run; 16])), ..ping(kind) })
}

fn config(minutes: u32) -> MonitorConfig {
    let schedule = Schedule::Period { seconds: minutes * 60 };
    named("backup", Policy { channels: vec![ChannelId(77)], ..Policy::every(schedule, 30) })
}

fn rich_config() -> MonitorConfig {
    let schedule = Schedule::cron("0 2 * * MON-FRI", "Europe/Berlin").expect("a schedule");
    let assertions = ["count >= 1", "duration < 5m"].map(|text| Assertion::parse(text).expect("an assertion"));
    let policy = Policy {
        max_runtime_secs: Some(600),
        min_runtime_secs: Some(2),
        overlap: Overlap::Fail,
        early_secs: Some(60),
        failures_before_alert: 2,
        successes_before_recovery: 2,
        assertions: assertions.to_vec(),
        first_ping_within_secs: Some(3_600),
        remind_every_secs: Some(60),
        on_blind: OnBlind::Down,
        channels: vec![ChannelId(77), ChannelId(78)],
        manual_resume: true,
        post_only: true,
        ..Policy::every(schedule, 300)
    };
    named("backup", policy)
}

fn named(slug: &str, policy: Policy) -> MonitorConfig {
    let identity = Identity {
        tenant: TenantId(1),
        slug: slug.into(),
        name: "Backup".into(),
        description: "nightly\ncopy".into(),
        tags: vec!["db".into(), "prod".into()],
    };
    MonitorConfig { identity, policy }
}

fn command(id: u8, action: Action) -> Command {
    Command { id: CommandId([id; 16]), tenant: TenantId(1), monitor: MONITOR, actor: "ci".into(), action }
}

fn create(policy: Policy) -> Body {
    Body::Command(command(1, Action::Create(Box::new(named("backup", policy)))))
}

fn minutely() -> Policy {
    config(1).policy
}

/// Canaries and ticks for so many seconds.
fn pass(steps: &mut Vec<Step>, seconds: usize) {
    for _ in 0..seconds {
        steps.push((1_000, Body::Canary));
        steps.push((0, Body::Tick));
    }
}

/// Canaries as rarely as still proves that pings are heard, and a tick at the end.
fn hear(steps: &mut Vec<Step>, seconds: usize) {
    steps.extend((0..seconds / 3).map(|_| (3_000, Body::Canary)));
    steps.push((0, Body::Tick));
}

/// A monitor that pings, falls silent, is reminded of, and comes back.
pub fn silent_night() -> Vec<Step> {
    let policy = Policy { remind_every_secs: Some(60), ..minutely() };
    let mut steps = vec![(0, Body::Boot), (100, create(policy)), (100, Body::Ping(ping(PingKind::Success)))];
    pass(&mut steps, 3);
    hear(&mut steps, 96);
    hear(&mut steps, 66);
    pass(&mut steps, 2);
    steps.push((50, Body::Ping(rich_ping())));
    pass(&mut steps, 2);
    steps
}

fn runs() -> Vec<Step> {
    let policy = Policy { max_runtime_secs: Some(5), min_runtime_secs: Some(2), overlap: Overlap::Warn, ..minutely() };
    let mut steps = vec![(0, Body::Boot), (0, create(policy))];
    steps.extend((1..40).map(|run| (10, run_ping(PingKind::Start, run))));
    steps.extend([(10, run_ping(PingKind::Success, 3)), (10, run_ping(PingKind::Exit(1), 4))]);
    pass(&mut steps, 10);
    steps.extend([(10, Body::Ping(ping(PingKind::Log))), (10, run_ping(PingKind::Success, 9))]);
    steps
}

/// Outcomes name deliveries by ids that follow from what happened: the story is told once to learn them.
fn retries() -> Vec<Step> {
    let mut steps = silent_night();
    let effects = told(&steps).1;
    let mut offers = effects.iter().filter_map(|effect| match effect {
        Effect::Offer { delivery, attempt } => Some((*delivery, *attempt)),
        _ => None,
    });
    let outcome = |(delivery, attempt), result| Body::Outcome(AttemptOutcome { delivery, attempt, result });
    let first = offers.next().expect("an offer");
    steps.push((10, outcome(first, AttemptResult::Retry { after_ms: Some(1), error: "HTTP 503".into() })));
    pass(&mut steps, 7);
    steps.push((0, outcome((first.0, 2), AttemptResult::Gone { error: "HTTP 410".into() })));
    steps.extend(offers.map(|offer| (5, outcome(offer, AttemptResult::Delivered))));
    pass(&mut steps, 2);
    steps
}

fn outage() -> Vec<Step> {
    let mut steps = vec![(0, Body::Boot), (0, create(minutely())), (0, Body::Ping(ping(PingKind::Success)))];
    pass(&mut steps, 2);
    steps.push((300_000, Body::Boot));
    pass(&mut steps, 3);
    steps.push((200_000, Body::Canary));
    pass(&mut steps, 3);
    steps
}

fn deaf() -> Vec<Step> {
    let mut steps = silent_night();
    let now = START_MS + steps.iter().map(|(after, _)| *after as i64).sum::<i64>();
    steps.push((10, Body::Deaf { from: UnixMs(now - 200_000), to: UnixMs(now - 90_000) }));
    steps.push((10, Body::Deaf { from: UnixMs(now + 90_000), to: UnixMs(now - 90_000) }));
    pass(&mut steps, 3);
    steps
}

fn edits() -> Vec<Step> {
    let update = |id, version| Body::Command(command(id, Action::Update { config: Box::new(rich_config()), version }));
    let plain = |id, action| Body::Command(command(id, action));
    let mut steps = vec![(0, Body::Boot), (0, create(minutely())), (10, create(minutely())), (10, update(2, 1))];
    steps.extend([(10, update(3, 1)), (10, plain(4, Action::Pause { until_ms: Some(START_MS + 4_000) }))]);
    pass(&mut steps, 6);
    steps.extend([(0, plain(5, Action::Resume)), (0, plain(6, Action::RotateToken))]);
    steps.extend([(0, Body::Ping(ping(PingKind::Success))), (0, Body::Ping(Ping { generation: None, ..rich_ping() }))]);
    steps.extend([(0, plain(8, Action::Delete)), (5, plain(9, Action::Create(Box::new(config(1)))))]);
    pass(&mut steps, 2);
    steps
}

fn clock_ahead() -> Vec<Step> {
    let mut steps = silent_night();
    steps.push((2_000 * HOUR, Body::Tick));
    pass(&mut steps, 2);
    steps
}

fn moves() -> Vec<Step> {
    let adopted = told(&retries()).0.leave().next().expect("a monitor");
    let mut steps = vec![(0, Body::Boot), (300_000, Body::Adopt(Box::new(adopted.clone())))];
    steps.push((0, Body::Adopt(Box::new(adopted))));
    pass(&mut steps, 4);
    steps.extend([(0, Body::Moved), (0, Body::Ping(rich_ping())), (1_000, Body::Tick)]);
    steps
}

fn created_by_ping() -> Vec<Step> {
    let first = Ping { create: Some(Box::new(config(1))), generation: None, ..ping(PingKind::Start) };
    let mut steps = vec![(0, Body::Boot), (0, Body::Ping(first.clone())), (1_000, Body::Ping(first))];
    pass(&mut steps, 2);
    hear(&mut steps, 99);
    pass(&mut steps, 2);
    steps
}

fn many() -> Vec<Step> {
    let of = |n: u64, action| {
        let command = Command { id: CommandId([n as u8; 16]), monitor: MonitorId(n), ..command(0, action) };
        Body::Command(command)
    };
    let mut steps = vec![(0, Body::Boot)];
    for n in 1..20 {
        let slug = format!("m{n}");
        let config = MonitorConfig { policy: minutely(), ..named(&slug, minutely()) };
        steps.push((1, of(n, Action::Create(Box::new(config)))));
        steps.push((1, Body::Ping(Ping { monitor: MonitorId(n), ..ping(PingKind::Success) })));
    }
    hear(&mut steps, 99);
    pass(&mut steps, 1);
    steps
}

fn closed_channel() -> Vec<Step> {
    let mut steps = silent_night();
    steps.push((0, Body::ChannelClosed { channel: ChannelId(77) }));
    steps.push((0, Body::Params(Params { w_ms: 6_000, c_ms: 2_000, rules: 1 })));
    pass(&mut steps, 3);
    steps
}

fn cron_days() -> Vec<Step> {
    let mut steps = vec![(0, Body::Boot), (0, create(rich_config().policy))];
    for _ in 0..12 {
        steps.extend([(6 * HOUR, Body::Canary), (0, Body::Tick), (0, Body::Ping(rich_ping())), (5_000, Body::Canary)]);
        steps.push((0, Body::Tick));
    }
    steps
}
