//! The small languages: the whole input is one text of them.

use super::input::{assert_one_line, is_unsafe};
use domain::assertion::Assertion;
use domain::duration::{format_duration, format_duration_compact, parse_duration_ms, parse_duration_secs};

/// Values a metric may have, finite or not.
const VALUES: [f64; 9] = [f64::NEG_INFINITY, -1.5e3, -0.0, 0.0, 0.5, 1.0, 300.0, f64::MAX, f64::NAN];

/// An assertion says of every number what its comparison says, and the opposite comparison the opposite.
pub fn assertion(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = match Assertion::parse(&text) {
        Ok(read) => read,
        Err(refused) => return assert_one_line(&refused.to_string()),
    };
    let again = Assertion::parse(read.source()).expect("a source parses");
    assert_eq!(again, read);
    assert_eq!(again.holds(|_| None), read.source().contains('?'), "{read}");
    for value in VALUES {
        assert_eq!(read.holds(|_| Some(value)), again.holds(|_| Some(value)), "{read} of {value}");
        explained(&read, Some(value));
    }
    explained(&read, None);
    // With one character more it may be too long.
    if let Ok(opposite) = Assertion::parse(&opposite(read.source())) {
        let differs = |value: &f64| read.holds(|_| Some(*value)) != opposite.holds(|_| Some(*value));
        assert!(VALUES.iter().filter(|value| value.is_finite()).all(differs), "{read}, {opposite}");
    } else {
        assert!(read.source().len() >= 120, "{read} has no opposite");
    }
}

/// An explanation repeats the assertion and adds nothing that acts. Doors take those of one line.
fn explained(read: &Assertion, value: Option<f64>) {
    if !read.source().contains(is_unsafe) {
        assert_one_line(&read.explain(|_| value));
    }
}

fn opposite(source: &str) -> String {
    let pairs = [("<=", ">"), (">=", "<"), ("==", "!="), ("!=", "=="), ("<", ">="), (">", "<=")];
    let at = source.find(['<', '>', '=', '!']).expect("an assertion compares");
    let (name, rest) = source.split_at(at);
    let (sign, turned) = pairs.into_iter().find(|(sign, _)| rest.starts_with(sign)).expect("a known comparison");
    format!("{name}{turned}{}", &rest[sign.len()..])
}

/// Seconds and milliseconds agree, and the compact form reads back.
pub fn duration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (secs, ms) = (parse_duration_secs(&text), parse_duration_ms(&text));
    for refused in [secs.as_ref().err(), ms.as_ref().err()].into_iter().flatten() {
        assert_one_line(&refused.to_string());
    }
    if let Ok(secs) = secs {
        assert_eq!(parse_duration_secs(&format_duration_compact(secs)), Ok(secs));
        assert_one_line(&format_duration(secs));
        assert_eq!(secs.checked_mul(1_000), ms.as_ref().ok().copied(), "{text:?}");
    }
    if let Ok(ms) = ms {
        assert_eq!(parse_duration_ms(&format!("{ms}ms")), Ok(ms));
    }
}
