//! What OCI's errors mean.

use serde::Deserialize;
use spillway_core::Fault as Kind;

use crate::Scope;
use crate::refusal::{Complaint, Row, Verdict};
use crate::rest::Answer;

/// Set by us where a work request fails without saying why.
pub(super) const WORK_FAILED: &str = "WorkRequestFailed";

/// The first row that fits counts: no capacity comes as a 500, so it stands before whatever a 500 means.
pub(super) const TABLE: &[Row] = &[
    row(
        0,
        "InternalError",
        "out of host capacity",
        Verdict::No(Kind::NoCapacity, Scope::Offer),
    ),
    row(
        0,
        "*",
        "out of capacity for shape",
        Verdict::No(Kind::NoCapacity, Scope::Offer),
    ),
    row(
        0,
        "*",
        "out of host capacity",
        Verdict::No(Kind::NoCapacity, Scope::Offer),
    ),
    // Limits are per kind of GPU and availability domain or region: other machines may still be had.
    row(
        0,
        "LimitExceeded",
        "",
        Verdict::No(Kind::Quota, Scope::Machine),
    ),
    row(
        0,
        "QuotaExceeded",
        "",
        Verdict::No(Kind::Quota, Scope::Machine),
    ),
    // Bans of minutes are reported, and asking during one prolongs it.
    after(
        60,
        row(429, "*", "", Verdict::No(Kind::Throttled, Scope::Region)),
    ),
    // Also what a clock says that is off by more than five minutes.
    row(401, "*", "", Verdict::No(Kind::Denied, Scope::Cloud)),
    // A missing right and a wrong OCID look the same; the image or the subnet of this pool may be meant.
    row(
        404,
        "NotAuthorizedOrNotFound",
        "",
        Verdict::No(Kind::Denied, Scope::Pool),
    ),
    row(409, "InvalidatedRetryToken", "", Verdict::Look),
    row(409, "IncorrectState", "", Verdict::Again),
    row(409, "ExternalServerIncorrectState", "", Verdict::Again),
    row(409, "LockConflict", "", Verdict::Again),
    row(
        400,
        "InvalidParameter",
        "",
        Verdict::No(Kind::Invalid, Scope::Pool),
    ),
    row(
        400,
        "MissingParameter",
        "",
        Verdict::No(Kind::Invalid, Scope::Pool),
    ),
    row(
        400,
        "CannotParseRequest",
        "",
        Verdict::No(Kind::Invalid, Scope::Pool),
    ),
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

/// An error's body, `{"code", "message"}`.
pub(super) fn complaint(answer: &Answer) -> Complaint {
    #[derive(Deserialize)]
    struct Body {
        code: String,
        #[serde(default)]
        message: String,
    }
    let mut complaint = match answer.json::<Body>() {
        Ok(body) => Complaint::new(answer.status, &body.code, &body.message),
        Err(_) => Complaint::new(answer.status, "NotJson", &answer.begin()),
    };
    complaint.retry_after = answer.retry_after();
    complaint
}
