//! How the SDK reaches AWS: through the proxies of the environment, trusting more authorities where there are such.
//!
//! Its own client knows neither.

use aws_sdk_ec2::config::HttpClient;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};

/// A client that trusts the system's authorities and those of `ca_pem`, which must be PEM.
pub(crate) fn client(ca_pem: Option<&[u8]>) -> impl HttpClient + 'static {
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
