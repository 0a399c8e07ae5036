//! What the gateway counts of itself.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabel, Histogram, fn() -> Histogram>,
    refused: Family<RefusedLabels, Counter>,
    images: Family<TenantLabel, Counter>,
    answered: Family<AnsweredLabels, Counter>,
    pub(crate) bytes: Counter,
    pub(crate) waiting: Gauge,
    pub(crate) outstanding: Gauge,
    pub(crate) partitions: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) results_stored: Counter,
    pub(crate) store_failures: Counter,
    webhooks: Family<WebhookLabels, Counter>,
    videos: Family<TenantLabel, Counter>,
    videos_answered: Family<AnsweredLabels, Counter>,
    video_seconds: Family<TenantLabel, Counter>,
    frames_answered: Family<AnsweredLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    tenant: String,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TenantLabel {
    tenant: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabels {
    tenant: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnsweredLabels {
    tenant: String,
    outcome: &'static str,
}

fn seconds() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ])
}

// === impl Metrics ===

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            refused: Family::default(),
            images: Family::default(),
            answered: Family::default(),
            bytes: Counter::default(),
            waiting: Gauge::default(),
            outstanding: Gauge::default(),
            partitions: Gauge::default(),
            connections: Gauge::default(),
            results_stored: Counter::default(),
            store_failures: Counter::default(),
            webhooks: Family::default(),
            videos: Family::default(),
            videos_answered: Family::default(),
            video_seconds: Family::default(),
            frames_answered: Family::default(),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let to = self.registry.sub_registry_with_prefix("spillway_gateway");
        to.register("requests", "Requests answered", self.requests.clone());
        to.register(
            "request_seconds",
            "Time from a request's head to its answer's",
            self.seconds.clone(),
        );
        to.register(
            "refused_images",
            "Images refused by quota or back-pressure",
            self.refused.clone(),
        );
        to.register("accepted_images", "Images accepted", self.images.clone());
        to.register(
            "answered_images",
            "Results that came for images",
            self.answered.clone(),
        );
        to.register(
            "webhook_attempts",
            "Attempts to tell a tenant's webhook that a job is done",
            self.webhooks.clone(),
        );
        to.register("body_bytes", "Bytes of bodies read", self.bytes.clone());
        to.register(
            "waiting_requests",
            "Requests that wait",
            self.waiting.clone(),
        );
        to.register(
            "outstanding_jobs",
            "Jobs sent by this replica and not answered",
            self.outstanding.clone(),
        );
        to.register(
            "partitions_owned",
            "Partitions of the results topic that are owned",
            self.partitions.clone(),
        );
        to.register("connections", "Open connections", self.connections.clone());
        to.register(
            "results_stored",
            "Results written to the object store",
            self.results_stored.clone(),
        );
        to.register(
            "store_failures",
            "Writes of results that failed and were tried again",
            self.store_failures.clone(),
        );
        spillway_telemetry::counts().register(to);
        self.registered_videos()
    }

    fn registered_videos(mut self) -> Self {
        let to = self.registry.sub_registry_with_prefix("spillway_gateway");
        to.register("accepted_videos", "Videos accepted", self.videos.clone());
        to.register(
            "answered_videos",
            "Videos whose frames have all been sent, or that failed",
            self.videos_answered.clone(),
        );
        to.register(
            "video_seconds",
            "Seconds of video that were looked at",
            self.video_seconds.clone(),
        );
        to.register(
            "answered_frames",
            "Results that came for frames of videos",
            self.frames_answered.clone(),
        );
        self
    }

    /// Notes an answered request; `route` is its pattern, of which there are few.
    pub(crate) fn request(&self, route: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        let of_route = RouteLabel {
            route: route.clone(),
        };
        let labels = RequestLabels { route, status };
        self.requests.get_or_create(&labels).inc();
        self.seconds
            .get_or_create(&of_route)
            .observe(took.as_secs_f64());
    }

    pub(crate) fn refused(&self, tenant: &str, reason: &'static str, images: u64) {
        let tenant = tenant.to_owned();
        let labels = RefusedLabels { tenant, reason };
        self.refused.get_or_create(&labels).inc_by(images);
    }

    pub(crate) fn accepted(&self, tenant: &str, images: u64) {
        let tenant = tenant.to_owned();
        self.images
            .get_or_create(&TenantLabel { tenant })
            .inc_by(images);
    }

    /// One attempt to tell a webhook: `delivered`, `failed`, or `given_up` where there is no next one.
    pub(crate) fn webhook(&self, tenant: &str, outcome: &'static str) {
        let tenant = tenant.to_owned();
        let labels = WebhookLabels { tenant, outcome };
        self.webhooks.get_or_create(&labels).inc();
    }

    pub(crate) fn answered(&self, tenant: &str, outcome: &'static str) {
        let tenant = tenant.to_owned();
        let labels = AnsweredLabels { tenant, outcome };
        self.answered.get_or_create(&labels).inc();
    }

    pub(crate) fn video_accepted(&self, tenant: &str) {
        let tenant = tenant.to_owned();
        self.videos.get_or_create(&TenantLabel { tenant }).inc();
    }

    /// A video's own result came, for the first time.
    pub(crate) fn video_answered(&self, tenant: &str, outcome: &'static str, seconds: u64) {
        let tenant = tenant.to_owned();
        let of_tenant = TenantLabel {
            tenant: tenant.clone(),
        };
        self.video_seconds.get_or_create(&of_tenant).inc_by(seconds);
        let labels = AnsweredLabels { tenant, outcome };
        self.videos_answered.get_or_create(&labels).inc();
    }

    pub(crate) fn frame_answered(&self, tenant: &str, outcome: &'static str) {
        let tenant = tenant.to_owned();
        let labels = AnsweredLabels { tenant, outcome };
        self.frames_answered.get_or_create(&labels).inc();
    }

    /// Everything in Prometheus' text format.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
