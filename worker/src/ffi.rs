//! Everything that the compiler cannot vouch for, in one place.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::fs::{File, TryLockError};
use std::io::{Error, Result as IoResult};
use std::ops::Deref;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{IsError as _, KafkaError, KafkaResult};
use tch::{Device, Kind, TchError, Tensor};

use crate::frame::Frame;

/// Commits without waiting, and a queue of librdkafka's in which each answer arrives.
///
/// Not the client's own commits without waiting (rdkafka 0.39): it asks for their answers in a way in which none ever
/// comes. It must be dropped before its consumer.
pub(crate) struct CommitQueue(NonNull<bindings::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues are made to be used from any thread, from several at once too.
unsafe impl Send for CommitQueue {}
// SAFETY: as above.
unsafe impl Sync for CommitQueue {}

// === impl CommitQueue ===

impl CommitQueue {
    pub(crate) fn new<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Self {
        // SAFETY: the client is alive while it is borrowed.
        let queue = unsafe { bindings::rd_kafka_queue_new(consumer.client().native_ptr()) };
        Self(NonNull::new(queue).expect("librdkafka makes a queue or aborts"))
    }

    /// Hands a commit over; its answer will come.
    ///
    /// # Errors
    /// If the consumer has no group: then no answer comes.
    pub(crate) fn commit<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        list: &TopicPartitionList,
    ) -> KafkaResult<()> {
        // SAFETY: all three are alive while they are borrowed; the list is copied before the call returns.
        let error = unsafe {
            bindings::rd_kafka_commit_queue(
                consumer.client().native_ptr(),
                list.ptr(),
                self.0.as_ptr(),
                None,
                ptr::null_mut(),
            )
        };
        commit_result(error)
    }

    /// The next answer, waited for at most so long; an error of one partition is one of the commit.
    pub(crate) fn answer(&self, wait: Duration) -> Option<KafkaResult<()>> {
        let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue lives as long as `self`. An event is ours until it is destroyed, its list is the event's;
        // the list is read between its bounds, and nothing of it is kept.
        unsafe {
            let event = bindings::rd_kafka_queue_poll(self.0.as_ptr(), wait_ms);
            if event.is_null() {
                return None;
            }
            let mut error = bindings::rd_kafka_event_error(event);
            let list = bindings::rd_kafka_event_topic_partition_list(event);
            if let Some(list) = list.as_ref()
                && !error.is_error()
            {
                for index in 0..list.cnt as usize {
                    let of_one = (*list.elems.add(index)).err;
                    if of_one.is_error() {
                        error = of_one;
                    }
                }
            }
            bindings::rd_kafka_event_destroy(event);
            Some(commit_result(error))
        }
    }
}

impl Drop for CommitQueue {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_queue_new`, and given up here once. Answers that come later find it disabled.
        unsafe { bindings::rd_kafka_queue_destroy(self.0.as_ptr()) };
    }
}

fn commit_result(error: bindings::rd_kafka_resp_err_t) -> KafkaResult<()> {
    match error.is_error() {
        true => Err(KafkaError::ConsumerCommit(error.into())),
        false => Ok(()),
    }
}

/// Numbers in a file, mapped into memory: what is written there outlives the process, however it ends.
///
/// The machine's end they do not outlive: nothing is ever synced.
pub(crate) struct SharedWords {
    words: NonNull<AtomicU64>,
    len: usize,
    /// Holds the lock.
    _file: File,
}

// SAFETY: the mapping is reached through atomics only.
unsafe impl Send for SharedWords {}
// SAFETY: as above.
unsafe impl Sync for SharedWords {}

// === impl SharedWords ===

impl SharedWords {
    /// Opens or makes a file of `len` numbers, and locks it.
    ///
    /// # Errors
    /// If it cannot be made, mapped, or is another process's.
    pub(crate) fn open(path: &Path, len: usize) -> IoResult<Self> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Error::other("another process has it"),
            TryLockError::Error(error) => error,
        })?;
        let bytes = len * size_of::<u64>();
        file.set_len(bytes as u64)?;
        // SAFETY: a new mapping of a file that is as long and stays so while its lock is held: whoever shortens it all the
        // same ends this process by SIGBUS, and breaks nothing else.
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(Error::last_os_error());
        }
        let words = NonNull::new(address.cast()).expect("a mapping is nowhere at null");
        Ok(Self {
            words,
            len,
            _file: file,
        })
    }
}

impl Deref for SharedWords {
    type Target = [AtomicU64];

    fn deref(&self) -> &Self::Target {
        // SAFETY: the mapping is page-aligned, as long as `len` numbers, and lives as long as `self`. Any bits are a
        // number, and nobody reaches it but through atomics.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr(), self.len) }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        // SAFETY: mapped by `open` with this length, and no reference to it outlives `self`.
        unsafe { libc::munmap(self.words.as_ptr().cast(), self.len * size_of::<u64>()) };
    }
}

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
    limit_between(resource, most, most)
}

/// The same, where the kernel says at `soft` already that it is too much.
pub(crate) fn limit_between(
    resource: libc::__rlimit_resource_t,
    soft: u64,
    most: u64,
) -> IoResult<()> {
    let limit = libc::rlimit {
        rlim_cur: soft,
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

/// Gives this process the lowest priority that its CPU time can have.
pub(crate) fn lowest_priority() -> IoResult<()> {
    // SAFETY: takes numbers alone; 0 means the calling process.
    done(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) })
}

/// Lets neither this process nor what it becomes gain rights by what it runs.
pub(crate) fn no_new_rights() -> IoResult<()> {
    // SAFETY: this option takes numbers alone.
    done(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })
}

/// Kills every process of a group.
pub(crate) fn kill_group(leader: u32) -> IoResult<()> {
    // SAFETY: takes numbers alone. A group is named by its leader's number, negative.
    done(unsafe { libc::kill(-(leader as libc::pid_t), libc::SIGKILL) })
}

/// Paths that a process may still reach once it is restricted to them (Landlock).
pub(crate) struct Landlock(OwnedFd);

/// What may be done below a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Read,
    /// A single file.
    ReadFile,
    /// A single file too, which may be run.
    Execute,
}

/// The kernel's `landlock_ruleset_attr`; what an older kernel does not know must be 0.
#[repr(C)]
#[derive(Default)]
struct RulesetAttr {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

/// The kernel's `landlock_path_beneath_attr`.
#[repr(C, packed)]
struct PathBeneathAttr {
    allowed_access: u64,
    parent_fd: i32,
}

// === impl Landlock ===

impl Landlock {
    /// Version of what the kernel can restrict; 0 where it restricts nothing.
    pub(crate) fn version() -> u32 {
        const ASK_VERSION: u32 = 1;
        // SAFETY: with this flag the kernel reads no attributes and answers a number.
        let version = unsafe {
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                ptr::null::<RulesetAttr>(),
                0_usize,
                ASK_VERSION,
            )
        };
        u32::try_from(version).unwrap_or(0)
    }

    /// Nothing may be reached yet: no file, no network, no other process; as far as the kernel's `version` goes.
    pub(crate) fn new(version: u32) -> IoResult<Self> {
        let fs_rights = match version {
            0 | 1 => 13,
            2 => 14,
            3 | 4 => 15,
            _ => 16,
        };
        let attr = RulesetAttr {
            handled_access_fs: (1 << fs_rights) - 1,
            handled_access_net: if version >= 4 { 0b11 } else { 0 },
            scoped: if version >= 6 { 0b11 } else { 0 },
        };
        // SAFETY: `attr` is only read, during the call, and as long as is said.
        let descriptor = unsafe {
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                &raw const attr,
                size_of::<RulesetAttr>(),
                0_u32,
            )
        };
        let descriptor = RawFd::try_from(descriptor).unwrap_or(-1);
        if descriptor < 0 {
            return Err(Error::last_os_error());
        }
        // SAFETY: the descriptor was made just now, so nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Lets a file, or all below a folder, be reached.
    pub(crate) fn allow(&self, path: BorrowedFd<'_>, reach: Reach) -> IoResult<()> {
        const EXECUTE: u64 = 1;
        const READ_FILE: u64 = 1 << 2;
        const READ_DIR: u64 = 1 << 3;
        const PATH_BENEATH: u32 = 1;
        let attr = PathBeneathAttr {
            allowed_access: match reach {
                Reach::Read => READ_FILE | READ_DIR,
                Reach::ReadFile => READ_FILE,
                Reach::Execute => READ_FILE | EXECUTE,
            },
            parent_fd: path.as_raw_fd(),
        };
        // SAFETY: both descriptors are open while they are borrowed, and `attr` is only read, during the call.
        let status = unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                self.0.as_raw_fd(),
                PATH_BENEATH,
                &raw const attr,
                0_u32,
            )
        };
        done(status as libc::c_int)
    }

    /// Restricts the calling thread and what it becomes, for good; needs [`no_new_rights`].
    pub(crate) fn restrict(self) -> IoResult<()> {
        // SAFETY: the descriptor is open, and the kernel takes numbers alone.
        let status =
            unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.0.as_raw_fd(), 0_u32) };
        done(status as libc::c_int)
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
