//! Google Vision's `images:annotate`, over REST and gRPC, so that its clients work with another endpoint.
//!
//! ```text
//! JSON ─┐                                                        ┌─▶ JSON
//!       ├─▶ BatchAnnotateImagesRequest ─▶ annotate ─▶ …Response ─┤
//! gRPC ─┘                                                        └─▶ gRPC
//! ```

mod convert;
mod error;
mod messages;
mod messages_json;
mod rpc;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use futures::stream::{FuturesOrdered, StreamExt as _};

use super::{body, json, key};
use crate::app::{App, Ask};
use crate::ids::Wants;
use crate::problem::{Cause, Problem};
use crate::tenants::{Scope, Tenant};
use convert::Asked;
use messages::{AnnotateImageRequest, AnnotateImageResponse};
use messages::{BatchAnnotateImagesRequest, BatchAnnotateImagesResponse, Status};

pub(super) use rpc::{PATH as GRPC_PATH, grpc};

/// As Google says it: bytes of a request.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// As Google says it: images of a request.
const IMAGES_MAX: usize = 16;
/// Longest wait; there is no asking again later in this API.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Annotates images in the shape of Google Vision.
///
/// From 1 to 16 images. What is wrong with one of them stands in its own `error`; a feature that is not answered too.
#[utoipa::path(
    post,
    path = "/v1/images:annotate",
    request_body(content = BatchAnnotateImagesRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Every image has its answer, be it an error", body = BatchAnnotateImagesResponse),
        (status = 400, description = "The request is wrong, or too large", body = error::ErrorBody),
        (status = 401, description = "No key, or not a good one", body = error::ErrorBody),
        (status = 403, description = "The key may not do this", body = error::ErrorBody),
        (status = 408, description = "The body was too slow", body = error::ErrorBody),
        (status = 429, description = "Too much: `Retry-After` says when", body = error::ErrorBody),
        (status = 503, description = "Not accepted: try again", body = error::ErrorBody),
    ),
    security(("key" = []), ("bearer" = [])),
)]
pub(super) async fn annotate(State(app): State<Arc<App>>, request: Request) -> Response {
    match rest(&app, request).await {
        Ok(answer) => json(&answer),
        Err(problem) => error::response(&problem),
    }
}

async fn rest(app: &App, request: Request) -> Result<BatchAnnotateImagesResponse, Problem> {
    let (parts, stream) = request.into_parts();
    let tenant = key::authorize(app, &parts, Scope::Recognize)?;
    let whole = body::read(app, &parts.headers, stream, BODY_BYTES_MAX).await?;
    let batch: BatchAnnotateImagesRequest = super::parse::json(&whole.bytes)?;
    let trace = key::trace(&parts.headers);
    run(app, &tenant, batch, trace).await
}

/// Annotates a batch.
///
/// # Errors
/// When nothing was accepted. What is wrong with one image stands in its own answer.
async fn run(
    app: &App,
    tenant: &Arc<Tenant>,
    batch: BatchAnnotateImagesRequest,
    trace: Option<spillway_wire::TraceParent>,
) -> Result<BatchAnnotateImagesResponse, Problem> {
    if !(1..=IMAGES_MAX).contains(&batch.requests.len()) {
        let detail = format!("a request must have from 1 to {IMAGES_MAX} images");
        return Err(Problem::field("requests", detail));
    }
    // One job for each image, since each may ask for something else; they are accepted one after the other, so that
    // a refusal of the first is a refusal of all.
    let longest = WAIT_MAX.min(app.limits.wait_max);
    let mut waiting = FuturesOrdered::new();
    for (index, request) in batch.requests.into_iter().enumerate() {
        let begun = begin(app, tenant, request, longest, trace.clone()).await;
        let begun = match begun {
            Err(Begin::Refused(problem)) if index == 0 => return Err(problem),
            Err(Begin::Refused(problem)) => Err(error::status(&problem)),
            Err(Begin::Wrong(status)) => Err(status),
            Ok(begun) => Ok(begun),
        };
        waiting.push_back(async move {
            match begun {
                Err(status) => AnnotateImageResponse::failed(status),
                Ok((accepted, asked)) => {
                    let (handle, answer) = app.wait(accepted, longest).await;
                    let view = answer.view(&handle).images.into_iter().next();
                    view.map_or_else(AnnotateImageResponse::default, |it| asked.answer(it))
                }
            }
        });
    }
    Ok(BatchAnnotateImagesResponse {
        responses: waiting.collect().await,
    })
}

/// Why one image was not begun.
enum Begin {
    /// Something is wrong with what is asked for it.
    Wrong(Status),
    /// It was refused, and so would be others.
    Refused(Problem),
}

async fn begin(
    app: &App,
    tenant: &Arc<Tenant>,
    request: AnnotateImageRequest,
    longest: Duration,
    trace: Option<spillway_wire::TraceParent>,
) -> Result<(crate::app::Accepted, Asked), Begin> {
    let asked = Asked::of(&request).map_err(Begin::Wrong)?;
    let wants = asked.wants.and(app.catalog.features);
    if wants.is_empty() {
        let lacking = asked.wants != Wants::default();
        let message = match lacking {
            true => "no model here finds what is asked for",
            false => "no feature that is supported is asked for",
        };
        return Err(Begin::Wrong(Status::new(error::INVALID_ARGUMENT, message)));
    }
    let image = convert::image(request.image).map_err(Begin::Wrong)?;
    let ask = Ask {
        tenant: tenant.clone(),
        images: vec![image],
        wants,
        max_results: asked.max_results(),
        // Nobody can ask for it later.
        deadline: tenant.deadline.min(longest),
        idempotency_key: None,
        notify: false,
        trace,
    };
    let accepted = app.accept(ask).await;
    let accepted = accepted.map_err(|problem| match problem.cause {
        Cause::UnsupportedFeature => Begin::Wrong(error::status(&problem)),
        _ => Begin::Refused(problem),
    })?;
    Ok((accepted, asked))
}
