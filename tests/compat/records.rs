//! Records of the log. They are protobuf messages and carry no version: an older reader must pass over a field it does
//! not know, a newer one must find nothing missing. The number of the files counts what was ever written.

use crate::frozen::{Entries, Kind, each, suite};
use crate::values::{self, INCIDENT, MONITOR, START};
use crate::{adopted, text};
use domain::command::{Action, AttemptOutcome, AttemptResult, Command};
use domain::ids::{ChannelId, CommandId, DeliveryId, TenantId, TransitionId};
use domain::monitor::OnBlind;
use domain::ping::PingKind;
use domain::record::{Body, Envelope, Params};
use domain::time::UnixMs;
use std::collections::BTreeSet;
use wire::convert::log::{decode_record, encode_record};

pub const KIND: Kind = Kind {
    what: "log-record",
    raise: "`written` in tests/compat/records.rs; the record itself has no number, so give every new field a default",
    written: &[1],
    encode: |_| {
        values().iter().map(|(name, envelope, body)| ((*name).to_owned(), encode_record(envelope, body))).collect()
    },
    means: |entries| each(entries, |_, bytes| meaning(bytes)),
    read: None,
    alone: true,
    renumber: None,
};

suite!(KIND);

fn meaning(bytes: &[u8]) -> Result<String, String> {
    let (envelope, body) = decode_record(bytes).map_err(|error| error.to_string())?;
    Ok(format!("{envelope:#?}\n{body:#?}"))
}

fn envelope() -> Envelope {
    Envelope { producer: u64::MAX, sequence: 42, node: 0xfeed, origin: 200, received: UnixMs(START + 123) }
}

fn values() -> Vec<(&'static str, Envelope, Body)> {
    let written_by_nobody = Envelope::default();
    let mut values: Vec<_> = bodies().into_iter().map(|(name, body)| (name, envelope(), body)).collect();
    values.push(("ping, little", written_by_nobody, Body::Ping(values::small_ping(PingKind::Success))));
    values.push(("tick of nobody", written_by_nobody, Body::Tick));
    values
}

fn bodies() -> Vec<(&'static str, Body)> {
    let ping = |kind| Body::Ping(values::ping(kind));
    let small = |kind| Body::Ping(values::small_ping(kind));
    let (from, to) = (UnixMs(START - 9_000), UnixMs(START - 1_000));
    let mut bodies = vec![
        ("ping, everything", ping(PingKind::Exit(137))),
        ("ping success", small(PingKind::Success)),
        ("ping start", small(PingKind::Start)),
        ("ping fail", small(PingKind::Fail)),
        ("ping exit 0", small(PingKind::Exit(0))),
        ("ping log", small(PingKind::Log)),
        ("canary", Body::Canary),
        ("boot", Body::Boot),
        ("deaf", Body::Deaf { from, to }),
        ("tick", Body::Tick),
        ("channel closed", Body::ChannelClosed { channel: ChannelId(77) }),
        ("params", Body::Params(Params { w_ms: 6_000, c_ms: 5_000, rules: 1 })),
        ("moved", Body::Moved),
    ];
    bodies.extend(actions().into_iter().map(|(name, action)| (name, Body::Command(command(action)))));
    bodies.extend(results().into_iter().map(|(name, result)| (name, Body::Outcome(outcome(result)))));
    bodies.extend(adopted::values().into_iter().map(|adopted| ("adopt", Body::Adopt(Box::new(adopted)))).take(1));
    bodies
}

fn command(action: Action) -> Command {
    Command { id: CommandId([0xc0; 16]), tenant: TenantId(3), monitor: MONITOR, actor: "ci".into(), action }
}

fn outcome(result: AttemptResult) -> AttemptOutcome {
    AttemptOutcome { delivery: DeliveryId([0xd1; 16]), attempt: 9, result }
}

fn actions() -> Vec<(&'static str, Action)> {
    let update = |config, version| Action::Update { config: Box::new(config), version };
    let mut down_when_blind = values::config(values::period());
    down_when_blind.policy.on_blind = OnBlind::Down;
    vec![
        ("create, everything, cron", Action::Create(Box::new(values::config(values::cron())))),
        ("create, everything, oncalendar", Action::Create(Box::new(values::config(values::calendar())))),
        ("create, little", Action::Create(Box::new(values::small_config()))),
        ("update, everything, period", update(down_when_blind, u32::MAX)),
        ("update, little", update(values::small_config(), 0)),
        ("pause", Action::Pause { until_ms: None }),
        ("pause until", Action::Pause { until_ms: Some(START + 1) }),
        ("resume", Action::Resume),
        ("delete", Action::Delete),
        ("rotate token", Action::RotateToken),
        ("acknowledge", Action::Acknowledge { incident: INCIDENT }),
    ]
}

fn results() -> Vec<(&'static str, AttemptResult)> {
    let error = || "503 Service Unavailable".to_owned();
    vec![
        ("delivered", AttemptResult::Delivered),
        ("retry", AttemptResult::Retry { after_ms: None, error: error() }),
        ("retry after", AttemptResult::Retry { after_ms: Some(30_000), error: error() }),
        ("failed", AttemptResult::Failed { error: error() }),
        ("gone", AttemptResult::Gone { error: error() }),
    ]
}

/// A name for everything a record can say. A new one does not compile before it stands here, and fails below before it
/// is frozen.
fn kind(body: &Body) -> &'static str {
    match body {
        Body::Ping(ping) => ping.kind.word(),
        Body::Canary => "canary",
        Body::Boot => "boot",
        Body::Deaf { .. } => "deaf",
        Body::Tick => "tick",
        Body::Outcome(outcome) => match outcome.result {
            AttemptResult::Delivered => "delivered",
            AttemptResult::Retry { .. } => "retry",
            AttemptResult::Failed { .. } => "failed",
            AttemptResult::Gone { .. } => "gone",
        },
        Body::ChannelClosed { .. } => "channel closed",
        Body::Params(_) => "params",
        Body::Moved => "moved",
        Body::Adopt(_) => "adopt",
        Body::Command(command) => match command.action {
            Action::Create(_) => "create",
            Action::Update { .. } => "update",
            Action::Pause { .. } => "pause",
            Action::Resume => "resume",
            Action::Delete => "delete",
            Action::RotateToken => "rotate token",
            Action::Acknowledge { .. } => "acknowledge",
        },
    }
}

/// How many names `kind` has.
const KINDS: usize = 24;

#[test]
fn everything_a_record_can_say_is_frozen() {
    let newest = *KIND.written.last().unwrap();
    let entries: Entries = crate::frozen::entries(KIND.what, newest).unwrap_or_else(|| (KIND.encode)(newest));
    let said: BTreeSet<_> = entries.iter().map(|(_, bytes)| kind(&decode_record(bytes).unwrap().1)).collect();
    assert_eq!(said.len(), KINDS, "{said:?}");
}

#[test]
fn a_record_of_an_unknown_kind_is_refused_and_an_unknown_field_is_passed_over() {
    let field = |number: u32, length: u8| {
        [vec![(number << 3 | 2) as u8 | 0x80, (number >> 4) as u8, length], vec![0; length.into()]].concat()
    };
    let refusal = decode_record(&field(99, 2)).unwrap_err().to_string();
    assert!(refusal.contains("unknown kind"), "{refusal}");
    let tick = encode_record(&envelope(), &Body::Tick);
    assert_eq!(decode_record(&[tick, field(99, 2)].concat()), Ok((envelope(), Body::Tick)));
}

/// A monitor on its way carries a version of its own, which is named when it is not known.
#[test]
fn an_unknown_version_within_a_record_is_named() {
    let adopted = wire::v1::log_record::Body::Adopt(vec![0, crate::frozen::UNKNOWN]);
    let record = wire::v1::LogRecord { body: Some(adopted), ..Default::default() };
    let refusal = decode_record(&prost::Message::encode_to_vec(&record)).unwrap_err().to_string();
    assert!(refusal.contains("version 99"), "{refusal}");
}

/// The comparison of texts must see a changed field of a record.
#[test]
fn a_changed_field_shows_in_the_text() {
    let of = |id| format!("{:#?}", Body::Command(command(Action::Acknowledge { incident: TransitionId([id; 16]) })));
    assert!(text::compare(&of(1), &of(1)).is_ok() && text::compare(&of(1), &of(2)).is_err());
}
