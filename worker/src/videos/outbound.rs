//! Records of one video on their way to Kafka: sent as fast as they are acknowledged, and waited for.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use spillway_wire::{Headers, Reason, Stage, TraceParent, Video, header_names};

use super::Claim;
use super::split::End;
use crate::publish::{Letter, Outbox, Sent, Written};
use crate::work::{Failure, now_ms};

/// Most records of a video that are not yet acknowledged.
const UNACKNOWLEDGED_MAX: usize = 64;
/// How often it is looked meanwhile whether anybody still wants the video.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Sends what belongs to one video.
pub(super) struct Outbound<'a> {
    outbox: Arc<Outbox>,
    claim: &'a Claim,
    tell: Sender<Written>,
    written: Receiver<Written>,
    unacknowledged: usize,
}

// === impl Outbound ===

impl<'a> Outbound<'a> {
    pub(super) fn new(outbox: Arc<Outbox>, claim: &'a Claim) -> Self {
        // Whoever acknowledges never waits.
        let (tell, written) = bounded(UNACKNOWLEDGED_MAX);
        Self {
            outbox,
            claim,
            tell,
            written,
            unacknowledged: 0,
        }
    }

    /// Sends a frame as a job.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub(super) fn frame(
        &mut self,
        video: &Video,
        frame: spillway_wire::Frame,
        jpeg: Vec<u8>,
        to: &Destination<'_>,
    ) -> Result<(), End> {
        let job = video.frame(frame, jpeg);
        let time = jiff::Timestamp::from_millisecond(now_ms()).unwrap_or_default();
        let headers = Headers::cloud_event(&job.id, to.worker, "job", &time.to_string());
        self.send(Letter {
            topic: to.topic.to_owned(),
            partition: None,
            key: job.id.clone().into_bytes(),
            value: job.encode(),
            headers: headers.with_trace(to.trace),
            sent: Sent::Frame(self.tell.clone()),
        })
    }

    /// Sends a record that is the video's answer, or its dead letter.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub(super) fn answer(&mut self, letter: impl FnOnce(Sent) -> Letter) -> Result<(), End> {
        self.send(letter(Sent::Answer(self.tell.clone())))
    }

    fn send(&mut self, letter: Letter) -> Result<(), End> {
        while self.unacknowledged >= UNACKNOWLEDGED_MAX {
            self.hear()?;
        }
        self.outbox.send(letter);
        self.unacknowledged += 1;
        Ok(())
    }

    /// Waits until everything is acknowledged.
    ///
    /// # Errors
    /// `Abandoned` where nobody waits for the video any more; a failure where a frame does not fit into its topic.
    pub(super) fn settle(&mut self) -> Result<(), End> {
        while self.unacknowledged > 0 {
            self.hear()?;
        }
        Ok(())
    }

    fn hear(&mut self) -> Result<(), End> {
        loop {
            match self.written.recv_timeout(LOOK_EVERY) {
                Ok(written) => {
                    self.unacknowledged -= 1;
                    return match written {
                        Written::Yes => Ok(()),
                        Written::TooLarge => {
                            let message = "a frame is larger than the jobs topic lets a record be";
                            let failure = Failure::new(Stage::Publish, Reason::TooLarge, message);
                            Err(End::Failed(failure))
                        }
                    };
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    if self.claim.is_over() {
                        return Err(End::Abandoned);
                    }
                }
            }
        }
    }
}

/// Where frames go, and what their records say beside the job.
pub(super) struct Destination<'a> {
    pub(super) topic: &'a str,
    pub(super) worker: &'a str,
    pub(super) trace: Option<&'a TraceParent>,
}

/// The headers of a dead letter.
pub(super) fn dead_letter_headers(headers: Headers, failure: &Failure, origin: &str) -> Headers {
    headers
        .with(header_names::ERROR_REASON, failure.reason.as_str())
        .with(header_names::ERROR_MESSAGE, failure.message.as_str())
        .with(header_names::ERROR_ORIGIN, origin)
}
