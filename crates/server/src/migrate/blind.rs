//! While pings of the old server are still on their way, nobody can say of a job that it was silent. The cluster's
//! shards are told so once a second, from the beginning of the move until everything is passed on as it comes.

use super::target::Target;
use crate::failure::Failure;
use domain::record::Body;
use domain::time::UnixMs;
use std::time::Duration;

/// How often it is said.
const EVERY: Duration = Duration::from_secs(1);

/// Since when nobody could hear.
pub struct Blind {
    from: UnixMs,
}

impl Blind {
    pub fn begin(target: &Target) -> Self {
        Self { from: target.now() }
    }

    /// Says it once.
    pub async fn say(&self, target: &Target) -> Result<(), Failure> {
        let now = target.now();
        let deaf = [(Body::Deaf { from: self.from, to: now }, now)];
        futures::future::try_join_all(target.shards().map(|shard| target.append(shard, &deaf))).await.map(drop)
    }

    /// Says it for as long as `work` takes, and once after it.
    pub async fn during<T>(
        &self,
        target: &Target,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        self.say(target).await?;
        let saying = async {
            loop {
                tokio::time::sleep(EVERY).await;
                self.say(target).await?;
            }
        };
        let done = tokio::select! {
            done = work => done?,
            Err(failure) = async { let never: Result<(), Failure> = saying.await; never } => return Err(failure),
        };
        self.say(target).await?;
        Ok(done)
    }
}
