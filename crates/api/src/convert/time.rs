//! Instants and lengths of time as protobuf's well-known types.

use domain::field_error::FieldError;
use domain::monitor::MAX_SECONDS;
use prost_types::{Duration, Timestamp};

/// An instant in milliseconds since 1970.
pub(crate) fn timestamp(ms: i64) -> Timestamp {
    Timestamp { seconds: ms.div_euclid(1_000), nanos: (ms.rem_euclid(1_000) * 1_000_000) as i32 }
}

/// A length of whole seconds.
pub(crate) fn seconds(secs: u32) -> Duration {
    Duration { seconds: i64::from(secs), nanos: 0 }
}

/// A length of milliseconds.
pub(crate) fn milliseconds(ms: u64) -> Duration {
    Duration { seconds: i64::try_from(ms / 1_000).unwrap_or(i64::MAX), nanos: (ms % 1_000 * 1_000_000) as i32 }
}

/// Whole seconds, `least` to 366 days. The words are those of the ping routes and of the engine's own check.
pub(crate) fn whole_seconds(field: &str, least: u32, length: &Duration) -> Result<u32, FieldError> {
    let Duration { seconds, nanos } = length;
    if *nanos != 0 {
        return Err(FieldError::new(field, format!("found {seconds} s and {nanos} ns, allowed: whole seconds")));
    }
    let within = u32::try_from(*seconds).ok().filter(|seconds| (least..=MAX_SECONDS).contains(seconds));
    within.ok_or_else(|| FieldError::new(field, format!("found {seconds} s, allowed: {least} s to 366 d")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_before_1970_keep_positive_nanos() {
        assert_eq!(timestamp(-1), Timestamp { seconds: -1, nanos: 999_000_000 });
        assert_eq!(timestamp(1_500), Timestamp { seconds: 1, nanos: 500_000_000 });
    }

    #[test]
    fn only_whole_seconds_within_a_year_are_taken() {
        let read = |seconds, nanos| whole_seconds("grace", 0, &Duration { seconds, nanos });
        assert_eq!(read(90, 0), Ok(90));
        for (seconds, nanos) in
            [(-1, 0), (0, -1), (1, 1), (i64::MAX, 0), (i64::MIN, 0), (366 * 86_400 + 1, 0), (1 << 32, 0)]
        {
            assert_eq!(read(seconds, nanos).unwrap_err().field, "grace");
        }
    }

    #[test]
    fn a_refusal_says_what_was_found_and_what_the_field_allows() {
        let refused = |seconds, least| whole_seconds("period", least, &Duration { seconds, nanos: 0 }).unwrap_err();
        assert_eq!(refused(-5, 1).message, "found -5 s, allowed: 1 s to 366 d");
        assert_eq!(refused(0, 1).message, "found 0 s, allowed: 1 s to 366 d");
        assert_eq!(refused(31_622_401, 0).message, "found 31622401 s, allowed: 0 s to 366 d");
    }
}
