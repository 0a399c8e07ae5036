//! Real models by libtorch: what is not the set that was made is refused before a job sees it.

use spillway_wire::Feature;
use tempfile::TempDir;

use super::super::set::sha256;
use super::*;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/demo");

/// A copy of the demo's set that may be spoilt.
struct Copy {
    folder: TempDir,
    manifest: String,
}

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("golden")).unwrap();
        for part in ["", "golden"] {
            for entry in std::fs::read_dir(Path::new(DEMO).join(part)).unwrap() {
                let from = entry.unwrap().path();
                if from.is_file() {
                    let to = folder.path().join(part).join(from.file_name().unwrap());
                    std::fs::copy(from, to).unwrap();
                }
            }
        }
        let manifest = std::fs::read_to_string(folder.path().join("modelset.yaml")).unwrap();
        Self { folder, manifest }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn bytes(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.path(file)).unwrap()
    }

    /// Declares in the manifest what the file is now: somebody vouches for it.
    fn write_vouched(&mut self, file: &str, bytes: &[u8]) {
        let before = sha256(&self.bytes(file));
        std::fs::write(self.path(file), bytes).unwrap();
        self.edit(&before, &sha256(bytes));
    }

    fn edit(&mut self, from: &str, to: &str) {
        assert!(self.manifest.contains(from), "{from} is in the manifest");
        self.manifest = self.manifest.replace(from, to);
        std::fs::write(self.path("modelset.yaml"), &self.manifest).unwrap();
    }

    /// Loads, checks and warms it as a worker does; the digest of what may serve.
    fn enter(&self, features: Option<Wants>) -> Result<String, SetError> {
        let loader = Loader {
            path: self.folder.path().to_owned(),
            features,
            device: DeviceChoice::Cpu,
        };
        let recognizer = loader.load()?;
        recognizer.enter()?;
        Ok(recognizer.subset.digest)
    }
}

fn context() -> Option<Wants> {
    Some(Wants::of([Feature::Context]))
}

/// Asserts that a set is refused, in words that name the model, its file and why.
fn refused(copy: &Copy, features: Option<Wants>, kind: &str, parts: &[&str]) {
    let error = copy.enter(features).expect_err(kind);
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part} should be in: {text}");
    }
}

#[test]
fn the_demo_set_answers_as_it_did_in_python() {
    let loader = Loader {
        path: DEMO.into(),
        features: None,
        device: DeviceChoice::Cpu,
    };
    let recognizer = loader.load().unwrap();
    let _entered = recognizer.backend().enter().unwrap();
    let golden = recognizer.golden().unwrap();
    assert_eq!(golden.count(), 3);
    let drifts = golden.check(&recognizer).unwrap();
    assert_eq!(drifts.len(), 4);
    for (model, drift) in drifts {
        assert!(
            drift.compared > 3 && drift.astray.is_empty(),
            "{model}: {drift:?}"
        );
        eprintln!("{model}: {drift:?}");
    }
}

#[test]
fn a_damaged_file_is_refused_before_anything_parses_it() {
    let copy = Copy::new();
    let whole = copy.bytes("context.pt");
    // A fixed walk over bits: the same in every run.
    let mut at = 12_345_usize;
    for _ in 0..200 {
        at = at
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mut damaged = whole.clone();
        let (byte, bit) = ((at >> 8) % whole.len(), at % 8);
        damaged[byte] ^= 1 << bit;
        std::fs::write(copy.path("context.pt"), damaged).unwrap();
        refused(
            &copy,
            context(),
            "digest",
            &["model `context`", "context.pt", "SHA-256"],
        );
    }
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        std::fs::write(copy.path("context.pt"), &whole[..length]).unwrap();
        refused(
            &copy,
            context(),
            "digest",
            &["model `context`", "context.pt"],
        );
    }
    std::fs::remove_file(copy.path("context.pt")).unwrap();
    refused(&copy, context(), "unreadable", &["context.pt"]);
}

#[test]
fn a_file_that_libtorch_cannot_read_is_refused_although_somebody_vouches_for_it() {
    let cases: [fn(Vec<u8>) -> Vec<u8>; 3] = [
        |bytes| bytes[..bytes.len() / 2].to_vec(),
        |_| b"no model at all".to_vec(),
        |_| Vec::new(),
    ];
    for spoil in cases {
        let mut copy = Copy::new();
        let spoilt = spoil(copy.bytes("context.pt"));
        copy.write_vouched("context.pt", &spoilt);
        refused(&copy, context(), "load", &["model `context`", "context.pt"]);
    }
}

#[test]
fn another_network_under_a_known_name_is_refused() {
    for (file, other, features, model) in [
        ("context.pt", "faces.pt", Feature::Context, "context"),
        ("faces.pt", "context.pt", Feature::Humans, "faces"),
        ("faces.pt", "logos.pt", Feature::Humans, "faces"),
        (
            "face_attributes.pt",
            "context.pt",
            Feature::Humans,
            "face-attributes",
        ),
    ] {
        let mut copy = Copy::new();
        let bytes = copy.bytes(other);
        copy.write_vouched(file, &bytes);
        let (model, features) = (format!("model `{model}`"), Some(Wants::of([features])));
        refused(&copy, features, "answers", &[&model, file]);
    }
}

#[test]
fn labels_in_another_order_are_refused() {
    let cases = [
        ("name: beach,", "name: desert,", Feature::Context, "context"),
        ("[face]", "[visage]", Feature::Humans, "faces"),
        (
            "[female, male]",
            "[male, female]",
            Feature::Humans,
            "face-attributes",
        ),
        (
            "[norvik, tricrest, hexaly",
            "[hexaly, tricrest, norvik",
            Feature::Brands,
            "logos",
        ),
    ];
    for (from, to, features, model) in cases {
        let mut copy = Copy::new();
        if features == Feature::Context {
            copy.edit(to, "name: elsewhere,");
            copy.edit(from, to);
            copy.edit("name: elsewhere,", from);
        } else {
            copy.edit(from, to);
        }
        let (model, features) = (format!("model `{model}`"), Some(Wants::of([features])));
        refused(
            &copy,
            features,
            "answers",
            &[&model, "golden image golden/"],
        );
    }
}

#[test]
fn golden_inputs_are_vouched_for_too() {
    let mut copy = Copy::new();
    std::fs::write(copy.path("golden/00013.png"), b"").unwrap();
    refused(&copy, context(), "digest", &["golden image", "00013.png"]);

    copy = Copy::new();
    let lines = String::from_utf8(copy.bytes("golden.jsonl")).unwrap();
    std::fs::write(copy.path("golden.jsonl"), lines.replace("0.9", "0.8")).unwrap();
    refused(
        &copy,
        context(),
        "digest",
        &["golden inputs", "golden.jsonl"],
    );
    std::fs::write(copy.path("golden.jsonl"), &lines).unwrap();

    copy.write_vouched(
        "golden.jsonl",
        lines.replace("\"context\"", "\"other\"").as_bytes(),
    );
    refused(
        &copy,
        context(),
        "golden",
        &["expects nothing of model `context`"],
    );
}

#[test]
fn another_threshold_is_another_set() {
    let mut copy = Copy::new();
    let before = copy.enter(context()).unwrap();
    copy.edit(
        "kind: scene, parents: [outdoor], threshold: 0.34",
        "kind: scene, parents: [outdoor], threshold: 0.4",
    );
    assert_ne!(copy.enter(context()).unwrap(), before);
}

#[test]
fn a_gpu_that_is_not_there_is_an_error() {
    let loader = Loader {
        path: DEMO.into(),
        features: context(),
        device: DeviceChoice::Cuda(63),
    };
    let Err(error) = loader.load() else {
        panic!("nobody has 64 GPUs");
    };
    assert!(
        error.to_string().contains("GPU 63 was asked for"),
        "{error}"
    );
}
