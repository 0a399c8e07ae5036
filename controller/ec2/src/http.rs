//! How the SDK reaches AWS: through the proxies of the environment, trusting more authorities where there are such; or by
//! a carrier, in place of the network.
//!
//! Its own client knows neither.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_ec2::config::http::{HttpRequest, HttpResponse};
use aws_sdk_ec2::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_async::time::TimeSource;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use reqwest::{Method, Request, Url};
use spillway_cloud::{Carried, Carrier, CarryError, Clock, Net};

/// Hands the SDK's requests to whoever carries the other clouds' ones.
#[derive(Clone)]
struct By(Arc<dyn Carrier>);

/// Tells the SDK the time.
#[derive(Debug)]
pub(crate) struct Told(pub(crate) Clock);

/// A client for this way of reaching AWS. Its certificates must be PEM.
pub(crate) fn client(net: &Net) -> SharedHttpClient {
    match &net.carrier {
        Some(carrier) => SharedHttpClient::new(By(Arc::clone(carrier))),
        None => SharedHttpClient::new(network(net.ca_pem.as_deref())),
    }
}

/// A client that trusts the system's authorities and those of `ca_pem`.
fn network(ca_pem: Option<&[u8]>) -> impl HttpClient + 'static {
    let mut store = TrustStore::default();
    if let Some(pem) = ca_pem {
        store.add_pem_certificate(pem);
    }
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|it| it.sleep_impl()));
        let context = TlsContext::builder().with_trust_store(store.clone());
        connector
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context.build().unwrap_or_default())
            .build()
    })
}

// === impl Told ===

impl TimeSource for Told {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}

// === impl By ===

impl HttpClient for By {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for By {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let carrier = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let request = carriable(&request).map_err(ConnectorError::user)?;
            let carried = carrier.carry(request).await.map_err(ConnectorError::io)?;
            answer(carried).map_err(ConnectorError::io)
        })
    }
}

impl fmt::Debug for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("carried")
    }
}

fn carriable(request: &HttpRequest) -> Result<Request, CarryError> {
    let method = Method::from_bytes(request.method().as_bytes())?;
    let mut carriable = Request::new(method, Url::parse(request.uri())?);
    for (name, value) in request.headers() {
        let name: reqwest::header::HeaderName = name.parse()?;
        carriable.headers_mut().append(name, value.parse()?);
    }
    let body = request.body().bytes().unwrap_or_default().to_vec();
    *carriable.body_mut() = Some(body.into());
    Ok(carriable)
}

fn answer(carried: Carried) -> Result<HttpResponse, CarryError> {
    let mut answer = HttpResponse::new(carried.status.try_into()?, carried.body.into());
    for (name, value) in &carried.headers {
        let value = value.to_str()?.to_owned();
        answer.headers_mut().append(name.as_str().to_owned(), value);
    }
    Ok(answer)
}
