//! TorchScript by libtorch, on a CPU or on one GPU.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};

use tch::{CModule, Cuda, Device, IndexOp as _, Kind, TchError, Tensor};

use super::set::{Model, SetError, Subset, Task};
use super::{Backend, BackendError, Crop, LABELS_MAX, Rows, Scored, Staged};
use crate::ffi;
use crate::frame::{Frame, Size};

/// Most images of a batch on a CPU: more gain nothing there and only wait longer.
const IMAGES_MAX_CPU: usize = 16;
/// Most images of a batch on a GPU.
const IMAGES_MAX_CUDA: usize = 32;

/// Where to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceChoice {
    /// The first GPU if there is one.
    Auto,
    Cpu,
    Cuda(usize),
    /// Nowhere: the models find nothing.
    None,
}

/// The models of a subset, loaded.
pub(crate) struct Torch {
    models: Vec<Loaded>,
    device: Device,
    /// Cores that each batch is split over.
    cores: AtomicI32,
}

struct Loaded {
    module: CModule,
    input: Size,
    thresholds: Thresholds,
}

/// From which score on each label counts; none where the model labels nothing.
pub(super) struct Thresholds {
    here: Vec<f32>,
    /// The same on a GPU, where the labels are chosen there.
    there: Option<Mutex<Tensor>>,
}

/// A batch on the device: `u8 [n, 3, height, width]`, channels last.
struct Batch<'a> {
    torch: &'a Torch,
    images: Tensor,
    count: usize,
    /// All images in the sizes that models asked for: two models of one size share the work.
    resized: RefCell<BTreeMap<Size, Tensor>>,
}

// === impl Torch ===

impl Torch {
    /// Loads the models of a subset: from memory, once their bytes are known to be the declared ones. A file that is
    /// changed in between is never parsed.
    ///
    /// # Errors
    /// When a GPU is asked for that is not there, a file is not the declared one, or libtorch cannot read it.
    pub(crate) fn load(subset: &Subset, choice: DeviceChoice) -> Result<Self, SetError> {
        let device = device(choice).map_err(SetError::Device)?;
        // The profiling executor would compile again for every new shape, on the first jobs.
        let set_up = tch::jit::f_set_profiling_mode(false);
        set_up.map_err(|error| SetError::Device(first_line(&error)))?;
        let models = subset
            .models
            .iter()
            .map(|model| Loaded::load(model, device));
        Ok(Self {
            models: models.collect::<Result<_, SetError>>()?,
            device,
            // Batches run side by side: splitting one costs more than it gains, unless measured otherwise.
            cores: AtomicI32::new(1),
        })
    }

    /// How many images the device gets for `count`: on a GPU only the sizes that were warmed.
    fn bucket(&self, count: usize) -> usize {
        if self.device.is_cuda() {
            count.next_power_of_two()
        } else {
            count
        }
    }

    /// Runs a model over `images`; on the device, `f32`, a row for each of the first `count`.
    fn forward(&self, model: usize, images: &Tensor, count: usize) -> Result<Tensor, TchError> {
        // Not forward_is: it leaks its inputs when the model fails (tch 0.24).
        let output = self.models[model].module.forward_ts(&[images])?;
        if output
            .size()
            .first()
            .is_none_or(|rows| *rows < count as i64)
        {
            let message = format!("{:?} is no row for each of {count} images", output.size());
            return Err(TchError::Shape(message));
        }
        output
            .f_narrow(0, 0, count as i64)?
            .f_to_kind(Kind::Float)?
            .f_reshape([count as i64, -1])
    }

    /// Antialiased bilinear, `u8` to `u8`.
    fn resize(&self, images: &Tensor, size: Size) -> Result<Tensor, TchError> {
        let to = [i64::from(size.height), i64::from(size.width)];
        if !self.device.is_cuda() {
            return images.f_internal_upsample_bilinear2d_aa(to, false, None, None);
        }
        // There is no such kernel for bytes on a GPU.
        images
            .f_to_kind(Kind::Float)?
            .f_internal_upsample_bilinear2d_aa(to, false, None, None)?
            .f_round()?
            .f_clamp(0, 255)?
            .f_to_kind(Kind::Uint8)
    }
}

// === impl Loaded ===

impl Loaded {
    fn load(model: &Model, device: Device) -> Result<Self, SetError> {
        let bytes = model.bytes()?;
        let unreadable = |why: String| SetError::Load {
            model: model.name.clone(),
            file: model.file.clone(),
            why,
        };
        let loaded = || {
            let mut module = CModule::load_data_on_device(&mut bytes.as_slice(), device)?;
            module.f_set_eval()?;
            if model.half && device.is_cuda() {
                module.to(device, Kind::Half, false);
            }
            let thresholds: Vec<f32> = match &model.task {
                Task::Classify { labels } => labels.iter().map(|label| label.threshold).collect(),
                Task::Detect { .. } | Task::Attributes { .. } => Vec::new(),
            };
            Ok(Self {
                module,
                input: model.input,
                thresholds: Thresholds::new(thresholds, device)?,
            })
        };
        // `CModule::to` panics where it fails.
        catch_unwind(AssertUnwindSafe(loaded))
            .unwrap_or_else(|_| Err(TchError::Kind("it cannot be converted to half".into())))
            .map_err(|error| unreadable(first_line(&error)))
    }
}

/// `f32` numbers of a tensor, read from the device in one copy.
pub(super) fn read(rows: &Tensor) -> Result<Rows, TchError> {
    let rows = rows.f_to_device(Device::Cpu)?.f_contiguous()?;
    let width = rows.size().last().copied().unwrap_or(0) as usize;
    let mut values = vec![0_f32; rows.numel()];
    let length = values.len();
    rows.f_copy_data(&mut values, length)?;
    Ok(Rows { values, width })
}

// === impl Thresholds ===

impl Thresholds {
    pub(super) fn new(thresholds: Vec<f32>, device: Device) -> Result<Self, TchError> {
        let there = match device.is_cuda() {
            true => Some(Mutex::new(
                Tensor::f_from_slice(&thresholds)?.f_to_device(device)?,
            )),
            false => None,
        };
        Ok(Self {
            here: thresholds,
            there,
        })
    }

    /// Of each row of scores, those that reach their thresholds, the best first.
    ///
    /// `scores`: `f32 [n, labels]`, on the device of the thresholds.
    ///
    /// # Errors
    /// `Failed` where there are more or fewer scores than labels, or one is not a number.
    pub(super) fn select(&self, scores: &Tensor) -> Result<Vec<Vec<Scored>>, BackendError> {
        let labels = self.here.len();
        if scores.size().get(1) != Some(&(labels as i64)) {
            let message = format!("{:?} are no scores of {labels} labels", scores.size());
            return Err(BackendError::Failed(message));
        }
        match &self.there {
            None => {
                // One pass over what is in the cache: sorting a whole row, as topk does, costs twice the matrix.
                let rows = read(scores).map_err(explain)?;
                rows.iter().map(|row| best(row, &self.here)).collect()
            }
            Some(thresholds) => {
                let thresholds = thresholds.lock().unwrap_or_else(PoisonError::into_inner);
                let thresholds = thresholds.shallow_clone();
                select_there(scores, &thresholds)
            }
        }
    }
}

/// Those of a row that reach their thresholds, the best first, and of equal ones the first.
fn best(row: &[f32], thresholds: &[f32]) -> Result<Vec<Scored>, BackendError> {
    // Without an early end, so that it is done for many at once.
    if row
        .iter()
        .fold(false, |any, score| any | !score.is_finite())
    {
        return Err(BackendError::Failed("an answer is not a number".into()));
    }
    let better = |a: &Scored, b: &Scored| b.score.total_cmp(&a.score).then(a.label.cmp(&b.label));
    let reaching = row.iter().zip(thresholds).enumerate();
    let reaching = reaching.filter(|(_, (score, threshold))| score >= threshold);
    let mut scored: Vec<Scored> = reaching
        .map(|(label, (score, _))| Scored {
            label,
            score: *score,
        })
        .collect();
    if scored.len() > LABELS_MAX {
        scored.select_nth_unstable_by(LABELS_MAX - 1, better);
        scored.truncate(LABELS_MAX);
    }
    scored.sort_unstable_by(better);
    Ok(scored)
}

/// The same on a GPU: chosen there, so that what is read back does not grow with the number of labels.
///
/// `scores`: `f32 [n, labels]`; `thresholds`: `f32 [labels]`, on the same device. Of equal scores any may come first.
pub(super) fn select_there(
    scores: &Tensor,
    thresholds: &Tensor,
) -> Result<Vec<Vec<Scored>>, BackendError> {
    let most = thresholds.size()[0].min(LABELS_MAX as i64);
    let chosen = || {
        // Below every score there is, so that it sorts last and is told apart.
        let out = Tensor::f_full([], -1.0, (Kind::Float, scores.device()))?;
        let reaching = scores.f_where_self(&scores.f_ge_tensor(thresholds)?, &out)?;
        let (best, places) = reaching.f_topk(most, 1, true, true)?;
        // Not a number plus anything is not a number: one sum tells of the whole row.
        let sums = scores.f_sum_dim_intlist([1_i64].as_slice(), true, Kind::Float)?;
        // A place is exact as f32 up to 16 million labels.
        read(&Tensor::f_cat(
            &[best, places.f_to_kind(Kind::Float)?, sums],
            1,
        )?)
    };
    let rows = chosen().map_err(explain)?;
    let most = most as usize;
    rows.iter()
        .map(|row| {
            if !row[2 * most].is_finite() {
                return Err(BackendError::Failed("an answer is not a number".into()));
            }
            let scored = row[..most].iter().zip(&row[most..]);
            let scored = scored.take_while(|(score, _)| **score >= 0.0);
            Ok(scored
                .map(|(score, place)| Scored {
                    label: *place as usize,
                    score: *score,
                })
                .collect())
        })
        .collect()
}

/// The device that is asked for.
///
/// # Errors
/// When it is not there: a job must not run on a CPU where a GPU was meant.
fn device(choice: DeviceChoice) -> Result<Device, String> {
    let index = match choice {
        DeviceChoice::Cpu | DeviceChoice::None => return Ok(Device::Cpu),
        DeviceChoice::Auto if !has_gpu() => return Ok(Device::Cpu),
        DeviceChoice::Auto => 0,
        DeviceChoice::Cuda(index) => index,
    };
    let loaded = ffi::load_cuda();
    let found = match loaded {
        Ok(()) => Cuda::device_count().max(0) as usize,
        Err(_) => 0,
    };
    if index < found {
        return Ok(Device::Cuda(index));
    }
    match (choice, loaded) {
        (DeviceChoice::Auto, Ok(())) => Ok(Device::Cpu),
        (DeviceChoice::Auto, Err(why)) => {
            tracing::warn!(error = why, "a GPU is here that libtorch cannot use");
            Ok(Device::Cpu)
        }
        (_, Ok(())) => Err(format!("GPU {index} was asked for, {found} are there")),
        (_, Err(why)) => Err(format!("GPU {index} was asked for, and {why}")),
    }
}

/// Whether a driver shows a GPU: loading libtorch's CUDA library costs a second and a gigabyte of addresses.
fn has_gpu() -> bool {
    let entries = std::fs::read_dir("/proc/driver/nvidia/gpus");
    entries.is_ok_and(|mut gpus| gpus.next().is_some())
        || ["/dev/nvidia0", "/dev/dxg"]
            .iter()
            .any(|it| Path::new(it).exists())
}

fn first_line(error: &TchError) -> String {
    let message = error.to_string();
    // A CModule's failure has the trace of its code first, and the reason after it.
    let is_reason = |line: &&str| line.contains("Error:") || line.contains("error:");
    let line = message.lines().find(is_reason).or(message.lines().next());
    line.unwrap_or_default().trim().to_owned()
}

impl Backend for Torch {
    fn enter(&self) -> Result<Box<dyn Any>, BackendError> {
        // The number of threads is kept per thread by OpenMP.
        tch::set_num_threads(self.cores.load(Ordering::Relaxed));
        Ok(Box::new(tch::no_grad_guard()))
    }

    fn stage<'a>(&'a self, frames: &[&Frame]) -> Result<Box<dyn Staged + 'a>, BackendError> {
        let count = frames.len();
        let mut padded = frames.to_vec();
        if let Some(last) = frames.last() {
            padded.resize(self.bucket(count), last);
        }
        let images = ffi::stack(&padded)
            .and_then(|images| images.f_to_device(self.device))
            .and_then(|images| images.f_permute([0, 3, 1, 2]))
            .map_err(explain)?;
        Ok(Box::new(Batch {
            torch: self,
            images,
            count,
            resized: RefCell::default(),
        }))
    }

    fn images_max(&self) -> usize {
        if self.device.is_cuda() {
            IMAGES_MAX_CUDA
        } else {
            IMAGES_MAX_CPU
        }
    }

    fn gpu(&self) -> Option<String> {
        let Device::Cuda(index) = self.device else {
            return None;
        };
        Some(gpu_model().unwrap_or_else(|| format!("cuda:{index}")))
    }

    fn split(&self, cores: usize) {
        self.cores
            .store(i32::try_from(cores).unwrap_or(1), Ordering::Relaxed);
    }
}

// === impl Batch ===

impl Batch<'_> {
    /// What a model answers to some images of the batch, on the device.
    fn output(&self, model: usize, images: &[usize]) -> Result<Tensor, TchError> {
        let all = self.in_size(self.torch.models[model].input)?;
        if images.len() == self.count {
            return self.torch.forward(model, &all, self.count);
        }
        let mut rows: Vec<i64> = images.iter().map(|image| *image as i64).collect();
        let last = rows.last().copied().unwrap_or(0);
        rows.resize(self.torch.bucket(images.len()), last);
        let rows = Tensor::f_from_slice(&rows)?.f_to_device(self.torch.device)?;
        let some = all.f_index_select(0, &rows)?;
        self.torch.forward(model, &some, images.len())
    }

    /// All images in `size`.
    fn in_size(&self, size: Size) -> Result<Tensor, TchError> {
        let own = self.images.size();
        if own[2..] == [i64::from(size.height), i64::from(size.width)] {
            return Ok(self.images.shallow_clone());
        }
        if let Some(resized) = self.resized.borrow().get(&size) {
            return Ok(resized.shallow_clone());
        }
        let resized = self.torch.resize(&self.images, size)?;
        let copy = resized.shallow_clone();
        self.resized.borrow_mut().insert(size, resized);
        Ok(copy)
    }
}

impl Staged for Batch<'_> {
    fn run(&self, model: usize, images: &[usize]) -> Result<Rows, BackendError> {
        self.output(model, images)
            .and_then(|rows| read(&rows))
            .map_err(explain)
    }

    fn run_labels(&self, model: usize, images: &[usize]) -> Result<Vec<Vec<Scored>>, BackendError> {
        let scores = self.output(model, images).map_err(explain)?;
        self.torch.models[model].thresholds.select(&scores)
    }

    fn run_crops(&self, model: usize, crops: &[Crop]) -> Result<Rows, BackendError> {
        let size = self.torch.models[model].input;
        let cut = |crop: &Crop| {
            let (left, top) = (i64::from(crop.left), i64::from(crop.top));
            let (right, bottom) = (left + i64::from(crop.width), top + i64::from(crop.height));
            let image = crop.image as i64;
            let part = self
                .images
                .f_i((image..=image, .., top..bottom, left..right))?;
            if (crop.width, crop.height) == (size.width, size.height) {
                return Ok(part);
            }
            self.torch.resize(&part, size)
        };
        let mut parts = crops
            .iter()
            .map(cut)
            .collect::<Result<Vec<Tensor>, TchError>>()
            .map_err(explain)?;
        while parts.len() < self.torch.bucket(crops.len()) {
            parts.push(parts[0].shallow_clone());
        }
        let images = Tensor::f_cat(&parts, 0).map_err(explain)?;
        self.torch
            .forward(model, &images, crops.len())
            .and_then(|rows| read(&rows))
            .map_err(explain)
    }
}

/// What a failure of libtorch means.
pub(super) fn explain(error: TchError) -> BackendError {
    let (message, first) = (error.to_string(), first_line(&error));
    let is_memory = message.contains("out of memory") || message.contains("DefaultCPUAllocator");
    // After any other CUDA error the context is lost: later calls fail or, worse, answer nonsense.
    if message.contains("CUDA error") && !is_memory {
        BackendError::Broken(first)
    } else {
        BackendError::Failed(first)
    }
}

/// The first GPU's name, as the driver tells it.
fn gpu_model() -> Option<String> {
    let gpus = std::fs::read_dir("/proc/driver/nvidia/gpus").ok()?;
    let about = gpus
        .flatten()
        .find_map(|gpu| std::fs::read_to_string(gpu.path().join("information")).ok())?;
    let line = about.lines().find_map(|line| line.strip_prefix("Model:"))?;
    Some(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The choice as it is made here, and as a GPU would make it.
    fn choices(scores: &Tensor, thresholds: &[f32]) -> [Result<Vec<Vec<Scored>>, BackendError>; 2] {
        let here = Thresholds::new(thresholds.to_vec(), Device::Cpu).unwrap();
        let there = Tensor::from_slice(thresholds);
        [here.select(scores), select_there(scores, &there)]
    }

    proptest! {
        #[test]
        fn what_is_chosen_is_what_sorting_would_choose(
            rows in proptest::collection::vec(proptest::collection::vec(0.0..1.0_f32, 150), 1..4),
            threshold in 0.0..1.0_f32,
        ) {
            let thresholds: Vec<f32> = (0..150).map(|at| threshold * (at % 3) as f32 / 2.0).collect();
            let scores = Tensor::from_slice(&rows.concat()).reshape([rows.len() as i64, 150]);
            for chosen in choices(&scores, &thresholds) {
                for (row, chosen) in rows.iter().zip(chosen.unwrap()) {
                    let mut expected: Vec<f32> = row
                        .iter()
                        .zip(&thresholds)
                        .filter(|(score, threshold)| score >= threshold)
                        .map(|(score, _)| *score)
                        .collect();
                    expected.sort_by(|a, b| b.total_cmp(a));
                    expected.truncate(LABELS_MAX);
                    let scores: Vec<f32> = chosen.iter().map(|it| it.score).collect();
                    prop_assert_eq!(scores, expected);
                    prop_assert!(chosen.iter().all(|it| row[it.label] == it.score));
                }
            }
        }
    }

    #[test]
    fn of_equal_scores_the_first_labels_are_chosen() {
        let scores = Tensor::from_slice(&[0.5_f32; 150]).reshape([1, 150]);
        let [here, _] = choices(&scores, &[0.5; 150]);
        let labels: Vec<usize> = here.unwrap()[0].iter().map(|it| it.label).collect();
        assert_eq!(labels, (0..LABELS_MAX).collect::<Vec<_>>());
    }

    #[test]
    fn a_score_that_is_not_a_number_fails_wherever_it_is() {
        for spoilt in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 77, 149] {
                let mut row = [0.5_f32; 150];
                row[at] = spoilt;
                let scores = Tensor::from_slice(&row).reshape([1, 150]);
                for choice in choices(&scores, &[0.9; 150]) {
                    let error = choice.unwrap_err().to_string();
                    assert!(error.contains("not a number"), "{spoilt} at {at}: {error}");
                }
            }
        }
    }

    #[test]
    fn scores_of_other_labels_fail() {
        let scores = Tensor::from_slice(&[0.5_f32; 6]).reshape([2, 3]);
        let thresholds = Thresholds::new(vec![0.5; 4], Device::Cpu).unwrap();
        let error = thresholds.select(&scores).unwrap_err();
        assert!(
            error.to_string().contains("no scores of 4 labels"),
            "{error}"
        );
    }
}
