//! The routes, and what every request goes through.

mod body;
mod catalog;
mod document;
mod health;
mod jobs;
mod key;
mod page;
mod parse;
mod recognize;
mod streamed;
mod uploads;
mod videos;
mod vision;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::app::App;
use crate::problem::{Cause, Problem};
use crate::spans;

const REQUEST_ID: &str = "x-request-id";

/// All routes of the API, and those of operators where they have no place of their own.
pub(crate) fn router(app: Arc<App>, with_operators: bool) -> Router {
    let routes = Router::new()
        .route("/v1/recognize", post(recognize::recognize))
        .route("/v1/jobs/{id}", get(jobs::job))
        .route("/v1/uploads", post(uploads::upload))
        .route("/v1/models", get(catalog::models))
        .route("/v1/labels", get(catalog::labels))
        // A colon is an ordinary character of a path.
        .route("/v1/images:annotate", post(vision::annotate))
        .route(vision::GRPC_PATH, post(vision::grpc))
        .route("/openapi.json", get(document::openapi))
        .route("/", get(page::page))
        .route("/{file}", get(page::file));
    let routes = match app.videos {
        Some(_) => routes
            .route("/v1/videos", post(videos::begin))
            .route("/v1/videos/{id}", get(videos::video)),
        None => routes,
    };
    let routes = match with_operators {
        true => routes.merge(for_operators()),
        false => routes,
    };
    routes
        .fallback(no_path)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(app.clone(), around))
        .with_state(app)
}

/// The routes of operators alone: they are not counted as requests of the API.
pub(crate) fn operators(app: Arc<App>) -> Router {
    for_operators()
        .fallback(no_path)
        .method_not_allowed_fallback(no_method)
        .with_state(app)
}

fn for_operators() -> Router<Arc<App>> {
    Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
}

async fn no_path(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(100).collect();
    Problem::new(Cause::NoSuchPath, format!("there is nothing at {path}"))
}

async fn no_method(method: Method) -> Problem {
    let detail = format!("this path has no method {method}");
    Problem::new(Cause::NoSuchMethod, detail)
}

/// Counts a request, and gives its answer an id and headers that are right for all.
async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let (span, request) = spans::begin(request, &route);
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    app.metrics.request(&route, status, began.elapsed());
    spans::end(span, status);
    let headers = response.headers_mut();
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Some(id) = request_id() {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// A new id for one request, which a client can quote.
fn request_id() -> Option<HeaderValue> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).ok()?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(text).ok()
}

/// A response with JSON.
fn json(value: &impl serde::Serialize) -> Response {
    axum::Json(value).into_response()
}
