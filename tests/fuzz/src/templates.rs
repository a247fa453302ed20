//! Messages of all channels about hostile facts. The input is texts, each up to a byte 0xff: slug, name, description,
//! tags, zone, schedule, detail, template, and a header as `name:value`; behind them the last output up to another
//! 0xff, and then numbers. Without numbers it is a test of a channel called as the monitor would be.

use super::input::{Input, is_unsafe};
use domain::command::Status;
use domain::ids::{MonitorId, RunId, TenantId, TransitionId};
use domain::monitor::Identity;
use domain::ping::{Metric, PingKind, PingSummary};
use domain::time::UnixMs;
use domain::transition::{IncidentRef, Reason, Transition, TransitionKind};
use notifier::fuzzing::{Facts, Messages, render};
use serde_json::Value;
use std::borrow::Cow;

const KINDS: [TransitionKind; 6] = [
    TransitionKind::Down,
    TransitionKind::Up,
    TransitionKind::Unobserved,
    TransitionKind::Reminder,
    TransitionKind::Warning,
    TransitionKind::Silent,
];
const STATUSES: [Status; 6] = [Status::New, Status::Up, Status::Late, Status::Down, Status::Paused, Status::Unknown];
/// More than a digest names one by one.
const ALERTS_MANY: u8 = 120;

/// Every message is well-formed, within the limits of its provider, and says nothing that acts.
pub fn template(data: &[u8]) {
    let mut input = Input::new(data);
    let texts = Texts::read(&mut input);
    let tail = input.field().to_vec();
    let numbers = Numbers::read(&mut input);
    let hostile = messages(&texts, &tail, &numbers);
    well_formed(&hostile, &texts, numbers.alerts);
    if numbers.alerts == 1 {
        let plain = Texts { template: texts.template.clone(), zone: texts.zone.clone(), ..Texts::plain() };
        assert_template_keeps_json(&texts, &hostile, &messages(&plain, b"x", &numbers));
    }
}

/// What people wrote.
#[derive(Clone)]
struct Texts<'a> {
    slug: Cow<'a, str>,
    name: Cow<'a, str>,
    description: Cow<'a, str>,
    tags: Cow<'a, str>,
    zone: Cow<'a, str>,
    schedule: Cow<'a, str>,
    detail: Cow<'a, str>,
    template: Cow<'a, str>,
    header: Cow<'a, str>,
}

impl<'a> Texts<'a> {
    fn read(input: &mut Input<'a>) -> Self {
        Self {
            slug: slug(&input.text()),
            name: input.text(),
            description: input.text(),
            tags: input.text(),
            zone: input.text(),
            schedule: input.text(),
            detail: input.text(),
            template: input.text(),
            header: input.text(),
        }
    }

    /// Words that are no JSON, and that no escape can begin with.
    fn plain() -> Self {
        let x = || Cow::Borrowed("x");
        Self {
            slug: x(),
            name: x(),
            description: x(),
            tags: x(),
            zone: x(),
            schedule: x(),
            detail: x(),
            template: x(),
            header: Cow::Borrowed(""),
        }
    }
}

/// Doors take nothing else for a slug.
fn slug(text: &str) -> Cow<'static, str> {
    text.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_')).collect()
}

/// The rest of a transition.
#[derive(Default)]
struct Numbers {
    alerts: u8,
    kind: u8,
    reason: u8,
    from: u8,
    to: u8,
    flags: u8,
    exit: u8,
    now: i64,
    occurred: i64,
    known: i64,
    expected: i64,
    last: i64,
    duration: u64,
    grace: u32,
    metric: u64,
}

impl Numbers {
    fn read(input: &mut Input<'_>) -> Self {
        Self {
            alerts: alerts(input.u8()),
            kind: input.u8(),
            reason: input.u8(),
            from: input.u8(),
            to: input.u8(),
            flags: input.u8(),
            exit: input.u8(),
            now: input.i64(),
            occurred: input.i64(),
            known: input.i64(),
            expected: input.i64(),
            last: input.i64(),
            duration: input.u64(),
            grace: input.u32(),
            metric: input.u64(),
        }
    }

    fn flag(&self, bit: u8) -> bool {
        self.flags >> bit & 1 == 1
    }
}

/// Mostly one alert or a few: a hundred take their time.
fn alerts(byte: u8) -> u8 {
    match byte {
        0 | ALERTS_MANY => byte,
        _ => 1 + (byte - 1) % 4,
    }
}

fn messages(texts: &Texts<'_>, tail: &[u8], numbers: &Numbers) -> Messages {
    let alerts = (0..numbers.alerts).map(|_| (transition(texts, numbers), tail.to_vec())).collect();
    let header = texts.header.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
    render(Facts {
        alerts,
        channel: &texts.name,
        template: &texts.template,
        headers: header.into_iter().collect(),
        now: UnixMs(numbers.now),
        public_url: "https://pulse.example.org",
    })
}

fn transition(texts: &Texts<'_>, n: &Numbers) -> Transition {
    let when = |bit: u8, ms: i64| n.flag(bit).then_some(ms);
    Transition {
        id: TransitionId([1; 16]),
        monitor: MonitorId(0xabcd_ef01_2345_6789),
        identity: Identity {
            tenant: TenantId(1),
            slug: texts.slug.to_string(),
            name: texts.name.to_string(),
            description: texts.description.to_string(),
            tags: texts.tags.split(' ').map(str::to_owned).collect(),
        },
        kind: KINDS[usize::from(n.kind) % KINDS.len()],
        reason: Reason::from_word(Reason::WORDS[usize::from(n.reason) % Reason::WORDS.len()]).expect("a word"),
        from: STATUSES[usize::from(n.from) % STATUSES.len()],
        to: STATUSES[usize::from(n.to) % STATUSES.len()],
        occurred_ms: n.occurred,
        known_ms: n.known,
        offset: 1,
        version: 1,
        expected_ms: when(0, n.expected),
        deadline_ms: when(1, n.expected),
        last_ping: n.flag(2).then(|| ping(texts, n)),
        incident: when(3, n.last).map(|opened_ms| IncidentRef { id: TransitionId([2; 16]), opened_ms }),
        zone: texts.zone.to_string(),
        schedule: texts.schedule.to_string(),
        grace_secs: n.grace,
        detail: texts.detail.to_string(),
        run_started_ms: when(4, n.last),
        blind: n.flag(5).then_some((n.expected, n.known)),
        retracts: n.flag(6).then_some(TransitionId([3; 16])),
        channels: vec![],
    }
}

fn ping(texts: &Texts<'_>, n: &Numbers) -> PingSummary {
    let kinds =
        [PingKind::Success, PingKind::Start, PingKind::Fail, PingKind::Exit(n.exit), PingKind::Exit(0), PingKind::Log];
    // Doors take finite numbers only, under names of letters.
    let value = Some(f64::from_bits(n.metric)).filter(|value| value.is_finite()).unwrap_or_default();
    PingSummary {
        kind: kinds[usize::from(n.exit) % kinds.len()],
        at_ms: n.last,
        number: 7,
        duration_ms: n.flag(7).then_some(n.duration),
        metrics: vec![Metric { name: texts.slug.to_string(), value }],
        run: Some(RunId([4; 16])),
    }
}

fn well_formed(told: &Messages, texts: &Texts<'_>, alerts: u8) {
    json(told, texts, alerts);
    request(told);
    slack(told);
    discord(told);
    telegram(told);
    mail(told);
    // JSON keeps the name of a channel as it is, of which its own rules escape the oldest controls; doors take none.
    assert!(!told.lines[1].contains(|c: char| c.is_ascii_control() && c != '\u{7f}'), "{:?}", told.lines[1]);
    assert!(!told.lines[0].contains(is_unsafe), "{:?}", told.lines[0]);
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|problem| panic!("{problem}: {text}"))
}

fn text_of<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn json(told: &Messages, texts: &Texts<'_>, alerts: u8) {
    let body = parsed(&told.json);
    match alerts {
        0 => assert_eq!(text_of(&body, "channel"), texts.name),
        1 => assert_eq!(text_of(&body["monitor"], "name"), texts.name),
        _ => assert_eq!(body["items_total"], alerts),
    }
    let line = parsed(&told.lines[1]);
    assert!(line["text"].as_str().is_some_and(|text| !text.contains(is_unsafe)), "{line}");
}

/// Headers that the owner adds cannot take the place of ours, or bring another one along.
fn request(told: &Messages) {
    let Ok(request) = &told.webhook else { return };
    for (name, value) in &request.headers {
        assert!(!value.contains(&b'\r') && !value.contains(&b'\n'), "{name}");
    }
    let ours = request.headers.iter().filter(|(name, _)| name == "webhook-id");
    assert_eq!(ours.map(|(_, value)| value.as_slice()).collect::<Vec<_>>(), [b"dl_07070707070707070707070707070707"]);
}

/// Slack: nothing but our own link is one, so that nothing calls or links.
fn slack(told: &Messages) {
    let body = parsed(&told.slack);
    let text = text_of(&body, "text");
    assert_eq!((text.matches('<').count(), text.matches('>').count()), (1, 1), "{text}");
    assert!(text.chars().count() <= 40_000, "{}", text.chars().count());
}

/// Discord: within its limit, and no code block but ours.
fn discord(told: &Messages) {
    let body = parsed(&told.discord);
    let text = text_of(&body, "content");
    assert!(text.chars().count() <= 2_000, "{}", text.chars().count());
    assert!(matches!(text.matches("```").count(), 0 | 2), "{text}");
    assert_eq!(body["allowed_mentions"]["parse"], Value::Array(vec![]));
}

/// Telegram: within its limit in UTF-16, our tags only and each closed, every `&` an entity.
fn telegram(told: &Messages) {
    let body = parsed(&told.telegram);
    let text = text_of(&body, "text");
    assert!(text.encode_utf16().count() <= 4_096, "{}", text.encode_utf16().count());
    assert_inert_html(text, &["<b>", "</b>", "<pre>", "</pre>", "<a href=\"", "\">", "</a>"]);
    for (open, close) in [("<b>", "</b>"), ("<pre>", "</pre>"), ("<a ", "</a>")] {
        assert_eq!(text.matches(open).count(), text.matches(close).count(), "{text}");
    }
}

fn assert_inert_html(text: &str, tags: &[&str]) {
    let without_tags = tags.iter().fold(text.to_owned(), |text, tag| text.replace(tag, ""));
    assert!(!without_tags.contains(['<', '>']), "a tag that is not ours: {text}");
    for (at, _) in without_tags.match_indices('&') {
        let entity = without_tags[at..].split(';').next().unwrap_or_default();
        assert!(["&lt", "&gt", "&amp", "&quot"].contains(&entity), "{entity:.20} in {text}");
    }
}

/// A mail: exactly our headers, whatever the name says.
fn mail(told: &Messages) {
    let mail = told.mail.as_ref().expect("a mail is built");
    let mail = String::from_utf8(mail.clone()).expect("a mail is ASCII, coded where it must be");
    let (head, _) = mail.split_once("\r\n\r\n").expect("a head and a body");
    let names = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
    let mut names: Vec<&str> = names.map(|line| line.split(':').next().unwrap_or_default()).collect();
    names.sort_unstable();
    let ours = ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"];
    assert_eq!(names, ours, "{head:?}");
    assert!(!head.replace("\r\n", "").contains(['\r', '\n']), "{head:?}");
    assert!(!told.headline.contains(is_unsafe), "{:?}", told.headline);
}

/// A template that is JSON with plain words in it is JSON with any.
fn assert_template_keeps_json(texts: &Texts<'_>, hostile: &Messages, plain: &Messages) {
    if !texts.template.trim_start().starts_with(['{', '[']) {
        return;
    }
    let body = |told: &Messages| told.webhook.as_ref().ok().map(|request| request.body.clone());
    let is_json = |told| body(told).is_some_and(|body| serde_json::from_slice::<Value>(&body).is_ok());
    if is_json(plain) && hostile.webhook.is_ok() {
        assert!(is_json(hostile), "{:?} became {:?}", texts.template, body(hostile).map(String::from_utf8));
    }
}
