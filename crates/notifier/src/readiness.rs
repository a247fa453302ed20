//! Whether a notifier can do its job.

/// Whether it is reached by offers, and by whose it is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// At least one evaluator is reached.
    pub ready: bool,
    /// In words: names that cannot be looked up, evaluators that are not reached. It may be ready all the same.
    pub missing: Vec<String>,
}
