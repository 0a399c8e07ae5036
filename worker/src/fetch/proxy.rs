//! The way out, where there is only one: a proxy that resolves, judges and dials.
//!
//! The worker judges what it can without resolving (scheme, port, literal addresses, local names); names are the
//! proxy's to judge, since it is what dials them. Smokescreen does so; a proxy that dials anything opens the inside.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// Address of a proxy, perhaps with credentials, which are never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EgressProxy(Url);

// === impl EgressProxy ===

impl EgressProxy {
    pub(super) fn url(&self) -> Url {
        self.0.clone()
    }
}

impl FromStr for EgressProxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        let is_origin = url.has_host() && url.path() == "/" && url.query().is_none();
        if !matches!(url.scheme(), "http" | "https") || !is_origin {
            return Err("must be http://HOST:PORT or https://HOST:PORT".to_owned());
        }
        Ok(Self(url))
    }
}

impl fmt::Debug for EgressProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (self.0.host_str(), self.0.port_or_known_default());
        write!(
            f,
            "{}:{}",
            host.unwrap_or_default(),
            port.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_origin_and_keeps_its_password_to_itself() {
        for (text, is_good) in [
            ("http://proxy.internal:4750", true),
            ("https://proxy.internal", true),
            ("http://user:secret@10.0.0.7:4750/", true),
            ("proxy.internal:4750", false),
            ("socks5://proxy.internal:1080", false),
            ("http://proxy.internal:4750/path", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<EgressProxy>().is_ok(), is_good, "{text:?}");
        }
        let proxy: EgressProxy = "http://user:secret@10.0.0.7:4750".parse().unwrap();
        assert_eq!(format!("{proxy:?}"), "10.0.0.7:4750");
    }
}
