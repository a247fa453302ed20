//! The one mapping of what can go wrong to gRPC statuses. A refusal that concerns a field carries
//! google.rpc.BadRequest with its name; what went wrong inside is logged here and not told.

use domain::command::RefusalCode;
use domain::field_error::FieldError;
use domain::ids::CommandId;
use eventlog::AppendError;
use store::StoreError;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use wire::v1;

/// The reason of google.rpc.ErrorInfo, part of the API.
const OUTCOME_UNKNOWN: &str = "COMMAND_OUTCOME_UNKNOWN";

/// A value the caller sent is not allowed.
pub(crate) fn invalid(error: FieldError) -> Status {
    of_field(Code::InvalidArgument, &error)
}

/// A value the caller sent is not allowed.
pub(crate) fn invalid_field(field: &str, message: impl Into<String>) -> Status {
    invalid(FieldError::new(field, message))
}

/// A refusal of class `code` that concerns one field.
pub(crate) fn of_field(code: Code, error: &FieldError) -> Status {
    let details = ErrorDetails::with_bad_request_violation(&error.field, &error.message);
    Status::with_error_details(code, error.to_string(), details)
}

/// There is no such monitor in the caller's tenant, whoever else may have one.
pub(crate) fn no_monitor() -> Status {
    of_field(Code::NotFound, &FieldError::new("slug", "no such monitor"))
}

/// Nobody can say now whether there is such a monitor: the store has none, and the log is not applied to its end.
pub(crate) fn owner_away() -> Status {
    Status::unavailable(
        "slug: not known yet; the owner of its shard is away or has not applied the whole log, try again",
    )
}

/// There is no such channel in the caller's tenant.
pub(crate) fn no_channel(field: &str) -> Status {
    of_field(Code::NotFound, &FieldError::new(field, "no such channel"))
}

/// Too much at once or too fast.
pub(crate) fn exhausted(message: &str, retry_after: Option<std::time::Duration>) -> Status {
    Status::with_error_details(Code::ResourceExhausted, message, ErrorDetails::with_retry_info(retry_after))
}

/// The engine's word.
pub(crate) fn from_engine(refusal: v1::EngineRefusal) -> Status {
    let code = RefusalCode::ALL.get(refusal.code as usize).map_or(Code::Internal, |code| code_of(*code));
    of_field(code, &FieldError::new(refusal.field, refusal.message))
}

/// The store's word. `Conflict` means that somebody else was first.
pub(crate) fn from_store(error: StoreError) -> Status {
    match error {
        StoreError::Busy(problem) => {
            tracing::info!(problem, "store busy during a call");
            Status::unavailable("the store is busy, try again")
        }
        StoreError::Conflict(_) => Status::aborted("somebody else was first, read again"),
        StoreError::Damaged { table, problem } => {
            tracing::error!(table, problem, "damaged row met during a call");
            Status::data_loss("a stored row is damaged")
        }
        StoreError::Broken(problem) => {
            tracing::error!(problem, "store failed during a call");
            Status::unavailable("the store failed, try again later")
        }
    }
}

/// The store's word to a paged read, whose `Conflict` means a page token it never gave.
pub(crate) fn from_paged(error: StoreError) -> Status {
    match error {
        StoreError::Conflict(_) => invalid_field("page_token", "not a token of this list"),
        other => from_store(other),
    }
}

/// The store's word to a `Watch`, whose `Conflict` means a cursor it never gave this tenant.
pub(crate) fn from_watched(error: StoreError) -> Status {
    match error {
        StoreError::Conflict(_) => invalid_field("cursor", "not a cursor that `Watch` gave this tenant"),
        other => from_store(other),
    }
}

/// The log did not say that it has the command. It may have it all the same, unless it was never queued.
pub(crate) fn from_append(error: AppendError, id: CommandId) -> Status {
    match error {
        AppendError::Busy | AppendError::Closed => {
            Status::unavailable(format!("{error}; nothing was changed, try again"))
        }
        AppendError::TooLarge => Status::invalid_argument("the command is larger than the log takes"),
        AppendError::TimedOut | AppendError::Broken => {
            let message = format!("{error}; whether {id} takes effect is not known, repeat it under the same id");
            unknown(Code::Unavailable, message, id)
        }
    }
}

/// The command stands in the log, but its outcome could not be learned in time.
pub(crate) fn outcome_unknown(id: CommandId) -> Status {
    let message = format!("{id} is in the log but its outcome is not known yet; repeat it under the same id");
    unknown(Code::DeadlineExceeded, message, id)
}

/// The call's time was up before the log said anything.
pub(crate) fn append_unknown(id: CommandId) -> Status {
    let message = format!("whether {id} takes effect is not known yet; repeat it under the same id");
    unknown(Code::DeadlineExceeded, message, id)
}

/// The id stands in the message for people, and twice more for programs: in a trailer, which every client can read,
/// and in google.rpc.ErrorInfo.
fn unknown(code: Code, message: String, id: CommandId) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(OUTCOME_UNKNOWN, "quietpulse", [("command_id".to_owned(), id.to_string())]);
    let mut metadata = MetadataMap::new();
    if let Ok(id) = id.to_string().parse() {
        metadata.insert("command-id", id);
    }
    Status::with_error_details_and_metadata(code, message, details, metadata)
}

fn code_of(code: RefusalCode) -> Code {
    match code {
        RefusalCode::NotFound => Code::NotFound,
        RefusalCode::AlreadyExists => Code::AlreadyExists,
        RefusalCode::InvalidArgument => Code::InvalidArgument,
        RefusalCode::Aborted => Code::Aborted,
        RefusalCode::FailedPrecondition => Code::FailedPrecondition,
        RefusalCode::ResourceExhausted => Code::ResourceExhausted,
    }
}
