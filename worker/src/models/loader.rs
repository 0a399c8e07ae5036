//! How a model set becomes a recognizer, at the start and whenever its files change.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::set::{ModelSet, SetError, Subset};
use super::{Backend, Blank, DeviceChoice, Recognizer, Torch};
use crate::work::Wants;

/// Which models to run, and where.
#[derive(Debug, Clone)]
pub(crate) struct Loader {
    /// Folder with a `modelset.yaml`, or such a file; also a link that is moved from one version to the next.
    pub(crate) path: PathBuf,
    /// Only these; none means all that it declares.
    pub(crate) features: Option<Wants>,
    pub(crate) device: DeviceChoice,
}

/// What the files of a set looked like: when they look otherwise, it is worth loading again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp(Vec<(PathBuf, Option<Look>)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

// === impl Loader ===

impl Loader {
    /// Checks the declared files and loads them; they are not yet run.
    ///
    /// # Errors
    /// Which file is refused, and why.
    pub(crate) fn load(&self) -> Result<Recognizer, SetError> {
        let subset: Subset = ModelSet::load(&self.path)?.subset(self.features)?;
        let golden = subset.golden()?;
        let backend: Box<dyn Backend> = match self.device {
            DeviceChoice::None => {
                subset
                    .models
                    .iter()
                    .try_for_each(|model| model.bytes().map(drop))?;
                Box::new(Blank::of(&subset))
            }
            device => Box::new(Torch::load(&subset, device)?),
        };
        Ok(Recognizer::new(subset, backend, golden))
    }

    /// What its files look like now; of a set that cannot be read, only the manifest.
    ///
    /// While the manifest looks as it did `before`, it names the same files and is not read again.
    pub(crate) fn stamp(&self, before: Option<&Stamp>) -> Stamp {
        let manifest = self
            .path
            .canonicalize()
            .unwrap_or_else(|_| self.path.clone());
        let manifest = if manifest.is_dir() {
            manifest.join("modelset.yaml")
        } else {
            manifest
        };
        let about = look(&manifest);
        let seen = (manifest, about);
        let others: Vec<PathBuf> = match before {
            Some(Stamp(files)) if files.first() == Some(&seen) => {
                files[1..].iter().map(|(file, _)| file.clone()).collect()
            }
            _ => self.files(),
        };
        let others = others.into_iter().map(|file| {
            let look = look(&file);
            (file, look)
        });
        Stamp(std::iter::once(seen).chain(others).collect())
    }

    /// The files that the manifest names, beside itself.
    fn files(&self) -> Vec<PathBuf> {
        let subset = ModelSet::load(&self.path).and_then(|set| set.subset(self.features));
        let Ok(subset) = subset else {
            return Vec::new();
        };
        let models = subset.models.into_iter().map(|model| model.file);
        models
            .chain(subset.golden.map(|golden| golden.file))
            .collect()
    }
}

fn look(file: &Path) -> Option<Look> {
    let about = std::fs::metadata(file).ok()?;
    Some(Look {
        inode: about.ino(),
        bytes: about.size(),
        modified: (about.mtime(), about.mtime_nsec()),
    })
}

#[cfg(test)]
mod tests;
