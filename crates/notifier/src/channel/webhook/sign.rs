//! Signatures as Standard Webhooks asks (specification 1.0, "Webhook signatures").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A secret that is not `whsec_` and base64 of 24 to 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channel's secret is not whsec_ and base64 of 24 to 64 bytes")]
pub(crate) struct SecretError;

/// `v1,<base64>` over `id.timestamp.body`.
pub(super) fn signature(secret: &str, id: &str, timestamp_secs: i64, body: &[u8]) -> Result<String, SecretError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key(secret)?).map_err(|_| SecretError)?;
    mac.update(format!("{id}.{timestamp_secs}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

fn key(secret: &str) -> Result<Vec<u8>, SecretError> {
    let text = secret.strip_prefix("whsec_").ok_or(SecretError)?;
    let key = STANDARD.decode(text).map_err(|_| SecretError)?;
    if (24..=64).contains(&key.len()) { Ok(key) } else { Err(SecretError) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_holds() {
        let signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            b"{\"test\": 2432232314}",
        );
        assert_eq!(signed.as_deref(), Ok("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn secrets_of_other_lengths_and_forms_are_refused() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for (secret, fine) in [(of(23), false), (of(24), true), (of(64), true), (of(65), false)] {
            assert_eq!(signature(&secret, "a", 0, b"").is_ok(), fine, "{secret}");
        }
        for odd in
            ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_!", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"]
        {
            assert_eq!(signature(odd, "a", 0, b""), Err(SecretError), "{odd}");
        }
    }
}
