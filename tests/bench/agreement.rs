//! Whether two workers say the same of the same images: a comparison of rates is worth nothing otherwise.

use anyhow::{Context, ensure};
use spillway_wire::{JobResult, Label, Outcome};

use crate::line::Waiting;

/// Scores this far apart are the same: decoders and scalers differ by a level or two.
const TOLERANCE: f32 = 0.03;

/// How it is judged.
pub(crate) const HOW: &str = "share of jobs with the same best label (or one as good within 0.03), faces of the \
                              same attributes, and the same logos; file, size and digest of each image are the same";

/// The result of each job, by its number.
pub(crate) struct Answers(Vec<JobResult>);

// === impl Answers ===

impl Answers {
    /// Reads results.
    ///
    /// # Errors
    /// When one cannot be read, is no success, or a job has none.
    pub(crate) fn of(waiting: &Waiting<'_>, results: &[Vec<u8>]) -> anyhow::Result<Self> {
        let mut answers: Vec<Option<JobResult>> = vec![None; waiting.count];
        for bytes in results {
            let result = JobResult::decode(bytes)
                .with_context(|| format!("no result: {}", String::from_utf8_lossy(bytes)))?;
            ensure!(result.outcome == Outcome::Success, "{result:?}");
            let number = result
                .job_id
                .rsplit_once('-')
                .and_then(|(_, it)| it.parse().ok());
            let place = number.and_then(|number: usize| answers.get_mut(number));
            let place = place.with_context(|| format!("a result of no job: {result:?}"))?;
            *place = Some(result);
        }
        let all: Option<Vec<JobResult>> = answers.into_iter().collect();
        Ok(Self(all.context("a job has no result")?))
    }

    /// Share of jobs that both answer alike.
    ///
    /// # Errors
    /// When they did not even look at the same images.
    pub(crate) fn agreement(&self, others: &Self) -> anyhow::Result<f64> {
        let mut alike = 0;
        for (ours, theirs) in self.0.iter().zip(&others.0) {
            ensure!(
                ours.image == theirs.image,
                "{:?} and {:?} of {}",
                ours.image,
                theirs.image,
                ours.job_id
            );
            alike += usize::from(are_alike(ours, theirs));
        }
        Ok(alike as f64 / self.0.len().min(others.0.len()) as f64)
    }
}

fn are_alike(ours: &JobResult, theirs: &JobResult) -> bool {
    // Of each face one list, however many attributes a model set has.
    let attributes = |result: &JobResult| {
        let values = result.faces.iter().map(|face| {
            let values = face.attributes.values();
            values.map(|it| it.value.clone()).collect::<Vec<_>>()
        });
        let mut values: Vec<_> = values.collect();
        values.sort_unstable();
        values
    };
    let brands = |result: &JobResult| {
        let mut brands: Vec<String> = result.logos.iter().map(|it| it.brand.clone()).collect();
        brands.sort_unstable();
        brands
    };
    attributes(ours) == attributes(theirs)
        && brands(ours) == brands(theirs)
        && best_is_good(&ours.labels, &theirs.labels)
        && best_is_good(&theirs.labels, &ours.labels)
}

/// Whether the best label of one is the other's best, or as good there.
fn best_is_good(one: &[Label], other: &[Label]) -> bool {
    let (Some(best), Some(others_best)) = (one.first(), other.first()) else {
        return one.is_empty() && other.is_empty();
    };
    let same = other.iter().find(|it| it.name == best.name);
    same.is_some_and(|same| others_best.score - same.score <= TOLERANCE)
}
