//! A model set for a worker without a device (`--device none`), whose backend answers at once.

use std::{fs, io, path::Path};

/// Writes a set of one model that is never run, and that sees images of `width` x `height` pixels.
///
/// # Errors
/// When the folder cannot be written.
pub fn blank_model_set(folder: &Path, (width, height): (u32, u32)) -> io::Result<()> {
    // The digest is that of no bytes.
    let text = format!(
        "
apiVersion: spillway.dev/v1alpha1
kind: ModelSet
metadata: {{name: blank}}
spec:
  frame: {{width: {width}, height: {height}}}
  models:
    - name: context
      subset: context
      file: weights
      sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      classify:
        input: {{width: {width}, height: {height}}}
        labels: [{{name: something, kind: scene, threshold: 0.5}}]
"
    );
    fs::write(folder.join("modelset.yaml"), text)?;
    fs::write(folder.join("weights"), "")
}
