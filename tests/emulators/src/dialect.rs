//! What each cloud says in its own way, and what befalls a call before the cloud sees it or after.

use jiff::Timestamp;

use crate::faults::{Call, Trouble};
use crate::http::{Asked, Reply};
use crate::state::{Cloud, Offer};

/// A cloud's wire.
pub(crate) trait Dialect {
    /// What a request is about, and for a launch which offer.
    fn about(asked: &Asked) -> (Call, Option<Offer>);

    /// Does what is asked. `twist` is what the cloud itself must do otherwise than well.
    fn answer(cloud: &mut Cloud, now: Timestamp, asked: &Asked, twist: Option<&Trouble>) -> Reply;

    /// An error in the cloud's envelope.
    fn error(status: u16, code: &str, message: &str) -> Reply;

    /// Its own trouble: internal error, of the given status.
    fn broken(status: u16) -> Reply;

    /// Too many calls.
    fn throttled() -> Reply;

    /// The credentials may not do this.
    fn denied() -> Reply;

    /// There is no such machine.
    fn not_found(asked: &Asked) -> Reply;
}

/// Answers a request, unless something befalls it.
pub(crate) fn befallen<D: Dialect>(cloud: &mut Cloud, now: Timestamp, asked: &Asked) -> Reply {
    let (call, offer) = D::about(asked);
    let Some(trouble) = cloud.faults.befall(call, offer.as_ref()) else {
        return D::answer(cloud, now, asked, None);
    };
    match trouble {
        Trouble::LoseAnswer { hold_ms } => D::answer(cloud, now, asked, None).lost(hold_ms),
        Trouble::LoseRequest { hold_ms } => Reply::empty(0).lost(hold_ms),
        Trouble::FailAfter { status } => {
            D::answer(cloud, now, asked, None);
            D::broken(status)
        }
        Trouble::Answer {
            status,
            code,
            message,
            retry_after,
        } => with_retry_after(D::error(status, &code, &message), retry_after),
        Trouble::Html { status } => Reply::html(status),
        Trouble::Throttled { retry_after } => with_retry_after(D::throttled(), retry_after),
        Trouble::Denied => D::denied(),
        Trouble::NotFound => D::not_found(asked),
        Trouble::NoCapacity { .. }
        | Trouble::Quota { .. }
        | Trouble::Empty
        | Trouble::Truncated { .. }
        | Trouble::Unreachable
        | Trouble::StuckStarting
        | Trouble::StuckEnding
        | Trouble::Lies => D::answer(cloud, now, asked, Some(&trouble)),
    }
}

fn with_retry_after(reply: Reply, seconds: Option<u32>) -> Reply {
    match seconds {
        Some(seconds) => reply.with("retry-after", seconds.to_string()),
        None => reply,
    }
}
