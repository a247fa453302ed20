//! What the API counts. Names as in docs/metrics.md; never a tenant, key or monitor as a label.

use metrics::{counter, histogram};
use std::time::Duration;
use tonic::Code;

/// A call has ended; `method` is one of the rpc names of api.proto.
pub(crate) fn observe_call(method: &'static str, code: Code, took: Duration) {
    counter!("api_requests_total", "method" => method, "code" => code_word(code)).increment(1);
    histogram!("api_request_seconds", "method" => method).record(took.as_secs_f64());
}

/// The shard's owner did not answer a read, and the store was asked instead.
pub(crate) fn count_owner_away() {
    counter!("api_owner_away_total").increment(1);
}

/// The names of google.rpc.Code in lower case.
fn code_word(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}
