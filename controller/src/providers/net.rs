//! How clouds are reached from here, beside the proxies that `HTTPS_PROXY` and `NO_PROXY` name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use spillway_cloud::{CallBudget, Net};

/// The call budgets of the accounts that a policy's pools share.
#[derive(Default)]
pub(super) struct Budgets(Mutex<BTreeMap<String, Arc<CallBudget>>>);

// === impl Budgets ===

impl Budgets {
    /// The one of this account.
    pub(super) fn of(&self, account: String) -> Arc<CallBudget> {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry(account.clone());
        let budget = budget.or_insert_with(|| Arc::new(CallBudget::new(account)));
        Arc::clone(budget)
    }
}

/// With the certificate authorities in the file that `SPILLWAY_CA_FILE` names, beside the system's.
///
/// # Errors
/// When that file cannot be read, or holds none.
pub(super) fn net() -> anyhow::Result<Net> {
    let file = std::env::var_os("SPILLWAY_CA_FILE");
    let read = |file: std::ffi::OsString| {
        let at = || format!("SPILLWAY_CA_FILE {}", file.display());
        let pem = std::fs::read(&file).with_context(at)?;
        // Looked at here, since AWS's SDK does not bear what is none.
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).with_context(at)?;
        anyhow::ensure!(!certificates.is_empty(), "{}: holds no certificate", at());
        anyhow::Ok(pem)
    };
    Ok(Net {
        ca_pem: file.map(read).transpose()?,
        ..Net::default()
    })
}
