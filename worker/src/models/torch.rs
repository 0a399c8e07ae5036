//! TorchScript by libtorch, on a CPU or on one GPU.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;

use tch::{CModule, Cuda, Device, IndexOp as _, Kind, TchError, Tensor};

use super::set::Subset;
use super::{Backend, BackendError, Crop, Rows, Staged};
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
}

struct Loaded {
    module: CModule,
    input: Size,
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
    /// Loads the models of a subset, whose files were checked against their digests.
    ///
    /// # Errors
    /// When a GPU is asked for that is not there, or libtorch cannot read a file.
    pub(crate) fn load(subset: &Subset, choice: DeviceChoice) -> anyhow::Result<Self> {
        let device = match choice {
            DeviceChoice::Cpu | DeviceChoice::None => Device::Cpu,
            DeviceChoice::Auto => Device::cuda_if_available(),
            DeviceChoice::Cuda(index) => {
                let found = Cuda::device_count().max(0) as usize;
                anyhow::ensure!(
                    index < found,
                    "GPU {index} was asked for, {found} are there"
                );
                Device::Cuda(index)
            }
        };
        // One thread per batch: batches run side by side, and splitting one costs more than it gains.
        tch::set_num_threads(1);
        // The profiling executor would compile again for every new shape, on the first jobs.
        tch::jit::f_set_profiling_mode(false)?;
        let models = subset
            .models
            .iter()
            .map(|model| {
                let mut module = CModule::load_on_device(&model.file, device)?;
                module.f_set_eval()?;
                Ok(Loaded {
                    module,
                    input: model.input,
                })
            })
            .collect::<Result<_, TchError>>()?;
        Ok(Self { models, device })
    }

    /// How many images the device gets for `count`: on a GPU only the sizes that were warmed.
    fn bucket(&self, count: usize) -> usize {
        if self.device.is_cuda() {
            count.next_power_of_two()
        } else {
            count
        }
    }

    /// Runs a model over `images`, of which the first `count` matter.
    fn forward(&self, model: usize, images: &Tensor, count: usize) -> Result<Rows, BackendError> {
        // Not forward_is: it leaks its inputs when the model fails (tch 0.24).
        let output = self.models[model]
            .module
            .forward_ts(&[images])
            .map_err(explain)?;
        let output = output
            .f_narrow(0, 0, count as i64)
            .and_then(|rows| rows.f_to_device(Device::Cpu))
            .and_then(|rows| rows.f_to_kind(Kind::Float))
            .and_then(|rows| rows.f_reshape([count as i64, -1]))
            .and_then(|rows| rows.f_contiguous())
            .map_err(explain)?;
        let width = output.size().last().copied().unwrap_or(0) as usize;
        let mut values = vec![0_f32; count * width];
        let length = values.len();
        output.f_copy_data(&mut values, length).map_err(explain)?;
        Ok(Rows { values, width })
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

impl Backend for Torch {
    fn enter(&self) -> Result<Box<dyn Any>, BackendError> {
        // The number of threads is kept per thread by OpenMP.
        tch::set_num_threads(1);
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
}

// === impl Batch ===

impl Batch<'_> {
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
        let all = self
            .in_size(self.torch.models[model].input)
            .map_err(explain)?;
        if images.len() == self.count {
            return self.torch.forward(model, &all, self.count);
        }
        let mut rows: Vec<i64> = images.iter().map(|image| *image as i64).collect();
        let last = rows.last().copied().unwrap_or(0);
        rows.resize(self.torch.bucket(images.len()), last);
        let some = Tensor::f_from_slice(&rows)
            .and_then(|rows| rows.f_to_device(self.torch.device))
            .and_then(|rows| all.f_index_select(0, &rows))
            .map_err(explain)?;
        self.torch.forward(model, &some, images.len())
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
        self.torch.forward(model, &images, crops.len())
    }
}

/// What a failure of libtorch means.
fn explain(error: TchError) -> BackendError {
    let message = error.to_string();
    let first = message.lines().next().unwrap_or_default().to_owned();
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
