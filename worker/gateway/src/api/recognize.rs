//! `POST /v1/recognize`: one or many images, as JSON, as a form, or as the body itself.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;

use super::parse::{Context, IMAGE_BYTES_MAX, Options, RecognizeRequest, Wanted};
use super::{body, json, key, parse};
use crate::answer::JobView;
use crate::app::{App, Ask};
use crate::ids::IMAGES_MAX;
use crate::problem::{Cause, Problem, ProblemBody};
use crate::tenants::{Scope, Tenant};

/// Largest body: three of the largest images, or many of ordinary size, in base64.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
const IDEMPOTENCY_KEY_MAX: usize = 256;
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long the client wants to wait (RFC 7240).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Prefer {
    is_async: bool,
    wait: Option<Duration>,
}

/// Recognizes images.
///
/// JSON names images by `uri`, `inline` or `object`. A form has one part `images` per file and may have the options
/// as JSON in a part `options`. A body of type `image/*` is one image.
/// The answer is 200 when every image has its own, be it an error; 202 with a job to poll when the client does not
/// want to wait (`Prefer: respond-async`) or has waited as long as it may (`Prefer: wait=SECONDS`).
#[utoipa::path(
    post,
    path = "/v1/recognize",
    request_body(content = RecognizeRequest, content_type = "application/json"),
    params(
        ("Prefer" = Option<String>, Header, description = "`respond-async`, or `wait=SECONDS`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key get the same job"),
    ),
    responses(
        (status = 200, description = "Every image has its answer", body = JobView),
        (status = 202, description = "Accepted; `Location` is where to ask", body = JobView),
        (status = 400, description = "The request is wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No key, or not a good one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key may not do this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The body was too slow", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON, a form or an image", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The idempotency key was used for another request", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much: `Retry-After` says when", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Not accepted: try again", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []), ("bearer" = [])),
)]
pub(super) async fn recognize(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, stream) = request.into_parts();
    let tenant = key::authorize(&app, &parts, Scope::Recognize)?;
    let prefer = Prefer::read(&parts.headers);
    let idempotency_key = idempotency_key(&parts.headers)?;
    let whole = body::read(&app, &parts.headers, stream, BODY_BYTES_MAX).await?;
    let wanted = wanted(&app, &tenant, &parts, whole.bytes.clone()).await?;
    let deadline = wanted.deadline.unwrap_or(tenant.deadline);
    let ask = Ask {
        deadline: deadline.min(tenant.deadline),
        tenant,
        images: wanted.images,
        wants: wanted.wants,
        max_results: wanted.max_results,
        idempotency_key,
        notify: wanted.notify,
        trace: key::trace(&parts.headers),
    };
    let longest = prefer.wait.unwrap_or(app.limits.wait_max);
    let longest = longest.min(app.limits.wait_max).min(ask.deadline);
    let accepted = app.accept(ask).await?;
    // Kafka or the store has the images now.
    drop(whole);
    let longest = if prefer.is_async {
        Duration::ZERO
    } else {
        longest
    };
    let (handle, answer) = app.wait(accepted, longest).await;
    let is_complete = answer.is_complete();
    let view = answer.view(&handle);
    Ok(match is_complete {
        true => json(&view),
        false => later(&view, prefer),
    })
}

fn later(view: &JobView, prefer: Prefer) -> Response {
    let mut response = (StatusCode::ACCEPTED, json(view)).into_response();
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    if let Ok(location) = HeaderValue::try_from(format!("/v1/jobs/{}", view.id)) {
        headers.insert(LOCATION, location);
    }
    if prefer.is_async {
        let applied = HeaderValue::from_static("respond-async");
        headers.insert(PREFERENCE_APPLIED, applied);
    }
    response
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    if !(1..=IDEMPOTENCY_KEY_MAX).contains(&text.len()) {
        let detail = "must have 1 to 256 visible ASCII characters";
        return Err(Problem::new(Cause::InvalidHeader, detail).at("Idempotency-Key"));
    }
    Ok(Some(text.to_owned()))
}

/// What the body asks for, by its content type.
async fn wanted(
    app: &App,
    tenant: &Tenant,
    parts: &Parts,
    bytes: Bytes,
) -> Result<Wanted, Problem> {
    let context = Context {
        ids: &app.ids,
        tenant: &tenant.name,
        features: app.catalog.features,
    };
    let kind = parts.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/json" => RecognizeRequest::read(&bytes)?.check(context),
        "multipart/form-data" => form(parts, bytes, context).await,
        essence if essence.starts_with("image/") => {
            let image = parse::check_bytes(bytes).map_err(|problem| problem.at("body"))?;
            Options::default().check(vec![image], context)
        }
        _ => Err(Problem::new(
            Cause::UnsupportedMediaType,
            "send application/json, multipart/form-data or image/*",
        )),
    }
}

/// Reads a form whose bytes are all there.
async fn form(parts: &Parts, bytes: Bytes, context: Context<'_>) -> Result<Wanted, Problem> {
    let broken = |error: &dyn std::fmt::Display| {
        let detail = format!("the form cannot be read: {error}");
        Problem::new(Cause::InvalidBody, detail)
    };
    let mut request = Request::new(Body::from(bytes));
    request.headers_mut().clone_from(&parts.headers);
    // The body has its bound already, which is not axum's.
    axum::extract::DefaultBodyLimit::disable().apply(&mut request);
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|error| broken(&error))?;
    let (mut images, mut options) = (Vec::new(), Options::default());
    while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
        let name: String = field.name().unwrap_or_default().chars().take(64).collect();
        let bytes = field.bytes().await.map_err(|error| broken(&error))?;
        match name.as_str() {
            "images" | "image" if images.len() < IMAGES_MAX => {
                let at = format!("images[{}]", images.len());
                images.push(parse::check_bytes(bytes).map_err(|problem| problem.at(at))?);
            }
            "images" | "image" => {
                let detail = format!("must be at most {IMAGES_MAX} images");
                return Err(Problem::field("images", detail));
            }
            "options" => options = parse::json(&bytes)?,
            _ => return Err(Problem::field(name, "is no part of this form")),
        }
    }
    options.check(images, context)
}

impl Prefer {
    fn read(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        let values = headers.get_all(PREFER).into_iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        for preference in texts.flat_map(|text| text.split([',', ';'])) {
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "respond-async" => prefer.is_async = true,
                "wait" => {
                    let seconds = value.trim().trim_matches('"').parse().ok();
                    prefer.wait = seconds.map(Duration::from_secs);
                }
                // What is not understood is to be ignored, says the RFC.
                _ => {}
            }
        }
        prefer
    }
}

const _: () = assert!(IMAGE_BYTES_MAX * 3 <= BODY_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_as_the_rfc_says() {
        let cases = [
            ("respond-async", true, None),
            ("Respond-Async, wait=5", true, Some(5)),
            ("wait=\"7\"; foo=bar", false, Some(7)),
            ("wait=soon", false, None),
            ("return=minimal", false, None),
        ];
        for (text, is_async, wait) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(PREFER, HeaderValue::from_static(text));
            let wait = wait.map(Duration::from_secs);
            assert_eq!(Prefer::read(&headers), Prefer { is_async, wait }, "{text}");
        }
    }
}
