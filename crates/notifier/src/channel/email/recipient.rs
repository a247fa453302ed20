//! One address and no more: a comma, a second `@` or a line end would make two recipients, or a header.

use lettre::Address;
use url::Host;

/// RFC 5321, section 4.5.3.1: 64 octets before the `@`, 254 in all (erratum 1690 of RFC 3696).
const MAX_LOCAL: usize = 64;
const MAX_ADDRESS: usize = 254;

/// A text that is not exactly one plain address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channel's address is not one plain mail address")]
pub(super) struct RecipientError;

/// Reads an address. An international domain becomes its ASCII form (RFC 5891), so that every relay takes it.
pub(super) fn parse(text: &str) -> Result<Address, RecipientError> {
    let (local, domain) = text.split_once('@').ok_or(RecipientError)?;
    if !is_local_part(local) {
        return Err(RecipientError);
    }
    let domain = ascii_domain(domain).ok_or(RecipientError)?;
    if local.len() + 1 + domain.len() > MAX_ADDRESS {
        return Err(RecipientError);
    }
    Address::new(local, domain).map_err(|_| RecipientError)
}

/// Dot-atom of RFC 5322: no quotes, no comments, no blanks.
fn is_local_part(local: &str) -> bool {
    let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    !local.is_empty() && local.len() <= MAX_LOCAL && local.bytes().all(atom)
}

fn ascii_domain(domain: &str) -> Option<String> {
    if domain.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '%' | '@' | ',' | '<' | '>')) {
        return None;
    }
    match Host::parse(domain).ok()? {
        Host::Domain(name) if name.contains('.') || name == "localhost" => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_address_is_taken() {
        for (text, read) in [
            ("ops@example.org", "ops@example.org"),
            ("a.b+c@sub.example.org", "a.b+c@sub.example.org"),
            ("ops@b\u{fc}cher.example", "ops@xn--bcher-kva.example"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), read);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let long = format!("{}@example.org", "a".repeat(320));
        let far = format!("a@{}.org", "a.".repeat(130));
        for text in [
            "",
            "ops",
            "@example.org",
            "ops@",
            "a@b@example.org",
            "\"a b\"@example.org",
            "a b@example.org",
            "a@example.org,b@example.org",
            "a@example.org\r\nBcc: x@y.example",
            "a\r\n@example.org",
            "Ops <a@example.org>",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@exa mple.org",
            "\u{fc}@example.org",
            "a..b@example.org",
            ".a@example.org",
            &long,
            &far,
        ] {
            assert_eq!(parse(text), Err(RecipientError), "{text:?}");
        }
    }
}
