//! `POST /v1/videos`: a video, as JSON, as a form, or as the body itself. `GET /v1/videos/{id}`: how far it is.

mod page;
mod request;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Path, Request, State};
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use spillway_wire::ImageSource;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::parse::Context;
use super::recognize::idempotency_key;
use super::streamed::{Kept, Pieces, essence, keep, slow};
use super::{body, json, key, parse};
use crate::app::{App, LOOK_MAX, VideoAsk, Videos, now_ms};
use crate::problem::{Cause, Problem, ProblemBody, chain};
use crate::tenants::{Scope, Tenant};
use crate::video::VideoView;
use page::Page;
use request::{VideoRequest, Wanted};

/// Largest request without the video itself.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Most bytes that are read of a request that is refused already.
const DISCARDED_MAX: usize = 1024 * 1024;
/// Most parts of a form: the video and its options.
const PARTS_MAX: usize = 2;
/// When a video that is not done is worth asking for again, seconds.
const RETRY_AFTER_SECONDS: u64 = 5;

/// Looks at a video.
///
/// JSON names a video by `uri` or `object`. A form has the file as part `video` and may have the rest as JSON in a
/// part `options`. A body of type `video/*` is the video. The answer is 202 as soon as Kafka has it: ask for it
/// where `Location` says.
#[utoipa::path(
    post,
    path = "/v1/videos",
    request_body(content = VideoRequest, content_type = "application/json"),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key get the same video"),
    ),
    responses(
        (status = 202, description = "Accepted; `Location` is where to ask", body = VideoView),
        (status = 400, description = "The request is wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No key, or not a good one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key may not do this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The body was too slow", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON, a form or a video", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The idempotency key was used for another request", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much: `Retry-After` says when", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Not accepted: try again", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []), ("bearer" = [])),
)]
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, stream) = request.into_parts();
    let tenant = key::authorize(&app, &parts, Scope::Recognize)?;
    let videos = taken(&app)?;
    let idempotency_key = idempotency_key(&parts.headers)?;
    // Before the body: nobody shall send gigabytes to be refused.
    let permit = match app.admit_video(&tenant) {
        Ok(permit) => permit,
        Err(problem) => {
            // A client that only sends shall see the answer and not a broken connection.
            body::discard(stream, DISCARDED_MAX).await;
            return Err(problem);
        }
    };
    let accepted = accept(&app, videos, &tenant, &parts, stream, idempotency_key).await;
    drop(permit);
    if !matches!(accepted, Ok((_, true))) {
        // A repeat, or nothing at all: it counts for nothing.
        tenant.meter.refund(1);
    }
    let (view, _) = accepted?;
    let mut response = (StatusCode::ACCEPTED, json(&view)).into_response();
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    if let Ok(location) = HeaderValue::try_from(format!("/v1/videos/{}", view.id)) {
        headers.insert(LOCATION, location);
    }
    Ok(response)
}

/// A video as far as it is answered.
///
/// Any replica answers. A video of another tenant does not exist. Frames are there as soon as they have an answer,
/// where a page of them is asked for; the summary is there once all have.
#[utoipa::path(
    get,
    path = "/v1/videos/{id}",
    params(
        ("id" = String, Path, description = "The video's id"),
        ("page_size" = Option<u32>, Query, description = "So many frames, from 1 to 1000; none if left out", minimum = 1, maximum = 1000),
        ("page_token" = Option<String>, Query, description = "`next_page_token` of the page before"),
        ("sort_by" = Option<String>, Query, description = "`time`, which is the default, or `-time`"),
    ),
    responses(
        (status = 200, description = "The video; `done` says whether it has ended", body = VideoView),
        (status = 400, description = "The query is wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No key, or not a good one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key may not do this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such video, or it has expired", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The object store cannot be read now", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []), ("bearer" = [])),
)]
pub(super) async fn video(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let tenant = key::authorize(&app, &parts, Scope::Read)?;
    // What is not even text is no id either.
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let handle = app.video(&tenant.name, &id, now_ms())?;
    let page = Page::read(parts.uri.query().unwrap_or_default())?;
    let look = app.look_at_video(&handle, LOOK_MAX).await?;
    let mut view = VideoView::of(&handle, look);
    if let Some(page) = page {
        let Page {
            size,
            backwards,
            after,
        } = page;
        let (frames, has_more) = app.frames_of_video(&handle, after, backwards, size).await?;
        let last = frames.last().filter(|_| has_more);
        view.next_page_token = last.map(|last| page.token(last));
        view.frames = Some(frames);
    }
    let is_done = view.done;
    let mut response = json(&view);
    if !is_done {
        let soon = HeaderValue::from(RETRY_AFTER_SECONDS);
        response.headers_mut().insert(RETRY_AFTER, soon);
    }
    Ok(response)
}

/// How videos are taken: these routes are there only where they are.
fn taken(app: &App) -> Result<&Videos, Problem> {
    let none = || Problem::new(Cause::NoSuchPath, "no videos are taken here");
    app.videos.as_ref().ok_or_else(none)
}

/// Accepts what the body asks for; says whether it counts, which a repeat does not.
async fn accept(
    app: &App,
    videos: &Videos,
    tenant: &Arc<Tenant>,
    parts: &Parts,
    stream: Body,
    idempotency_key: Option<String>,
) -> Result<(VideoView, bool), Problem> {
    let mut kept = None;
    let wanted = wanted(app, videos, tenant, (parts, stream), &mut kept).await;
    let object = kept.as_ref().map(|kept: &Kept| kept.object.clone());
    let accepted = match wanted {
        Ok(wanted) => {
            let ask = ask(wanted, kept, tenant, parts, idempotency_key);
            app.accept_video(videos, &ask).await
        }
        Err(problem) => Err(problem),
    };
    if let (Err(problem), Some(object)) = (&accepted, &object)
        && problem.cause.status().is_client_error()
    {
        // Any other problem leaves open whether Kafka has it.
        if let Err(error) = app.store.remove_upload(object).await {
            debug!(object, error = %chain(&error), "upload not removed; it expires");
        }
    }
    let (handle, is_new) = accepted?;
    let view = match is_new {
        true => VideoView::begun(&handle),
        false => VideoView::of(&handle, app.look_at_video(&handle, LOOK_MAX).await?),
    };
    // A file that is kept once more is paid for, whether or not it is a repeat.
    Ok((view, is_new || object.is_some()))
}

/// What the body asks for, by its content type; a video in it is kept.
async fn wanted(
    app: &App,
    videos: &Videos,
    tenant: &Tenant,
    (parts, stream): (&Parts, Body),
    kept: &mut Option<Kept>,
) -> Result<Wanted, Problem> {
    let context = Context {
        ids: &app.ids,
        tenant: &tenant.name,
        features: app.catalog.features,
    };
    match essence(&parts.headers).as_str() {
        "application/json" => {
            let whole = body::read(app, &parts.headers, stream, REQUEST_BYTES_MAX).await?;
            let request: VideoRequest = parse::json(&whole.bytes)?;
            request.check(context)
        }
        "multipart/form-data" => {
            let request = form(app, videos, tenant, (parts, stream), kept).await?;
            request.of_file(context)
        }
        essence if essence.starts_with("video/") => {
            let pieces = Pieces::of_body(stream, &parts.headers);
            let file = keep(app, videos, tenant, pieces).await;
            *kept = Some(file.map_err(|problem| problem.at("body"))?);
            VideoRequest::default().of_file(context)
        }
        _ => {
            let detail = "send application/json, multipart/form-data or video/*";
            Err(Problem::new(Cause::UnsupportedMediaType, detail))
        }
    }
}

fn ask(
    wanted: Wanted,
    kept: Option<Kept>,
    tenant: &Arc<Tenant>,
    parts: &Parts,
    idempotency_key: Option<String>,
) -> VideoAsk {
    let (video, identity) = match (wanted.video, kept) {
        (Some(ImageSource::Uri(uri)), _) => (ImageSource::Uri(uri.clone()), uri),
        (Some(video), _) => {
            let identity = format!("{video:?}");
            (video, identity)
        }
        (None, kept) => {
            let (object, hash) = kept.map(|it| (it.object, it.blake3)).unwrap_or_default();
            (ImageSource::Object(object), hash)
        }
    };
    let deadline = wanted.choice.deadline.unwrap_or(tenant.deadline);
    VideoAsk {
        deadline: deadline.min(tenant.deadline),
        tenant: tenant.clone(),
        video,
        identity,
        sampling: wanted.sampling,
        wants: wanted.choice.wants,
        max_results: wanted.choice.max_results,
        idempotency_key,
        notify: wanted.notify,
        trace: key::trace(&parts.headers),
    }
}

/// Reads a form, and keeps the video as it comes.
async fn form(
    app: &App,
    videos: &Videos,
    tenant: &Tenant,
    (parts, stream): (&Parts, Body),
    kept: &mut Option<Kept>,
) -> Result<VideoRequest, Problem> {
    let broken = |error: &dyn std::fmt::Display| {
        let detail = format!("the form cannot be read: {error}");
        Problem::new(Cause::InvalidBody, detail)
    };
    let time = app.limits.body_time;
    let mut request = Request::new(stream);
    request.headers_mut().clone_from(&parts.headers);
    // The parts have bounds of their own.
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|error| broken(&error))?;
    let mut options = None;
    for _ in 0..=PARTS_MAX {
        let next = timeout_at(Instant::now() + time, form.next_field()).await;
        let next = next.map_err(|_| slow())?;
        let Some(field) = next.map_err(|error| broken(&error))? else {
            break;
        };
        let name: String = field.name().unwrap_or_default().chars().take(64).collect();
        let at = |problem: Problem| problem.at(name.clone());
        match name.as_str() {
            "video" if kept.is_none() => {
                let pieces = Pieces::Field(Box::new(field));
                *kept = Some(keep(app, videos, tenant, pieces).await.map_err(at)?);
            }
            "options" if options.is_none() => {
                let bytes = Pieces::Field(Box::new(field))
                    .all(REQUEST_BYTES_MAX, time)
                    .await;
                options = Some(parse::json(&bytes.map_err(at)?)?);
            }
            "video" | "options" => return Err(Problem::field(name, "must be there once")),
            _ => return Err(Problem::field(name, "is no part of this form")),
        }
    }
    if kept.is_none() {
        return Err(Problem::field("video", "must be there"));
    }
    Ok(options.unwrap_or_default())
}
