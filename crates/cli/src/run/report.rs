//! Telling the server: a start ping while the job runs, the outcome when it has ended. Whatever goes wrong here
//! is one line on stderr at the end.

use super::job::End;
use crate::connect::Settings;
use crate::ping::send::{Budget, Pinger, Reply};
use crate::ping::signal::{CreateArgs, Kind, Signal};
use crate::ping::target::Target;
use crate::warn;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// How long the start ping tries while the job runs. One that comes much later than the start would lie.
const START_WITHIN: Duration = Duration::from_secs(10);
/// What a server keeps of a body if it did not say.
const USUAL_BODY_BYTES: usize = 10_000;

/// Reports one run.
pub struct Reporter {
    run: Option<Run>,
}

/// Where to report to is found out in the background, since it may take a question to the server.
struct Run {
    told: Told,
    way: Arc<OnceLock<Pinger>>,
    /// Ends with the server's word to the start.
    opening: JoinHandle<Result<Option<Reply>, String>>,
}

/// What every ping of the run says.
#[derive(Clone)]
struct Told {
    rid: String,
    host: String,
    create: CreateArgs,
}

impl Reporter {
    /// Finds the server and sends the start in the background, unless the job could not be started. Never fails:
    /// a job without a report is still a job.
    pub fn begin(monitor: Option<String>, settings: Settings, create: CreateArgs, start: bool) -> Self {
        let Some(monitor) = monitor.filter(|monitor| !monitor.is_empty()) else {
            warn("not reported: no monitor is named; give --monitor or QUIETPULSE_MONITOR");
            return Self { run: None };
        };
        let told = Told { rid: Uuid::new_v4().to_string(), host: host_name(), create };
        let way = Arc::default();
        let opening = tokio::spawn(open(monitor, settings, start.then(|| told.signal(Kind::Start)), Arc::clone(&way)));
        Self { run: Some(Run { told, way, opening }) }
    }

    /// Sends the outcome, waiting at most `within` for everything together.
    pub async fn finish(self, end: End, within: Duration) {
        end.captured
            .findings
            .not_numbers()
            .for_each(|(name, text)| warn(&format!("metric {name}: `{text}` is not a number")));
        let Some(run) = self.run else { return };
        if let Err(cause) = run.finish(end, within).await {
            warn(&format!("not reported: {cause}"));
        }
    }
}

impl Run {
    async fn finish(mut self, end: End, within: Duration) -> Result<(), String> {
        let budget = Budget::within(within);
        // A start that arrives after the outcome would open a run that nobody ends. So it gets half of the time,
        // and is then broken off.
        let opened = match tokio::time::timeout(within / 2, &mut self.opening).await {
            Ok(joined) => joined.map_err(|error| error.to_string())??,
            Err(_) => None,
        };
        self.opening.abort();
        let pinger = self.way.get().ok_or("no answer in time")?;
        let body_limit = opened.and_then(|reply| reply.body_limit).unwrap_or(USUAL_BODY_BYTES);
        let signal = self.told.outcome(end, body_limit);
        pinger.send(&signal, budget).await.map(drop).map_err(|error| format!("{}: {error}", pinger.place()))
    }
}

impl Told {
    fn signal(&self, kind: Kind) -> Signal {
        let Self { rid, host, create } = self.clone();
        Signal { kind, rid: Some(rid), host, create, ..Signal::default() }
    }

    fn outcome(&self, end: End, body_limit: usize) -> Signal {
        Signal {
            duration: end.duration,
            message: end.message,
            metrics: end.captured.findings.numbers(),
            body: end.captured.tail(body_limit),
            ..self.signal(Kind::Exit(end.code))
        }
    }
}

/// Finds the way and sends the start. A start that fails is no failure yet: the outcome may get through.
async fn open(
    monitor: String,
    settings: Settings,
    start: Option<Signal>,
    way: Arc<OnceLock<Pinger>>,
) -> Result<Option<Reply>, String> {
    let target = Target::parse(&monitor).map_err(|error| format!("--monitor: {error}"))?;
    let url = target.resolve(&settings).await.map_err(|failure| failure.to_string())?;
    let pinger = Pinger::new(url).map_err(|failure| failure.to_string())?;
    let pinger = way.get_or_init(|| pinger);
    match start {
        Some(start) => Ok(pinger.send(&start, Budget::within(START_WITHIN)).await.ok()),
        None => Ok(None),
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
