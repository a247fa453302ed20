//! One shard's state, by every way that leads to it.

use crate::failure::Failure;
use crate::looking::Looked;
use crate::serve::wiring::owner_resolver;
use domain::engine::Engine;
use domain::ids::ShardId;
use domain::token::internal_token;
use evaluator::{Digest, replay, replay_from_the_start};
use std::fmt;
use std::time::Duration;
use wire::internal_auth::InternalAuth;
use wire::shard_client::ShardClient;

/// A large shard takes its time to encode.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is tried again when a new snapshot was saved meanwhile.
const TRIES: usize = 5;
/// Monitors that are named at most.
const NAMED: usize = 10;

/// Works shards' states out.
pub struct Verifier<'a> {
    looked: &'a Looked,
    owners: ShardClient,
}

/// What came of it.
pub enum Verdict {
    Equal {
        offset: u64,
        ways: Vec<String>,
        hash: String,
    },
    /// There is only one way: nothing to compare it with.
    Alone {
        offset: u64,
        way: String,
    },
    Differs {
        offset: u64,
        problems: Vec<String>,
    },
}

/// A state and how it was come by.
struct Way {
    name: String,
    digest: Digest,
    engine: Option<Engine>,
}

impl<'a> Verifier<'a> {
    pub fn new(looked: &'a Looked) -> Self {
        let auth = InternalAuth::new(&internal_token(looked.place.installation.root()));
        Self { looked, owners: ShardClient::new(owner_resolver(looked.store.clone()), auth) }
    }

    /// Works one shard's state out and compares.
    pub async fn verify(&self, shard: ShardId) -> Result<Verdict, Failure> {
        let mut failed = Failure::failed(format_args!("shard {shard}: snapshots are saved faster than they are read"));
        for _ in 0..TRIES {
            // The owner first: what it has applied is in the log that is opened after it.
            let live = self.live(shard).await?;
            match self.ways(shard, live).await {
                Ok(Some(ways)) => return Ok(compared(&ways)),
                Ok(None) => {}
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn live(&self, shard: ShardId) -> Result<Option<Digest>, Failure> {
        let owner = self.looked.store.shard_owner(shard).await.map_err(crate::looking::unread)?;
        if owner.is_none() {
            return Ok(None);
        }
        match self.owners.digest(shard, PATIENCE).await {
            Ok(answer) => {
                Digest::from_wire(answer).map(Some).ok_or_else(|| Failure::failed("the owner's answer is damaged"))
            }
            Err(status) if status.code() == tonic::Code::Unavailable => Ok(None),
            Err(status) => Err(Failure::failed(format_args!("shard {shard}: its owner says: {}", status.message()))),
        }
    }

    /// `None`: a snapshot was saved meanwhile that is ahead of the owner's answer.
    async fn ways(&self, shard: ShardId, live: Option<Digest>) -> Result<Option<Vec<Way>>, Failure> {
        let log = self.looked.log().await?;
        let bounds = log.bounds(shard).await.map_err(Failure::failed)?;
        let end = live.as_ref().map_or(bounds.next, |digest| digest.next_offset);
        let engine = replay(shard, log.as_ref(), self.looked.store.as_ref(), end).await.map_err(Failure::failed)?;
        if engine.next_offset() > end {
            return Ok(None);
        }
        let mut ways: Vec<Way> =
            live.map(|digest| Way { name: "live".into(), digest, engine: None }).into_iter().collect();
        ways.push(Way::of("snapshot and log".into(), engine));
        if bounds.first == 0 {
            let engine = replay_from_the_start(shard, log.as_ref(), end).await.map_err(Failure::failed)?;
            ways.push(Way::of("log from its start".into(), engine));
        }
        Ok(Some(ways))
    }
}

impl Way {
    fn of(name: String, engine: Engine) -> Self {
        Self { name, digest: Digest::of(&engine), engine: Some(engine) }
    }
}

fn compared(ways: &[Way]) -> Verdict {
    let Some((first, others)) = ways.split_first() else { return Verdict::Alone { offset: 0, way: "nothing".into() } };
    let offset = first.digest.next_offset;
    if others.is_empty() {
        return Verdict::Alone { offset, way: first.name.clone() };
    }
    let monitors = ways.iter().zip(ways.iter().skip(1)).find_map(|(a, b)| differing(a, b)).unwrap_or_default();
    let differ = |other: &Way| {
        let what = first.digest.differences(&other.digest).join("; ");
        format!("{} and {} differ in: {what}{monitors}", first.name, other.name)
    };
    let problems: Vec<String> = others.iter().filter(|other| other.digest != first.digest).map(differ).collect();
    if problems.is_empty() {
        let ways = ways.iter().map(|way| way.name.clone()).collect();
        return Verdict::Equal { offset, ways, hash: first.digest.whole() };
    }
    Verdict::Differs { offset, problems }
}

/// The monitors that two replays see differently.
fn differing(one: &Way, other: &Way) -> Option<String> {
    let (one, other) = (one.engine.as_ref()?, other.engine.as_ref()?);
    let all = one.leave().map(|adopted| adopted.monitor());
    let found = all.filter(|monitor| one.view(*monitor) != other.view(*monitor)).take(NAMED);
    let names: Vec<String> = found.map(|monitor| monitor.to_string()).collect();
    (!names.is_empty()).then(|| format!("; monitors {}", names.join(", ")))
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal { offset, ways, hash } => {
                write!(f, "equal below offset {offset}: {} ({})", ways.join(", "), hash.get(..16).unwrap_or(hash))
            }
            Self::Alone { offset, way } => {
                write!(
                    f,
                    "not compared below offset {offset}: only {way} is to be had, the log no longer has its start and no owner answers"
                )
            }
            Self::Differs { offset, problems } => write!(f, "DIFFERS below offset {offset}: {}", problems.join(" | ")),
        }
    }
}
