//! The stages of one process, built from what is open and the configuration. Nothing runs yet.

use super::background::Background;
use super::backup::{Backups, Copier};
use super::listeners::Listeners;
use super::open::Opened;
use super::wiring::{Tester, owner_resolver};
use crate::config::types::{Config, LogFormat, Role, SmtpSecurity};
use crate::failure::Failure;
use crate::installation;
use api::ApiDeps;
use auditor::audit::{Auditor, AuditorDeps, AuditorOptions};
use domain::egress::EgressPolicy;
use domain::engine::snapshot::Format;
use domain::record::Params;
use domain::token::internal_token;
use evaluator::{Evaluator, EvaluatorDeps, EvaluatorOptions};
use eventlog::producer::Producer;
use ingest::{Ingest, IngestDeps, IngestOptions};
use notifier::{
    LogForm, Notifier, NotifierDeps, NotifierError, NotifierOptions, Parts, SmtpOptions, SmtpTls, StdoutSink,
};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::seal::Sealer;
use wire::internal_auth::{InternalAuth, InternalGuard};
use wire::shard_client::ShardClient;

/// The one region of a single installation.
const ORIGIN: u8 = 0;
/// Threads that serve pings when none are named: more than this gain nothing over one disk.
const MOST_WORKERS: usize = 16;

/// What every stage is built from.
pub struct Plan<'a> {
    pub config: &'a Config,
    pub opened: &'a Opened,
    /// What ping URLs begin with.
    pub public_url: String,
    /// `host:port` at which this process answers for its shards.
    pub grpc_address: String,
    producer: Producer,
    store: Arc<dyn Store>,
    sealer: Sealer,
    shards: ShardClient,
    auth: InternalAuth,
    egress: EgressPolicy,
    drain: Duration,
}

impl<'a> Plan<'a> {
    /// Draws the life's producer id and derives the secrets the stages share. `drain` bounds how long pings in
    /// progress may take at the end.
    pub fn new(
        config: &'a Config,
        opened: &'a Opened,
        listeners: &Listeners,
        drain: Duration,
    ) -> Result<Self, Failure> {
        let installation = &opened.place.installation;
        let producer = installation::random_u64().map_err(Failure::failed)?.max(1);
        let public_url = public_url(config, listeners);
        let store: Arc<dyn Store> = opened.store.shared();
        let auth = InternalAuth::new(&internal_token(installation.root()));
        Ok(Self {
            producer: Producer::new(opened.log.shared(), producer, installation.node, ORIGIN),
            sealer: Sealer::new(installation.root()),
            shards: ShardClient::new(owner_resolver(store.clone()), auth.clone()),
            egress: egress(config, &public_url)?,
            grpc_address: match config.grpc.advertise.as_str() {
                "" => listeners.grpc.reachable().to_string(),
                set => set.to_owned(),
            },
            store,
            auth,
            public_url,
            config,
            opened,
            drain,
        })
    }

    /// Lets only the installation's own processes through.
    pub fn guard(&self) -> InternalGuard {
        InternalGuard::new(&internal_token(self.opened.place.installation.root()))
    }

    /// The door for pings.
    pub fn ingest(&self) -> Result<Ingest, Failure> {
        let (http, deps) = (&self.config.http, self.ingest_deps());
        let workers = match http.workers {
            0 => std::thread::available_parallelism().map_or(2, usize::from).min(MOST_WORKERS),
            some => some.into(),
        };
        let proxies = http.trusted_proxies.iter().map(|text| text.parse()).collect::<Result<_, _>>();
        let options = IngestOptions {
            append_timeout: self.config.append_timeout().duration(),
            skew_bound: self.skew_bound(),
            boot_patience: self.boot_patience(),
            ready_needs_canaries: http.ready_needs_canaries.or(self.config.keeps_its_own_log()),
            body_limit_bytes: usize::try_from(http.body_limit.0).unwrap_or(usize::MAX),
            workers,
            max_connections: http.max_connections as usize,
            drain_timeout: self.drain,
            public_url: self.public_url.clone(),
            trusted_proxies: proxies
                .map_err(|_| Failure::usage("http.trusted_proxies: allowed: networks such as 10.0.0.0/8"))?,
            ..IngestOptions::default()
        };
        Ok(Ingest::new(deps, options))
    }

    /// Judges silence in every shard. The numbers that verdicts depend on go into the log from here.
    pub async fn evaluator(&self, background: &Background) -> Result<Evaluator, Failure> {
        let w_ms = self.config.append_timeout().as_ms() + self.config.skew_bound_ms();
        let w_ms = u32::try_from(w_ms).unwrap_or(u32::MAX);
        let deps = EvaluatorDeps {
            log: self.opened.log.shared(),
            store: self.store.clone(),
            producer: self.producer.clone(),
            clock: self.opened.clock.clone(),
        };
        let options = EvaluatorOptions {
            params: Params { w_ms, c_ms: w_ms, ..Params::EMBEDDED },
            address: self.grpc_address.clone(),
            node: self.opened.place.installation.node,
            snapshot_every: self.config.engine.snapshot_every.duration(),
            format: Format::from_number(self.config.engine.snapshot_format)
                .ok_or_else(|| Failure::usage("engine.snapshot_format: not known to this build"))?,
            offer_lease: EvaluatorOptions::OFFER_LEASE,
        };
        let placement = self.opened.log.placement()?;
        let started = background.run(async move { Evaluator::start(deps, options, placement) }).await;
        started.map_err(|error| Failure::failed(format_args!("the evaluator: {error}")))
    }

    /// Makes the attempts.
    pub fn notifier(&self) -> Result<Notifier, Failure> {
        let deps = NotifierDeps {
            store: self.store.clone(),
            sealer: self.sealer.clone(),
            clock: self.opened.clock.clone(),
            auth: self.auth.clone(),
        };
        let named = &self.config.notifier.evaluators;
        let options = NotifierOptions {
            evaluators: if named.is_empty() { vec![self.grpc_address.clone()] } else { named.clone() },
            worker: format!("{:016x}", self.opened.place.installation.node),
            capacity: self.config.notifier.capacity,
            egress: self.egress.clone(),
            smtp: smtp(self.config),
            telegram_base_url: self.config.telegram.base_url.clone(),
            public_url: self.public_url.clone(),
        };
        let form = match self.config.telemetry.log_format {
            LogFormat::Human => LogForm::Human,
            LogFormat::Json => LogForm::Json,
        };
        let parts = Parts { log: Arc::new(StdoutSink(form)), ..Parts::default() };
        Notifier::with_parts(deps, options, parts).map_err(|error| match error {
            NotifierError::Setting { .. } => Failure::usage(error),
            NotifierError::TlsRoots(_) => Failure::failed(error),
        })
    }

    /// The second opinion on what is concluded. It works on the background's threads.
    pub fn auditor(&self) -> Auditor {
        let deps =
            AuditorDeps { log: self.opened.log.shared(), store: self.store.clone(), clock: self.opened.clock.clone() };
        let options = AuditorOptions {
            behind: self.config.auditor.behind.duration(),
            monitors: self.config.auditor.monitors as usize,
            transitions_for: self.config.store.transitions_for.duration(),
        };
        Auditor::new(deps, options)
    }

    /// What the tenants' API stands on.
    pub fn api_deps(&self, notifier: &Notifier) -> ApiDeps {
        ApiDeps {
            store: self.store.clone(),
            producer: self.producer.clone(),
            keys: self.opened.keys.clone(),
            shards: self.shards.clone(),
            sealer: self.sealer.clone(),
            clock: self.opened.clock.clone(),
            tester: Arc::new(Tester(notifier.clone())),
            backup: Arc::new(Backups(Copier::of(self.opened))),
            public_url: self.public_url.clone(),
            egress: self.egress.clone(),
        }
    }

    /// Where the log is on this machine it has this machine's clock, and what is left is the time of a commit.
    fn skew_bound(&self) -> Duration {
        match self.config.keeps_its_own_log() {
            true => IngestOptions::default().skew_bound,
            false => self.config.kafka.skew_bound.duration(),
        }
    }

    /// A log in our own directory that does not take the first record will not take the next one either.
    fn boot_patience(&self) -> Duration {
        match self.config.keeps_its_own_log() {
            true => Duration::ZERO,
            false => IngestOptions::default().boot_patience,
        }
    }

    /// Whether this process plays `role`.
    pub fn plays(&self, role: Role) -> bool {
        self.config.roles.contains(&role)
    }

    fn ingest_deps(&self) -> IngestDeps {
        IngestDeps {
            producer: self.producer.clone(),
            keys: self.opened.keys.clone(),
            store: self.store.clone(),
            shards: self.shards.clone(),
            clock: self.opened.clock.clone(),
        }
    }
}

fn public_url(config: &Config, listeners: &Listeners) -> String {
    match config.http.public_url.trim_end_matches('/') {
        "" => format!("http://{}", listeners.http.reachable()),
        set => set.to_owned(),
    }
}

/// Alerts may go anywhere public, to what the operator allows, and never to our own ping routes: a loop.
fn egress(config: &Config, public_url: &str) -> Result<EgressPolicy, Failure> {
    let allow = EgressPolicy::parse_allow(&config.notifier.egress_allow)
        .map_err(|error| Failure::usage(format_args!("notifier.egress_allow: {error}")))?;
    let own = url::Url::parse(public_url).ok().and_then(|url| own_host(&url));
    Ok(EgressPolicy {
        allow,
        https_only: config.notifier.https_only,
        allowed_ports: None,
        own_hosts: own.into_iter().collect(),
    })
}

/// With the port if the URL names one: another port of this machine may be somebody else's.
fn own_host(url: &url::Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn smtp(config: &Config) -> Option<SmtpOptions> {
    let smtp = &config.smtp;
    let (host, port) = smtp.server.rsplit_once(':')?;
    Some(SmtpOptions {
        host: host.to_owned(),
        port: port.parse().ok()?,
        tls: match smtp.security {
            SmtpSecurity::Starttls => SmtpTls::StartTls,
            SmtpSecurity::Tls => SmtpTls::Tls,
            SmtpSecurity::None => SmtpTls::None,
        },
        username: smtp.username.clone(),
        password: smtp.password.reveal().to_owned(),
        from: smtp.from.clone(),
        hello_name: String::new(),
        ca_file: Some(smtp.ca_file.clone()).filter(|path| !path.as_os_str().is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_host_is_named_with_the_port_that_is_ours() {
        let own = |text: &str| own_host(&url::Url::parse(text).unwrap());
        assert_eq!(own("http://127.0.0.1:8080").as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(own("https://ping.example.org/base").as_deref(), Some("ping.example.org"));
    }
}
