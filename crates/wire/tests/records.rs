//! Every record that can be said can be written and reads back as it was; and whatever bytes stand in a log, reading them
//! answers.

use domain::assertion::Assertion;
use domain::command::{Action, AttemptOutcome, AttemptResult, Command};
use domain::engine::Engine;
use domain::engine::adopt::Adopted;
use domain::ids::{ChannelId, CommandId, DeliveryId, MonitorId, RunId, ShardId, TenantId, TransitionId};
use domain::monitor::{Identity, MonitorConfig, OnBlind, Overlap, Policy};
use domain::ping::{Metric, Ping, PingDetails, PingKind};
use domain::record::{Body, Envelope, Params, Record};
use domain::schedule::Schedule;
use domain::time::UnixMs;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use wire::convert::log::{decode_record, encode_record};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "\\PC{0,12}", any::<String>()]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let zone = || select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]);
    let cron = select(vec!["*/5 * * * *", "0 2 * * 1-5", "30 4 1,15 * 5"]);
    let calendar = select(vec!["Mon..Fri 02:30", "*-*-01 04:00:00", "hourly\nSat 12:00"]);
    prop_oneof![
        (1u32..=31_622_400).prop_map(|seconds| Schedule::Period { seconds }),
        (cron, zone()).prop_map(|(expr, zone)| Schedule::cron(expr, zone).unwrap()),
        (calendar, zone()).prop_map(|(text, zone)| Schedule::oncalendar(text, zone).unwrap()),
    ]
}

fn policy() -> BoxedStrategy<Policy> {
    let assertion = select(vec!["count >= 1", "duration < 5m", "errors? == 0"]);
    let assertions = prop::collection::vec(assertion.prop_map(|text| Assertion::parse(text).unwrap()), 0..4);
    let lengths =
        (any::<u32>(), of(any::<u32>()), of(any::<u32>()), of(any::<u32>()), of(any::<u32>()), of(any::<u32>()));
    let overlap = select(vec![Overlap::Allow, Overlap::Warn, Overlap::Fail]);
    let on_blind = select(vec![OnBlind::Notify, OnBlind::Hold, OnBlind::Down]);
    let channels = prop::collection::vec(any::<u64>().prop_map(ChannelId), 0..4);
    let rest = (any::<u8>(), any::<u8>(), any::<bool>(), any::<bool>());
    (schedule(), lengths, overlap, on_blind, assertions, channels, rest)
        .prop_map(|(schedule, lengths, overlap, on_blind, assertions, channels, rest)| Policy {
            schedule,
            grace_secs: lengths.0,
            max_runtime_secs: lengths.1,
            min_runtime_secs: lengths.2,
            overlap,
            early_secs: lengths.3,
            failures_before_alert: rest.0,
            successes_before_recovery: rest.1,
            assertions,
            first_ping_within_secs: lengths.4,
            remind_every_secs: lengths.5,
            on_blind,
            channels,
            manual_resume: rest.2,
            post_only: rest.3,
        })
        .boxed()
}

fn config() -> BoxedStrategy<MonitorConfig> {
    let tags = prop::collection::vec(text(), 0..3);
    (any::<u32>(), text(), text(), text(), tags, policy())
        .prop_map(|(tenant, slug, name, description, tags, policy)| MonitorConfig {
            identity: Identity { tenant: TenantId(tenant), slug, name, description, tags },
            policy,
        })
        .boxed()
}

fn kind() -> impl Strategy<Value = PingKind> {
    let plain = select(vec![PingKind::Success, PingKind::Start, PingKind::Fail, PingKind::Log]);
    prop_oneof![plain, any::<u8>().prop_map(PingKind::Exit)]
}

fn details() -> impl Strategy<Value = PingDetails> {
    let body = prop::collection::vec(any::<u8>(), 0..40);
    let texts = [(); 6].map(|()| text());
    (body, any::<bool>(), texts).prop_map(|(body, body_cut, texts)| {
        let [message, environment, host, method, client, user_agent] = texts;
        PingDetails { body, body_cut, message, environment, host, method, client, user_agent }
    })
}

fn ping() -> BoxedStrategy<Ping> {
    let finite = any::<f64>().prop_filter("a metric is finite", |value| value.is_finite());
    let metrics = prop::collection::vec((text(), finite).prop_map(|(name, value)| Metric { name, value }), 0..3);
    let ids = (any::<u64>().prop_map(MonitorId), of(any::<u8>()), of(any::<[u8; 16]>().prop_map(RunId)));
    let boxes = (of(details().prop_map(Box::new)), of(config().prop_map(Box::new)));
    (ids, kind(), of(any::<u64>()), metrics, boxes)
        .prop_map(|(ids, kind, duration_ms, metrics, boxes)| Ping {
            monitor: ids.0,
            generation: ids.1,
            kind,
            run: ids.2,
            duration_ms,
            metrics,
            details: boxes.0,
            create: boxes.1,
        })
        .boxed()
}

fn command() -> BoxedStrategy<Command> {
    let action = prop_oneof![
        config().prop_map(|config| Action::Create(Box::new(config))),
        (config(), any::<u32>()).prop_map(|(config, version)| Action::Update { config: Box::new(config), version }),
        of(any::<i64>()).prop_map(|until_ms| Action::Pause { until_ms }),
        select(vec![Action::Resume, Action::Delete, Action::RotateToken]),
        any::<[u8; 16]>().prop_map(|id| Action::Acknowledge { incident: TransitionId(id) }),
    ];
    (any::<[u8; 16]>(), any::<u32>(), any::<u64>(), text(), action)
        .prop_map(|(id, tenant, monitor, actor, action)| Command {
            id: CommandId(id),
            tenant: TenantId(tenant),
            monitor: MonitorId(monitor),
            actor,
            action,
        })
        .boxed()
}

fn outcome() -> impl Strategy<Value = AttemptOutcome> {
    let result = prop_oneof![
        Just(AttemptResult::Delivered),
        (of(any::<u64>()), text()).prop_map(|(after_ms, error)| AttemptResult::Retry { after_ms, error }),
        text().prop_map(|error| AttemptResult::Failed { error }),
        text().prop_map(|error| AttemptResult::Gone { error }),
    ];
    (any::<[u8; 16]>(), any::<u32>(), result).prop_map(|(id, attempt, result)| AttemptOutcome {
        delivery: DeliveryId(id),
        attempt,
        result,
    })
}

/// A monitor as an engine gives it away after some pings: whatever the pings were, that is what it may be like.
fn adopted() -> BoxedStrategy<Adopted> {
    let policy = policy().prop_map(|policy| Policy { failures_before_alert: 1, ..policy });
    (any::<u64>(), policy, prop::collection::vec(ping(), 0..6))
        .prop_map(|(monitor, policy, pings)| {
            let identity = Identity { slug: "moving".into(), name: "Moving".into(), ..Identity::default() };
            let mut engine = Engine::new(ShardId(0), Params::EMBEDDED);
            let config =
                MonitorConfig { identity, policy: Policy { schedule: Schedule::Period { seconds: 60 }, ..policy } };
            let allowed = MonitorConfig { policy: Policy::daily(), ..config.clone() };
            let create = config.check(UnixMs(0)).map_or(allowed, |()| config);
            let first = Ping { create: Some(Box::new(create)), ..blank(PingKind::Success) };
            for (offset, ping) in (0..).zip([first].into_iter().chain(pings)) {
                let ping = Ping { monitor: MonitorId(monitor), generation: None, ..ping };
                let append = UnixMs(1_795_478_400_000 + offset as i64 * 10_000);
                let envelope = Envelope { producer: 1, sequence: offset + 1, received: append, ..Envelope::default() };
                engine.apply(&Record { offset, append, envelope, body: Body::Ping(ping) }, &mut Vec::new());
            }
            engine.leave().next().expect("the monitor was made")
        })
        .boxed()
}

fn blank(kind: PingKind) -> Ping {
    let (run, details, create) = (None, None, None);
    Ping { monitor: MonitorId(0), generation: None, kind, run, duration_ms: None, metrics: vec![], details, create }
}

fn body() -> BoxedStrategy<Body> {
    let instant = || any::<i64>().prop_map(UnixMs);
    prop_oneof![
        6 => ping().prop_map(Body::Ping),
        1 => select(vec![Body::Canary, Body::Boot, Body::Tick, Body::Moved]),
        1 => (instant(), instant()).prop_map(|(from, to)| Body::Deaf { from, to }),
        4 => command().prop_map(Body::Command),
        2 => outcome().prop_map(Body::Outcome),
        1 => any::<u64>().prop_map(|id| Body::ChannelClosed { channel: ChannelId(id) }),
        1 => any::<[u32; 3]>().prop_map(|[w_ms, c_ms, rules]| Body::Params(Params { w_ms, c_ms, rules })),
        2 => adopted().prop_map(|adopted| Body::Adopt(Box::new(adopted))),
    ]
    .boxed()
}

fn envelope() -> impl Strategy<Value = Envelope> {
    (any::<[u64; 3]>(), any::<u8>(), any::<i64>()).prop_map(|([producer, sequence, node], origin, received)| Envelope {
        producer,
        sequence,
        node,
        origin,
        received: UnixMs(received),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_record_reads_back_as_it_was_written(envelope in envelope(), body in body()) {
        let bytes = encode_record(&envelope, &body);
        let (again, read) = decode_record(&bytes).unwrap();
        prop_assert_eq!(&bytes, &encode_record(&again, &read), "and is written with the same bytes again");
        prop_assert_eq!((again, read), (envelope, body));
    }

    #[test]
    fn a_record_that_is_cut_or_changed_is_answered(envelope in envelope(), body in body(), at: prop::sample::Index, bit in 0u8..8) {
        let mut bytes = encode_record(&envelope, &body);
        let at = at.index(bytes.len() + 1);
        let _ = decode_record(&bytes[..at]);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << bit;
        }
        // What still reads is a record like any other, and is written again as one.
        if let Ok((envelope, body)) = decode_record(&bytes) {
            prop_assert_eq!(decode_record(&encode_record(&envelope, &body)), Ok((envelope, body)));
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_record(&bytes);
    }
}
