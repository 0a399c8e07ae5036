//! Everything that the compiler cannot vouch for, in one place.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tch::{Device, Kind, TchError, Tensor};

use crate::frame::Frame;

/// A batch of frames in memory of libtorch: `u8 [n, height, width, 3]`, on the CPU.
///
/// All frames must have one size; one copy is made.
pub(crate) fn stack(frames: &[&Frame]) -> Result<Tensor, TchError> {
    let views = frames
        .iter()
        .map(|frame| {
            let (height, width) = (frame.size.height as usize, frame.size.width as usize);
            let pixels = frame.pixels();
            assert_eq!(pixels.len(), height * width * 3, "a frame is full");
            let size = [height as i64, width as i64, 3];
            let strides = [width as i64 * 3, 3, 1];
            // SAFETY: the view reads exactly `pixels`, whose length was just checked against `size` and
            // `strides`. It lives in `views` only, which is dropped before `frames`; nothing writes through it.
            unsafe {
                Tensor::f_from_blob(pixels.as_ptr(), &size, &strides, Kind::Uint8, Device::Cpu)
            }
        })
        .collect::<Result<Vec<Tensor>, TchError>>()?;
    Tensor::f_stack(&views, 0)
}

/// Loads libtorch's CUDA library, which lies beside the library for the CPU where libtorch was built with CUDA.
///
/// Nothing of it is called by name: once loaded, libtorch finds it. So one program serves with and without a GPU.
/// Must come before anything asks libtorch for CUDA, since it asks once only.
///
/// # Errors
/// Why it cannot be loaded.
pub(crate) fn load_cuda() -> Result<(), String> {
    let name = "libtorch_cuda.so";
    let beside = loaded_from("libtorch_cpu.so").map(|folder| folder.join(name));
    let path = match beside {
        Some(path) if path.exists() => path,
        Some(path) => {
            return Err(format!(
                "libtorch is built without CUDA: no {}",
                path.display()
            ));
        }
        None => name.into(),
    };
    let path = CString::new(path.into_os_string().into_encoded_bytes())
        .map_err(|_| "the path of libtorch has a zero byte".to_owned())?;
    // SAFETY: `path` is a string that ends in zero and lives for the call. The library's initializers are libtorch's
    // own, made to run at any time before CUDA is first asked for. It is never unloaded.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if !library.is_null() {
        return Ok(());
    }
    // SAFETY: after a failed dlopen, dlerror gives a string of the C library's that ends in zero and stays until the
    // next call on this thread; it is copied at once.
    let why = unsafe {
        let text = libc::dlerror();
        if text.is_null() {
            String::new()
        } else {
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    };
    Err(format!("libtorch's CUDA library cannot be loaded: {why}"))
}

/// The folder that a library of this process was loaded from.
fn loaded_from(name: &str) -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let path = maps.lines().find_map(|line| {
        let path = Path::new(line.split_once('/').map(|(_, rest)| rest)?);
        (path.file_name()? == name).then(|| Path::new("/").join(path))
    })?;
    Some(path.parent()?.to_owned())
}

/// CPU time of the calling thread.
pub(crate) fn thread_cpu_time() -> Duration {
    cpu_time(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of all threads of this process.
pub(crate) fn process_cpu_time() -> Duration {
    cpu_time(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn cpu_time(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place to write to for the whole call, and the clocks exist on every Linux.
    let status = unsafe { libc::clock_gettime(clock, &raw mut time) };
    assert_eq!(status, 0, "the CPU clocks of this process are readable");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Lets the C allocator keep the large blocks that libtorch asks for and gives back with every batch.
///
/// Without it each forward pass maps fresh memory and pays a page fault every 4 kB.
pub(crate) fn keep_large_blocks() {
    const KEPT_BYTES: libc::c_int = 1 << 30;
    for parameter in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: both parameters take any number; called once, before there are other threads.
        unsafe { libc::mallopt(parameter, KEPT_BYTES) };
    }
}
