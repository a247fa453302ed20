//! The facts' entries as records of the log, as far as a verdict hangs on them.

use crate::checker::facts::{Command as Asked, Config, Entry, Heard, Said, What};
use domain::command::{Action, Command};
use domain::ids::{ChannelId, CommandId, MonitorId, RunId, TenantId, TransitionId};
use domain::monitor::{Identity, MonitorConfig, Policy};
use domain::ping::{Ping, PingKind};
use domain::record::{Body, Envelope, Params, Record};
use domain::schedule::Schedule;
use domain::time::UnixMs;
use std::hash::{DefaultHasher, Hash, Hasher};

/// All monitors of a run are one tenant's.
const TENANT: TenantId = TenantId(1);

/// An entry as a record; `None`: nobody can read it.
pub fn record(entry: &Entry) -> Option<Record> {
    let envelope = Envelope {
        producer: entry.producer,
        sequence: entry.sequence,
        node: entry.node,
        origin: 0,
        received: UnixMs(entry.received_ms),
    };
    Some(Record { offset: entry.offset, append: UnixMs(entry.append_ms), envelope, body: body(&entry.what)? })
}

fn body(what: &What) -> Option<Body> {
    Some(match what {
        What::Ping(heard) => Body::Ping(ping(heard)),
        What::Canary => Body::Canary,
        What::Boot => Body::Boot,
        What::Deaf { from_ms, to_ms } => Body::Deaf { from: UnixMs(*from_ms), to: UnixMs(*to_ms) },
        What::Tick => Body::Tick,
        What::Command { id, monitor, action } => Body::Command(command(id, *monitor, action)),
        // Nothing that a verdict hangs on.
        What::Aside => Body::ChannelClosed { channel: ChannelId::LOG },
        What::Params { w_ms, c_ms } => {
            let ms = |ms: &i64| u32::try_from(*ms).expect("a length in 32 bits");
            Body::Params(Params { w_ms: ms(w_ms), c_ms: ms(c_ms), rules: 1 })
        }
        What::Unreadable(_) => return None,
    })
}

fn ping(heard: &Heard) -> Ping {
    let kind = match heard.signal {
        Said::Success => PingKind::Success,
        Said::Start => PingKind::Start,
        Said::Failure => PingKind::Fail,
        Said::Note => PingKind::Log,
    };
    Ping {
        monitor: MonitorId(heard.monitor),
        generation: None,
        kind,
        run: heard.run.as_deref().map(|run| RunId(sixteen(run))),
        duration_ms: None,
        metrics: Vec::new(),
        details: None,
        create: None,
    }
}

fn command(id: &str, monitor: u64, asked: &Asked) -> Command {
    let action = match asked {
        Asked::Create(config) => Action::Create(Box::new(monitor_config(config))),
        Asked::Update { config, version } => {
            Action::Update { config: Box::new(monitor_config(config)), version: *version }
        }
        Asked::Pause { until_ms } => Action::Pause { until_ms: *until_ms },
        Asked::Resume => Action::Resume,
        // Looks at the monitor and changes nothing: there is no such incident.
        Asked::Other => Action::Acknowledge { incident: TransitionId([0; 16]) },
    };
    let (id, monitor, actor) = (CommandId(sixteen(id)), MonitorId(monitor), String::new());
    Command { id, tenant: TENANT, monitor, actor, action }
}

fn monitor_config(config: &Config) -> MonitorConfig {
    let secs = |ms: i64| u32::try_from(ms / 1_000).expect("a length in seconds");
    let mut policy = Policy::every(Schedule::Period { seconds: secs(config.period_ms) }, secs(config.grace_ms));
    policy.max_runtime_secs = config.max_runtime_ms.map(secs);
    let (slug, name) = (config.slug.clone(), config.slug.clone());
    MonitorConfig { identity: Identity { tenant: TENANT, slug, name, ..Identity::default() }, policy }
}

/// An id for a text, the same for the same one: what it was does not matter.
fn sixteen(text: &str) -> [u8; 16] {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, text).hash(&mut hasher);
        hasher.finish().to_be_bytes()
    };
    let mut id = [0; 16];
    id[..8].copy_from_slice(&half(0));
    id[8..].copy_from_slice(&half(1));
    id
}
