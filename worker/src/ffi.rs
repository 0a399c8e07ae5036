//! Everything that the compiler cannot vouch for, in one place.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{Error, Result as IoResult};
use std::os::fd::{FromRawFd as _, RawFd};
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

/// CPU time of the calling thread.
pub(crate) fn thread_cpu_time() -> Duration {
    cpu_time(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of all threads of this process.
pub(crate) fn process_cpu_time() -> Duration {
    cpu_time(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU time of all processes that this one has started and that have ended.
pub(crate) fn ended_children_cpu_time() -> Duration {
    // SAFETY: all of its fields are numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a valid place to write to for the whole call.
    let status = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    assert_eq!(status, 0, "every process may ask for its children's time");
    let time = |it: libc::timeval| Duration::new(it.tv_sec as u64, it.tv_usec as u32 * 1_000);
    time(usage.ru_utime) + time(usage.ru_stime)
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

/// A file in memory that has no name and ends with its last descriptor.
pub(crate) fn memory_file() -> IoResult<File> {
    // SAFETY: the name is a C string that lives as long as the program.
    let descriptor = unsafe { libc::memfd_create(c"spillway-decode".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: the descriptor was made just now, so nobody else owns it.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

/// Lets this process use no more than `most` of a resource, for good.
pub(crate) fn limit(resource: libc::__rlimit_resource_t, most: u64) -> IoResult<()> {
    let limit = libc::rlimit {
        rlim_cur: most,
        rlim_max: most,
    };
    // SAFETY: `limit` is only read, during the call.
    done(unsafe { libc::setrlimit(resource, &raw const limit) })
}

/// Has this process killed when the thread that started it is gone.
pub(crate) fn end_with_parent() -> IoResult<()> {
    // SAFETY: this option takes a signal's number and touches no memory.
    done(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })
}

/// Has this process pass over a signal.
pub(crate) fn ignore(signal: libc::c_int) -> IoResult<()> {
    // SAFETY: nothing of ours is called: the kernel itself passes over it.
    match unsafe { libc::signal(signal, libc::SIG_IGN) } {
        libc::SIG_ERR => Err(Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Closes every descriptor from `first` on, which nobody in this process may own.
pub(crate) fn close_from(first: RawFd) -> IoResult<()> {
    // SAFETY: called where a child process starts, which owns no descriptors but those it was given.
    done(unsafe { libc::close_range(first as u32, u32::MAX, 0) })
}

fn done(status: libc::c_int) -> IoResult<()> {
    match status {
        0 => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}
