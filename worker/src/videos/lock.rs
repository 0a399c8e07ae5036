//! What a process gives up before it becomes ffmpeg: network, other files, other programs, memory and time without end.
//!
//! ```text
//! worker ─▶ spillway-worker video-child ─ locks itself in ─▶ exec ─▶ ffmpeg or ffprobe
//! ```
//!
//! An exec by a process of its own, not code between fork and exec of the worker: that would have to do without memory
//! from the heap, and copy the tables of all of the worker's memory.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use clap::Args;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::ffi::{self, Landlock, Reach};

/// The hidden command that becomes another program.
pub(crate) const CHILD_COMMAND: &str = "video-child";

/// Most memory that ffmpeg may map: it starts with a quarter of a gigabyte, and the largest picture that is allowed takes
/// 110 MB, of which a stream may ask for seventeen.
const MEMORY_BYTES_MAX: u64 = 3 << 30;
/// CPU time, seconds, after which a program ends that passes over its end.
const CPU_SECONDS_AFTER: u64 = 5;
/// Most files that are open at once.
const FILES_MAX: u64 = 64;
/// What the loader and the libraries read: no settings, no data of anybody.
const SYSTEM: [&str; 4] = ["/usr", "/lib", "/lib64", "/etc/ld.so.cache"];
/// The program that loads programs, which has to be one that may be run.
const LOADERS: [&str; 4] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

/// What ffmpeg does: read files, write to what is open, get memory, threads, the time, and end.
const SYSCALLS: [i64; 61] = [
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_fadvise64,
    libc::SYS_ioctl,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_mlock,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_get_mempolicy,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrusage,
    libc::SYS_getpriority,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_prctl,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Older calls, which the C library of this architecture still makes.
#[cfg(target_arch = "x86_64")]
const SYSCALLS_OF_ARCH: [i64; 9] = [
    libc::SYS_open,
    libc::SYS_access,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_readlink,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_arch_prctl,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const SYSCALLS_OF_ARCH: [i64; 0] = [];

/// What the hidden command is told.
#[derive(Debug, Args)]
pub(crate) struct ChildArgs {
    /// Most CPU time, seconds.
    #[arg(long)]
    cpu_seconds: u64,
    /// The program, by its path.
    program: PathBuf,
    /// What it is called with.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

// === impl ChildArgs ===

impl ChildArgs {
    /// Locks this process in and becomes the program; returns only where that fails.
    ///
    /// # Errors
    /// When the kernel denies a part of it, or the program cannot be run.
    pub(crate) fn exec(&self) -> anyhow::Error {
        match self.lock() {
            Ok(mut command) => anyhow::Error::new(command.exec())
                .context(format!("{} cannot be run", self.program.display())),
            Err(error) => error,
        }
    }

    fn lock(&self) -> anyhow::Result<Command> {
        ffi::end_with_parent().context("the parent's end cannot be followed")?;
        ffi::lowest_priority().context("the priority cannot be lowered")?;
        // Where memory is short, it is to be this process that ends. A kernel that does not let it say so is no worse.
        let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
        let mut command = Command::new(&self.program);
        command.env_clear().args(&self.arguments);
        let filter = filter().context("the filter of system calls cannot be made")?;
        ffi::close_from(3).context("descriptors cannot be closed")?;
        ffi::no_new_rights().context("rights cannot be given up")?;
        restrict(&self.program).context("files cannot be shut off")?;
        // First SIGXCPU, by which it is known why it ended.
        let cpu = (self.cpu_seconds, self.cpu_seconds + CPU_SECONDS_AFTER);
        ffi::limit_between(libc::RLIMIT_CPU, cpu.0, cpu.1).context("time cannot be limited")?;
        for (resource, most) in [
            // Pipes have no length.
            (libc::RLIMIT_FSIZE, 0),
            (libc::RLIMIT_CORE, 0),
            (libc::RLIMIT_NOFILE, FILES_MAX),
        ] {
            ffi::limit(resource, most).context("a limit cannot be set")?;
        }
        // Late: this process has mapped more already, and gets no more of it.
        ffi::limit(libc::RLIMIT_AS, MEMORY_BYTES_MAX).context("memory cannot be limited")?;
        seccompiler::apply_filter(&filter).context("system calls cannot be filtered")?;
        Ok(command)
    }
}

/// Leaves this process what the system's libraries are in, and standard input. Does nothing where the kernel cannot.
fn restrict(program: &Path) -> std::io::Result<()> {
    let version = Landlock::version();
    if version == 0 {
        return Ok(());
    }
    let landlock = Landlock::new(version)?;
    let programs = LOADERS.iter().map(Path::new).chain([program]);
    let folders = SYSTEM.iter().map(Path::new);
    let allowed = folders
        .map(|path| (path, Reach::Read))
        .chain(programs.map(|path| (path, Reach::Execute)));
    for (path, reach) in allowed {
        let opened = File::options()
            .read(true)
            .custom_flags(libc::O_PATH)
            .open(path);
        // What is not there need not be reached; without the program the exec says so.
        let Ok(opened) = opened else { continue };
        let reach = match opened.metadata()?.is_file() {
            true if reach == Reach::Read => Reach::ReadFile,
            _ => reach,
        };
        landlock.allow(opened.as_fd(), reach)?;
    }
    let input = std::io::stdin();
    if is_file(input.as_fd()) {
        landlock.allow(input.as_fd(), Reach::ReadFile)?;
    }
    landlock.restrict()
}

fn is_file(descriptor: BorrowedFd<'_>) -> bool {
    let copy = descriptor.try_clone_to_owned().map(File::from);
    copy.and_then(|it| it.metadata())
        .is_ok_and(|it| it.is_file())
}

fn filter() -> anyhow::Result<BpfProgram> {
    let thread = libc::CLONE_THREAD as u64;
    let is_thread = SeccompCondition::new(
        0, // flags
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(thread),
        thread,
    )?;
    let sets_nothing = SeccompCondition::new(
        2, // the new limit
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::Eq,
        0,
    )?;
    let calls = SYSCALLS.iter().chain(&SYSCALLS_OF_ARCH);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        calls.map(|call| (*call, Vec::new())).collect();
    for (call, condition) in [
        (libc::SYS_clone, is_thread),
        // A worker that runs as root could raise its limits again.
        (libc::SYS_prlimit64, sets_nothing),
    ] {
        rules.insert(call, vec![SeccompRule::new(vec![condition])?]);
    }
    // Once for what this process becomes. Nothing else may be run: see `restrict`.
    rules.insert(libc::SYS_execve, Vec::new());
    let filter = SeccompFilter::new(
        rules,
        // As if the kernel had no such call: the C library then takes another way, to threads for one.
        SeccompAction::Errno(libc::ENOSYS as u32),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(filter.try_into()?)
}
