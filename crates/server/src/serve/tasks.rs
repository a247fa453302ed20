//! The long-running tasks of the process by name. One that ends before it was asked to is a failure of the whole:
//! a server without its notifier must not look like a server.

use crate::failure::Failure;
use std::future::Future;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A task and the way to end it.
pub struct Task {
    name: &'static str,
    stop: CancellationToken,
    handle: JoinHandle<Result<(), String>>,
}

impl Task {
    /// Starts what `make` gives; it ends when the token is cancelled.
    pub fn start<F>(name: &'static str, make: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let handle = tokio::spawn(make(stop.clone()));
        Self { name, stop, handle }
    }

    /// As [`Self::start`], for what cannot fail.
    pub fn run<F>(name: &'static str, make: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start(name, |stop| {
            let work = make(stop);
            async move {
                work.await;
                Ok(())
            }
        })
    }

    /// Returns only if the task ends by itself, with what it says about it.
    pub async fn ended(&mut self) -> Failure {
        let why = match (&mut self.handle).await {
            Ok(Ok(())) => "ended by itself".to_owned(),
            Ok(Err(problem)) => problem,
            Err(error) => error.to_string(),
        };
        Failure::failed(format_args!("{}: {why}", self.name))
    }

    /// Asks the task to end and waits at most `patience`; then it is cut off.
    pub async fn stop(mut self, patience: Duration) {
        self.stop.cancel();
        if self.handle.is_finished() {
            return;
        }
        match tokio::time::timeout(patience, &mut self.handle).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(problem))) => tracing::warn!(task = self.name, problem, "ended badly"),
            Ok(Err(error)) => tracing::warn!(task = self.name, %error, "ended badly"),
            Err(_) => {
                tracing::warn!(
                    task = self.name,
                    patience_ms = patience.as_millis() as u64,
                    "not done in time, cut off"
                );
                self.handle.abort();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_is_cut_off() {
        let task = Task::run("stuck", |_| std::future::pending());
        task.stop(Duration::from_secs(3)).await;
        let task = Task::run("obedient", |stop| async move { stop.cancelled().await });
        task.stop(Duration::MAX).await;
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_named() {
        let mut task = Task::start("http", |_| async { Err("no files left".to_owned()) });
        assert_eq!(task.ended().await.to_string(), "http: no files left");
    }
}
