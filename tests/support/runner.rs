//! Runs cases side by side and says at the end, loudly, what could not be tried.
//!
//! A case panics when it fails and gives `Err(Skipped)` when the machine lacks something. With `QP_STRICT=1` a skip
//! is a failure, so that a CI which lost a tool cannot stay green.

use super::target::{self, Target};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

/// Cases at once. Servers are bounded separately, see [`super::server`].
const CASES_AT_ONCE: usize = 8;
/// Cases at once where each is a cluster of its own.
const CLUSTERS_AT_ONCE: usize = 3;
/// No case may hang the suite.
const PATIENCE: Duration = Duration::from_secs(600);

static SKIPPED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What the machine lacks.
#[derive(Debug)]
pub struct Skipped(pub String);

/// How a case ends that did not panic.
pub type Shown = Result<(), Skipped>;

type Running = Pin<Box<dyn Future<Output = Shown>>>;

/// One case, named after what it shows.
pub struct Case {
    name: &'static str,
    run: fn() -> Running,
}

impl Case {
    pub fn new(name: &'static str, run: fn() -> Running) -> Self {
        Self { name: name.split_once("::").map_or(name, |(_, rest)| rest), run }
    }

    /// Module and function.
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn trial(self) -> Trial {
        Trial::ignorable_test(self.name, move || self.shown())
    }

    fn shown(&self) -> Result<Completion, Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shown = runtime.block_on(async { tokio::time::timeout(PATIENCE, (self.run)()).await });
        match shown {
            Ok(Ok(())) => Ok(Completion::Completed),
            Ok(Err(Skipped(reason))) if strict() => {
                Err(format!("QP_STRICT is set and this could not be tried: {reason}").into())
            }
            Ok(Err(Skipped(reason))) => {
                lock(&SKIPPED).push(format!("{}: {reason}", self.name));
                Ok(Completion::ignored_with(reason))
            }
            Err(_) => Err(format!("took longer than {PATIENCE:?}").into()),
        }
    }
}

/// The cases of a module, by the names of its functions.
#[macro_export]
macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        pub fn cases() -> Vec<$crate::support::runner::Case> {
            vec![$($crate::support::runner::Case::new(concat!(module_path!(), "::", stringify!($case)), || Box::pin($case()))),+]
        }
    };
}

/// Runs what the command line asks for, then `audit`, whose findings are failures too.
pub fn run(cases: Vec<Case>, audit: impl FnOnce() -> Vec<String>) -> ExitCode {
    let at_once = if target::chosen() == Target::Cluster { CLUSTERS_AT_ONCE } else { CASES_AT_ONCE };
    let mut arguments = Arguments::from_args();
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        arguments.test_threads.get_or_insert(at_once);
    }
    conclude(arguments, cases, audit)
}

/// As [`run`], for cases that share one thing and must not meet: one after another, in their order.
pub fn run_in_turn(cases: Vec<Case>, audit: impl FnOnce() -> Vec<String>) -> ExitCode {
    conclude(Arguments { test_threads: Some(1), ..Arguments::from_args() }, cases, audit)
}

fn conclude(arguments: Arguments, cases: Vec<Case>, audit: impl FnOnce() -> Vec<String>) -> ExitCode {
    let listing = arguments.list;
    let conclusion = libtest_mimic::run(&arguments, cases.into_iter().map(Case::trial).collect());
    if listing {
        return ExitCode::SUCCESS;
    }
    let findings = audit();
    for finding in &findings {
        println!("FAILED in the log of a server: {finding}");
    }
    let skipped = std::mem::take(&mut *lock(&SKIPPED));
    for case in &skipped {
        println!("SKIPPED, not shown by this run: {case}");
    }
    let failed = conclusion.num_failed + findings.len() as u64;
    println!("{} passed, {failed} failed, {} skipped", conclusion.num_passed, skipped.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Takes a lock that a failing case may have poisoned.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn strict() -> bool {
    std::env::var("QP_STRICT").is_ok_and(|value| value == "1")
}
