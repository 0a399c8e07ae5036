//! A job's answer: the results of every image and model subset, joined.

use serde::Serialize;
use spillway_wire::{
    Face, ImageInfo, JobError, JobResult, Label, Logo, ObjectBox, Outcome, TimingsMs,
};
use utoipa::ToSchema;

use crate::ids::{Handle, Wants};

/// Most results that are kept of one image: one for each model subset there may be, and then some.
pub(crate) const SUBSETS_MAX: usize = 8;

/// Results as they come in.
#[derive(Debug)]
pub(crate) struct Answer {
    wants: Wants,
    images: Vec<Vec<JobResult>>,
}

/// What is known of a job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobView {
    /// The job's id, for `GET /v1/jobs/{id}`.
    pub(crate) id: String,
    pub(crate) status: JobStatus,
    /// When it was accepted, milliseconds since the Unix epoch.
    pub(crate) created_at_ms: i64,
    /// One for each image, in the order in which they were given.
    pub(crate) images: Vec<ImageView>,
}

/// Whether all of a job's images have their answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobStatus {
    /// Some have not: ask again.
    Pending,
    /// All have, be it with an error.
    Done,
}

/// What is known of one image.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImageView {
    pub(crate) status: ImageStatus,
    /// What is known of the file; null where it could not be read.
    pub(crate) image: Option<ImageInfo>,
    pub(crate) labels: Vec<Label>,
    pub(crate) faces: Vec<Face>,
    pub(crate) logos: Vec<Logo>,
    pub(crate) objects: Vec<ObjectBox>,
    /// Why it failed or is partial; null on success.
    pub(crate) error: Option<JobError>,
    /// Which models answered.
    pub(crate) model_sets: Vec<ModelSetView>,
    pub(crate) timings_ms: TimingsMs,
}

/// How an image ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ImageStatus {
    /// Not all models have answered.
    Pending,
    /// Everything asked for is there.
    Success,
    /// Something is there, and `error` says what is missing.
    Partial,
    /// Nothing is there, and `error` says why.
    Error,
}

/// Models that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ModelSetView {
    /// Names of the models' subsets, as `brands+context`.
    pub(crate) subset: String,
    /// Digest of files, preprocessing, labels and thresholds.
    pub(crate) digest: String,
}

// === impl Answer ===

impl Answer {
    /// An answer without any result yet.
    pub(crate) fn new(handle: &Handle) -> Self {
        Self {
            wants: handle.wants,
            images: (0..handle.images).map(|_| Vec::new()).collect(),
        }
    }

    /// Takes a result of an image; a repeat changes nothing.
    pub(crate) fn add(&mut self, image: usize, result: JobResult) {
        let Some(results) = self.images.get_mut(image) else {
            return;
        };
        let is_new = results.iter().all(|it| it.result_id != result.result_id);
        if is_new && results.len() < SUBSETS_MAX {
            results.push(result);
        }
    }

    /// The same answer and what another one of the same job knows.
    #[must_use]
    pub(crate) fn with(mut self, other: Self) -> Self {
        for (image, results) in other.images.into_iter().enumerate() {
            for result in results {
                self.add(image, result);
            }
        }
        self
    }

    /// Takes results of an answer's only image, and says how that ended.
    pub(crate) fn of_one(wants: Wants, results: Vec<JobResult>) -> ImageView {
        let mut answer = Self {
            wants,
            images: vec![Vec::new()],
        };
        for result in results {
            answer.add(0, result);
        }
        answer.take(0)
    }

    pub(crate) fn is_complete(&self) -> bool {
        (0..self.images.len()).all(|image| self.is_image_complete(image))
    }

    /// Whether the models that answered cover what was asked for.
    fn is_image_complete(&self, image: usize) -> bool {
        let results = &self.images[image];
        let answered = results.iter().fold(Wants::default(), |all, result| {
            all.or(Wants::of_subset(&result.subset))
        });
        !results.is_empty() && answered.contains(self.wants)
    }

    /// What is known now.
    pub(crate) fn view(mut self, handle: &Handle) -> JobView {
        let status = match self.is_complete() {
            true => JobStatus::Done,
            false => JobStatus::Pending,
        };
        let images = (0..self.images.len()).map(|image| self.take(image));
        JobView {
            id: handle.as_str().to_owned(),
            status,
            created_at_ms: handle.made_at_ms,
            images: images.collect(),
        }
    }

    fn take(&mut self, image: usize) -> ImageView {
        let is_complete = self.is_image_complete(image);
        let results = std::mem::take(&mut self.images[image]);
        let mut view = ImageView::pending();
        let (mut good, mut bad) = (false, false);
        for result in results {
            good |= result.outcome != Outcome::Error;
            bad |= result.outcome != Outcome::Success;
            view.join(result);
        }
        view.status = match (is_complete, good, bad) {
            (false, ..) => ImageStatus::Pending,
            (true, true, false) => ImageStatus::Success,
            (true, true, true) => ImageStatus::Partial,
            (true, false, _) => ImageStatus::Error,
        };
        view
    }
}

// === impl ImageView ===

impl ImageView {
    fn pending() -> Self {
        Self {
            status: ImageStatus::Pending,
            image: None,
            labels: Vec::new(),
            faces: Vec::new(),
            logos: Vec::new(),
            objects: Vec::new(),
            error: None,
            model_sets: Vec::new(),
            timings_ms: TimingsMs::default(),
        }
    }

    fn join(&mut self, result: JobResult) {
        self.image = self.image.take().or(result.image);
        self.labels.extend(result.labels);
        self.faces.extend(result.faces);
        self.logos.extend(result.logos);
        self.objects.extend(result.objects);
        self.error = self.error.take().or(result.error);
        self.model_sets.push(ModelSetView {
            subset: result.subset,
            digest: result.model_set,
        });
        // Subsets work side by side: the slowest is what was waited for.
        if result.timings_ms.total >= self.timings_ms.total {
            self.timings_ms = result.timings_ms;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use spillway_wire::{Feature, Reason, Stage, result_id};

    use super::*;
    use crate::ids::Ids;

    /// A result of one subset with one label.
    pub(crate) fn result(job_id: &str, subset: &str, outcome: Outcome) -> JobResult {
        let error = (outcome != Outcome::Success).then(|| JobError {
            stage: Stage::Fetch,
            reason: Reason::NotFound,
            message: "there is no such file".into(),
            retryable: false,
        });
        let label = Label {
            name: format!("of-{subset}"),
            score: 0.5,
            kind: "object".into(),
            parents: Vec::new(),
        };
        JobResult {
            schema: 1,
            result_id: result_id(job_id, subset),
            job_id: job_id.into(),
            tenant: "acme".into(),
            subset: subset.into(),
            model_set: format!("digest-of-{subset}"),
            worker: "w1".into(),
            outcome,
            image: None,
            frame: None,
            video: None,
            labels: vec![label],
            faces: Vec::new(),
            logos: Vec::new(),
            objects: Vec::new(),
            error,
            timings_ms: TimingsMs::default(),
            created_at_ms: 1,
            finished_at_ms: 2,
        }
    }

    fn handle(images: usize) -> Handle {
        let wants = Wants::of([Feature::Humans, Feature::Context]);
        Ids::new(b"s").job("acme", 1, wants, images)
    }

    #[test]
    fn an_answer_is_complete_when_the_subsets_cover_what_was_asked_for() {
        let handle = handle(1);
        let mut answer = Answer::new(&handle);
        assert!(!answer.is_complete());
        answer.add(0, result("j", "humans", Outcome::Success));
        answer.add(0, result("j", "humans", Outcome::Success)); // a repeat
        answer.add(0, result("j", "brands", Outcome::Success)); // nobody asked
        answer.add(9, result("j", "context", Outcome::Success)); // no such image
        assert!(!answer.is_complete());
        answer.add(0, result("j", "context", Outcome::Success));
        assert!(answer.is_complete());
        let view = answer.view(&handle);
        assert_eq!(view.status, JobStatus::Done);
        assert_eq!(view.images[0].status, ImageStatus::Success);
        assert_eq!(view.images[0].labels.len(), 3, "repeats count once");
    }

    #[test]
    fn statuses_follow_from_the_outcomes() {
        let cases = [
            (vec![], ImageStatus::Pending),
            (vec![("humans", Outcome::Error)], ImageStatus::Pending),
            (
                vec![("context+humans", Outcome::Success)],
                ImageStatus::Success,
            ),
            (vec![("context+humans", Outcome::Error)], ImageStatus::Error),
            (
                vec![("humans", Outcome::Error), ("context", Outcome::Success)],
                ImageStatus::Partial,
            ),
        ];
        for (results, expected) in cases {
            let handle = handle(2);
            let mut answer = Answer::new(&handle);
            for (subset, outcome) in &results {
                answer.add(1, result("j", subset, *outcome));
            }
            let view = answer.view(&handle);
            assert_eq!(view.images[1].status, expected, "{results:?}");
            assert_eq!(view.images[0].status, ImageStatus::Pending);
            assert_eq!(view.status, JobStatus::Pending);
        }
    }
}
