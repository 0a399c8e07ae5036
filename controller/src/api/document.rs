//! `GET /api/v1/openapi.json`: the API described, OpenAPI 3.1.

use axum::Json;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Spillway operators' API",
        description = "What the controller sees, decided and did, and what it is ordered to do. \
            Null is unknown, never zero; spans are seconds, money is dollars, rates are images per second. \
            Everything that is not GET needs the header `X-Spillway-Request: 1`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        super::cost::cost,
        super::heat::partitions,
        super::log::decision,
        super::log::decisions,
        super::log::export,
        super::log::orders,
        super::order::drain,
        super::order::override_pool,
        super::order::pause,
        super::order::release,
        super::order::resume,
        super::read::fleet,
        super::read::health,
        super::read::manifest,
        super::read::market,
        super::read::policies,
        super::read::state,
        super::session::begin,
        super::session::end,
        super::session::session,
        super::stream::events,
        super::timeline::last_hour,
        super::timeline::timeline,
        super::what_if::what_if,
    ),
    modifiers(&Rights)
)]
struct Document;

struct Rights;

impl Modify for Rights {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("bearer", bearer);
        let cookie = ApiKey::Cookie(ApiKeyValue::new("spillway_session"));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
        let none: [&str; 0] = [];
        document.security = Some(vec![
            SecurityRequirement::default(),
            SecurityRequirement::new("bearer", none),
            SecurityRequirement::new("session", none),
        ]);
    }
}

/// The API described.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere() {
        let document = serde_json::to_value(document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
