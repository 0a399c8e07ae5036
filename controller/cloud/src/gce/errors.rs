//! What Google's errors mean, wherever they stand: in an answer or in an operation that is done.

use serde::Deserialize;
use spillway_core::Fault as Kind;

use crate::Scope;
use crate::refusal::{Complaint, Row, Verdict};
use crate::rest::Answer;

/// The first row that fits counts.
pub(super) const TABLE: &[Row] = &[
    row(
        0,
        "*RESOURCE_POOL_EXHAUSTED*",
        "",
        Verdict::No(Kind::NoCapacity, Scope::Offer),
    ),
    row(
        0,
        "insufficientCapacity",
        "",
        Verdict::No(Kind::NoCapacity, Scope::Offer),
    ),
    // Seen when a spot machine is taken back while it is made.
    row(
        0,
        "UNSUPPORTED_OPERATION",
        "",
        Verdict::No(Kind::NoCapacity, Scope::Offer),
    ),
    // Addresses of this pool's subnet: other types would not help, other subnets may.
    after(
        30,
        row(
            0,
            "IP_SPACE_EXHAUSTED*",
            "",
            Verdict::No(Kind::NoCapacity, Scope::Pool),
        ),
    ),
    row(
        0,
        "*QUOTA*",
        "GPUS_ALL_REGIONS",
        Verdict::No(Kind::Quota, Scope::Cloud),
    ),
    row(
        0,
        "quotaExceeded",
        "GPUS_ALL_REGIONS",
        Verdict::No(Kind::Quota, Scope::Cloud),
    ),
    // A quota of one kind of GPU says nothing of the others.
    row(
        0,
        "*QUOTA*",
        "NVIDIA_",
        Verdict::No(Kind::Quota, Scope::Machine),
    ),
    row(
        0,
        "quotaExceeded",
        "NVIDIA_",
        Verdict::No(Kind::Quota, Scope::Machine),
    ),
    row(0, "*QUOTA*", "", Verdict::No(Kind::Quota, Scope::Region)),
    row(
        0,
        "quotaExceeded",
        "",
        Verdict::No(Kind::Quota, Scope::Region),
    ),
    row(
        0,
        "RESOURCE_OPERATION_RATE_EXCEEDED",
        "",
        Verdict::No(Kind::Throttled, Scope::Region),
    ),
    row(
        0,
        "rateLimitExceeded",
        "",
        Verdict::No(Kind::Throttled, Scope::Region),
    ),
    row(
        0,
        "PERMISSIONS_ERROR",
        "",
        Verdict::No(Kind::Denied, Scope::Cloud),
    ),
    row(
        403,
        "forbidden",
        "",
        Verdict::No(Kind::Denied, Scope::Cloud),
    ),
    row(401, "*", "", Verdict::No(Kind::Denied, Scope::Cloud)),
    row(
        0,
        "CONDITION_NOT_MET",
        "",
        Verdict::No(Kind::Invalid, Scope::Pool),
    ),
    row(400, "*", "", Verdict::No(Kind::Invalid, Scope::Pool)),
    row(404, "*", "", Verdict::No(Kind::Invalid, Scope::Pool)),
    row(409, "alreadyExists", "", Verdict::Look),
    row(0, "RESOURCE_ALREADY_EXISTS", "", Verdict::Look),
    row(0, "INTERNAL_ERROR", "", Verdict::Again),
    row(0, "backendError", "", Verdict::Again),
];

const fn row(status: u16, code: &'static str, says: &'static str, verdict: Verdict) -> Row {
    Row {
        status,
        code,
        says,
        verdict,
        after_seconds: 0,
    }
}

const fn after(seconds: u64, row: Row) -> Row {
    Row {
        after_seconds: seconds,
        ..row
    }
}

/// An error's body: `{"error": {"code", "message", "errors": [{"reason"}]}}`, or `{"error", "error_description"}` of the token service.
pub(super) fn complaint(answer: &Answer) -> Complaint {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Body {
        Api {
            error: Api,
        },
        Token {
            error: String,
            #[serde(default)]
            error_description: String,
        },
    }
    #[derive(Deserialize)]
    struct Api {
        #[serde(default)]
        message: String,
        #[serde(default)]
        errors: Vec<Reason>,
        #[serde(default)]
        status: String,
    }
    #[derive(Deserialize)]
    struct Reason {
        reason: String,
    }
    let status = answer.status;
    let mut complaint = match answer.json::<Body>() {
        Ok(Body::Api { error }) => {
            let reason = error.errors.into_iter().next().map(|error| error.reason);
            Complaint::new(status, &reason.unwrap_or(error.status), &error.message)
        }
        Ok(Body::Token {
            error,
            error_description,
        }) => Complaint::new(status, &error, &error_description),
        Err(_) => Complaint::new(status, "NotJson", &answer.begin()),
    };
    complaint.retry_after = answer.retry_after();
    complaint
}
