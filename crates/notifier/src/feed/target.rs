//! What an operator names as evaluators: `host:port`, where the host is an address or a name with any number of them.

use domain::field_error::quoted;
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    Name(String),
}

impl Target {
    /// Reads `127.0.0.1:8081`, `[::1]:8081` or `evaluators.example:8081`. The error says what is wrong, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let refused = || format!("found {}, allowed: host:port", quoted(text));
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(refused)?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = match (bare, host.parse()) {
            (Some(bare), _) => Host::Ip(bare.parse::<std::net::Ipv6Addr>().map_err(|_| refused())?.into()),
            (None, Ok(IpAddr::V4(ip))) => Host::Ip(ip.into()),
            (None, _) if is_name(host) => Host::Name(host.to_owned()),
            (None, _) => return Err(refused()),
        };
        Ok(Self { host, port })
    }

    /// The name that has to be looked up; `None`: it is an address.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.host {
            Host::Ip(_) => None,
            Host::Name(name) => Some(name),
        }
    }

    /// The addresses to dial when its name has these.
    pub(super) fn at(&self, ips: &[IpAddr]) -> BTreeSet<SocketAddr> {
        match &self.host {
            Host::Ip(ip) => BTreeSet::from([SocketAddr::new(*ip, self.port)]),
            Host::Name(_) => ips.iter().map(|ip| SocketAddr::new(*ip, self.port)).collect(),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_read_and_shown_as_they_were() {
        for text in ["127.0.0.1:8081", "[::1]:8081", "localhost:1", "evaluators.pulse.svc.cluster.local:8081"] {
            assert_eq!(Target::parse(text).map(|target| target.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Target::parse("[::1]:1").unwrap().name(), None);
        assert_eq!(Target::parse("e:1").unwrap().name(), Some("e"));
        for text in ["", "evaluators", ":8081", "e:", "e:0", "e:65536", "e:x", "::1:80", "[e]:1", "a b:1", "http://e:1"]
        {
            assert!(Target::parse(text).unwrap_err().contains("allowed: host:port"), "{text}");
        }
    }

    #[test]
    fn a_name_has_an_address_for_each_answer_and_an_address_is_its_own() {
        let ips = ["10.0.0.1", "10.0.0.2", "10.0.0.1"].map(|ip| ip.parse().unwrap());
        let shown = |text: &str| -> Vec<String> {
            Target::parse(text).unwrap().at(&ips).iter().map(ToString::to_string).collect()
        };
        assert_eq!(shown("e:7"), ["10.0.0.1:7", "10.0.0.2:7"]);
        assert_eq!(shown("10.9.9.9:7"), ["10.9.9.9:7"]);
    }
}
