//! Whether ingest can do its job now, for `/readyz`.

/// The answer, and what is missing in words an operator can act on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    pub ready: bool,
    /// Empty when ready.
    pub missing: Vec<String>,
}

impl Readiness {
    /// Ready when nothing is missing.
    pub(crate) fn of(missing: Vec<String>) -> Self {
        Self { ready: missing.is_empty(), missing }
    }
}
