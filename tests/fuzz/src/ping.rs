//! What comes over HTTP to a ping URL. The first line of the input is a path and its query, the second where in Unix
//! seconds the clock stands.

use super::input::{Input, assert_one_line};
use domain::ping::{MAX_METRICS, PingKind};
use domain::time::UnixMs;
use ingest::fuzzing::{PingUrl, framed};

const NOW_SECS: i64 = 1_800_000_000;

/// A URL that names a ping, written as plainly as can be, is read as the same ping.
pub fn ping_url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (line, clock) = text.split_once('\n').unwrap_or((&text, ""));
    let now = UnixMs::from_secs(clock.parse().unwrap_or(NOW_SECS));
    let (path, query) = line.split_once('?').map_or((line, None), |(path, query)| (path, Some(query)));
    let Some(read) = ingest::fuzzing::ping_url(path, query, now) else { return };
    check(&read);
    let plain = ingest::fuzzing::ping_url(&path_of(&read), Some(&query_of(&read)), now).expect("still a ping");
    assert_eq!(PingUrl { create: read.create.clone(), ..plain }, read, "{line:?}");
}

fn check(read: &PingUrl) {
    assert!(read.metrics.len() <= MAX_METRICS && read.metrics.iter().all(|metric| metric.value.is_finite()));
    for (text, most) in [(&read.message, 1_000), (&read.environment, 100), (&read.host, 253)] {
        assert!(text.chars().count() <= most);
    }
    let refusals = [read.kind.as_ref().err(), read.run.as_ref().and_then(|run| run.as_ref().err())];
    refusals.into_iter().flatten().for_each(|refused| assert_one_line(refused));
    match &read.create {
        Ok(config) => super::records::assert_config_reads_back(config),
        Err(refused) => {
            assert_one_line(refused);
            let field = refused.split(':').next().unwrap_or_default();
            let known = ["period", "grace", "cron", "oncalendar", "tz", "max_runtime", "slug", "name"];
            assert!(known.contains(&field), "{refused}");
        }
    }
}

fn path_of(read: &PingUrl) -> String {
    let action = match &read.kind {
        // An exit status that is refused.
        Err(_) => "/256".to_owned(),
        Ok(PingKind::Success) => String::new(),
        Ok(PingKind::Exit(code)) => format!("/{code}"),
        Ok(kind) => format!("/{}", kind.word()),
    };
    format!("/ping/{}{action}", read.target)
}

fn query_of(read: &PingUrl) -> String {
    let mut pairs: Vec<(&str, String)> =
        vec![("msg", read.message.clone()), ("env", read.environment.clone()), ("host", read.host.clone())];
    pairs.extend(read.duration_ms.map(|ms| ("duration", format!("{ms}ms"))));
    pairs.extend(read.metrics.iter().map(|metric| ("metric", format!("{}:{:?}", metric.name, metric.value))));
    pairs.extend(read.run.as_ref().map(|run| ("rid", run.as_ref().map_or_else(|_| "x".into(), hyphenated))));
    let coded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    pairs.iter().map(|(name, value)| format!("{name}={}", coded(value))).collect::<Vec<_>>().join("&")
}

fn hyphenated(run: &domain::ids::RunId) -> String {
    let hex: String = run.0.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A connection's bytes: what is made of them does not depend on how they were cut into reads, and of each message at
/// most what must not be believed is changed. The first byte of the input says how long reads are.
pub fn framing(data: &[u8]) {
    let mut input = Input::new(data);
    let part = usize::from(input.u8()) % 64 + 1;
    let bytes = input.rest();
    let whole = framed(vec![bytes.to_vec()]);
    let cut = framed(bytes.chunks(part).map(<[u8]>::to_vec).collect());
    assert_eq!(whole, cut, "in reads of {part}");
    assert_eq!(whole.len(), bytes.len());
    let changed = whole.iter().zip(bytes).filter(|(now, then)| now != then);
    changed.for_each(|(now, _)| assert_eq!(*now, 0, "only ever replaced by what no message may have there"));
}
