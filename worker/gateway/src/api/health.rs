//! `/livez`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use crate::app::App;

pub(super) async fn livez(State(app): State<Arc<App>>) -> impl IntoResponse {
    match app.is_stuck() {
        true => (StatusCode::SERVICE_UNAVAILABLE, "results are not read\n"),
        false => (StatusCode::OK, "alive\n"),
    }
}

pub(super) async fn readyz(State(app): State<Arc<App>>) -> impl IntoResponse {
    match app.unready() {
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        None => (StatusCode::OK, "ready\n".to_owned()),
    }
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    app.gauge();
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.metrics.render())
}
