//! What a notifier needs, and what an operator decides about it.

use domain::egress::EgressPolicy;
use domain::time::Clock;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use store::Store;
use store::seal::Sealer;
use wire::internal_auth::InternalAuth;

/// What it works with.
#[derive(Clone)]
pub struct NotifierDeps {
    /// Where channels are kept.
    pub store: Arc<dyn Store>,
    /// Opens their settings.
    pub sealer: Sealer,
    pub clock: Arc<dyn Clock>,
    /// Shown to evaluators.
    pub auth: InternalAuth,
}

/// What an operator decides.
#[derive(Clone, Debug)]
pub struct NotifierOptions {
    /// Where evaluators are: `host:port` each. A host may be an address or a name; a name is looked up every few
    /// seconds, and each of its addresses is an evaluator.
    pub evaluators: Vec<String>,
    /// This notifier's name in the evaluators' logs.
    pub worker: String,
    /// How many attempts it makes at once, whichever evaluators offer them; at least 1.
    pub capacity: u32,
    /// Where URLs of tenants may lead.
    pub egress: EgressPolicy,
    /// The mail relay; without one, e-mail channels cannot send.
    pub smtp: Option<SmtpOptions>,
    /// `https://api.telegram.org`, or a Bot API server of the operator's own; not subject to `egress`.
    pub telegram_base_url: String,
    /// Where people reach the pages that alerts link to, e.g. `https://pulse.example.org`.
    pub public_url: String,
}

/// How the connection to the mail relay is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// Plain at first, then STARTTLS; a relay that does not offer it gets no mail (RFC 3207, section 6).
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// In clear, for a relay on the same machine.
    None,
}

/// The relay that takes our mail.
#[derive(Clone)]
pub struct SmtpOptions {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    /// Both empty: no authentication.
    pub username: String,
    pub password: String,
    /// `alerts@example.org` or `QuietPulse <alerts@example.org>`.
    pub from: String,
    /// What EHLO says; empty: the host name of this machine.
    pub hello_name: String,
    /// PEM of a private certificate authority, trusted besides the system's.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for SmtpOptions {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpOptions({}:{} {:?} from {:?})", self.host, self.port, self.tls, self.from)
    }
}
