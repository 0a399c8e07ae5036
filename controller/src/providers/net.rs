//! How clouds are reached from here, beside the proxies that `HTTPS_PROXY` and `NO_PROXY` name.

use anyhow::Context as _;
use spillway_cloud::Net;

/// With the certificate authorities in the file that `SPILLWAY_CA_FILE` names, beside the system's.
///
/// # Errors
/// When that file cannot be read.
pub(super) fn net() -> anyhow::Result<Net> {
    let file = std::env::var_os("SPILLWAY_CA_FILE");
    let read = |file: std::ffi::OsString| {
        std::fs::read(&file).with_context(|| format!("SPILLWAY_CA_FILE {}", file.display()))
    };
    Ok(Net {
        ca_pem: file.map(read).transpose()?,
        ..Net::default()
    })
}
