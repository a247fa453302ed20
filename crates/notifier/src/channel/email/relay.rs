//! The connection to the relay, opened when the first mail goes out and kept for a while.

use crate::notifier::NotifierError;
use crate::options::{SmtpOptions, SmtpTls};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{AsyncSmtpTransportBuilder, PoolConfig};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use std::time::Duration;

/// One command and its reply.
const COMMAND: Duration = Duration::from_secs(10);
const MAX_CONNECTIONS: u32 = 8;

/// How to connect. `Tls::Required` gives up on a relay that does not offer STARTTLS; nothing goes out in clear.
pub(super) fn builder(options: &SmtpOptions) -> Result<AsyncSmtpTransportBuilder, NotifierError> {
    let tls = match options.tls {
        SmtpTls::StartTls => Tls::Required(parameters(options)?),
        SmtpTls::Tls => Tls::Wrapper(parameters(options)?),
        SmtpTls::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&options.host)
        .port(options.port)
        .tls(tls)
        .timeout(Some(COMMAND))
        .pool_config(PoolConfig::new().max_size(MAX_CONNECTIONS).idle_timeout(Duration::from_secs(60)));
    if !options.hello_name.is_empty() {
        builder = builder.hello_name(ClientId::Domain(options.hello_name.clone()));
    }
    if !options.username.is_empty() {
        builder = builder.credentials(Credentials::new(options.username.clone(), options.password.clone()));
    }
    Ok(builder)
}

fn parameters(options: &SmtpOptions) -> Result<TlsParameters, NotifierError> {
    let mut builder = TlsParameters::builder(options.host.clone());
    if let Some(file) = &options.ca_file {
        let problem = |what: String| NotifierError::Setting { setting: "smtp.ca_file", problem: what };
        let pem = std::fs::read(file).map_err(|e| problem(format!("{}: {e}", file.display())))?;
        let certificate = Certificate::from_pem(&pem).map_err(|_| problem(format!("{}: not PEM", file.display())))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|e| NotifierError::Setting { setting: "smtp.host", problem: e.to_string() })
}
