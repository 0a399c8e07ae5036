//! The provider.

use std::io;

use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::config::{Builder, Region};
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    self, BlockDeviceMapping, EbsBlockDevice, Filter, HttpTokensState,
    IamInstanceProfileSpecification, InstanceInterruptionBehavior, InstanceMarketOptionsRequest,
    InstanceMetadataEndpointState, InstanceMetadataOptionsRequest, InstanceMetadataTagsState,
    InstanceType, MarketType, ResourceType, ShutdownBehavior, SpotInstanceType, SpotMarketOptions,
    Tag, TagSpecification, VolumeType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use spillway_cloud::{
    BoxFuture, CloudError, Fault, Finding, Instance, InstanceState, LaunchError, LaunchRequest,
    Net, Provider, Scope, Secret, UserData, tags, user_data,
};
use tokio::sync::OnceCell;
use tracing::info;

use crate::codes::{Meaning, Refusal};
use crate::{http, seen};

/// How many instances a page of the list may hold; EC2's limit.
const PAGE_SIZE: i32 = 1_000;
/// More pages than this are no list of one owner's machines.
const PAGES_MAX: usize = 100;

/// A pool's machines.
#[derive(Clone)]
pub struct Ec2Config {
    /// Whose instances: others are neither shown nor touched.
    pub owner: String,
    /// The API where it is not at its usual address.
    pub endpoint: Option<String>,
    /// What the machines are.
    pub machine: Ec2Machine,
    /// What they run.
    pub user_data: UserData,
    /// Who asks.
    pub credentials: Ec2Credentials,
    /// How EC2 is reached from here; proxies are those of the environment.
    pub net: Net,
}

/// Who asks.
#[derive(Clone)]
pub enum Ec2Credentials {
    /// Whatever the SDK finds, in its own order, at the first call.
    DefaultChain,
    /// A key.
    Key {
        /// Its public part.
        id: String,
        /// The other one.
        secret: Secret,
    },
}

/// What makes a machine, as far as its configuration goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ec2Machine {
    /// As `us-east-1`.
    pub region: String,
    /// As `g6.xlarge`.
    pub instance_type: String,
    /// As `ami-0abc`.
    pub image_id: String,
    /// The subnet, which decides the zone.
    pub subnet_id: String,
    /// Security groups; the subnet's default one if there is none.
    pub security_group_ids: Vec<String>,
    /// The instance profile's name: what the machine may do.
    pub instance_profile: Option<String>,
    /// Size of its disk; the image's if not given.
    pub volume_gb: Option<i32>,
    /// The image's root device, whose size that is.
    pub root_device: String,
    /// Whether it is bought on the spot market.
    pub is_spot: bool,
}

/// The provider.
pub struct Ec2 {
    config: Ec2Config,
    client: OnceCell<Client>,
}

// === impl Ec2Config ===

impl Ec2Config {
    /// Where machines are listed and calls are counted.
    #[must_use]
    pub fn account(&self) -> String {
        let endpoint = self.endpoint.as_deref().unwrap_or_default();
        format!("aws {} {endpoint}", self.machine.region)
    }
}

// === impl Ec2 ===

impl Ec2 {
    /// With credentials by the SDK's default chain, which is asked at the first call.
    #[must_use]
    pub fn new(config: Ec2Config) -> Self {
        Self {
            config,
            client: OnceCell::new(),
        }
    }

    /// With a client that is set up already.
    #[must_use]
    pub fn with_client(config: Ec2Config, client: Client) -> Self {
        Self {
            config,
            client: OnceCell::new_with(Some(client)),
        }
    }

    pub(crate) fn config(&self) -> &Ec2Config {
        &self.config
    }

    pub(crate) async fn client(&self) -> &Client {
        let make = || async {
            let net = &self.config.net;
            let timeouts = TimeoutConfig::builder()
                .connect_timeout(net.connect_timeout)
                .operation_attempt_timeout(net.timeout)
                .build();
            let mut shared = aws_config::defaults(BehaviorVersion::latest())
                .region(Region::new(self.config.machine.region.clone()))
                .timeout_config(timeouts)
                .time_source(http::Told(net.clock.clone()))
                .http_client(http::client(net));
            if let Ec2Credentials::Key { id, secret } = &self.config.credentials {
                let key = Credentials::new(id, secret.expose(), None, None, "spillway");
                shared = shared.credentials_provider(key);
            }
            let shared = shared.load().await;
            // Without the SDK's retries, as with the other clouds: the next look asks again, and every call is counted.
            let mut config = Builder::from(&shared).retry_config(RetryConfig::disabled());
            if let Some(endpoint) = &self.config.endpoint {
                config = config.endpoint_url(endpoint);
            }
            Client::from_conf(config.build())
        };
        self.client.get_or_init(make).await
    }

    async fn launch_once(&self, request: &LaunchRequest) -> Result<Instance, LaunchError> {
        if let Some(why) = tags::objection(request, &self.config.owner) {
            return Err(invalid(why));
        }
        let text = (self.config.user_data)(request);
        if text.len() > user_data::BYTES_MAX {
            let why = format!(
                "what the machine runs has {} bytes, more than the {} that EC2 takes",
                text.len(),
                user_data::BYTES_MAX
            );
            return Err(invalid(why));
        }
        let spec = tags::spec(request, &self.config.machine, &text);
        let turn = self.turn(false).await;
        turn.map_err(|error| LaunchError::Unknown(Box::new(error)))?;
        // Without the SDK's retries: an offer without capacity would be asked three times,
        // and what surely failed is not told from what may have worked.
        let once = aws_sdk_ec2::Config::builder().retry_config(RetryConfig::disabled());
        let sent = self
            .run_instances(request, &spec, &text)
            .await
            .customize()
            .config_override(once)
            .send()
            .await;
        match sent {
            Ok(answer) => {
                let first = answer.instances().first();
                let launched = first.and_then(|first| seen::instance(first, &self.config.owner));
                let launched = launched.ok_or_else(|| {
                    unknown("the answer shows no instance with its tags and its time")
                })?;
                self.launched(launched)
            }
            Err(error) => {
                let refusal = Refusal::of(error);
                if refusal.meaning == Meaning::Mismatch {
                    return self.find(request, &spec, refusal).await;
                }
                Err(refusal.launch())
            }
        }
    }

    fn launched(&self, instance: Instance) -> Result<Instance, LaunchError> {
        match instance.state {
            InstanceState::Booting | InstanceState::Running => {
                info!(
                    intent = instance.intent,
                    pool = instance.pool,
                    instance = instance.id,
                    "launched"
                );
                Ok(instance)
            }
            // The same token after its machine's end gives that machine again.
            InstanceState::Terminating | InstanceState::Terminated => {
                Err(invalid(format!("{} of this attempt is gone", instance.id)))
            }
        }
    }

    /// Finds out what a token was used for that EC2 knows with other parameters.
    ///
    /// The request's own machine, if only what this adapter adds of itself has changed since.
    /// Nothing to be found means that an attempt without capacity used the token up.
    async fn find(
        &self,
        request: &LaunchRequest,
        spec: &str,
        refusal: Refusal,
    ) -> Result<Instance, LaunchError> {
        let listed = self.describe().await.map_err(|error| {
            // What runs is not known: only a list may end this attempt.
            LaunchError::Unknown(Box::new(error))
        })?;
        let mut of_attempt = listed
            .iter()
            .map(|seen| (seen::tags_of(seen), seen))
            .filter(|(tags, _)| tags::is_of(tags, request));
        let same = of_attempt.find(|(tags, _)| tags::has_spec(tags, spec));
        match same.and_then(|(_, seen)| seen::instance(seen, &self.config.owner)) {
            Some(instance) => self.launched(instance),
            None => Err(refusal.launch()),
        }
    }

    /// Waits for the account's turn.
    pub(crate) async fn turn(&self, is_look: bool) -> Result<(), CloudError> {
        let Some(budget) = &self.config.net.budget else {
            return Ok(());
        };
        let turn = budget.turn(is_look).await;
        turn.map_err(|over| CloudError::Unreachable(Box::new(over)))
    }

    pub(crate) async fn run_instances(
        &self,
        request: &LaunchRequest,
        spec: &str,
        text: &str,
    ) -> RunInstancesFluentBuilder {
        let machine = &self.config.machine;
        let tags: Vec<Tag> = tags::of(request, spec)
            .into_iter()
            .chain([("Name".to_owned(), tags::name(request))])
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        let tagged = |kind: ResourceType| {
            TagSpecification::builder()
                .resource_type(kind)
                .set_tags(Some(tags.clone()))
                .build()
        };
        let groups = &machine.security_group_ids;
        let profile = machine.instance_profile.as_ref();
        self.client()
            .await
            .run_instances()
            .client_token(tags::token(request))
            .min_count(1)
            .max_count(1)
            .image_id(&machine.image_id)
            .instance_type(InstanceType::from(machine.instance_type.as_str()))
            .subnet_id(&machine.subnet_id)
            .set_security_group_ids((!groups.is_empty()).then(|| groups.clone()))
            .set_iam_instance_profile(profile.map(|name| {
                IamInstanceProfileSpecification::builder()
                    .name(name)
                    .build()
            }))
            .set_block_device_mappings(machine.volume_gb.map(|gb| vec![machine.disk(gb)]))
            .user_data(STANDARD.encode(text))
            .metadata_options(metadata_options())
            // What the dead-man relies on: a shutdown from inside ends the billing.
            .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate)
            .set_instance_market_options(machine.is_spot.then(spot))
            .tag_specifications(tagged(ResourceType::Instance))
            .tag_specifications(tagged(ResourceType::Volume))
    }

    /// Every instance with our owner tag, as EC2 shows it.
    async fn describe(&self) -> Result<Vec<types::Instance>, CloudError> {
        let ours = Filter::builder()
            .name(format!("tag:{}", tags::OWNER))
            .values(&self.config.owner)
            .build();
        let mut pages = self
            .client()
            .await
            .describe_instances()
            .filters(ours)
            .max_results(PAGE_SIZE)
            .into_paginator()
            .send();
        let mut all = Vec::new();
        self.turn(true).await?;
        for _ in 0..PAGES_MAX {
            let Some(page) = pages.next().await else {
                return Ok(all);
            };
            let page = page.map_err(|error| Refusal::of(error).call())?;
            for reservation in page.reservations() {
                all.extend_from_slice(reservation.instances());
            }
            if page.next_token().is_some() {
                self.turn(true).await?;
            }
        }
        let why = format!("the list has more than {PAGES_MAX} pages");
        Err(CloudError::Unreachable(Box::new(io::Error::other(why))))
    }

    async fn list_all(&self) -> Result<Vec<Instance>, CloudError> {
        let listed = self.describe().await?;
        let owner = &self.config.owner;
        let owned = listed.iter();
        // Filtered by EC2 already: what we cannot read is a list that is not whole.
        let all: Option<Vec<Instance>> = owned.map(|seen| seen::instance(seen, owner)).collect();
        all.ok_or_else(|| {
            let why = "the list holds an instance without owner, state or time";
            CloudError::Unreachable(Box::new(io::Error::other(why)))
        })
    }

    async fn terminate_one(&self, id: &str) -> Result<(), CloudError> {
        // EC2 calls a name that cannot be one malformed; it never was, so it is gone.
        if !id.starts_with("i-") {
            return Ok(());
        }
        self.turn(false).await?;
        let sent = self
            .client()
            .await
            .terminate_instances()
            .instance_ids(id)
            .send();
        match sent.await {
            Ok(_) => Ok(()),
            Err(error) => match Refusal::of(error) {
                refusal if refusal.meaning == Meaning::NotFound => Ok(()),
                refusal => Err(refusal.call()),
            },
        }
    }
}

impl Provider for Ec2 {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn account(&self) -> String {
        self.config.account()
    }

    fn launch<'a>(
        &'a self,
        request: &'a LaunchRequest,
    ) -> BoxFuture<'a, Result<Instance, LaunchError>> {
        Box::pin(self.launch_once(request))
    }

    fn examine(&self) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(self.examination())
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Instance>, CloudError>> {
        Box::pin(self.list_all())
    }

    fn terminate<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(self.terminate_one(id))
    }
}

// === impl Ec2Machine ===

impl Ec2Machine {
    fn disk(&self, gb: i32) -> BlockDeviceMapping {
        let volume = EbsBlockDevice::builder()
            .volume_size(gb)
            .volume_type(VolumeType::Gp3)
            .delete_on_termination(true)
            .build();
        BlockDeviceMapping::builder()
            .device_name(&self.root_device)
            .ebs(volume)
            .build()
    }
}

/// Only with a token, only from the machine itself, and with its tags.
fn metadata_options() -> InstanceMetadataOptionsRequest {
    InstanceMetadataOptionsRequest::builder()
        .http_endpoint(InstanceMetadataEndpointState::Enabled)
        .http_tokens(HttpTokensState::Required)
        // The worker's container is on the host's network: what is further away shall not reach it.
        .http_put_response_hop_limit(1)
        .instance_metadata_tags(InstanceMetadataTagsState::Enabled)
        .build()
}

/// For once, and gone when it is taken back. At most the on-demand price, as without a limit.
fn spot() -> InstanceMarketOptionsRequest {
    let options = SpotMarketOptions::builder()
        .spot_instance_type(SpotInstanceType::OneTime)
        .instance_interruption_behavior(InstanceInterruptionBehavior::Terminate)
        .build();
    InstanceMarketOptionsRequest::builder()
        .market_type(MarketType::Spot)
        .spot_options(options)
        .build()
}

fn invalid(why: impl Into<String>) -> LaunchError {
    LaunchError::NotLaunched {
        fault: Fault::Invalid { why: why.into() },
        scope: Scope::Pool,
        retry_after: None,
    }
}

fn unknown(why: &str) -> LaunchError {
    LaunchError::Unknown(Box::new(io::Error::other(why.to_owned())))
}
