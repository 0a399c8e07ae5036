//! Intents in a folder: a file each, and one for the sum of those that are forgotten.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{Forgotten, Intent};
use crate::files;

pub(super) struct Folder(PathBuf);

// === impl Folder ===

impl Folder {
    pub(super) fn open(folder: PathBuf) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    pub(super) fn read(&self) -> anyhow::Result<(Vec<Intent>, Forgotten)> {
        let mut intents = Vec::new();
        let sum = self.sum();
        let forgotten = if sum.exists() {
            read(&sum)?
        } else {
            Forgotten::default()
        };
        for entry in std::fs::read_dir(&self.0)? {
            let path = entry?.path();
            if path.extension().is_none_or(|kind| kind != "json") || path == sum {
                continue;
            }
            intents.push(read(&path)?);
        }
        Ok((intents, forgotten))
    }

    pub(super) fn write(&self, intent: &Intent) -> anyhow::Result<()> {
        files::replace(&self.file(intent), &serde_json::to_vec_pretty(intent)?)?;
        Ok(())
    }

    pub(super) fn forget(&self, intent: &Intent, forgotten: &Forgotten) -> anyhow::Result<()> {
        files::replace(&self.sum(), &serde_json::to_vec_pretty(forgotten)?)?;
        files::pass("file, before it goes")?;
        std::fs::remove_file(self.file(intent))?;
        Ok(())
    }

    fn file(&self, intent: &Intent) -> PathBuf {
        self.0.join(format!("{}.json", intent.id))
    }

    fn sum(&self) -> PathBuf {
        self.0.join("forgotten.json")
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read(path)?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} is damaged; mend it or restore it", path.display()))
}
