//! `GET /v1/models` and `GET /v1/labels`: what can be found.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::{json, key};
use crate::app::App;
use crate::catalog::{LabelsView, ModelsView};
use crate::problem::{Problem, ProblemBody};
use crate::tenants::Scope;

/// The models of the set.
#[utoipa::path(
    get,
    path = "/v1/models",
    responses(
        (status = 200, description = "The models", body = ModelsView),
        (status = 401, description = "No key, or not a good one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key may not do this", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []), ("bearer" = [])),
)]
pub(super) async fn models(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    key::authorize(&app, &request.into_parts().0, Scope::Read)?;
    Ok(json(&app.catalog.models))
}

/// Everything that can be found: labels with their parents, brands, objects, attributes of faces.
#[utoipa::path(
    get,
    path = "/v1/labels",
    responses(
        (status = 200, description = "The labels", body = LabelsView),
        (status = 401, description = "No key, or not a good one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key may not do this", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []), ("bearer" = [])),
)]
pub(super) async fn labels(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    key::authorize(&app, &request.into_parts().0, Scope::Read)?;
    Ok(json(&app.catalog.labels))
}
