//! Networks in prefix notation (RFC 4632), for the list of trusted proxies.

use std::net::IpAddr;
use std::str::FromStr;

/// A network, e.g. `10.0.0.0/8`, `2001:db8::/32` or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    /// In the upper bits when it is IPv4.
    network: u128,
    mask: u128,
    is_v4: bool,
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a network: `{0}`, allowed: an address with or without a prefix length, e.g. 10.0.0.0/8")]
pub struct CidrError(String);

impl Cidr {
    /// Whether `address` lies in it. IPv4 mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, is_v4) = bits_of(address.to_canonical());
        is_v4 == self.is_v4 && bits & self.mask == self.network
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let refusal = || CidrError(text.chars().take(60).flat_map(char::escape_debug).collect());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let (bits, is_v4) = bits_of(address.parse().map_err(|_| refusal())?);
        let longest = if is_v4 { 32 } else { 128 };
        let prefix: u32 = prefix.map_or(Ok(longest), str::parse).map_err(|_| refusal())?;
        if prefix > longest {
            return Err(refusal());
        }
        let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
        Ok(Self { network: bits & mask, mask, is_v4 })
    }
}

fn bits_of(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, true),
        IpAddr::V6(v6) => (v6.to_bits(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        network.parse::<Cidr>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn an_address_lies_in_its_networks() {
        assert!(holds("10.0.0.0/8", "10.255.1.2") && !holds("10.0.0.0/8", "11.0.0.0"));
        assert!(holds("10.1.2.3", "10.1.2.3") && !holds("10.1.2.3", "10.1.2.4"));
        assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("::/0", "::1") && holds("127.0.0.0/8", "::ffff:127.0.0.1"));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "example.org", "10.0.0/8"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
