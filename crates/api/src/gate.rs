//! What every call passes, in this order: its deadline begins, its key is looked up, its scope is checked, it
//! takes a place of its key's share, and then it does its work. How it ended is counted.

use crate::auth::{Authenticator, Caller, Share, Shares};
use crate::deps::Limits;
use crate::metric;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::row::Scope;
use tokio::time::{Instant, timeout_at};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};

/// Longer deadlines of clients are cut to this, 30 days.
const ASKED_MOST: Duration = Duration::from_secs(30 * 86_400);

/// Lets calls in.
pub(crate) struct Gate {
    pub auth: Authenticator,
    shares: Shares,
    longest: Duration,
}

impl Gate {
    pub fn new(store: Arc<dyn Store>, limits: Limits) -> Self {
        let auth = Authenticator::new(store, limits.key_trusted);
        Self { auth, shares: Shares::new(limits.calls_at_once, limits.calls_per_second), longest: limits.call }
    }

    /// Runs one call of a key with at least `scope`; it ends within the client's deadline and the server's.
    pub async fn run<Q, A, F>(
        &self,
        method: &'static str,
        scope: Scope,
        request: Request<Q>,
        work: impl FnOnce(Caller, Q) -> F,
    ) -> Result<Response<A>, Status>
    where
        F: Future<Output = Result<A, Status>>,
    {
        let ours = Instant::now() + self.longest;
        let until = asked_end(&request).map_or(ours, |asked| asked.min(ours));
        self.run_until(Some(until), method, scope, request, work).await
    }

    /// The same for calls that may take long: only the client's deadline counts.
    pub async fn run_long<Q, A, F>(
        &self,
        method: &'static str,
        scope: Scope,
        request: Request<Q>,
        work: impl FnOnce(Caller, Q) -> F,
    ) -> Result<Response<A>, Status>
    where
        F: Future<Output = Result<A, Status>>,
    {
        self.run_until(asked_end(&request), method, scope, request, work).await
    }

    /// Lets a stream in: it keeps its place for as long as it keeps the share.
    pub async fn enter(&self, scope: Scope, metadata: &MetadataMap) -> Result<(Caller, Share), Status> {
        let caller = self.auth.caller(metadata).await?;
        caller.may(scope)?;
        let share = self.shares.take(&caller.prefix)?;
        Ok((caller, share))
    }

    async fn run_until<Q, A, F>(
        &self,
        until: Option<Instant>,
        method: &'static str,
        scope: Scope,
        request: Request<Q>,
        work: impl FnOnce(Caller, Q) -> F,
    ) -> Result<Response<A>, Status>
    where
        F: Future<Output = Result<A, Status>>,
    {
        let counted = Counted::begin(method);
        let (metadata, _, message) = request.into_parts();
        let call = async {
            let (caller, _share) = self.enter(scope, &metadata).await?;
            work(Caller { until, ..caller }, message).await
        };
        let outcome = match until {
            Some(until) => timeout_at(until, call).await.unwrap_or_else(|_| Err(late())),
            None => call.await,
        };
        counted.end(&outcome);
        outcome.map(Response::new)
    }
}

/// When a call ends that its client gave a deadline, kept beside the call.
#[derive(Clone, Copy)]
struct AskedEnd(Instant);

/// Stands in front of each service: notes when a call must end, counted from its arrival, and refuses one whose
/// time is up before its message is read.
///
/// The transport keeps the same time and ends an overdue call as `CANCELLED`. It asks the service first, so
/// with an end that is never later than the transport's the right word wins.
pub(crate) fn note_arrival(mut request: Request<()>) -> Result<Request<()>, Status> {
    match asked_time(request.metadata()) {
        Some(Duration::ZERO) => Err(late()),
        Some(asked) => {
            request.extensions_mut().insert(AskedEnd(Instant::now() + asked));
            Ok(request)
        }
        None => Ok(request),
    }
}

fn asked_end<Q>(request: &Request<Q>) -> Option<Instant> {
    request.extensions().get::<AskedEnd>().map(|end| end.0)
}

fn late() -> Status {
    Status::deadline_exceeded("the call's deadline has passed")
}

/// The time the client gives the call (gRPC over HTTP/2, "Timeout": at most 8 digits and a unit), shortened by
/// what the answer needs on its way.
fn asked_time(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let plain = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let count: u64 = plain.then(|| digits.parse().ok())??;
    let asked = match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    };
    let margin = (asked / 10).clamp(Duration::from_micros(100), Duration::from_millis(20));
    Some(asked.min(ASKED_MOST).saturating_sub(margin))
}

/// Counts a call when it ends, also when the client goes away in its middle.
pub(crate) struct Counted {
    method: &'static str,
    begun: Instant,
    code: Code,
}

impl Counted {
    pub fn begin(method: &'static str) -> Self {
        Self { method, begun: Instant::now(), code: Code::Cancelled }
    }

    pub fn end<A>(mut self, outcome: &Result<A, Status>) {
        self.code = outcome.as_ref().err().map_or(Code::Ok, Status::code);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metric::observe_call(self.method, self.code, self.begun.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deadline(text: &'static str) -> Option<Duration> {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", tonic::metadata::MetadataValue::from_static(text));
        asked_time(&metadata)
    }

    #[test]
    fn the_clients_deadline_is_read_and_shortened() {
        assert_eq!(deadline("1n"), Some(Duration::ZERO));
        assert_eq!(deadline("10m"), Some(Duration::from_millis(9)));
        assert_eq!(deadline("10S"), Some(Duration::from_millis(9_980)));
        assert_eq!(deadline("99999999H"), Some(ASKED_MOST - Duration::from_millis(20)));
        for text in ["", "S", "1", "-1S", "+1S", "123456789S", "1x", "1.5S"] {
            assert_eq!(deadline(text), None, "{text}");
        }
    }
}
