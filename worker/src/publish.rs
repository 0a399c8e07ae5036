//! Writes results and dead letters, and says which jobs are finished: those whose records were acknowledged.
//!
//! **Invariant:** a job is finished only after Kafka has acknowledged every record of it.

mod away;
mod hold;
mod outbox;

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, at, never, select};
use spillway_wire::{
    Headers, JobError, JobResult, Outcome, Reason, SCHEMA, Stage, TimingsMs, header_names,
    result_id, topics,
};

pub(crate) use away::Away;
use hold::Hold;
use outbox::Delivery;
pub(crate) use outbox::{Completion, Letter, Outbox, Refused, Sent, Written};

use crate::breaker::Breaker;
use crate::crash::{self, Step};
use crate::drain::Stop;
use crate::models::{Findings, Serving};
use crate::retry::{Again, Tiers};
use crate::work::{Ending, Failure, Wants, Work, feature_name, now_ms};

/// What every result says of this worker.
#[derive(Clone)]
pub(crate) struct Signature {
    pub(crate) worker: String,
    pub(crate) subset: String,
    /// What answers now: the set of results that no models were asked for.
    pub(crate) serving: Arc<Serving>,
    pub(crate) results_topic: String,
}

/// Turns endings into records.
pub(crate) struct Publisher {
    pub(crate) signature: Signature,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) endings: Receiver<Ending>,
    pub(crate) refused: Receiver<Refused>,
    pub(crate) tiers: Tiers,
    pub(crate) breaker: Breaker,
    pub(crate) away: Arc<Away>,
    pub(crate) stop: Arc<Stop>,
}

/// Records that wait for company.
type Held = Hold<Letter>;

// === impl Publisher ===

impl Publisher {
    /// Publishes until there are no more endings and everything is acknowledged.
    pub(crate) fn run(mut self) {
        let (endings, refused) = (self.endings.clone(), self.refused.clone());
        let mut held = Held::new();
        loop {
            let due = held.deadline().map_or_else(never, at);
            select! {
                recv(endings) -> ending => match ending {
                    Ok(ending) => self.publish(ending, &mut held),
                    Err(_) => break,
                },
                recv(refused) -> refused => {
                    if let Ok(refused) = refused {
                        self.outbox.send_otherwise(refused);
                    }
                }
                recv(due) -> _ => {}
            }
            for letter in held.due(Instant::now(), || self.away.will_be_more()) {
                self.send(letter);
            }
        }
        held.due(Instant::now(), || false)
            .for_each(|letter| self.send(letter));
        self.outbox.flush_all(&self.refused);
    }

    fn send(&self, letter: Letter) {
        self.outbox.send(letter);
        crash::point(Step::Sent);
    }

    fn publish(&mut self, ending: Ending, held: &mut Held) {
        let Ending {
            mut work,
            found,
            lacking,
        } = ending;
        if let Err(failure) = &found
            && let Some(again) = self.tiers.again(&work, failure, now_ms())
        {
            return self.put_off(work, failure, again, held);
        }
        // A dead letter keeps what nobody can fix by trying again: records that are no jobs, and poison.
        let is_dead = found.as_ref().is_err_and(|failure| {
            use Reason::{Crashed, InvalidJob, ModelFailed};
            matches!(failure.reason, InvalidJob | ModelFailed | Crashed)
        });
        if !self.breaker.lets_pass(is_dead) {
            self.stop.fail(self.breaker.says());
            return;
        }
        let result = self.result(&work, found, lacking);
        let key = work.key();
        // Before its answer can come.
        self.away.sent();
        let topic = self.signature.results_topic.clone();
        let error = result.error.as_ref().map(|error| error.reason);
        let trace = work.trace.take();
        let trace = trace.map(|it| it.send(&work.spent, &topic, Some(result.outcome), error));
        // Where it is not traced here it stays in the trace it came with.
        let traceparent = match &trace {
            Some(trace) => trace.traceparent(),
            None => work.record.trace(),
        };
        let records = if is_dead { 2 } else { 1 };
        let delivery = Arc::new(Delivery::new(&work.record, records, &result).traced(trace));
        if let (true, Some(error)) = (is_dead, &result.error) {
            let letter = self.dead_letter(&work, error, key.clone(), delivery.clone());
            held.push(Instant::now(), letter);
        }
        let time = jiff::Timestamp::from_millisecond(result.finished_at_ms).unwrap_or_default();
        let headers = Headers::cloud_event(
            &result.result_id,
            &self.signature.worker,
            "result",
            &time.to_string(),
        );
        let letter = Letter {
            topic,
            partition: work.job.reply_partition,
            key,
            value: result.encode(),
            headers: headers.with_trace(traceparent.as_ref()),
            sent: Sent::Job(delivery),
        };
        held.push(Instant::now(), letter);
    }

    /// Lays a job where it waits for its next try.
    fn put_off(&self, mut work: Box<Work>, failure: &Failure, again: Again, held: &mut Held) {
        self.away.sent();
        let trace = work.trace.take();
        let trace = trace.map(|it| it.send(&work.spent, &again.topic, None, Some(failure.reason)));
        let record = &work.record;
        let delivery = Arc::new(Delivery::put_off(record, failure.reason).traced(trace));
        let letter = Letter {
            headers: again.headers(&work, failure),
            topic: again.topic,
            partition: None,
            key: work.key(),
            value: record.value.clone(),
            sent: Sent::Job(delivery),
        };
        held.push(Instant::now(), letter);
    }

    fn dead_letter(
        &self,
        work: &Work,
        error: &JobError,
        key: Vec<u8>,
        delivery: Arc<Delivery>,
    ) -> Letter {
        let headers = work
            .record
            .headers()
            .with(header_names::ERROR_REASON, error.reason.as_str())
            .with(header_names::ERROR_MESSAGE, error.message.as_str())
            .with(header_names::ERROR_ORIGIN, work.record.origin());
        let partition = &work.record.ticket.assignment.partition;
        Letter {
            topic: topics::dead_letters(topics::base(&partition.topic)),
            partition: None,
            key,
            value: work.record.value.clone(),
            headers,
            sent: Sent::Job(delivery),
        }
    }

    fn result(&self, work: &Work, found: Result<Findings, Failure>, lacking: Wants) -> JobResult {
        let (outcome, found, error) = judge(found, lacking);
        let finished_at_ms = now_ms();
        let most = work.job.max_results as usize;
        let model_set = match &work.model_set {
            Some(model_set) => model_set.to_string(),
            None => self.signature.serving.digest(),
        };
        JobResult {
            schema: SCHEMA,
            result_id: result_id(&work.job.id, &model_set),
            job_id: work.job.id.clone(),
            tenant: work.job.tenant.clone(),
            subset: self.signature.subset.clone(),
            model_set,
            worker: self.signature.worker.clone(),
            outcome,
            image: work.image.clone(),
            frame: work.job.frame.clone(),
            video: None,
            labels: first(found.labels, most),
            faces: first(found.faces, most),
            logos: first(found.logos, most),
            objects: first(found.objects, most),
            error,
            timings_ms: timings(work),
            created_at_ms: work.job.created_at_ms,
            finished_at_ms,
        }
    }
}

/// What a job ended in.
fn judge(
    found: Result<Findings, Failure>,
    lacking: Wants,
) -> (Outcome, Findings, Option<JobError>) {
    match found {
        Ok(found) if lacking.is_empty() => (Outcome::Success, found, None),
        Ok(found) => {
            let names: Vec<&str> = lacking.iter().map(feature_name).collect();
            let message = format!("this worker's models do not find {}", names.join(", "));
            let failure = Failure::new(Stage::Infer, Reason::UnsupportedFeature, message);
            (Outcome::Partial, found, Some(failure.to_wire()))
        }
        Err(failure) => (Outcome::Error, Findings::default(), Some(failure.to_wire())),
    }
}

fn timings(work: &Work) -> TimingsMs {
    let ms = |time: std::time::Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    let total = work.record.received.elapsed();
    let spent = work.spent;
    let queue = total.saturating_sub(spent.fetch.took + spent.decode.took + spent.infer.took);
    TimingsMs {
        fetch: ms(spent.fetch.took),
        decode: ms(spent.decode.took),
        queue: ms(queue),
        infer: ms(spent.infer.took),
        total: ms(total),
    }
}

fn first<T>(mut all: Vec<T>, most: usize) -> Vec<T> {
    all.truncate(most);
    all
}
