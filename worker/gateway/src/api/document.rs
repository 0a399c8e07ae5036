//! `GET /openapi.json`: the API described, OpenAPI 3.1.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Spillway recognition API",
        description = "Finds people's faces, brands' logos, scenes and objects in images and videos.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        super::recognize::recognize,
        super::jobs::job,
        super::uploads::upload,
        super::videos::begin,
        super::videos::video,
        super::catalog::models,
        super::catalog::labels,
        super::vision::annotate,
    ),
    modifiers(&Keys)
)]
struct Document;

struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let key = ApiKey::Header(ApiKeyValue::new("x-goog-api-key"));
        components.add_security_scheme("key", SecurityScheme::ApiKey(key));
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("bearer", bearer);
    }
}

pub(super) async fn openapi(State(app): State<Arc<App>>) -> impl IntoResponse {
    Json(document(app.videos.is_some()))
}

/// The document of a gateway that takes videos, or does not.
fn document(with_videos: bool) -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    if !with_videos {
        let paths = &mut document.paths.paths;
        paths.retain(|path, _| !path.starts_with("/v1/videos"));
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_described_and_every_reference_leads_somewhere() {
        let document = serde_json::to_value(Document::openapi()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        let expected = [
            "/v1/images:annotate",
            "/v1/jobs/{id}",
            "/v1/labels",
            "/v1/models",
            "/v1/recognize",
            "/v1/uploads",
            "/v1/videos",
            "/v1/videos/{id}",
        ];
        assert_eq!(paths, expected);
        let without = serde_json::to_value(super::document(false)).unwrap();
        let paths: Vec<&String> = without["paths"].as_object().unwrap().keys().collect();
        assert_eq!(paths, expected[..6]);
        let text = document.to_string();
        let references = text.split("\"$ref\":\"#").skip(1);
        for reference in references {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        assert!(
            text.contains("MODEL_FAILED"),
            "reasons of workers are listed"
        );
    }
}
