use super::*;

const GOOD: &str = r#"
apiVersion: spillway.dev/v1alpha1
kind: ModelSet
metadata: {name: tiny}
spec:
  frame: {width: 64, height: 48}
  models:
    - name: faces
      subset: humans
      file: faces.pt
      sha256: SHA
      detect: {input: {width: 64, height: 48}, labels: [face], threshold: 0.5, nmsIou: 0.4}
    - name: face-attributes
      subset: humans
      file: faces.pt
      sha256: SHA
      attributes:
        of: faces
        input: {width: 8, height: 8}
        margin: 0.15
        heads: [{name: age, values: [child, adult]}]
    - name: context
      subset: context
      file: faces.pt
      sha256: SHA
      classify:
        input: {width: 32, height: 24}
        labels: [{name: beach, kind: scene, parents: [outdoors], threshold: 0.5}]
"#;

fn folder(yaml: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let weights = b"weights";
    std::fs::write(folder.path().join("faces.pt"), weights).unwrap();
    let yaml = yaml.replace("SHA", &sha256(weights));
    std::fs::write(folder.path().join("modelset.yaml"), yaml).unwrap();
    folder
}

fn load(yaml: &str) -> Result<ModelSet, SetError> {
    ModelSet::load(folder(yaml).path())
}

#[test]
fn a_subset_has_the_models_of_its_features() {
    let folder = folder(GOOD);
    let set = ModelSet::load(folder.path()).unwrap();
    let all = set.subset(None).unwrap();
    assert_eq!((all.name.as_str(), all.models.len()), ("context+humans", 3));
    assert!(all.is_whole);
    let humans = set.subset(Some(Wants::of([Feature::Humans]))).unwrap();
    assert_eq!((humans.name.as_str(), humans.models.len()), ("humans", 2));
    assert!(!humans.is_whole);
    assert_ne!(all.digest, humans.digest);
    let error = set.subset(Some(Wants::of([Feature::Brands]))).unwrap_err();
    assert!(
        error.to_string().contains("no models of subset `brands`"),
        "{error}"
    );
}

#[test]
fn the_digest_changes_with_whatever_decides_answers() {
    let digest = |yaml: &str| {
        let folder = folder(yaml);
        let set = ModelSet::load(folder.path()).unwrap();
        set.subset(None).unwrap().digest
    };
    let before = digest(GOOD);
    assert_eq!(before, digest(GOOD), "the folder does not matter");
    for (from, to) in [
        ("threshold: 0.5, nmsIou", "threshold: 0.6, nmsIou"),
        ("[child, adult]", "[child, grown]"),
        ("margin: 0.15", "margin: 0.2"),
        ("parents: [outdoors]", "parents: []"),
        ("{width: 32, height: 24}", "{width: 32, height: 32}"),
    ] {
        assert_ne!(before, digest(&GOOD.replace(from, to)), "{from} → {to}");
    }
}

#[test]
fn a_problem_names_its_field() {
    let cases = [
        (
            "an unknown field",
            "margin: 0.15",
            "margins: 0.15",
            "spec.models[1].attributes.margins",
        ),
        (
            "a wrong type",
            "width: 8,",
            "width: wide,",
            "spec.models[1].attributes.input.width",
        ),
        (
            "a threshold",
            "threshold: 0.5, nmsIou",
            "threshold: 5, nmsIou",
            "spec.models[0].detect.threshold",
        ),
        (
            "an unknown subset",
            "subset: context",
            "subset: pets",
            "spec.models[2].subset",
        ),
        (
            "a file elsewhere",
            "file: faces.pt",
            "file: ../faces.pt",
            "spec.models[0].file",
        ),
        (
            "a short digest",
            "sha256: SHA",
            "sha256: abc",
            "spec.models[0].sha256",
        ),
        (
            "no such detector",
            "of: faces",
            "of: ears",
            "spec.models[1].attributes.of",
        ),
        (
            "a name twice",
            "name: context",
            "name: faces",
            "spec.models[2].name",
        ),
        (
            "a kind of label",
            "kind: scene",
            "kind: place",
            "spec.models[2].classify.labels[0].kind",
        ),
        (
            "no task",
            "classify:",
            "classify: ~\n      x:",
            "spec.models[2].x",
        ),
        ("another version", "v1alpha1", "v9", "apiVersion"),
        (
            "a huge frame",
            "frame: {width: 64,",
            "frame: {width: 64000,",
            "spec.frame",
        ),
    ];
    for (name, from, to, path) in cases {
        let error = load(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(path), "{name}: {error:?} should name {path}");
    }
}

#[test]
fn all_problems_come_at_once_each_at_its_line_with_a_suggestion() {
    let yaml = GOOD
        .replace("kind: scene", "kind: place")
        .replace("margin: 0.15", "margin: 7")
        .replace("subset: context", "subset: contxt")
        .replace("        margin: 7", "        margin: 7\n        heds: []");
    let folder = folder(&yaml);
    let error = ModelSet::load(folder.path()).unwrap_err();
    let SetError::Invalid(report) = error else {
        panic!("should be invalid: {error}");
    };
    let drawn = report.drawn(false);
    let name = folder.path().join("modelset.yaml").canonicalize().unwrap();
    let name = name.display();
    for part in [
        format!("{name} has 4 problems, and is not used"),
        "spec.models[1].attributes.margin must be within 0 and 1".into(),
        format!("[{name}:20:17]"),
        "20 │         margin: 7".into(),
        "spec.models[1].attributes.heds is no field that is known".into(),
        format!("[{name}:21:9]"),
        "did you mean `heads`?".into(),
        format!("[{name}:24:15]"),
        "did you mean `context`?".into(),
        "spec.models[2].classify.labels[0].kind must be scene or object".into(),
    ] {
        assert!(drawn.contains(&part), "{part} should be in\n{drawn}");
    }
    let line = report.to_string();
    assert!(line.contains("line 20: spec.models[1]"), "{line}");
    assert!(!line.contains('\n'), "{line}");
}

#[test]
fn what_is_no_yaml_is_told_with_its_line() {
    let cases = [
        ("kind: ModelSet", "kind: [", "line "),
        (
            "kind: ModelSet",
            "kind: ModelSet\nkind: ModelSet",
            "line 4: `kind` is given twice",
        ),
        (
            "  frame:",
            "  models: []\n  frame:",
            "line 8: `models` is given twice",
        ),
    ];
    for (from, to, expected) in cases {
        let error = load(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn a_detector_may_have_a_threshold_for_each_label() {
    let yaml = GOOD.replace(
        "labels: [face]",
        "labels: [face, {name: mask, threshold: 0.9}]",
    );
    let subset = load(&yaml).unwrap().subset(None).unwrap();
    let Task::Detect { labels, .. } = &subset.models[0].task else {
        panic!("{:?}", subset.models[0]);
    };
    let own: Vec<(&str, f32)> = labels
        .iter()
        .map(|it| (it.name.as_str(), it.threshold))
        .collect();
    assert_eq!(own, [("face", 0.5), ("mask", 0.9)]);
}

#[test]
fn a_file_that_is_not_the_declared_one_is_refused() {
    let folder = folder(GOOD);
    let file = folder.path().join("faces.pt");
    let subset = ModelSet::load(folder.path()).unwrap().subset(None).unwrap();
    assert_eq!(subset.models[0].bytes().unwrap(), b"weights");
    std::fs::write(&file, b"other weights").unwrap();
    let error = subset.models[0].bytes().unwrap_err();
    assert!(matches!(error, SetError::Digest { .. }));
    let (text, file) = (error.to_string(), file.canonicalize().unwrap());
    assert!(text.contains("model `faces`"), "{text}");
    assert!(text.contains(&file.display().to_string()), "{text}");
    std::fs::remove_file(file).unwrap();
    assert!(matches!(
        subset.models[0].bytes(),
        Err(SetError::Read { .. })
    ));
}

#[test]
fn a_link_is_followed_once_so_that_a_set_is_read_from_one_folder() {
    let (old, new) = (folder(GOOD), folder(GOOD));
    let link = old.path().join("current");
    std::os::unix::fs::symlink(old.path(), &link).unwrap();
    let subset = ModelSet::load(&link).unwrap().subset(None).unwrap();
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(new.path(), &link).unwrap();
    let before = old.path().canonicalize().unwrap();
    assert!(
        subset
            .models
            .iter()
            .all(|model| model.file.starts_with(&before))
    );
}
