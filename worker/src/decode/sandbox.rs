//! What a decoding child gives up before it sees a byte of a file: files, network, processes, and memory without end.

use std::collections::BTreeMap;
use std::os::fd::RawFd;

use anyhow::Context as _;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::ffi;

/// Most memory that a child may ask for beyond what it starts with: 50 megapixels of four bytes in the decoder, as many
/// for what the decoder needs itself, and the file.
pub(super) const MEMORY_BYTES_MAX: u64 = 512 << 20;

/// All that a decoder does: read and write what is open, get memory, know the time, end.
const SYSCALLS: [i64; 24] = [
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// These too, but never for memory that can be executed.
const SYSCALLS_WITHOUT_EXECUTION: [i64; 2] = [libc::SYS_mmap, libc::SYS_mprotect];

/// Locks this process in, for good.
///
/// `file_bytes_max`: how long a file may become by its writing. Descriptors from `first_unused` on are closed.
///
/// # Errors
/// When the kernel has no seccomp or forbids it.
pub(super) fn enter(file_bytes_max: u64, first_unused: RawFd) -> anyhow::Result<()> {
    ffi::end_with_parent().context("the parent's end cannot be followed")?;
    // Whoever ends a worker tells its whole group; the worker drains first, and needs its decoders for that.
    for signal in [libc::SIGTERM, libc::SIGINT] {
        ffi::ignore(signal).context("a signal cannot be passed over")?;
    }
    ffi::close_from(first_unused).context("descriptors cannot be closed")?;
    for (resource, most) in [
        (libc::RLIMIT_DATA, data_bytes()? + MEMORY_BYTES_MAX),
        (libc::RLIMIT_FSIZE, file_bytes_max),
        // Images are not to be found in core files.
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_NOFILE, 0),
    ] {
        ffi::limit(resource, most).context("a limit cannot be set")?;
    }
    let filter = filter().context("the filter of system calls cannot be made")?;
    // All threads: the child has one, the tests' program more.
    seccompiler::apply_filter_all_threads(&filter).context("system calls cannot be filtered")
}

/// Private writable memory of this process now.
fn data_bytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = kib.context("no VmData in /proc/self/status")?.parse()?;
    Ok(kib << 10)
}

fn filter() -> anyhow::Result<BpfProgram> {
    const PROT: u8 = 2; // the third argument of both
    let not_executable = SeccompCondition::new(
        PROT,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64),
        0,
    )?;
    let not_executable = SeccompRule::new(vec![not_executable])?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        SYSCALLS.iter().map(|call| (*call, Vec::new())).collect();
    rules.extend(SYSCALLS_WITHOUT_EXECUTION.map(|call| (call, vec![not_executable.clone()])));
    let filter = SeccompFilter::new(
        rules,
        // Not the death of the process: allocators and the C library ask for things they can do without.
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(filter.try_into()?)
}
