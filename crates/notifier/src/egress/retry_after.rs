//! `Retry-After`: seconds or a date (RFC 9110, section 10.2.3).

use domain::time::UnixMs;
use http::HeaderMap;
use http::header::RETRY_AFTER;

/// Milliseconds to wait from `now`; `None` when absent or unreadable. A date that is past means at once.
pub(crate) fn retry_after_ms(headers: &HeaderMap, now: UnixMs) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text.parse::<u64>().map_or(u64::MAX, |seconds| seconds.saturating_mul(1000)));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(u64::try_from(UnixMs(date.as_millisecond()).since(now)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str, now: UnixMs) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        retry_after_ms(&headers, now)
    }

    #[test]
    fn seconds_and_dates_are_read() {
        let now = UnixMs::from_secs(1_445_412_470);
        assert_eq!(read("120", now), Some(120_000));
        assert_eq!(read("99999999999999999999999", now), Some(u64::MAX));
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(10_000));
        assert_eq!(read("Wed, 21 Oct 2015 07:27:00 GMT", now), Some(0));
        for odd in ["", "-1", "1.5", "soon", "١"] {
            let value = http::HeaderValue::from_bytes(odd.as_bytes()).unwrap();
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value)]);
            assert_eq!(retry_after_ms(&headers, now), None, "{odd}");
        }
    }
}
