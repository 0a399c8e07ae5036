//! Which frames of a video are asked for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::ids::{AT_MS_MAX, FrameAt, SEGMENT_MAX};
use crate::problem::Problem;
use crate::video::FrameView;

/// Most frames of a page.
const SIZE_MAX: usize = 1_000;
/// Frames of a page where only a token is given.
const SIZE_DEFAULT: usize = 100;

/// A page of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) size: usize,
    /// Whether the last frames come first.
    pub(super) backwards: bool,
    /// The last frame of the page before.
    pub(super) after: Option<FrameAt>,
}

// === impl Page ===

impl Page {
    /// Of a query; none where no frames are asked for. What is not known here is ignored, as keys are in it.
    ///
    /// # Errors
    /// With the parameter at fault.
    pub(super) fn read(query: &str) -> Result<Option<Self>, Problem> {
        let (mut size, mut token, mut order) = (None, None, None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let of = match name.as_ref() {
                "page_size" => &mut size,
                "page_token" => &mut token,
                "sort_by" => &mut order,
                _ => continue,
            };
            if of.replace(value).is_some() {
                return Err(Problem::field(name, "must be there once"));
            }
        }
        let backwards = match order.as_deref() {
            None | Some("time") => false,
            Some("-time") => true,
            Some(_) => return Err(Problem::field("sort_by", "must be `time` or `-time`")),
        };
        let size = size.map(|size| {
            let number = size.parse().ok().filter(|it| (1..=SIZE_MAX).contains(it));
            number.ok_or_else(|| Problem::field("page_size", "must be from 1 to 1000"))
        });
        let size = size.transpose()?;
        let after = token.map(|token| {
            let detail = "is not the `next_page_token` of a page in this order";
            let read = read_token(&token).filter(|(of, _)| *of == backwards);
            read.ok_or_else(|| Problem::field("page_token", detail))
        });
        let after = after.transpose()?.map(|(_, at)| at);
        let is_asked = size.is_some() || after.is_some() || order.is_some();
        Ok(is_asked.then_some(Self {
            size: size.unwrap_or(SIZE_DEFAULT),
            backwards,
            after,
        }))
    }

    /// What leads to the page after a frame.
    pub(super) fn token(&self, last: &FrameView) -> String {
        let order = if self.backwards { '-' } else { '+' };
        BASE64.encode(format!("{order}{}.{}", last.segment, last.at_ms))
    }
}

fn read_token(token: &str) -> Option<(bool, FrameAt)> {
    let text = String::from_utf8(BASE64.decode(token).ok()?).ok()?;
    let backwards = text.starts_with('-');
    let rest = text.strip_prefix(['-', '+'])?;
    let (segment, at_ms) = rest.split_once('.')?;
    let at = FrameAt {
        segment: segment.parse().ok()?,
        at_ms: at_ms.parse().ok()?,
    };
    let is_sane = at.segment <= SEGMENT_MAX && at.at_ms <= AT_MS_MAX;
    is_sane.then_some((backwards, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use crate::ids::Wants;

    fn read(query: &str) -> Result<Option<Page>, Option<String>> {
        Page::read(query).map_err(|problem| problem.field)
    }

    #[test]
    fn no_page_is_read_unless_it_is_asked_for() {
        assert_eq!(read("key=spw_x&alt=json"), Ok(None));
        let page = |size, backwards| Page {
            size,
            backwards,
            after: None,
        };
        assert_eq!(read("page_size=7"), Ok(Some(page(7, false))));
        assert_eq!(read("sort_by=-time"), Ok(Some(page(100, true))));
    }

    #[test]
    fn a_token_leads_on_in_its_own_order_alone() {
        let last = FrameView {
            at_ms: 61_000,
            segment: 1,
            answer: Answer::of_one(Wants::default(), Vec::new()),
        };
        let after = Some(FrameAt {
            segment: 1,
            at_ms: 61_000,
        });
        for (order, other) in [("time", "-time"), ("-time", "time")] {
            let first = read(&format!("sort_by={order}&page_size=2"));
            let first = first.unwrap().unwrap();
            let token = first.token(&last);
            let next = read(&format!("sort_by={order}&page_size=2&page_token={token}"));
            assert_eq!(next, Ok(Some(Page { after, ..first })));
            let wrong = read(&format!("sort_by={other}&page_token={token}"));
            assert_eq!(wrong, Err(Some("page_token".into())));
        }
    }

    #[test]
    fn a_query_that_is_wrong_names_what() {
        let overflow = BASE64.encode("+1.99999999999999999999");
        let overflow = format!("page_token={overflow}");
        for (query, field) in [
            ("page_size=0", "page_size"),
            ("page_size=1001", "page_size"),
            ("page_size=-1", "page_size"),
            ("page_size=1e2", "page_size"),
            ("page_size=", "page_size"),
            ("page_size=1&page_size=2", "page_size"),
            ("page_token=", "page_token"),
            ("page_token=%00", "page_token"),
            ("page_token=AAAA", "page_token"),
            (&overflow, "page_token"),
            ("sort_by=name", "sort_by"),
        ] {
            assert_eq!(read(query), Err(Some(field.into())), "{query}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_query_is_too_strange(query in ".*", token in ".*") {
            let _ = (Page::read(&query), read_token(&token));
        }
    }
}
