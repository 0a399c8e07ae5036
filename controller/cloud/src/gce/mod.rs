//! Instances of Google Compute Engine, by its REST interface.
//!
//! A launch is known by its request id, which gives its first operation again, and by its name in its zone.
//! Google does not say for how long it keeps request ids, and forgets a name with its instance.
//! So names that were told to end are kept in memory as well, and across a restart the intent says that it is over.
//! Deliberately absent: other zones than the configured one for a launch (names are unique in a zone alone), bulk inserts.

mod auth;
mod config;
mod errors;
mod examine;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::warn;
use uuid::Uuid;

pub use self::config::{GceAccelerator, GceConfig, GceCredentials, GceEndpoints, GceMachine};

use self::auth::Auth;
use self::errors::{TABLE, complaint};
use self::wire::{Insert, Operation, Page, Seen, USER_DATA_BYTES_MAX, Warning};
use crate::memory::Used;
use crate::refusal::{
    Complaint, Trouble, Verdict, changed, foreign, invalid, judge, unknown, used_up,
};
use crate::rest::{Http, PAGES_MAX, Pace, RestError, below, endpoint};
use crate::{
    BoxFuture, CloudError, Finding, Instance, InstanceState, LaunchError, LaunchRequest, Provider,
    bearer, tags,
};

/// Instances on one page of a list.
const PAGE: &str = "500";
const DONE: &str = "DONE";

/// The provider. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Gce(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: GceConfig,
    project: Url,
    http: Http,
    auth: Auth,
    used: Used,
}

// === impl Gce ===

impl Gce {
    /// Makes the provider; asks nobody yet.
    ///
    /// # Errors
    /// When owner, key, endpoints or certificates are not usable.
    pub fn new(config: GceConfig) -> Result<Self, CloudError> {
        if !tags::is_value(&config.owner) {
            return Err(CloudError::Refused {
                why: format!("the owner {:?} fits no label", config.owner),
            });
        }
        let compute = endpoint(config.compute())?;
        Ok(Self(Arc::new(Shared {
            project: below(&compute, &["projects", &config.machine.project]),
            http: Http::new(&config.net)?,
            auth: Auth::new(&config)?,
            used: Used::default(),
            config,
        })))
    }
}

impl Provider for Gce {
    fn name(&self) -> &'static str {
        "gcp"
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
                .seen()
                .await
                .map_err(|trouble| trouble.cloud(TABLE))?;
            let ours = seen.into_iter().filter_map(|seen| self.0.show(seen));
            Ok(ours.collect())
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
        let name = tags::name(request);
        if self.used.has(&name) {
            return Err(used_up());
        }
        let user_data = (self.config.user_data)(request);
        if user_data.len() > USER_DATA_BYTES_MAX {
            return Err(invalid(format!(
                "user data is longer than {USER_DATA_BYTES_MAX} bytes"
            )));
        }
        let spec = tags::spec(request, &self.config.machine, &user_data);
        let labels = tags::of(request, &spec);
        let body = Insert::new(&self.config.machine, &name, &labels, &user_data);
        let body = serde_json::to_value(body).map_err(|error| invalid(error.to_string()))?;
        let mut url = self.in_zone(&self.config.machine.zone, &["instances"]);
        let token = Uuid::new_v5(&Uuid::NAMESPACE_OID, tags::token(request).as_bytes());
        url.query_pairs_mut()
            .append_pair("requestId", &token.to_string());
        let inserted = self.call::<Operation>(Method::POST, url, Some(&body)).await;
        let is_done = match inserted {
            Ok(operation) => self.watch(operation).await?,
            Err(Trouble::Complaint(complaint)) if judge(TABLE, &complaint) == Verdict::Look => {
                false
            }
            Err(trouble) => return Err(trouble.launch(TABLE)),
        };
        self.made(&name, request, &spec, is_done).await
    }

    /// Waits a little for a refusal that comes late, and says whether the operation is done.
    ///
    /// A look that fails is no failed launch: a second machine elsewhere would be the price of taking it for one.
    async fn watch(&self, mut operation: Operation) -> Result<bool, LaunchError> {
        let mut pace = Pace::new(self.config.launch_wait);
        let at = self.in_zone(&self.config.machine.zone, &["operations", &operation.name]);
        loop {
            if operation.status == DONE {
                return match operation.error {
                    None => Ok(true),
                    Some(error) => {
                        let first = error.errors.into_iter().next();
                        let why = first.map_or_else(
                            || Complaint::new(0, "OperationFailed", ""),
                            |error| Complaint::new(0, &error.code, &error.message),
                        );
                        if judge(TABLE, &why) == Verdict::Look {
                            return Ok(false);
                        }
                        Err(why.launch_failed(TABLE))
                    }
                };
            }
            if !pace.pause(None).await {
                return Ok(false);
            }
            match self.call(Method::GET, at.clone(), None).await {
                Ok(seen) => operation = seen,
                Err(trouble) => warn!(error = %trouble, "a launch could not be watched"),
            }
        }
    }

    /// The instance of this name, if it is the request's.
    async fn made(
        &self,
        name: &str,
        request: &LaunchRequest,
        spec: &str,
        is_done: bool,
    ) -> Result<Instance, LaunchError> {
        let zone = &self.config.machine.zone;
        let at = self.in_zone(zone, &["instances", name]);
        let seen = match self.call::<Seen>(Method::GET, at, None).await {
            Ok(seen) => Some(seen),
            Err(Trouble::Complaint(complaint)) if complaint.status == 404 => {
                // One miss proves nothing.
                let all = self.seen().await.map_err(|trouble| trouble.launch(TABLE))?;
                let id = format!("{zone}/{name}");
                all.into_iter().find(|seen| seen.id() == id)
            }
            Err(trouble) => return Err(trouble.launch(TABLE)),
        };
        match seen {
            // The operation made it, and it is there no more: this request was served before.
            None if is_done => Err(used_up()),
            None => Err(unknown("the launch was taken, and nothing shows yet")),
            Some(seen) if !tags::is_of(&seen.labels, request) => Err(foreign(name)),
            Some(seen) if !tags::has_spec(&seen.labels, spec) => Err(changed()),
            Some(seen) => self.show(seen).ok_or_else(|| foreign(name)),
        }
    }

    /// `id` is `zone/name`.
    async fn terminate(&self, id: &str) -> Result<(), CloudError> {
        let own = (self.config.machine.zone.as_str(), id);
        let (zone, name) = id.split_once('/').unwrap_or(own);
        // Without a request id: that would give the first order's operation again, were it a failed one.
        let at = self.in_zone(zone, &["instances", name]);
        let complaint = match self.call::<Value>(Method::DELETE, at, None).await {
            Ok(_) => {
                self.used.add(name);
                return Ok(());
            }
            Err(Trouble::Complaint(complaint)) => complaint,
            Err(trouble) => return Err(trouble.cloud(TABLE)),
        };
        if !matches!(complaint.status, 400 | 404 | 409) {
            return Err(complaint.cloud(TABLE));
        }
        let listed = self.seen().await.map_err(|trouble| trouble.cloud(TABLE))?;
        let seen = listed.iter().find(|seen| seen.id() == id);
        match seen.map(Seen::state) {
            None | Some(InstanceState::Terminating | InstanceState::Terminated) => {
                self.used.add(name);
                Ok(())
            }
            Some(_) => Err(CloudError::Unreachable(Box::new(complaint))),
        }
    }

    /// Every instance with our label, in all zones of the project.
    async fn seen(&self) -> Result<Vec<Seen>, Trouble> {
        let mut first = below(&self.project, &["aggregated", "instances"]);
        let ours = format!("labels.{}={}", tags::OWNER, self.config.owner);
        first
            .query_pairs_mut()
            .append_pair("filter", &ours)
            .append_pair("maxResults", PAGE);
        let mut all = Vec::new();
        let mut url = first.clone();
        for _ in 0..PAGES_MAX {
            let page: Page = self.call(Method::GET, url, None).await?;
            whole(&page)?;
            all.extend(page.items.into_values().flat_map(|zone| zone.instances));
            let Some(next) = page.next_page_token.filter(|next| !next.is_empty()) else {
                return Ok(all);
            };
            url = first.clone();
            url.query_pairs_mut().append_pair("pageToken", &next);
        }
        Err(RestError::Endless.into())
    }

    fn show(&self, seen: Seen) -> Option<Instance> {
        let (id, state) = (seen.id(), seen.state());
        let at = seen.creation_timestamp;
        tags::instance(&seen.labels, &self.config.owner, id, state, at)
    }

    fn in_zone(&self, zone: &str, segments: &[&str]) -> Url {
        below(&below(&self.project, &["zones", zone]), segments)
    }

    /// Anything but a success is an error; a refused token is renewed once.
    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<T, Trouble> {
        let mut may_renew = true;
        loop {
            let mut request = bearer::json(method.clone(), url.clone(), body);
            bearer::authorize(&mut request, &self.auth.token(&self.http).await?)?;
            let answer = self.http.send(request).await?;
            if answer.status == 401 && may_renew {
                self.auth.renew().await;
                may_renew = false;
                continue;
            }
            return if answer.is_success() {
                Ok(answer.json()?)
            } else {
                Err(complaint(&answer).into())
            };
        }
    }
}

/// Zones that did not answer make a list that is not one. A zone without instances says so, which is no harm.
fn whole(page: &Page) -> Result<(), RestError> {
    let zones = page.items.iter();
    let of_zones = zones.filter_map(|(zone, at)| Some((zone.as_str(), at.warning.as_ref()?)));
    let mut warnings = of_zones.chain(page.warning.as_ref().map(|warning| ("all zones", warning)));
    let is_harm = |(_, warning): &(&str, &Warning)| warning.code != "NO_RESULTS_ON_PAGE";
    if let Some((zone, warning)) = warnings.find(is_harm) {
        let why = format!("{}: {zone}", warning.code);
        return Err(RestError::Partial { why });
    }
    match page.unreachables.first() {
        Some(zone) => Err(RestError::Partial {
            why: format!("unreachable: {zone}"),
        }),
        None => Ok(()),
    }
}
