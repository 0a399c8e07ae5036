//! What Azure's errors mean, wherever they stand: in an answer, in an operation or in a machine's own status.

use serde::Deserialize;
use spillway_core::Fault as Kind;

use crate::Scope;
use crate::refusal::{Complaint, Row, Verdict};
use crate::rest::Answer;

/// The first row that fits counts.
///
/// "No capacity" is always of the one size: Azure says nothing of others in the same zone.
pub(super) const TABLE: &[Row] = &[
    row(
        0,
        "OperationNotAllowed",
        "LowPriorityCores",
        Verdict::No(Kind::Quota, Scope::Market),
    ),
    row(
        0,
        "OperationNotAllowed",
        "Total Regional",
        Verdict::No(Kind::Quota, Scope::Region),
    ),
    row(
        0,
        "OperationNotAllowed",
        "Family Cores quota",
        Verdict::No(Kind::Quota, Scope::Machine),
    ),
    row(
        0,
        "OperationNotAllowed",
        "quota",
        Verdict::No(Kind::Quota, Scope::Region),
    ),
    row(
        0,
        "QuotaExceeded",
        "",
        Verdict::No(Kind::Quota, Scope::Region),
    ),
    row(
        0,
        "SkuNotAvailable",
        "",
        Verdict::No(Kind::NoCapacity, Scope::Offer),
    ),
    row(
        0,
        "ZonalAllocationFailed",
        "",
        Verdict::No(Kind::NoCapacity, Scope::Offer),
    ),
    row(
        0,
        "OverconstrainedZonalAllocationRequest",
        "",
        Verdict::No(Kind::NoCapacity, Scope::Offer),
    ),
    row(
        0,
        "AllocationFailed",
        "",
        Verdict::No(Kind::NoCapacity, Scope::Machine),
    ),
    row(
        0,
        "OverconstrainedAllocationRequest",
        "",
        Verdict::No(Kind::NoCapacity, Scope::Machine),
    ),
    row(
        429,
        "SubscriptionRequestsThrottled",
        "",
        Verdict::No(Kind::Throttled, Scope::Cloud),
    ),
    row(429, "*", "", Verdict::No(Kind::Throttled, Scope::Region)),
    row(401, "*", "", Verdict::No(Kind::Denied, Scope::Cloud)),
    row(403, "*", "", Verdict::No(Kind::Denied, Scope::Cloud)),
    row(0, "NicReservedForAnotherVm", "", Verdict::Again),
    row(412, "*", "", Verdict::Look),
    row(409, "PropertyChangeNotAllowed", "", Verdict::Look),
    // A machine of this name is being made or ended.
    row(409, "Conflict", "", Verdict::Look),
    row(
        409,
        "OperationNotAllowed",
        "marked for deletion",
        Verdict::Look,
    ),
    row(400, "*", "", Verdict::No(Kind::Invalid, Scope::Pool)),
    row(404, "*", "", Verdict::No(Kind::Invalid, Scope::Pool)),
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

/// An error's body: `{"error": {"code", "message"}}`, or `{"error", "error_description"}` of the token services.
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
        code: String,
        #[serde(default)]
        message: String,
    }
    let mut complaint = match answer.json::<Body>() {
        Ok(Body::Api { error }) => Complaint::new(answer.status, &error.code, &error.message),
        Ok(Body::Token {
            error,
            error_description,
        }) => Complaint::new(answer.status, &error, &error_description),
        Err(_) => Complaint::new(answer.status, "NotJson", &answer.begin()),
    };
    complaint.retry_after = answer.retry_after();
    complaint
}
