//! Standard Webhooks from the receiver's side: `v1` is HMAC-SHA256 over `id.timestamp.body`.

use super::peer::Received;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};

/// How far a timestamp may be off, in seconds, as receivers' libraries check it.
const TOLERANCE: u64 = 300;

/// The signature of a message. Panics on a secret that is none.
pub fn sign(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("whsec_")).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// Verifies as a receiver would: one of the signatures, and a timestamp of now.
pub fn verify(secret: &str, message: &Received) {
    let (id, timestamp) = (message.header("webhook-id"), message.header("webhook-timestamp"));
    let expected = sign(secret, id, timestamp, &message.body);
    let signatures = message.header("webhook-signature");
    assert!(
        signatures.split(' ').any(|signature| signature == expected),
        "signature {signatures}, expected {expected}"
    );
    let signed: u64 = timestamp.parse().expect("seconds since 1970");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    assert!(now.abs_diff(signed) <= TOLERANCE, "signed at {signed}, now {now}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the Standard Webhooks specification publishes.
    #[test]
    fn the_published_vector_verifies() {
        let body = br#"{"event_type":"ping","data":{"success":true}}"#;
        let signature = sign("whsec_plJ3nmyCDGBKInavdOK15jsl", "msg_loFOjxBNrRLzqYUf", "1731705121", body);
        assert_eq!(signature, "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=");
    }
}
