//! Seeds of messages: hostile texts, templates, and the numbers of a transition, in the target's order.

use super::Seed;

/// Fields end with this byte.
const END: u8 = 0xff;
const OCCURRED_MS: i64 = 1_795_482_300_000;

/// One message.
#[derive(Clone, Copy)]
struct Draft {
    slug: &'static str,
    name: &'static str,
    tags: &'static str,
    zone: &'static str,
    detail: &'static str,
    template: &'static str,
    header: &'static str,
    tail: &'static [u8],
    alerts: u8,
    kind: u8,
    reason: u8,
    flags: u8,
    exit: u8,
    now_ms: i64,
}

/// A nightly backup that did not report.
const MISSED: Draft = Draft {
    slug: "backup",
    name: "Backup",
    tags: "db prod",
    zone: "Europe/Berlin",
    detail: "",
    template: "",
    header: "",
    tail: b"",
    alerts: 1,
    kind: 0,
    reason: 0,
    flags: 0b1000_1111,
    exit: 3,
    now_ms: OCCURRED_MS + 4_000,
};

/// Every kind of message and reason, and what people put into names, details and templates.
pub fn all() -> Vec<Seed> {
    let mut seeds: Vec<Seed> = drafts().into_iter().map(|(name, draft)| (name.to_owned(), bytes(&draft))).collect();
    for kind in 0..6 {
        seeds.push((format!("kind-{kind}"), bytes(&Draft { kind, flags: 0xff, tail: b"1\n2\n3", ..MISSED })));
    }
    for reason in 1..12 {
        let draft = Draft { reason, detail: "count >= 1: count was 0", flags: 0xff, ..MISSED };
        seeds.push((format!("reason-{reason:02}"), bytes(&draft)));
    }
    seeds
}

fn drafts() -> Vec<(&'static str, Draft)> {
    let json = r#"{"name":"$NAME","exit":$EXITSTATUS,"all":$JSON,"tags":["$TAGS"],"text":"\"$TEXT"}"#;
    let evil = "a\"},{\"x\":\"$TAGS\r\n{{7*7}}${7*7}%s\\";
    vec![
        ("missed", MISSED),
        ("json", Draft { template: json, ..MISSED }),
        ("json-hostile", Draft { template: json, name: evil, tags: "\" \\ $JSON", detail: evil, reason: 3, ..MISSED }),
        ("plain", Draft { template: "$NAME $SLUG $STATUS $REASON $CODE $NOW $$NAME $NAMES", name: evil, ..MISSED }),
        ("list", Draft { template: "  [\"$NAME\", $EXITSTATUS]", name: "\u{2028}\u{0}", ..MISSED }),
        ("html", Draft { name: "</pre><a href=\"x\">&amp;<b>", tail: b"</pre></code>&lt;", ..MISSED }),
        ("headers", Draft { name: "a\r\nBcc: x@y.example\r\n\r\nbody", header: "X-A:b\r\nBcc: x", ..MISSED }),
        ("own-headers", Draft { header: "webhook-id:other", ..MISSED }),
        ("mentions", Draft { name: "<!channel> @everyone **b** ```", tail: b"```\n@here", ..MISSED }),
        ("turned", Draft { name: "a\u{202e}b\u{2066}c\u{1b}[2J", detail: "\u{2029}\u{85}", reason: 4, ..MISSED }),
        ("long", Draft { name: LONG, detail: LONG, tail: LONG.as_bytes(), reason: 3, ..MISSED }),
        ("no-zone", Draft { zone: "Mars/Olympus", ..MISSED }),
        ("twice-in-autumn", Draft { now_ms: 1_792_888_200_000, ..MISSED }),
        ("far-future", Draft { now_ms: i64::MAX, ..MISSED }),
        ("long-ago", Draft { now_ms: i64::MIN, ..MISSED }),
        ("digest", Draft { alerts: 3, name: evil, ..MISSED }),
        ("digest-large", Draft { alerts: 120, ..MISSED }),
        ("test", Draft { alerts: 0, name: "a\"\r\n{\u{1b}[2J", ..MISSED }),
        ("test-old-controls", Draft { alerts: 0, name: "\u{7f}\u{9b}2J", ..MISSED }),
        ("empty", Draft { slug: "", name: "", tags: "", zone: "", flags: 0, ..MISSED }),
    ]
}

/// 300 characters that are two each once they are escaped.
const LONG: &str = "&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-\
&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-\
&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-&<*_~`|>#[]()@:-";

fn bytes(draft: &Draft) -> Vec<u8> {
    let texts = [
        draft.slug,
        draft.name,
        "nightly copy",
        draft.tags,
        draft.zone,
        "cron 0 2 * * *",
        draft.detail,
        draft.template,
        draft.header,
    ];
    let mut bytes: Vec<u8> = texts.iter().flat_map(|text| text.bytes().chain([END])).collect();
    bytes.extend(draft.tail.iter().chain([&END]));
    bytes.extend([draft.alerts, draft.kind, draft.reason, 1, 3, draft.flags, draft.exit]);
    for ms in [draft.now_ms, OCCURRED_MS, OCCURRED_MS + 3_000, OCCURRED_MS - 300_000, OCCURRED_MS - 86_700_000] {
        bytes.extend(ms.to_be_bytes());
    }
    bytes.extend(12_300_u64.to_be_bytes());
    bytes.extend(300_u32.to_be_bytes());
    bytes.extend(2.5_f64.to_bits().to_be_bytes());
    bytes
}
