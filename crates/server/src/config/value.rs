//! Values that carry their unit: lengths of time, sizes, listen addresses, secrets.

use domain::duration::parse_duration_ms;
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// A length of time, written `250ms`, `3s` or `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Length(Duration);

impl Length {
    /// A length of so many milliseconds.
    #[cfg(test)]
    pub const fn ms(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    /// As the standard library has it.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// In whole milliseconds.
    pub fn as_ms(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("found \"{}\", which has no unit; allowed: 250ms, 3s, 1h30m", text.escape_debug()));
        }
        parse_duration_ms(&text).map(|ms| Self(Duration::from_millis(ms))).map_err(|error| error.to_string())
    }
}

/// A number of bytes, written `10kB` (1,000) or `4GiB` (1,024 x 1,024 x 1,024).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ByteSize(pub u64);

/// Longest first, so that `kB` is not read as `B`.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refusal = || {
            format!("found \"{}\", allowed: a whole number with B, kB, MB, GB, KiB, MiB or GiB", text.escape_debug())
        };
        let (unit, scale) = SIZE_UNITS.into_iter().find(|(unit, _)| text.ends_with(unit)).ok_or_else(refusal)?;
        let number = text.strip_suffix(unit).unwrap_or_default().trim_end_matches(' ');
        let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let count: u64 = plain.then(|| number.parse().ok()).flatten().ok_or_else(refusal)?;
        count.checked_mul(scale).map(Self).ok_or_else(refusal)
    }
}

/// Where a listener binds: `host:port`, `[::1]:port`; port 0 takes a free one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ListenAddr(String);

impl ListenAddr {
    /// `host:port`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether only this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.rsplit_once(':').map_or("", |(host, _)| host.trim_matches(['[', ']']));
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl TryFrom<String> for ListenAddr {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        is_host_port(&text)
            .then(|| Self(text.clone()))
            .ok_or_else(|| format!("found \"{}\", allowed: host:port, such as 127.0.0.1:8080", text.escape_debug()))
    }
}

/// Whether `text` is `host:port` with a host of plain characters, an IPv6 one in brackets.
pub fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host_ok = match bracketed {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        }
    };
    host_ok && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

/// A secret: it prints as `redacted`, whoever prints it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for the one place that uses it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "unset" } else { "redacted" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_needs_its_unit() {
        assert_eq!(Length::try_from("3s".to_owned()), Ok(Length::ms(3_000)));
        assert_eq!(Length::try_from("1.5s".to_owned()), Ok(Length::ms(1_500)));
        for bad in ["3", "", "3 s", "-1s", "soon"] {
            assert!(Length::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_size_reads_decimal_and_binary_units() {
        for (text, bytes) in [("10kB", 10_000), ("4 GiB", 4 << 30), ("0B", 0), ("64MB", 64_000_000)] {
            assert_eq!(ByteSize::try_from(text.to_owned()), Ok(ByteSize(bytes)), "{text}");
        }
        for bad in ["10", "kB", "1.5kB", "-1B", "99999999999GiB", "10KB", "+1B"] {
            assert!(ByteSize::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_listen_address_is_host_and_port() {
        for good in ["127.0.0.1:0", "[::1]:8080", "localhost:80", "0.0.0.0:65535"] {
            assert!(ListenAddr::try_from(good.to_owned()).is_ok(), "{good}");
        }
        let loopback = |text: &str| ListenAddr::try_from(text.to_owned()).unwrap().is_loopback();
        assert!(loopback("127.0.0.1:1") && loopback("[::1]:1") && loopback("localhost:1"));
        assert!(!loopback("0.0.0.0:1") && !loopback("ping.example.org:1"));
        for bad in ["8080", ":8080", "host:", "host:65536", "::1:80", "http://a:80", "a b:80", "h:+1", "[::1]"] {
            assert!(ListenAddr::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret("hunter2".into());
        assert_eq!(format!("{secret:?}"), "redacted");
        assert_eq!(secret.reveal(), "hunter2");
    }
}
