//! `POST /v1/uploads`: keeps an image, or a video, so that requests can name it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::parse::IMAGE_BYTES_MAX;
use super::{body, json, key, streamed};
use crate::app::{App, now_ms};
use crate::problem::{Cause, Problem, ProblemBody};
use crate::store::upload_key;
use crate::tenants::Scope;

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UploadView {
    /// What requests name it by, in `object`.
    object: String,
    /// Its length.
    bytes: u64,
    /// Until when it can be used, milliseconds since the Unix epoch.
    expires_at_ms: i64,
}

/// Keeps an image file, or a video.
///
/// A body of type `video/*` may be as large as videos may be, where they are taken; any other is an image.
#[utoipa::path(
    post,
    path = "/v1/uploads",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "It is kept", body = UploadView),
        (status = 400, description = "It is empty", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No key, or not a good one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key may not do this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The body was too slow", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much: `Retry-After` says when", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The object store cannot be written now", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []), ("bearer" = [])),
)]
pub(super) async fn upload(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, stream) = request.into_parts();
    let tenant = key::authorize(&app, &parts, Scope::Recognize)?;
    if let Some(videos) = &app.videos
        && streamed::is_video(&parts.headers)
    {
        let permit = app.admit_video(&tenant)?;
        let body = streamed::Pieces::of_body(stream, &parts.headers);
        let kept = streamed::keep(&app, videos, &tenant, body).await;
        drop(permit);
        let kept = kept.inspect_err(|_| tenant.meter.refund(1))?;
        return Ok(created(&app, kept.object, kept.bytes, kept.at_ms));
    }
    let whole = body::read(&app, &parts.headers, stream, IMAGE_BYTES_MAX).await?;
    let bytes = whole.bytes.len();
    if bytes == 0 {
        return Err(Problem::new(Cause::InvalidBody, "the body is empty"));
    }
    let now_ms = now_ms();
    // An upload weighs as much as an image that is sent: else the store could be filled for nothing.
    drop(app.admit(&tenant, 1, tenant.deadline)?);
    let handle = app.ids.upload(&tenant.name, now_ms);
    app.store.put_upload(&handle, whole.bytes).await?;
    let object = upload_key(&handle);
    Ok(created(&app, object, bytes as u64, now_ms))
}

fn created(app: &App, object: String, bytes: u64, now_ms: i64) -> Response {
    let retention = i64::try_from(app.limits.retention.as_millis()).unwrap_or(i64::MAX / 2);
    let view = UploadView {
        object,
        bytes,
        expires_at_ms: now_ms.saturating_add(retention),
    };
    (StatusCode::CREATED, json(&view)).into_response()
}
