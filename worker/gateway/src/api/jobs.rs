//! `GET /v1/jobs/{id}`: a job as far as it is answered.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::HeaderValue;
use axum::http::header::RETRY_AFTER;
use axum::response::Response;

use super::{json, key};
use crate::answer::JobView;
use crate::app::{App, now_ms};
use crate::problem::{Problem, ProblemBody};
use crate::tenants::Scope;

/// A job as far as it is answered.
///
/// Any replica answers. A job of another tenant does not exist.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job; `status` says whether it is done", body = JobView),
        (status = 401, description = "No key, or not a good one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key may not do this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such job, or it has expired", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The object store cannot be read now", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []), ("bearer" = [])),
)]
pub(super) async fn job(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let tenant = key::authorize(&app, &parts, Scope::Read)?;
    // What is not even text is no id either.
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let (handle, answer) = app.job(&tenant.name, &id, now_ms()).await?;
    let is_complete = answer.is_complete();
    let mut response = json(&answer.view(&handle));
    if !is_complete {
        let soon = HeaderValue::from_static("1");
        response.headers_mut().insert(RETRY_AFTER, soon);
    }
    Ok(response)
}
