//! A controller's API as our own commands ask it.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

/// The longest that an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Where the controller is, and how it is asked.
pub(crate) struct ApiClient {
    client: reqwest::Client,
    url: String,
    token: Option<String>,
}

// === impl ApiClient ===

impl ApiClient {
    /// Asks nothing yet. The token is that of a file, or of `SPILLWAY_API_TOKEN`, or there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn new(url: &str, token_file: Option<&Path>) -> anyhow::Result<Self> {
        let token = match token_file {
            Some(path) => Some(
                std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?,
            ),
            None => std::env::var("SPILLWAY_API_TOKEN").ok(),
        };
        Ok(Self {
            client: reqwest::Client::builder().timeout(ANSWER_MAX).build()?,
            url: url.trim_end_matches('/').to_owned(),
            token: token.map(|token| token.trim().to_owned()),
        })
    }

    /// Reads what is at a path below `/api/v1/`.
    ///
    /// # Errors
    /// When nobody answers, or with the reason that is given.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(path, self.client.get(self.at(path))).await
    }

    /// Orders something.
    ///
    /// # Errors
    /// As [`ApiClient::get`]; when nobody answered in time it may hold.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        // What a page from elsewhere could not send.
        let request = self.client.post(self.at(path)).json(body);
        self.ask(path, request.header("X-Spillway-Request", "1"))
            .await
    }

    fn at(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.url)
    }

    async fn ask(&self, path: &str, mut request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("no controller answers at {}", self.url))?;
        let url = self.at(path);
        let status = answer.status();
        let body: Value = answer
            .json()
            .await
            .with_context(|| format!("{url} answered {status} and no JSON"))?;
        let detail = body["detail"].as_str().unwrap_or("no reason was given");
        anyhow::ensure!(
            status.is_success(),
            "{url} answered {status}: {}",
            clean(detail)
        );
        Ok(body)
    }
}

/// Text as a terminal may have it: what others wrote must not move its cursor.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|it| if it.is_control() { '\u{fffd}' } else { it })
        .collect()
}
