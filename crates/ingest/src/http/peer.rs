//! Who a request came from, as far as it is believed, and what its head may look like.

use crate::signal::{MAX_USER_AGENT_CHARS, cut_chars};
use domain::egress::Cidr;
use http::StatusCode;
use http::header::{HeaderMap, USER_AGENT};
use http::request::Parts;
use std::net::{IpAddr, SocketAddr};

/// Longest target of a request and longest single header, in bytes.
const MAX_URI_BYTES: usize = 8_192;
const MAX_HEADER_BYTES: usize = 8_192;
/// hyper counts HTTP/1 headers itself; an HTTP/2 head is only bounded in bytes.
const MAX_HEADERS: usize = 100;

/// The status a head that is too large gets.
pub(crate) fn oversized(head: &Parts) -> Option<(StatusCode, &'static str)> {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_URI_BYTES {
        return Some((StatusCode::URI_TOO_LONG, "uri too long"));
    }
    let fits =
        |(name, value): (&http::HeaderName, &http::HeaderValue)| name.as_str().len() + value.len() <= MAX_HEADER_BYTES;
    if head.headers.len() > MAX_HEADERS || !head.headers.iter().all(fits) {
        return Some((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "header fields too large"));
    }
    None
}

/// The client's address: the peer's, or the first element of `X-Forwarded-For` when the peer is a trusted
/// proxy. An element that is no address leaves it empty.
pub(crate) fn client(peer: SocketAddr, headers: &HeaderMap, trusted: &[Cidr]) -> String {
    let peer = peer.ip().to_canonical();
    match headers.get("x-forwarded-for") {
        Some(forwarded) if trusted.iter().any(|network| network.contains(peer)) => {
            forwarded.to_str().ok().and_then(first_address).map(|address| address.to_string()).unwrap_or_default()
        }
        _ => peer.to_string(),
    }
}

/// `203.0.113.9`, `203.0.113.9:4711`, `2001:db8::1` or `[2001:db8::1]:4711`, up to the first comma.
fn first_address(forwarded: &str) -> Option<IpAddr> {
    let first = forwarded.split(',').next()?.trim();
    let bare = first.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(first);
    let address = bare.parse().ok().or_else(|| first.parse().ok().map(|address: SocketAddr| address.ip()))?;
    Some(IpAddr::to_canonical(&address))
}

/// The User-Agent, cut; empty when there is none or it is not UTF-8.
pub(crate) fn user_agent(headers: &HeaderMap) -> &str {
    let text = headers.get(USER_AGENT).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    cut_chars(text.unwrap_or_default(), MAX_USER_AGENT_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn seen(forwarded: Option<&[u8]>, trusted: &[Cidr]) -> String {
        let mut headers = HeaderMap::new();
        if let Some(value) = forwarded {
            headers.insert("x-forwarded-for", HeaderValue::from_bytes(value).unwrap());
        }
        client("10.1.2.3:4000".parse().unwrap(), &headers, trusted)
    }

    #[test]
    fn a_forwarded_address_is_believed_only_from_a_trusted_proxy() {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(seen(Some(b"203.0.113.9"), &[]), "10.1.2.3");
        assert_eq!(seen(None, &proxies), "10.1.2.3");
        for (value, client) in [
            ("203.0.113.9", "203.0.113.9"),
            ("203.0.113.9:4711, 10.0.0.1", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("unknown", ""),
            ("", ""),
        ] {
            assert_eq!(seen(Some(value.as_bytes()), &proxies), client, "{value}");
        }
        assert_eq!(seen(Some(b"\xff\xfe"), &proxies), "");
    }

    #[test]
    fn a_user_agent_is_cut_and_must_be_text() {
        let mut headers = HeaderMap::new();
        assert_eq!(user_agent(&headers), "");
        headers.insert(USER_AGENT, HeaderValue::from_bytes("ä".repeat(300).as_bytes()).unwrap());
        assert_eq!(user_agent(&headers), "ä".repeat(200));
        headers.insert(USER_AGENT, HeaderValue::from_bytes(b"a\xff").unwrap());
        assert_eq!(user_agent(&headers), "");
    }
}
