//! From a request to jobs that Kafka has.

use std::sync::atomic::Ordering;
use std::time::Duration;

use spillway_wire::{INLINE_BYTES_MAX, ImageSource, Job};
use tracing::warn;

use super::{Accepted, App, Ask, Image, moment, now_ms, today};
use crate::ids::{Handle, Ids, Wants, day, feature_name};
use crate::problem::{Cause, Problem, chain};
use crate::quota::{Permit, Refusal, whole_seconds};
use crate::store::Remembered;
use crate::tenants::Tenant;
use crate::webhook::Hook;

/// What the idempotency key of a request led to.
pub(super) struct Identity {
    pub(super) handle: Handle,
    /// Its hash and what is noted of it.
    key: Option<(String, Remembered)>,
    pub(super) is_repeat: bool,
}

/// A request that may be a repeat.
pub(super) struct Claim<'a> {
    pub(super) tenant: &'a str,
    pub(super) key: Option<&'a str>,
    /// Its handle if it is none.
    pub(super) handle: Handle,
    /// Of everything that makes it.
    pub(super) digest: String,
    /// Reads the handle that is noted.
    pub(super) read: fn(&Ids, &str, &str) -> Option<Handle>,
}

impl App {
    /// Accepts a request: when this returns a job, Kafka has all of it.
    ///
    /// # Errors
    /// With what the client can do about it; then nothing was accepted.
    pub(crate) async fn accept(&self, ask: Ask) -> Result<Accepted, Problem> {
        self.check(&ask.tenant, ask.wants, ask.notify)?;
        let images = ask.images.len() as u64;
        let permit = self.admit(&ask.tenant, images, ask.deadline)?;
        let accepted = self.place(&ask, permit).await;
        match &accepted {
            Ok((_, is_new)) if *is_new => {
                self.metrics.accepted(&ask.tenant.name, images);
                self.usage.accepted(&today(), &ask.tenant.name, images);
            }
            // A repeat, or nothing at all: it counts for nothing.
            _ => ask.tenant.meter.refund(images),
        }
        accepted.map(|(accepted, _)| accepted)
    }

    /// Whether that can be found here, and told of.
    ///
    /// # Errors
    /// With the field at fault.
    pub(super) fn check(&self, tenant: &Tenant, wants: Wants, notify: bool) -> Result<(), Problem> {
        if notify && tenant.webhook.is_none() {
            return Err(Problem::field("notify", "this tenant has no webhook"));
        }
        let lacking = wants.without(self.catalog.features);
        if lacking.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = lacking.iter().map(feature_name).collect();
        let detail = format!("no model here finds {}", names.join(", "));
        Err(Problem::new(Cause::UnsupportedFeature, detail).at("features"))
    }

    /// Lets the images in, or says why not and until when.
    ///
    /// # Errors
    /// `RateExceeded`, `ConcurrencyExceeded`, `QuotaExceeded`, `Overloaded`, `Unavailable`.
    pub(crate) fn admit(
        &self,
        tenant: &Tenant,
        images: u64,
        deadline: Duration,
    ) -> Result<Permit, Problem> {
        if self.is_draining.load(Ordering::Relaxed) {
            return Err(Problem::unavailable("this replica is about to stop"));
        }
        let now_ms = now_ms();
        let day = day(now_ms);
        let share = self.owned.borrow().share();
        let moment = moment(&day, now_ms, share);
        let refused = |refusal: Refusal| {
            let Refusal { cause, retry_after } = refusal;
            self.metrics.refused(&tenant.name, cause.as_str(), images);
            let detail = match cause {
                Cause::RateExceeded => "more images a second than this tenant may send",
                Cause::ConcurrencyExceeded => "more images at once than this tenant may wait for",
                Cause::QuotaExceeded => "the day's quota of this tenant is used up",
                _ => "there is more work than can be done before the deadline",
            };
            Problem::new(cause, detail).retry_after(retry_after)
        };
        let topic = self.topic(tenant);
        if let Some(retry_after) = self.pressure.refusal(moment.now, &topic, deadline) {
            return Err(refused(Refusal {
                cause: Cause::Overloaded,
                retry_after: retry_after.min(whole_seconds(deadline.as_secs_f64().max(60.0))),
            }));
        }
        if share == 0.0 {
            return Err(Problem::unavailable(
                "this replica owns no partition of the results topic yet",
            ));
        }
        let admitted = tenant.meter.admit(images, tenant.allowance, moment);
        admitted.map_err(refused)
    }

    /// Sends the jobs, unless an idempotency key says that they were sent; says whether it is new.
    async fn place(&self, ask: &Ask, permit: Permit) -> Result<(Accepted, bool), Problem> {
        let tenant = ask.tenant.name.as_str();
        let make = if ask.notify {
            Ids::notifying_job
        } else {
            Ids::job
        };
        let key = ask.idempotency_key.as_deref();
        let claim = Claim {
            tenant,
            key,
            handle: make(&self.ids, tenant, now_ms(), ask.wants, ask.images.len()),
            digest: key.map(|_| digest(ask)).unwrap_or_default(),
            read: Ids::read_job,
        };
        let identity = self.identify(claim).await?;
        let handle = identity.handle.clone();
        let is_sent = identity.is_sent();
        let partition = self.reply_partition();
        let Some(seat) = self.book.seat(&handle, partition) else {
            let detail = "too many requests wait on this replica";
            return Err(Problem::new(Cause::Overloaded, detail).retry_after(1));
        };
        if !is_sent {
            let jobs = self.jobs_of(ask, &handle, partition).await?;
            if handle.notifies {
                // Before anybody can answer; without an answer nothing is told.
                self.store.put_hook(&Hook::first(&handle), tenant).await?;
            }
            let topic = self.topic(&ask.tenant);
            let sent = self.jobs.send(&topic, &jobs, ask.trace.as_ref()).await;
            sent.map_err(|error| {
                warn!(topic, error = %chain(&error), "jobs not accepted");
                Problem::unavailable("Kafka did not take the request; it is safe to repeat it")
            })?;
            if let Some(partition) = partition {
                self.pressure.sent(partition, jobs.len() as u64);
            }
            self.note_sent(&identity).await;
        }
        let accepted = Accepted {
            handle,
            seat,
            _permit: permit,
            is_elsewhere: identity.is_repeat,
        };
        Ok((accepted, !identity.is_repeat))
    }

    /// The handle of a request: a new one, or the one that its idempotency key has already.
    pub(super) async fn identify(&self, claim: Claim<'_>) -> Result<Identity, Problem> {
        let Claim { tenant, handle, .. } = claim;
        let Some(key) = claim.key else {
            return Ok(Identity {
                handle,
                key: None,
                is_repeat: false,
            });
        };
        let hash = hash_of([tenant.as_bytes(), key.as_bytes()]);
        let what = Remembered {
            handle: handle.as_str().to_owned(),
            digest: claim.digest,
            is_sent: false,
        };
        let before = self.store.remember(handle.made_at_ms, &hash, &what);
        let Some(before) = before.await? else {
            return Ok(Identity {
                handle,
                key: Some((hash, what)),
                is_repeat: false,
            });
        };
        if before.digest != what.digest {
            let detail = "this idempotency key was used for another request";
            return Err(Problem::new(Cause::IdempotencyKeyReused, detail));
        }
        let handle = (claim.read)(&self.ids, tenant, &before.handle).ok_or_else(|| {
            Problem::unavailable("what is noted of this idempotency key cannot be read")
        })?;
        Ok(Identity {
            handle,
            key: Some((hash, before)),
            is_repeat: true,
        })
    }

    /// Notes that Kafka has what an idempotency key's request asked for.
    pub(super) async fn note_sent(&self, identity: &Identity) {
        let Some((hash, what)) = &identity.key else {
            return;
        };
        let made_at_ms = identity.handle.made_at_ms;
        if let Err(error) = self.store.remember_sent(made_at_ms, hash, what).await {
            // A repeat sends the same again, which is harmless.
            warn!(error = %chain(&error), "idempotency key not noted as sent");
        }
    }

    /// The jobs of a request; what is too large for a record goes to the object store first.
    async fn jobs_of(
        &self,
        ask: &Ask,
        handle: &Handle,
        partition: Option<i32>,
    ) -> Result<Vec<Job>, Problem> {
        let mut jobs = Vec::with_capacity(ask.images.len());
        let deadline_ms = i64::try_from(ask.deadline.as_millis()).unwrap_or(i64::MAX / 2);
        for (index, image) in ask.images.iter().enumerate() {
            let image = match image {
                Image::Uri(uri) => ImageSource::Uri(uri.clone()),
                Image::Object(key) => ImageSource::Object(key.clone()),
                Image::Bytes(bytes) if bytes.len() <= INLINE_BYTES_MAX => {
                    ImageSource::Inline(bytes.to_vec())
                }
                Image::Bytes(bytes) => {
                    let put = self.store.put_input(handle, index, bytes.clone());
                    ImageSource::Object(put.await?)
                }
            };
            jobs.push(Job {
                tenant: ask.tenant.name.clone(),
                deadline_ms: Some(handle.made_at_ms + deadline_ms),
                features: ask.wants.iter().collect(),
                max_results: ask.max_results,
                reply_partition: partition,
                ..Job::new(handle.job_id(index), handle.made_at_ms, image)
            });
        }
        Ok(jobs)
    }
}

impl Identity {
    /// Whether Kafka is known to have it.
    pub(super) fn is_sent(&self) -> bool {
        self.key.as_ref().is_some_and(|(_, noted)| noted.is_sent)
    }
}

/// Of everything that makes the request, so that a key is not used for another one.
fn digest(ask: &Ask) -> String {
    let mut parts = vec![
        ask.max_results.to_le_bytes().to_vec(),
        ask.deadline.as_millis().to_le_bytes().to_vec(),
        format!("{:?}", ask.wants).into_bytes(),
        vec![u8::from(ask.notify)],
    ];
    for image in &ask.images {
        let (kind, hash) = match image {
            Image::Uri(uri) => (b'u', blake3::hash(uri.as_bytes())),
            Image::Bytes(bytes) => (b'b', blake3::hash(bytes)),
            Image::Object(key) => (b'o', blake3::hash(key.as_bytes())),
        };
        parts.push(vec![kind]);
        parts.push(hash.as_bytes().to_vec());
    }
    hash_of(parts)
}

pub(super) fn hash_of(parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.as_ref().len() as u64).to_le_bytes());
        hasher.update(part.as_ref());
    }
    hasher.finalize().to_hex().to_string()
}
