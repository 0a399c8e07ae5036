//! Lists in pages. A page token names the last machine given, so what is launched meanwhile moves nothing.

use crate::faults::Trouble;
use crate::state::Machine;

/// One page.
pub(crate) struct Page<'a> {
    pub(crate) machines: Vec<&'a Machine>,
    /// Where the next one begins, if there is one.
    pub(crate) next: Option<String>,
}

/// Cuts one page out of `all`, which is in the order of launches.
///
/// Nothing if the token is none of ours.
pub(crate) fn page<'a>(
    all: impl Iterator<Item = &'a Machine>,
    token: Option<&str>,
    size: usize,
    twist: Option<&Trouble>,
) -> Option<Page<'a>> {
    let after: u64 = match token {
        Some(token) => token.strip_prefix("after-")?.parse().ok()?,
        None => 0,
    };
    let mut machines: Vec<&Machine> = all.filter(|machine| machine.number > after).collect();
    let is_last = machines.len() <= size;
    machines.truncate(size);
    let next = machines
        .last()
        .filter(|_| !is_last)
        .map(|last| format!("after-{}", last.number));
    Some(match twist {
        Some(Trouble::Empty) => Page {
            machines: Vec::new(),
            next: None,
        },
        Some(Trouble::Truncated { keep }) => {
            machines.truncate(*keep);
            Page {
                machines,
                next: None,
            }
        }
        _ => Page { machines, next },
    })
}
