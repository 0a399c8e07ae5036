//! Where ffmpeg and ffprobe are, and whether they can be run as they will be.

use std::fs::File;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use crossbeam_channel::Sender;

use super::Claim;
use super::child::{Ended, run};
use super::reel;
use crate::drain::Stop;

/// Both programs, by their paths.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(super) ffmpeg: PathBuf,
    pub(super) ffprobe: PathBuf,
}

// === impl Programs ===

impl Programs {
    /// Looks for them in `PATH`.
    ///
    /// # Errors
    /// If one is not there; says what to install.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let find = |name: &str| {
            std::env::split_paths(&path)
                .map(|folder| folder.join(name))
                .find(|program| is_program(program))
                // Links of a system that chooses between versions are not followed when its files are shut off.
                .and_then(|program| program.canonicalize().ok())
                .with_context(|| {
                    format!(
                        "--videos needs {name}, which is not in PATH: Debian's package `ffmpeg` has it \
                         (apt-get install --no-install-recommends ffmpeg)"
                    )
                })
        };
        Ok(Self {
            ffmpeg: find("ffmpeg")?,
            ffprobe: find("ffprobe")?,
        })
    }

    /// Runs both as they will be run on videos, and makes a file where those will lie.
    ///
    /// # Errors
    /// When one of them does not say its version, or `folder` cannot be written to.
    pub(super) fn check(&self, folder: &Path, stop: &Arc<Stop>) -> anyhow::Result<()> {
        let file = reel::make(folder)
            .with_context(|| format!("videos cannot lie in {}", folder.display()))?;
        for program in [&self.ffmpeg, &self.ffprobe] {
            says_version(program, &file, stop)
                .with_context(|| format!("{} cannot be used for --videos", program.display()))?;
        }
        Ok(())
    }
}

fn says_version(program: &Path, file: &File, stop: &Arc<Stop>) -> anyhow::Result<()> {
    let claim = Claim::new(None, stop.clone());
    let mut said = String::new();
    let out = |mut from: std::io::BufReader<_>, tell: &Sender<String>| {
        if let Ok(Some(line)) = super::jpegs::line(&mut from) {
            let _ = tell.send(line);
        }
        let _ = std::io::copy(&mut from, &mut std::io::sink());
    };
    let err = |mut from: std::io::BufReader<_>, tell: &Sender<String>| {
        while let Ok(Some(line)) = super::jpegs::line(&mut from) {
            let _ = tell.send(line);
        }
    };
    let ended = run(
        program,
        &["-version".to_owned()],
        file,
        &claim,
        out,
        err,
        |line| {
            said.push_str(&line);
            said.push(' ');
            ControlFlow::Continue(())
        },
    )?;
    // A worker that is told to stop while it starts does not fail of it.
    let is_good = matches!(ended, Ended::Well | Ended::Abandoned);
    anyhow::ensure!(is_good, "it ended before it said its version: {said}");
    Ok(())
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_run_is_a_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ffmpeg");
        assert!(!is_program(&path));
        std::fs::write(&path, "").unwrap();
        assert!(!is_program(&path));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_program(&path));
        assert!(!is_program(folder.path()));
    }
}
