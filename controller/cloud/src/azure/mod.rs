//! Machines of Azure, by Resource Manager's REST interface.
//!
//! A launch is known by its name alone: `If-None-Match: *` keeps a second machine away, and a machine that is there is
//! looked at. Azure forgets a name with its machine.
//! So names that were told to end are kept in memory as well, and across a restart the intent says that it is over.
//! Deliberately absent: scale sets (a number has no identity), and what a machine is doing in lists (Azure does not tell there).

mod auth;
mod config;
mod errors;
mod examine;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::IF_NONE_MATCH;
use reqwest::{Method, Url};
use serde_json::Value;
use tracing::warn;

pub use self::config::{AzureConfig, AzureCredentials, AzureEndpoints, AzureImage, AzureMachine};

use self::auth::Auth;
use self::errors::{TABLE, complaint};
use self::wire::{Operation, Page, Put, Seen, USER_DATA_BYTES_MAX};
use crate::memory::Used;
use crate::refusal::{
    Complaint, Trouble, Verdict, changed, foreign, invalid, judge, unknown, used_up,
};
use crate::rest::{Answer, Http, PAGES_MAX, Pace, RestError, below, endpoint};
use crate::{
    BoxFuture, CloudError, Fault, Finding, Instance, InstanceState, LaunchError, LaunchRequest,
    Provider, bearer, tags,
};

/// Generally available, and old enough to be everywhere.
const VERSION: &str = "2024-07-01";
/// The longest name of a Linux machine.
const NAME_CHARS_MAX: usize = 64;

/// The provider. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Azure(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: AzureConfig,
    management: Url,
    http: Http,
    auth: Auth,
    used: Used,
}

// === impl Azure ===

impl Azure {
    /// Makes the provider; asks nobody yet.
    ///
    /// # Errors
    /// When owner, endpoints or certificates are not usable.
    pub fn new(config: AzureConfig) -> Result<Self, CloudError> {
        if !tags::is_value(&config.owner) {
            return Err(CloudError::Refused {
                why: format!("the owner {:?} fits no tag", config.owner),
            });
        }
        Ok(Self(Arc::new(Shared {
            management: endpoint(config.endpoints.management())?,
            http: Http::new(&config.net)?,
            auth: Auth::new(&config)?,
            used: Used::default(),
            config,
        })))
    }
}

impl Provider for Azure {
    fn name(&self) -> &'static str {
        "azure"
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
            let ours = async {
                let seen = self.0.seen().await?.into_iter();
                let ours = seen.filter_map(|seen| self.0.show(seen).transpose());
                Ok(ours.collect::<Result<Vec<_>, RestError>>()?)
            };
            ours.await.map_err(|trouble: Trouble| trouble.cloud(TABLE))
        })
    }

    fn examine(&self) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(self.0.examine())
    }

    fn terminate<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(async move {
            self.0.delete(id).await?;
            self.0.used.add(id);
            Ok(())
        })
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
        let body = Put::new(&self.config.machine, &name, &labels, &user_data);
        let body = serde_json::to_value(body).map_err(|error| invalid(error.to_string()))?;
        let answer = self
            .call(Method::PUT, self.machine(&name), Some(&body))
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(Trouble::Complaint(complaint)) if judge(TABLE, &complaint) == Verdict::Look => {
                return self.adopt(&name, request, &spec).await;
            }
            Err(trouble) => return Err(self.refused(&name, trouble.launch(TABLE)).await),
        };
        let seen: Seen = answer
            .json()
            .map_err(|error| Trouble::from(error).launch(TABLE))?;
        if let Some(operation) = answer.header("azure-asyncoperation")
            && let Some(why) = self.watch(operation, answer.retry_after()).await
        {
            return Err(self.failed(&name, why).await);
        }
        match self.show(seen) {
            Ok(Some(instance)) => Ok(instance),
            Ok(None) => Err(unknown("the answer shows a machine without our tags")),
            Err(error) => Err(LaunchError::Unknown(Box::new(error))),
        }
    }

    /// Waits a little for a refusal that comes late, and returns it.
    ///
    /// A look that fails is no failed launch.
    async fn watch(&self, operation: &str, mut wish: Option<Duration>) -> Option<Complaint> {
        let at = match self.link(operation) {
            Ok(at) => at,
            Err(error) => {
                warn!(%error, "a launch could not be watched");
                return None;
            }
        };
        let mut pace = Pace::new(self.config.launch_wait);
        while pace.pause(wish).await {
            let seen = match self.call(Method::GET, at.clone(), None).await {
                Ok(answer) => {
                    wish = answer.retry_after();
                    answer.json::<Operation>().map_err(Trouble::from)
                }
                Err(trouble) => Err(trouble),
            };
            match seen {
                Ok(operation) if operation.status == "Succeeded" => return None,
                Ok(operation) if matches!(operation.status.as_str(), "Failed" | "Canceled") => {
                    let why = operation
                        .error
                        .map(|why| Complaint::new(0, &why.code, &why.message));
                    let unsaid = || Complaint::new(0, &operation.status, "");
                    return Some(why.unwrap_or_else(unsaid));
                }
                Ok(_) => {}
                Err(trouble) => warn!(error = %trouble, "a launch could not be watched"),
            }
        }
        None
    }

    /// A machine of this name is there: it is the request's, or the request is wrong.
    async fn adopt(
        &self,
        name: &str,
        request: &LaunchRequest,
        spec: &str,
    ) -> Result<Instance, LaunchError> {
        let mut url = self.machine(name);
        url.query_pairs_mut().append_pair("$expand", "instanceView");
        let seen = match self.call(Method::GET, url, None).await {
            Ok(answer) => answer.json::<Seen>().map_err(Trouble::from),
            Err(Trouble::Complaint(complaint)) if complaint.status == 404 => {
                return Err(unknown("the name is taken, and nothing shows"));
            }
            Err(trouble) => Err(trouble),
        };
        let seen = seen.map_err(|trouble| trouble.launch(TABLE))?;
        if !tags::is_of(&seen.tags(), request) {
            return Err(foreign(name));
        }
        if !tags::has_spec(&seen.tags(), spec) {
            return Err(changed());
        }
        if seen.has_failed() {
            let (code, message) = seen.failure().unwrap_or(("Failed", ""));
            let why = Complaint::new(0, code, message);
            return Err(self.failed(name, why).await);
        }
        match self.show(seen) {
            Ok(Some(instance)) => Ok(instance),
            Ok(None) => Err(foreign(name)),
            Err(error) => Err(LaunchError::Unknown(Box::new(error))),
        }
    }

    /// A machine whose making failed is still there, and must go before anything is launched in its place.
    async fn failed(&self, name: &str, why: Complaint) -> LaunchError {
        match self.delete(name).await {
            Ok(()) => why.launch_failed(TABLE),
            Err(error) => LaunchError::Unknown(Box::new(error)),
        }
    }

    /// Without room a machine may have been left all the same, also where the answer itself refuses.
    async fn refused(&self, name: &str, error: LaunchError) -> LaunchError {
        let LaunchError::NotLaunched {
            fault: Fault::NoCapacity,
            ..
        } = error
        else {
            return error;
        };
        match self.delete(name).await {
            Ok(()) => error,
            Err(error) => LaunchError::Unknown(Box::new(error)),
        }
    }

    /// With its disk and its interface, as the launch said.
    async fn delete(&self, name: &str) -> Result<(), CloudError> {
        if name.is_empty() || name.len() > NAME_CHARS_MAX {
            return Ok(()); // No machine is called so.
        }
        let mut url = self.machine(name);
        url.query_pairs_mut().append_pair("forceDeletion", "true");
        let complaint = match self.call(Method::DELETE, url, None).await {
            // 204: no such machine.
            Ok(answer) if answer.status != 204 => return Ok(()),
            Ok(answer) => Complaint::new(answer.status, "NotFound", "no such machine"),
            Err(Trouble::Complaint(complaint)) => complaint,
            Err(trouble) => return Err(trouble.cloud(TABLE)),
        };
        if !matches!(complaint.status, 204 | 400 | 404 | 409) {
            return Err(complaint.cloud(TABLE));
        }
        let listed = self.seen().await.map_err(|trouble| trouble.cloud(TABLE))?;
        let mut seen = listed.iter();
        let seen = seen.find(|seen| seen.name.eq_ignore_ascii_case(name));
        match seen.map(Seen::state) {
            None | Some(InstanceState::Terminating | InstanceState::Terminated) => Ok(()),
            Some(_) => Err(CloudError::Unreachable(Box::new(complaint))),
        }
    }

    /// Every machine of the resource group.
    async fn seen(&self) -> Result<Vec<Seen>, Trouble> {
        let mut all = Vec::new();
        let mut url = self.machines();
        url.query_pairs_mut().append_pair("api-version", VERSION);
        for _ in 0..PAGES_MAX {
            let page: Page = self.call(Method::GET, url, None).await?.json()?;
            all.extend(page.value);
            let Some(next) = page.next_link.filter(|next| !next.is_empty()) else {
                return Ok(all);
            };
            url = self.link(&next)?;
        }
        Err(RestError::Endless.into())
    }

    /// `None` if it is not ours.
    fn show(&self, seen: Seen) -> Result<Option<Instance>, RestError> {
        let (state, tags) = (seen.state(), seen.tags());
        let at = seen.properties.time_created;
        let shown = tags::instance(
            &tags,
            &self.config.owner,
            seen.name,
            state,
            at.unwrap_or_default(),
        );
        match (shown, at) {
            (Some(ours), None) => Err(RestError::Partial {
                why: format!("{} has no timeCreated", ours.id),
            }),
            (shown, _) => Ok(shown),
        }
    }

    fn machines(&self) -> Url {
        let machine = &self.config.machine;
        let group = [
            "subscriptions",
            &machine.subscription,
            "resourceGroups",
            &machine.resource_group,
        ];
        let compute = ["providers", "Microsoft.Compute", "virtualMachines"];
        below(&below(&self.management, &group), &compute)
    }

    fn machine(&self, name: &str) -> Url {
        let mut url = below(&self.machines(), &[name]);
        url.query_pairs_mut().append_pair("api-version", VERSION);
        url
    }

    /// A link of Azure's, at the configured address: our token goes nowhere else.
    fn link(&self, link: &str) -> Result<Url, RestError> {
        let told = Url::parse(link).map_err(|error| RestError::Partial {
            why: format!("the link to go on with is no URL: {error}"),
        })?;
        let mut url = self.management.clone();
        url.set_path(told.path());
        url.set_query(told.query());
        Ok(url)
    }

    /// Anything but a success is an error; a refused token is renewed once.
    async fn call(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Answer, Trouble> {
        let mut may_renew = true;
        loop {
            let mut request = bearer::json(method.clone(), url.clone(), body);
            if method == Method::PUT {
                let any = reqwest::header::HeaderValue::from_static("*");
                request.headers_mut().insert(IF_NONE_MATCH, any);
            }
            bearer::authorize(&mut request, &self.auth.token(&self.http).await?)?;
            let answer = self.http.send(request).await?;
            if answer.status == 401 && may_renew {
                self.auth.renew().await;
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
