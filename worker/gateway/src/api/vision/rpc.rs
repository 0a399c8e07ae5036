//! `google.cloud.vision.v1.ImageAnnotator` over gRPC, on the same port.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response};
use spillway_wire::TraceParent;
use tonic::server::{Grpc, UnaryService};
use tonic_prost::ProstCodec;

use super::messages::{BatchAnnotateImagesRequest, BatchAnnotateImagesResponse};
use super::{BODY_BYTES_MAX, error, run};
use crate::api::{body, key};
use crate::app::App;
use crate::tenants::{Scope, Tenant};

pub(in super::super) const PATH: &str =
    "/google.cloud.vision.v1.ImageAnnotator/BatchAnnotateImages";
/// A message has a head of five bytes.
const MESSAGE_HEAD: usize = 5;

struct Annotate {
    app: Arc<App>,
    tenant: Arc<Tenant>,
    trace: Option<TraceParent>,
}

/// `BatchAnnotateImages`.
pub(in super::super) async fn grpc(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response<tonic::body::Body> {
    let (parts, stream) = request.into_parts();
    let tenant = match key::authorize(&app, &parts, Scope::Recognize) {
        Ok(tenant) => tenant,
        Err(problem) => return error::grpc(&problem).into_http(),
    };
    // Read here, so that the bounds of all bodies hold for these too.
    let most = BODY_BYTES_MAX + MESSAGE_HEAD;
    let whole = match body::read(&app, &parts.headers, stream, most).await {
        Ok(whole) => whole,
        Err(problem) => return error::grpc(&problem).into_http(),
    };
    let trace = key::trace(&parts.headers);
    let annotate = Annotate { app, tenant, trace };
    let request = again(&parts, Body::from(whole.bytes.clone()));
    let mut grpc = Grpc::new(ProstCodec::default()).max_decoding_message_size(BODY_BYTES_MAX);
    grpc.unary(annotate, request).await
}

/// The request as it came, with a body that is there.
fn again(parts: &Parts, body: Body) -> Request {
    let mut request = Request::new(body);
    let headers: HeaderMap = parts.headers.clone();
    *request.headers_mut() = headers;
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = parts.uri.clone();
    *request.version_mut() = parts.version;
    request
}

impl UnaryService<BatchAnnotateImagesRequest> for Annotate {
    type Response = BatchAnnotateImagesResponse;
    type Future = std::pin::Pin<
        Box<dyn Future<Output = Result<tonic::Response<Self::Response>, tonic::Status>> + Send>,
    >;

    fn call(&mut self, request: tonic::Request<BatchAnnotateImagesRequest>) -> Self::Future {
        let (app, tenant) = (self.app.clone(), self.tenant.clone());
        let trace = self.trace.clone();
        Box::pin(async move {
            let answer = run(&app, &tenant, request.into_inner(), trace).await;
            let answer = answer.map_err(|problem| error::grpc(&problem))?;
            Ok(tonic::Response::new(answer))
        })
    }
}
