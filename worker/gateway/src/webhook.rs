//! Webhooks: a tenant's own address is told that a job or a video is done.
//!
//! ```text
//! accept ─▶ Hook in the store ─▶ Kafka … last result stored ─▶ told ─▶ 2xx or 410: forgotten
//!                  ▲  ▲                                          └──▶ else: noted, and told again later
//!                  │  └── every replica looks at its share of what is due ◀──┘
//! ```
//!
//! A hook is noted before its job can be answered and forgotten after it was told, so whoever dies in between, somebody
//! tells it; at least once, with the job's id as `webhook-id` to tell repeats by.
//! What is sent is signed as Standard Webhooks says (<https://www.standardwebhooks.com>): HMAC-SHA256 over
//! `id.timestamp.body` with the tenant's own key.

mod hook;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::StatusCode;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};
use tracing::{debug, info, warn};

use crate::app::{App, now_ms};
use crate::ids::Handle;
use crate::problem::chain;
use crate::store::StoreError;
use crate::tenants::Tenant;
use crate::video::VideoView;

pub(crate) use hook::Hook;

/// Jobs whose results came in and that wait to be looked at; beyond these the look at what is due finds them.
const WOKEN_MAX: usize = 4_096;
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Hooks that one look takes up.
const LOOK_MAX: usize = 1_000;
/// Told at the same time by one replica.
const TOLD_MAX: usize = 64;
/// Of these for one tenant: one whose address is slow shall not hold up others.
const TOLD_PER_TENANT_MAX: usize = 8;
/// Longest wait for a tenant's answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Longest time that one look adds up a video's frames.
const VIDEO_LOOK_MAX: Duration = Duration::from_secs(30);

/// Where results are stored, to say that a job may be done.
#[derive(Clone)]
pub(crate) struct Wake(mpsc::Sender<Handle>);

/// Jobs that may be done.
pub(crate) struct Woken(mpsc::Receiver<Handle>);

/// Tells tenants.
pub(crate) struct Webhooks {
    app: Arc<App>,
    client: reqwest::Client,
    /// Handles that are being looked at.
    busy: Mutex<HashSet<String>>,
    places: Arc<Semaphore>,
    places_of: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// What is sent.
#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: &'a serde_json::Value,
}

/// What is told of: `job.done` and as `GET /v1/jobs/{id}` answers, or `video.done` and as `GET /v1/videos/{id}` does.
type News = (&'static str, serde_json::Value);

pub(crate) fn channel() -> (Wake, Woken) {
    let (wake, woken) = mpsc::channel(WOKEN_MAX);
    (Wake(wake), Woken(woken))
}

// === impl Wake ===

impl Wake {
    /// Says that a result of a job was stored.
    pub(crate) fn wake(&self, handle: &Handle) {
        // Full: the look at what is due finds it.
        let _ = self.0.try_send(handle.clone());
    }
}

// === impl Webhooks ===

impl Webhooks {
    /// # Errors
    /// If the system has no TLS to offer.
    pub(crate) fn new(app: Arc<App>) -> anyhow::Result<Arc<Self>> {
        let client = reqwest::Client::builder()
            .timeout(ANSWER_MAX)
            // Where to is the operator's word, not the answer's.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("spillway-gateway/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Arc::new(Self {
            app,
            client,
            busy: Mutex::default(),
            places: Arc::new(Semaphore::new(TOLD_MAX)),
            places_of: Mutex::default(),
        }))
    }

    /// Tells until the process ends.
    pub(crate) async fn keep(self: Arc<Self>, mut woken: Woken) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                handle = woken.0.recv() => match handle {
                    Some(handle) => self.begin(Hook::first(&handle)).await,
                    None => return,
                },
                _ = look.tick() => {
                    if let Err(error) = self.look().await {
                        warn!(error = %chain(&error), "webhooks that are due could not be looked for");
                    }
                }
            }
        }
    }

    /// Takes up what is due of this replica's share.
    async fn look(self: &Arc<Self>) -> Result<(), StoreError> {
        let owned = self.app.owned.borrow().clone();
        let now_ms = now_ms();
        let is_ours = |hook: &Hook| {
            let share = i32::try_from(hook.share(owned.of)).unwrap_or(i32::MAX);
            hook.due_ms <= now_ms && owned.partitions.contains(&share)
        };
        for hook in self.app.store.hooks(LOOK_MAX, is_ours).await? {
            self.begin(hook).await;
        }
        Ok(())
    }

    /// Looks at a hook in the background, unless somebody does.
    async fn begin(self: &Arc<Self>, hook: Hook) {
        if !self.busy().insert(hook.handle.clone()) {
            return;
        }
        let place = self.places.clone().acquire_owned().await;
        let this = self.clone();
        tokio::spawn(async move {
            if let Err(error) = this.tell(&hook).await {
                warn!(job = hook.handle, error = %chain(&error), "webhook not told, looked at again later");
            }
            this.busy().remove(&hook.handle);
            drop(place);
        });
    }

    /// Tells the tenant, if the job is done.
    async fn tell(&self, hook: &Hook) -> Result<(), StoreError> {
        let store = &self.app.store;
        let Some(tenant) = store.hook(hook).await? else {
            // Told, or noted anew by somebody else.
            return Ok(());
        };
        let known = self.app.tenants.named(&tenant);
        let known = known.and_then(|tenant| Some((tenant, tenant.webhook.as_ref()?)));
        let ids = &self.app.ids;
        let job = ids.read_job(&tenant, &hook.handle);
        let handle = job.map(|handle| (handle, false)).or_else(|| {
            let video = ids.read_video(&tenant, &hook.handle)?;
            Some((video, true))
        });
        let (Some((known, url)), Some((handle, is_video))) = (known, handle) else {
            info!(
                job = hook.handle,
                tenant, "webhook forgotten: the tenant has none any more"
            );
            return store.remove_hook(hook).await;
        };
        let news = match is_video {
            true => self.of_video(&handle).await?,
            false => self.of_job(&handle).await?,
        };
        let Some(news) = news else {
            // Whoever stores the last answer looks at the first hook; one that was late is noted anew.
            if hook.due_ms > now_ms() {
                return Ok(());
            }
            return self.note(hook, hook.not_done(now_ms()), &tenant).await;
        };
        let is_told = self.post(known, url.clone(), &handle, &news).await;
        match (is_told, hook.again(now_ms())) {
            (true, _) => store.remove_hook(hook).await,
            (false, Some(next)) => self.note(hook, next, &tenant).await,
            (false, None) => {
                self.app.metrics.webhook(&tenant, "given_up");
                warn!(
                    job = hook.handle,
                    tenant, "webhook given up; the job can still be asked for"
                );
                store.remove_hook(hook).await
            }
        }
    }

    /// What is told of a job, if it is done.
    async fn of_job(&self, handle: &Handle) -> Result<Option<News>, StoreError> {
        let answer = self.app.store.answer(handle).await?;
        Ok(answer
            .is_complete()
            .then(|| ("job.done", json(&answer.view(handle)))))
    }

    /// What is told of a video, if it is done.
    async fn of_video(&self, handle: &Handle) -> Result<Option<News>, StoreError> {
        let look = self.app.look_at_video(handle, VIDEO_LOOK_MAX).await?;
        let view = VideoView::of(handle, look);
        Ok(view.done.then(|| ("video.done", json(&view))))
    }

    /// The next one first: dying between the two tells twice rather than never.
    async fn note(&self, old: &Hook, next: Hook, tenant: &str) -> Result<(), StoreError> {
        self.app.store.put_hook(&next, tenant).await?;
        self.app.store.remove_hook(old).await
    }

    /// Whether the tenant has heard of it, or does not want to.
    async fn post(
        &self,
        tenant: &Tenant,
        url: url::Url,
        handle: &Handle,
        (kind, data): &News,
    ) -> bool {
        let id = handle.as_str();
        let place = self.places_of(&tenant.name).acquire_owned().await;
        let at = jiff::Timestamp::now();
        let message = Message {
            kind,
            timestamp: at.to_string(),
            data,
        };
        let body = serde_json::to_vec(&message).expect("it has only string keys");
        let at = at.as_second();
        let key = self.app.webhook_keys.webhook_key(&tenant.name);
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", signature(&key, id, at, &body))
            .body(body);
        let answer = request.send().await.map(|answer| answer.status());
        drop(place);
        let is_told =
            matches!(&answer, Ok(status) if status.is_success() || *status == StatusCode::GONE);
        let outcome = if is_told { "delivered" } else { "failed" };
        self.app.metrics.webhook(&tenant.name, outcome);
        match answer {
            Ok(status) if !is_told => debug!(tenant = tenant.name, %status, "webhook refused"),
            Err(error) => debug!(tenant = tenant.name, error = %chain(&error), "webhook failed"),
            Ok(_) => {}
        }
        is_told
    }

    fn places_of(&self, tenant: &str) -> Arc<Semaphore> {
        let mut places = self
            .places_of
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let of_tenant = places.entry(tenant.to_owned());
        of_tenant
            .or_insert_with(|| Arc::new(Semaphore::new(TOLD_PER_TENANT_MAX)))
            .clone()
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn json(view: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(view).expect("it has only string keys")
}

/// `v1,` and the HMAC-SHA256 of `id.timestamp.body`, base64.
fn signature(key: &[u8], id: &str, at: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut signing = hmac::Context::with_key(&key);
    signing.update(format!("{id}.{at}.").as_bytes());
    signing.update(body);
    format!("v1,{}", BASE64.encode(signing.sign()))
}

/// A key as libraries for Standard Webhooks take it.
pub(crate) fn key_text(key: &[u8]) -> String {
    format!("whsec_{}", BASE64.encode(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the test of the specification's own libraries.
    #[test]
    fn signatures_are_those_of_the_specification() {
        let key = BASE64.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
