//! Seeds of what comes over HTTP.

use super::{Seed, numbered};
use domain::ids::{MonitorId, ShardCount, ShardId, TenantId};
use domain::token::KeyRing;

const UUID: &str = "01234567-89ab-8def-8123-456789abcdef";
const KEY: &str = "abcdefghijklmnopqrstuv";
const RUN: &str = "00000000-0000-0000-0000-000000000001";

/// Paths with their queries.
pub fn pings() -> Vec<Seed> {
    let sound = [
        format!("/ping/{UUID}"),
        format!("/{UUID}/start?rid={RUN}"),
        format!("/ping/{UUID}/fail?msg=disk+full%21&env=prod&host=db-1"),
        format!("/ping/{UUID}/0255?duration=1.5s&metric=count:3&metric=t%3A-1.5e3"),
        format!("/{KEY}/backup/log?metric=x:0.1&metric=x:2"),
        format!("/ping/{KEY}/backup?create=1&period=1m&grace=30s&max_runtime=90"),
        format!("/ping/{KEY}/backup?create=1&cron=0+3+*+*+*&tz=Europe/Berlin"),
        format!("/ping/{KEY}/backup?create=1&oncalendar=*-*-*+04:00"),
        format!("/%70ing/{}/st%61rt", UUID.replace('-', "%2D")),
        format!("/ping/{UUID}?msg={}", "%C3%A4".repeat(1_001)),
        format!("/ping/{UUID}/"),
        format!("/ping/{UUID}?create=1\n-62135596800"),
    ];
    let bad = [
        format!("/ping/{UUID}//"),
        format!("/ping/{UUID}/256"),
        format!("/ping/{UUID}%00"),
        format!("/ping/{UUID}%2Fstart"),
        format!("/ping/{UUID}/%2e%2e/x"),
        format!("/ping/{}", UUID.to_uppercase()),
        format!("/ping/{KEY}/b\u{e4}ck"),
        format!("/ping/{KEY}/A?create=1&period=soon"),
        format!("/ping/{KEY}/a?create=1&cron=%0A%1B[2J&tz=Mars/Base"),
        format!("/ping/{KEY}/a?create=1&period=1m&oncalendar=daily"),
        format!("/ping/{UUID}?rid=x&duration=-1&metric=bad&metric=y:inf&msg=a%ffb&&=&%"),
        format!("/ping/{UUID}/-1"),
        format!("/ping/{UUID}/1e3?rid={RUN}%0A"),
        "/api/ping/batch".to_owned(),
        "*".to_owned(),
    ];
    let texts =
        |texts: &'static str, list: &[String]| numbered(texts, &list.iter().map(String::as_str).collect::<Vec<_>>());
    [texts("sound", &sound), texts("bad", &bad)].concat()
}

/// Connections; the first byte is the length of reads.
pub fn connections() -> Vec<Seed> {
    let messages = [
        "0GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
        "1POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "\u{2}POST / HTTP/1.1\r\ncontent-length:0\r\n\r\nGET / HTTP/1.1\n\n",
        "\u{3}POST / HTTP/1.1\r\nContent-Length: 12\r\nX-Content-Length: 3\r\n\r\nhello\n\nhelloGET / HTTP/1.1\r\n\r\n",
        "\u{5}POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n00B;a=f\r\nhello\n\nhell\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "\u{7}POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\nContent-Length: 1\r\n\r\n",
        "\u{0}POST / HTTP/1.1\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "aPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n100000001\r\nx",
        "zPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nx",
        "\u{9}POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\nx",
        "\u{1}\r\n\n\r\r\nGET / HTTP/1.1\r\n: \r\n a: b\r\n\r\n",
        "\u{4}POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "\u{6}POST / HTTP/1.1\r\nContent-Length: 5,5\r\n\r\nhello",
        "bPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u{8}POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n",
    ];
    numbered("bytes", &messages)
}

/// Tokens and ping keys of the target's own ring, and texts that are none.
pub fn tokens() -> Vec<Seed> {
    let shards = ShardCount::new(64).expect("64 is a number of shards");
    let ring = KeyRing::new([1; 32], vec![[2; 32], [3; 32]], shards);
    let old = KeyRing::new([1; 32], vec![[3; 32]], shards);
    let (monitor, last) = (MonitorId(0x0123_4567_89ab_cdef), MonitorId(u64::MAX));
    let genuine = [
        ring.token(monitor, 0),
        ring.token(last, 62),
        old.token(monitor, 5),
        ring.canary_token(ShardId(63)),
        ring.ping_key(TenantId(1), 0),
        old.ping_key(TenantId(u32::MAX), 63),
        ring.token(monitor, 0).to_uppercase(),
        format!("{}\n", ring.token(monitor, 0)),
    ];
    let others = [
        UUID,
        KEY,
        "",
        "00000000-0000-0000-0000-000000000000",
        "0123456789ab8def8123456789abcdef",
        "{01234567-89ab-8def-8123-456789abcdef}",
        "01234567-89ab-8def-8123-456789abcde\u{e9}",
        "\u{660}1234567-89ab-8def-8123-456789abcde",
        "7777777777777777777777",
    ];
    let genuine: Vec<&str> = genuine.iter().map(String::as_str).collect();
    [numbered("genuine", &genuine), numbered("other", &others)].concat()
}
