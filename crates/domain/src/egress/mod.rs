//! Where outbound requests may go: the rules, pure. Tenants choose the URLs, so every one of them is a try at
//! reaching what only this machine can reach (SSRF).
//!
//! The rules are asked twice: of the URL before each request, since an IP literal never meets a resolver, and
//! of each address a name resolves to at the moment of the connection, so that an answer that changes after
//! the channel was saved gains nothing. Whoever asks must use one URL parser for both the check and the request.

use crate::field_error::{FieldError, quoted};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses, e.g. `10.0.0.0/8` or `fd00::/8`; a bare address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// Where requests to URLs of tenants may go. The default lets them reach every public address and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    /// Ranges that are allowed although they are not public, for self-hosters.
    pub allow: Vec<Cidr>,
    /// Refuses `http:`.
    pub https_only: bool,
    /// `None`: every port.
    pub allowed_ports: Option<Vec<u16>>,
    /// `host` or `host:port` of this installation: an alert that pings us is a loop.
    pub own_hosts: Vec<String>,
}

/// Why a request is not made. Says which rule, never which address a name resolved to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressRefusal {
    #[error("the address is not public ({0})")]
    Address(&'static str),
    #[error("the host name is a local one")]
    LocalName,
    #[error("the host is not a valid host name or address")]
    Host,
    #[error("the host is this installation's own")]
    OwnHost,
    #[error("only {0} URLs are allowed")]
    Scheme(&'static str),
    #[error("port {0} is not allowed")]
    Port(u16),
    #[error("the URL must not contain a user name or password")]
    Credentials,
}

/// Blocked IPv4 ranges, from the special-purpose registry (RFC 6890 and its updates), multicast and class E.
const BLOCKED_V4: [(Ipv4Addr, u8, &str); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private network"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "carrier-grade NAT"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "protocol assignments"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private network"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(255, 255, 255, 255), 32, "broadcast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// Blocked IPv6 ranges. Only 2000::/3 is handed out as global unicast (RFC 4291, RFC 7249), so the three last
/// rows block all the rest; the rows before them give the parts people meet their own name.
const BLOCKED_V6: [(Ipv6Addr, u8, &str); 17] = [
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (Ipv6Addr::UNSPECIFIED, 96, "unspecified"),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, "NAT64"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "NAT64"),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, "discard-only"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "Teredo and protocol assignments"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "documentation"),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, "segment routing"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "private network"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "site-local"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
    (Ipv6Addr::UNSPECIFIED, 3, "not global unicast"),
    (Ipv6Addr::new(0x4000, 0, 0, 0, 0, 0, 0, 0), 2, "not global unicast"),
    (Ipv6Addr::new(0x8000, 0, 0, 0, 0, 0, 0, 0), 1, "not global unicast"),
];

/// Last labels that never name a host of the public internet (RFC 6761, RFC 6762, RFC 8375, and `internal`).
const LOCAL_LABELS: [&str; 5] = ["localhost", "localdomain", "local", "internal", "home.arpa"];

/// Headers of a request that are ours or the transport's to set.
const RESERVED_HEADERS: [&str; 11] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

impl EgressPolicy {
    /// Reads an allow list of ranges and addresses. The error names the entry.
    pub fn parse_allow(entries: &[String]) -> Result<Vec<Cidr>, FieldError> {
        let read = |(place, entry): (usize, &String)| {
            let allowed = "an address or a range such as 10.0.0.0/8 or fd00::/8";
            let refusal =
                || FieldError::new(format!("allow[{place}]"), format!("found {}, allowed: {allowed}", quoted(entry)));
            entry.trim().parse().map_err(|_: CidrError| refusal())
        };
        entries.iter().enumerate().map(read).collect()
    }

    /// Whether a connection to `ip` may be made: it is public, or allowed by name of its range.
    pub fn check_ip(&self, ip: IpAddr) -> Result<(), EgressRefusal> {
        let ip = ip.to_canonical();
        if let Some(inner) = nat64_inner(ip)
            && self.allows(ip)
        {
            // Allowing the translator's prefix is not allowing all it can reach.
            return self.check_ip(IpAddr::V4(inner));
        }
        match blocked(ip) {
            Some(range) if !self.allows(ip) => Err(EgressRefusal::Address(range)),
            _ => Ok(()),
        }
    }

    /// The check before each request. `host` is as the URL parser gives it (an IPv6 address in brackets, IPv4
    /// in dotted quads, names in ASCII); `port` is the one the request goes to, defaults filled in.
    pub fn check_url(&self, scheme: &str, host: &str, port: u16, has_credentials: bool) -> Result<(), EgressRefusal> {
        match scheme {
            "https" => {}
            "http" if !self.https_only => {}
            _ => return Err(EgressRefusal::Scheme(if self.https_only { "https" } else { "http and https" })),
        }
        if has_credentials {
            return Err(EgressRefusal::Credentials);
        }
        if self.allowed_ports.as_ref().is_some_and(|ports| !ports.contains(&port)) {
            return Err(EgressRefusal::Port(port));
        }
        self.check_host(host, port)
    }

    fn check_host(&self, host: &str, port: u16) -> Result<(), EgressRefusal> {
        let host = plain(host);
        if self.own_hosts.iter().any(|own| is_own(own, &host, port)) {
            return Err(EgressRefusal::OwnHost);
        }
        if let Some(ip) = literal(&host) {
            return self.check_ip(ip);
        }
        if host.is_empty() || ends_in_a_number(&host) || !host.chars().all(is_host_char) {
            return Err(EgressRefusal::Host);
        }
        // With an allow list, local names may lead to what it allows: the connected address decides.
        if self.allow.is_empty() && is_local(&host) { Err(EgressRefusal::LocalName) } else { Ok(()) }
    }

    fn allows(&self, ip: IpAddr) -> bool {
        self.allow.iter().any(|range| range.contains(ip))
    }
}

/// Whether a tenant may set this header on a webhook. Refuses what the transport or the signature owns, names
/// that are no tokens (RFC 9110) and values that would end the line.
pub fn check_header(name: &str, value: &str) -> Result<(), FieldError> {
    let refusal = |why: &str| Err(FieldError::new("headers", format!("{} {why}", quoted(name))));
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || name.len() > 100 || !name.bytes().all(token) {
        return refusal("is not a header name");
    }
    if RESERVED_HEADERS.contains(&lower.as_str()) || lower.starts_with("webhook-") {
        return refusal("is set by the server");
    }
    if value.len() > 2_000 || value.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f) {
        return refusal("has a value with control characters, or longer than 2000 bytes");
    }
    Ok(())
}

impl Cidr {
    /// Whether `ip` lies in the range. An IPv4 address written as IPv6 counts as what it is.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.network, ip.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => same_prefix_v4(network, ip, self.prefix),
            (IpAddr::V6(network), IpAddr::V6(ip)) => same_prefix_v6(network, ip, self.prefix),
            _ => false,
        }
    }
}

/// A text that is not a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address or a range of addresses")]
pub struct CidrError;

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let network: IpAddr = address.parse().map_err(|_| CidrError)?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        let digits = |p: &&str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit());
        let prefix = match prefix {
            None => most,
            Some(text) => {
                Some(text).filter(digits).and_then(|p| p.parse().ok()).filter(|p| *p <= most).ok_or(CidrError)?
            }
        };
        Ok(Self { network, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// The name of the blocked range that holds `ip`.
fn blocked(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => BLOCKED_V4.iter().find(|(n, prefix, _)| same_prefix_v4(*n, ip, *prefix)).map(|row| row.2),
        IpAddr::V6(ip) => BLOCKED_V6.iter().find(|(n, prefix, _)| same_prefix_v6(*n, ip, *prefix)).map(|row| row.2),
    }
}

/// The IPv4 address that a well-known NAT64 address stands for (RFC 6052).
fn nat64_inner(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let prefix = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
    same_prefix_v6(prefix, ip, 96).then(|| Ipv4Addr::from_bits(u128::from(ip) as u32))
}

fn same_prefix_v4(a: Ipv4Addr, b: Ipv4Addr, prefix: u8) -> bool {
    (a.to_bits() ^ b.to_bits()).leading_zeros() >= u32::from(prefix)
}

fn same_prefix_v6(a: Ipv6Addr, b: Ipv6Addr, prefix: u8) -> bool {
    (a.to_bits() ^ b.to_bits()).leading_zeros() >= u32::from(prefix)
}

/// Lower case, without the dot that makes a name absolute.
fn plain(host: &str) -> String {
    let lower = host.to_ascii_lowercase();
    lower.strip_suffix('.').map(str::to_owned).unwrap_or(lower)
}

fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// URL parsers read such hosts as IPv4 in odd bases (`127.1`, `0x7f000001`); one that comes here as text was
/// not normalised, and what would connect to where is anybody's guess.
fn ends_in_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    let hex = last.strip_prefix("0x").is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
    hex || (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
}

fn is_host_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

fn is_local(host: &str) -> bool {
    LOCAL_LABELS.iter().any(|label| host.strip_suffix(label).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

fn is_own(own: &str, host: &str, port: u16) -> bool {
    let own = own.to_ascii_lowercase();
    match own.rsplit_once(':') {
        Some((name, own_port)) if own_port.parse() == Ok(port) => plain(name) == host,
        _ => plain(&own) == host,
    }
}

#[cfg(test)]
mod tests;
