//! Encryption towards the database: rustls with aws-lc-rs, as everywhere.

use super::ScyllaTls;
use crate::StoreError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// Reads the files. Errors name the file.
pub(super) fn client(tls: &ScyllaTls) -> Result<Arc<ClientConfig>, StoreError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| StoreError::Broken(format!("TLS: {e}")))?.with_root_certificates(roots(tls)?);
    if tls.certificate_file.as_os_str().is_empty() {
        return Ok(Arc::new(builder.with_no_client_auth()));
    }
    let key = PrivateKeyDer::from_pem_file(&tls.key_file).map_err(|e| unusable(&tls.key_file, e))?;
    let config = builder.with_client_auth_cert(certificates(&tls.certificate_file)?, key);
    config.map(Arc::new).map_err(|e| unusable(&tls.certificate_file, e))
}

fn roots(tls: &ScyllaTls) -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    if tls.ca_file.as_os_str().is_empty() {
        // Those that cannot be read are as good as absent; with none at all no handshake succeeds.
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
    } else {
        for certificate in certificates(&tls.ca_file)? {
            roots.add(certificate).map_err(|e| unusable(&tls.ca_file, e))?;
        }
    }
    if roots.is_empty() {
        return Err(StoreError::Broken("TLS: no certificate authority is known; set scylla.ca_file".into()));
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|e| unusable(file, e))?;
    match certificates.is_empty() {
        true => Err(unusable(file, "it holds no certificate")),
        false => Ok(certificates),
    }
}

fn unusable(file: &Path, problem: impl std::fmt::Display) -> StoreError {
    StoreError::Broken(format!("TLS: {}: {problem}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(tls: &ScyllaTls) -> String {
        client(tls).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing.pem");
        assert!(refusal(&ScyllaTls { ca_file: missing, ..ScyllaTls::default() }).contains("missing.pem"));
        let empty = directory.path().join("empty.pem");
        std::fs::write(&empty, "no certificate\n").unwrap();
        assert!(refusal(&ScyllaTls { ca_file: empty, ..ScyllaTls::default() }).contains("empty.pem"));
    }
}
