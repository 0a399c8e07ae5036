//! What EC2's error codes mean for a launch: one table.

use std::error::Error as StdError;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use spillway_cloud::{CloudError, Fault, LaunchError, Scope};

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// There is none of this.
    Capacity(Scope),
    /// The account may not have more.
    Quota(Scope),
    /// Ask later.
    Throttled,
    /// A person must give rights, or mend credentials.
    Denied,
    /// It fails the same way again.
    Invalid(Scope),
    /// The token was used with another request: what is there decides.
    Mismatch,
    /// The token's machine is gone: this attempt is over.
    UsedUp,
    /// No machine of that name.
    NotFound,
    /// It may have worked.
    Unknown,
}

use Meaning::{Capacity, Denied, Invalid, Mismatch, NotFound, Quota, Throttled, Unknown, UsedUp};

/// Codes, those that end in `*` for all that begin so; the first that fits counts.
///
/// A family of types has no scope of its own: its quota says no to the type that was asked for, and the next of the
/// family hears the same. Neither has a subnet: it is the pool's.
const CODES: &[(&str, Meaning)] = &[
    ("InsufficientInstanceCapacity", Capacity(Scope::Offer)),
    ("InsufficientHostCapacity", Capacity(Scope::Offer)),
    ("InsufficientCapacity*", Capacity(Scope::Offer)),
    (
        "InsufficientReservedInstanceCapacity",
        Capacity(Scope::Offer),
    ),
    ("ReservationCapacityExceeded", Capacity(Scope::Offer)),
    ("UnfulfillableCapacity", Capacity(Scope::Offer)),
    ("SpotMaxPriceTooLow", Capacity(Scope::Offer)),
    ("InsufficientFreeAddressesInSubnet", Capacity(Scope::Pool)),
    ("InsufficientVolumeCapacity", Capacity(Scope::Zone)),
    ("MaxSpotInstanceCountExceeded", Quota(Scope::Market)),
    ("VcpuLimitExceeded", Quota(Scope::Machine)),
    ("InstanceLimitExceeded", Quota(Scope::Machine)),
    ("InstanceTypeLimitExceeded", Quota(Scope::Machine)),
    ("VolumeLimitExceeded", Quota(Scope::Region)),
    ("VolumeTypeNotAvailableInZone", Invalid(Scope::Zone)),
    ("MaxIOPSLimitExceeded", Quota(Scope::Region)),
    ("NetworkInterfaceLimitExceeded", Quota(Scope::Region)),
    ("RequestLimitExceeded", Throttled),
    ("ResourceCountLimitExceeded", Throttled),
    ("Throttling*", Throttled),
    ("EC2ThrottledException", Throttled),
    ("RequestThrottled*", Throttled),
    // Spot needs a role that AWS makes at the first use, where it may.
    ("AuthFailure.ServiceLinkedRoleCreationNotPermitted", Denied),
    ("AuthFailure*", Denied),
    ("UnauthorizedOperation", Denied),
    ("AccessDenied*", Denied),
    ("InvalidClientTokenId", Denied),
    ("UnrecognizedClientException", Denied),
    ("ExpiredToken*", Denied),
    ("RequestExpired", Denied),
    ("SignatureDoesNotMatch", Denied),
    ("OptInRequired", Denied),
    ("PendingVerification", Denied),
    ("Blocked", Denied),
    ("IdempotentParameterMismatch", Mismatch),
    ("IdempotentInstanceTerminated", UsedUp),
    ("InvalidInstanceID.*", NotFound),
    // The type is not sold in this zone, or is none.
    ("Unsupported*", Invalid(Scope::Offer)),
    ("InvalidInstanceType", Invalid(Scope::Machine)),
    ("InternalError", Unknown),
    ("InternalFailure", Unknown),
    ("ServerInternal", Unknown),
    ("ServiceUnavailable", Unknown),
    ("Unavailable", Unknown),
    ("RequestTimeout*", Unknown),
    // InvalidAMIID.*, InvalidSubnetID.*, InvalidGroup.*, InvalidParameter*, InvalidUserData.*, Missing* and the rest
    // of what is wrong with a request.
    ("Invalid*", Invalid(Scope::Pool)),
    ("Missing*", Invalid(Scope::Pool)),
];

/// What EC2 said, or what came between.
pub(crate) struct Refusal {
    pub(crate) meaning: Meaning,
    /// What EC2 calls it.
    pub(crate) code: Option<String>,
    /// Code and message.
    pub(crate) why: String,
    retry_after: Option<Duration>,
    source: Box<dyn StdError + Send + Sync>,
}

// === impl Meaning ===

impl Meaning {
    /// The meaning of a code and the HTTP status that it came with.
    fn of(code: &str, status: u16) -> Self {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => code.starts_with(start),
            None => code == pattern,
        };
        let known = CODES.iter().find(|(pattern, _)| fits(pattern));
        match known {
            Some((_, meaning)) => *meaning,
            // A code that is new to us: what is the caller's fault has surely not worked.
            None if (400..500).contains(&status) => Invalid(Scope::Pool),
            None => Unknown,
        }
    }
}

// === impl Refusal ===

impl Refusal {
    pub(crate) fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|raw| raw.status().as_u16());
        let retry_after = error
            .raw_response()
            .and_then(|raw| raw.headers().get("retry-after"))
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs);
        let code = error.code().map(str::to_owned);
        let message = error.message().unwrap_or_default().to_owned();
        let (meaning, why) = match (&error, code.as_deref()) {
            (_, Some(code)) => (
                Meaning::of(code, status.unwrap_or(0)),
                format!("{code}: {message}"),
            ),
            // Never sent: neither without credentials, nor when it could not be written.
            _ if has_no_credentials(&error) => (Denied, "there are no credentials".to_owned()),
            (SdkError::ConstructionFailure(_), None) => (
                Invalid(Scope::Pool),
                "the request cannot be made".to_owned(),
            ),
            (_, None) => (Unknown, "there was no answer to be read".to_owned()),
        };
        Self {
            meaning,
            code,
            why,
            retry_after,
            source: Box::new(error),
        }
    }

    /// Why a launch gave no instance; `None` where that is to be found out.
    pub(crate) fn launch(self) -> LaunchError {
        let (fault, scope) = match self.meaning {
            Capacity(scope) => (Fault::NoCapacity, scope),
            Quota(scope) => (Fault::Quota, scope),
            // EC2 counts calls by account and region.
            Throttled => (Fault::Throttled, Scope::Region),
            Denied => (Fault::Denied, Scope::Cloud),
            Invalid(scope) => (Fault::Invalid { why: self.why }, scope),
            Mismatch | UsedUp | NotFound => (Fault::Invalid { why: self.why }, Scope::Pool),
            Unknown => return LaunchError::Unknown(self.source),
        };
        LaunchError::NotLaunched {
            fault,
            scope,
            retry_after: self.retry_after,
        }
    }

    /// Why there is no list, or why an order was not taken.
    pub(crate) fn call(self) -> CloudError {
        match self.meaning {
            Throttled => CloudError::Throttled {
                retry_after: self.retry_after,
            },
            Denied | Invalid(_) => CloudError::Refused { why: self.why },
            Capacity(_) | Quota(_) | Mismatch | UsedUp | NotFound | Unknown => {
                CloudError::Unreachable(self.source)
            }
        }
    }
}

fn has_no_credentials(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<CredentialsError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_notes_say() {
        for (code, status, meaning) in [
            ("InsufficientInstanceCapacity", 500, Capacity(Scope::Offer)),
            ("InsufficientInstanceCapacity", 400, Capacity(Scope::Offer)),
            ("UnfulfillableCapacity", 500, Capacity(Scope::Offer)),
            (
                "InsufficientFreeAddressesInSubnet",
                400,
                Capacity(Scope::Pool),
            ),
            ("MaxSpotInstanceCountExceeded", 400, Quota(Scope::Market)),
            ("VcpuLimitExceeded", 400, Quota(Scope::Machine)),
            ("RequestLimitExceeded", 503, Throttled),
            ("ThrottlingException", 400, Throttled),
            ("UnauthorizedOperation", 403, Denied),
            ("AuthFailure", 401, Denied),
            ("InvalidAMIID.NotFound", 400, Invalid(Scope::Pool)),
            ("InvalidParameterValue", 400, Invalid(Scope::Pool)),
            ("InvalidUserData.Malformed", 400, Invalid(Scope::Pool)),
            ("Unsupported", 400, Invalid(Scope::Offer)),
            ("InvalidInstanceType", 400, Invalid(Scope::Machine)),
            ("InvalidInstanceID.NotFound", 400, NotFound),
            ("IdempotentParameterMismatch", 400, Mismatch),
            ("IdempotentInstanceTerminated", 400, UsedUp),
            ("InternalError", 500, Unknown),
            ("ServiceUnavailable", 503, Unknown),
            ("SomethingNew", 400, Invalid(Scope::Pool)),
            ("SomethingNew", 500, Unknown),
            ("SomethingNew", 0, Unknown),
        ] {
            assert_eq!(Meaning::of(code, status), meaning, "{code} {status}");
        }
    }

    #[test]
    fn no_code_is_hidden_by_an_earlier_one() {
        for (at, (pattern, _)) in CODES.iter().enumerate() {
            let hides = |earlier: &str| match earlier.strip_suffix('*') {
                Some(start) => pattern.trim_end_matches('*').starts_with(start),
                None => earlier == *pattern,
            };
            let by = CODES[..at].iter().find(|(earlier, _)| hides(earlier));
            assert_eq!(by, None, "{pattern}");
        }
    }
}
