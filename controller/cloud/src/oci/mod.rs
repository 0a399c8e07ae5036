//! Instances of Oracle's cloud (OCI), by its REST interface.
//!
//! A launch is known by its retry token, for 24 hours, and by its name, for as long as it is listed: both are looked at.
//! OCI forgets both some time after an instance ended; a request older than that must not be sent again, and the
//! intent, which says by then that it is over, sees to it.
//! Deliberately absent: instance pools (no preemptible machines, no identity), retries (the SDK's own repeat "out of capacity").

mod auth;
mod config;
mod errors;
mod examine;
mod sign;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use tracing::warn;

pub use self::config::{OciConfig, OciCredentials, OciEndpoints, OciFlex, OciMachine};

use self::auth::Auth;
use self::errors::{TABLE, WORK_FAILED, complaint};
use self::wire::{Launch, METADATA_BYTES_MAX, Seen, Work, WorkError};
use crate::refusal::{Complaint, Trouble, Verdict, changed, invalid, judge, unknown, used_up};
use crate::rest::{Answer, Http, PAGES_MAX, Pace, RestError, below, endpoint};
use crate::{
    BoxFuture, CloudError, Finding, Instance, InstanceState, LaunchError, LaunchRequest, Provider,
    tags,
};

const VERSION: &str = "20160918";
/// Instances on one page of a list.
const PAGE: &str = "500";

/// The provider. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Oci(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: OciConfig,
    compute: Url,
    http: Http,
    auth: Auth,
}

// === impl Oci ===

impl Oci {
    /// Makes the provider; asks nobody yet.
    ///
    /// # Errors
    /// When owner, key, endpoints or certificates are not usable.
    pub fn new(config: OciConfig) -> Result<Self, CloudError> {
        if !tags::is_value(&config.owner) {
            return Err(CloudError::Refused {
                why: format!("the owner {:?} fits no tag", config.owner),
            });
        }
        Ok(Self(Arc::new(Shared {
            compute: endpoint(&config.compute())?,
            http: Http::new(&config.net)?,
            auth: Auth::new(&config)?,
            config,
        })))
    }
}

impl Provider for Oci {
    fn name(&self) -> &'static str {
        "oci"
    }

    fn account(&self) -> String {
        self.0.config.account()
    }

    fn launch<'a>(
        &'a self,
        request: &'a LaunchRequest,
    ) -> BoxFuture<'a, Result<Instance, LaunchError>> {
        Box::pin(self.0.launch(request))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Instance>, CloudError>> {
        Box::pin(async {
            let seen = self
                .0
                .seen(None)
                .await
                .map_err(|trouble| trouble.cloud(TABLE))?;
            Ok(seen
                .into_iter()
                .filter_map(|seen| self.0.show(seen))
                .collect())
        })
    }

    fn examine(&self) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(self.0.examine())
    }

    fn terminate<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(self.0.terminate(id))
    }
}

// === impl Shared ===

impl Shared {
    async fn launch(&self, request: &LaunchRequest) -> Result<Instance, LaunchError> {
        if let Some(why) = tags::objection(request, &self.config.owner) {
            return Err(invalid(why));
        }
        let user_data = (self.config.user_data)(request);
        let spec = tags::spec(request, &self.config.machine, &user_data);
        let (name, labels) = (tags::name(request), tags::of(request, &spec));
        let body = Launch::new(&self.config.machine, &name, &labels, &user_data);
        if body.metadata_bytes() > METADATA_BYTES_MAX {
            return Err(invalid(format!(
                "user data and keys are longer than {METADATA_BYTES_MAX} bytes in base64"
            )));
        }
        // The token is good for a day alone, so the name is looked for first: an older launch must not get a twin.
        let before = self
            .named(&name)
            .await
            .map_err(|trouble| trouble.launch(TABLE))?;
        if let Some(known) = self.known(before, request, &spec)? {
            return Ok(known);
        }
        let json = serde_json::to_vec(&body).map_err(|error| invalid(error.to_string()))?;
        let token = [("opc-retry-token", tags::token(request))];
        let answer = self
            .call(Method::POST, self.at(&["instances"]), json, &token)
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(Trouble::Complaint(complaint)) if judge(TABLE, &complaint) == Verdict::Look => {
                return self.look(&name, request, &spec).await;
            }
            Err(trouble) => return Err(trouble.launch(TABLE)),
        };
        let seen: Seen = answer
            .json()
            .map_err(|error| Trouble::from(error).launch(TABLE))?;
        let id = seen.id.clone();
        let Some(instance) = self.known(vec![seen], request, &spec)? else {
            return Err(unknown("the answer shows another instance"));
        };
        match answer.header("opc-work-request-id") {
            Some(work) => self.watch(work, &id).await.map(|()| instance),
            None => Ok(instance),
        }
    }

    /// The token was used before, and what it made was ended or changed since.
    async fn look(
        &self,
        name: &str,
        request: &LaunchRequest,
        spec: &str,
    ) -> Result<Instance, LaunchError> {
        let named = self
            .named(name)
            .await
            .map_err(|trouble| trouble.launch(TABLE))?;
        let known = self.known(named, request, spec)?;
        known.ok_or_else(used_up)
    }

    /// What instances of this name say about the request: `None` if none of them is its own.
    fn known(
        &self,
        named: Vec<Seen>,
        request: &LaunchRequest,
        spec: &str,
    ) -> Result<Option<Instance>, LaunchError> {
        let tagged = |seen: &Seen| seen.freeform_tags.clone().unwrap_or_default();
        let mut own: Vec<Seen> = named
            .into_iter()
            .filter(|seen| tags::is_of(&tagged(seen), request))
            .collect();
        // Should there be several, the one that lives counts.
        own.sort_by_key(Seen::state);
        let Some(seen) = own.into_iter().next() else {
            return Ok(None);
        };
        if !tags::has_spec(&tagged(&seen), spec) {
            return Err(changed());
        }
        if seen.state() == InstanceState::Terminated {
            return Err(used_up());
        }
        Ok(self.show(seen))
    }

    /// Waits a little for a refusal that comes late. A look that fails is no failed launch.
    async fn watch(&self, work: &str, id: &str) -> Result<(), LaunchError> {
        let mut pace = Pace::new(self.config.launch_wait);
        let at = self.at(&["workRequests", work]);
        loop {
            let status = match self.read::<Work>(at.clone()).await {
                Ok(seen) => seen.status,
                Err(trouble) => {
                    warn!(error = %trouble, "a launch could not be watched");
                    String::new()
                }
            };
            match status.as_str() {
                "SUCCEEDED" => return Ok(()),
                "FAILED" | "CANCELED" => break,
                _ => {}
            }
            if !pace.pause(None).await {
                return Ok(());
            }
        }
        let errors = self.read::<Vec<WorkError>>(below(&at, &["errors"])).await;
        let why = errors.ok().and_then(|errors| errors.into_iter().next());
        let why = why.map_or_else(
            || Complaint::new(0, WORK_FAILED, ""),
            |error| Complaint::new(0, &error.code, &error.message),
        );
        // What is left of it must go before anything else is launched in its place.
        match self.terminate(id).await {
            Ok(()) => Err(why.launch_failed(TABLE)),
            Err(error) => Err(LaunchError::Unknown(Box::new(error))),
        }
    }

    async fn terminate(&self, id: &str) -> Result<(), CloudError> {
        let mut url = self.at(&["instances", id]);
        url.query_pairs_mut()
            .append_pair("preserveBootVolume", "false")
            .append_pair("preserveDataVolumesCreatedAtLaunch", "false");
        let complaint = match self.call(Method::DELETE, url, Vec::new(), &[]).await {
            Ok(_) => return Ok(()),
            Err(Trouble::Complaint(complaint)) => complaint,
            Err(trouble) => return Err(trouble.cloud(TABLE)),
        };
        if !matches!(complaint.status, 400 | 404 | 409) {
            return Err(complaint.cloud(TABLE));
        }
        // "Not found" is said of what one may not see, too, and of what was just made: the list decides.
        let listed = self
            .seen(None)
            .await
            .map_err(|trouble| trouble.cloud(TABLE))?;
        let seen = listed.iter().find(|seen| seen.id == id);
        match seen.map(Seen::state) {
            None | Some(InstanceState::Terminating | InstanceState::Terminated) => Ok(()),
            Some(_) => Err(CloudError::Unreachable(Box::new(complaint))),
        }
    }

    async fn named(&self, name: &str) -> Result<Vec<Seen>, Trouble> {
        self.seen(Some(name)).await
    }

    /// Every instance of the compartment, or of a name in it, terminated ones included while OCI shows them.
    async fn seen(&self, name: Option<&str>) -> Result<Vec<Seen>, Trouble> {
        let mut first = self.at(&["instances"]);
        first
            .query_pairs_mut()
            .append_pair("compartmentId", &self.config.machine.compartment)
            .append_pair("limit", PAGE);
        if let Some(name) = name {
            first.query_pairs_mut().append_pair("displayName", name);
        }
        let mut all = Vec::new();
        let mut url = first.clone();
        for _ in 0..PAGES_MAX {
            let answer = self.call(Method::GET, url, Vec::new(), &[]).await?;
            all.extend(answer.json::<Vec<Seen>>()?);
            let Some(next) = answer
                .header("opc-next-page")
                .filter(|next| !next.is_empty())
            else {
                return Ok(all);
            };
            url = first.clone();
            url.query_pairs_mut().append_pair("page", next);
        }
        Err(RestError::Endless.into())
    }

    fn show(&self, seen: Seen) -> Option<Instance> {
        let state = seen.state();
        let labels = seen.freeform_tags.unwrap_or_default();
        tags::instance(
            &labels,
            &self.config.owner,
            seen.id,
            state,
            seen.time_created,
        )
    }

    fn at(&self, segments: &[&str]) -> Url {
        below(&below(&self.compute, &[VERSION]), segments)
    }

    async fn read<T: DeserializeOwned>(&self, url: Url) -> Result<T, Trouble> {
        Ok(self.call(Method::GET, url, Vec::new(), &[]).await?.json()?)
    }

    /// Signs and sends; a refused session is renewed once. Anything but a success is an error.
    async fn call(
        &self,
        method: Method,
        url: Url,
        body: Vec<u8>,
        more: &[(&'static str, String)],
    ) -> Result<Answer, Trouble> {
        let mut may_renew = true;
        loop {
            let signer = self.auth.signer(&self.http).await?;
            let call = (method.clone(), url.clone());
            let names = sign::names(&method);
            let mut request = sign::signed(&signer, self.http.now(), call, names, body.clone())?;
            for (name, value) in more {
                let value = value.parse().map_err(|error| sign::denied(&error))?;
                request.headers_mut().insert(*name, value);
            }
            let answer = self.http.send(request).await?;
            if answer.status == 401 && may_renew && self.auth.renew().await {
                may_renew = false;
                continue;
            }
            return if answer.is_success() {
                Ok(answer)
            } else {
                Err(complaint(&answer).into())
            };
        }
    }
}
