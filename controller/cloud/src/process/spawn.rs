//! How children are tied to, or freed from, the process that starts them. The only unsafe code of this crate.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal, setsid};

/// Gives the child a session of its own: a Ctrl-C at our terminal does not reach it.
pub(super) fn in_own_session(command: &mut Command) {
    // SAFETY: between fork and exec the closure makes one system call, allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(|| {
            setsid()?;
            Ok(())
        });
    }
}

/// Has the kernel kill the child when the calling thread ends, however it ends.
///
/// The thread, not the process: call it from one that lives as long as the child should.
pub(super) fn dies_with_us(command: &mut Command) {
    let us: Pid = getpid();
    // SAFETY: between fork and exec the closure makes two system calls, allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // We may have died before the call above: then no signal ever comes.
            if getppid() == Some(us) {
                Ok(())
            } else {
                Err(io::Error::from(rustix::io::Errno::SRCH))
            }
        });
    }
}
