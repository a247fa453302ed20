//! TLS towards the node, ended by a proxy that insists on a client's certificate.

use crate::support::{only_node, options, shared_keyspace};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::scylla::{ScyllaOptions, ScyllaStore, ScyllaTls};
use store::{Store, StoreError};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scylla/tls").join(name)
}

fn server() -> rustls::ServerConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let certificate = CertificateDer::from_pem_file(file("node.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("node-key.pem")).unwrap();
    builder.with_client_cert_verifier(clients).with_single_cert(vec![certificate], key).unwrap()
}

/// Its address.
async fn encrypted_node() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let acceptor = TlsAcceptor::from(Arc::new(server()));
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let mut server = TcpStream::connect(only_node()).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    address
}

async fn open(tls: ScyllaTls) -> Result<Arc<ScyllaStore>, StoreError> {
    let contact_points = vec![encrypted_node().await];
    let options = options(shared_keyspace().await);
    let request_timeout = Duration::from_secs(3);
    ScyllaStore::open(ScyllaOptions { contact_points, tls: Some(tls), request_timeout, ..options }).await
}

#[tokio::test]
async fn a_node_with_tls_and_client_certificates_is_talked_to() {
    let (certificate_file, key_file) = (file("client.pem"), file("client-key.pem"));
    let tls = ScyllaTls { ca_file: file("ca.pem"), certificate_file, key_file };
    open(tls).await.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn a_stranger_is_refused_on_either_side() {
    let (certificate_file, key_file) = (file("client.pem"), file("client-key.pem"));
    let distrusts = ScyllaTls { ca_file: file("stranger.pem"), certificate_file, key_file };
    assert!(matches!(open(distrusts).await, Err(StoreError::Busy(_))));
    let unknown = ScyllaTls { ca_file: file("ca.pem"), ..ScyllaTls::default() };
    assert!(matches!(open(unknown).await, Err(StoreError::Busy(_))));
    let system_roots = ScyllaTls::default();
    assert!(open(system_roots).await.is_err());
}
