//! Between the words of `domain` and their bytes. Every reading can fail and says where: a record from the
//! log may be older or broken, and a broken one is quarantined, never guessed at.

mod channel;
pub mod log;
pub mod rows;

/// Bytes that are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("not a protobuf message: {0}")]
    Protobuf(String),
    #[error("format version {0} is not known")]
    Version(u16),
    #[error("{field}: {problem}")]
    Field { field: &'static str, problem: String },
}

impl DecodeError {
    pub(crate) fn field(field: &'static str, problem: impl ToString) -> Self {
        Self::Field { field, problem: problem.to_string() }
    }
}

pub(crate) fn bytes16(field: &'static str, bytes: &[u8]) -> Result<[u8; 16], DecodeError> {
    bytes.try_into().map_err(|_| DecodeError::field(field, format_args!("{} bytes, not 16", bytes.len())))
}

pub(crate) fn narrow<T: TryFrom<u32>>(field: &'static str, value: u32) -> Result<T, DecodeError> {
    T::try_from(value).map_err(|_| DecodeError::field(field, format_args!("{value} is too large")))
}
