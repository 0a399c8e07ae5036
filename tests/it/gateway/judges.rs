//! Others that must get along with the API: Google's official client, and the examples of its documentation.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, path::Path, process::Command};

use reqwest::StatusCode;
use serde_json::Value;
use spillway_tests::{require_kafka, require_python};

use crate::site::{Site, ask};
use crate::splitter::{accepted, answer_all};
use crate::{Recall, brands, drawn, jpeg, labels, names_of};

fn here(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[tokio::test]
async fn googles_official_client_gets_right_labels_logos_and_faces() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let Some(python) = require_python("google-vision") else {
        return;
    };
    let Some(_worker) = site.worker("w1", &[]) else {
        return;
    };
    let gateway = site.gateway("g1", &["--wait-max", "240s"]).await;
    let folder = tempfile::tempdir().unwrap();
    let drawn = drawn();
    // Google's API does not wait as long as models may take to load.
    let first = gateway
        .post("/v1/recognize", &site.key)
        .body(jpeg(&drawn[0]));
    let first = ask(first.header("content-type", "image/jpeg")).await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    let files = drawn.iter().enumerate().map(|(index, drawn)| {
        let path = folder.path().join(format!("{index}.jpg"));
        fs::write(&path, jpeg(drawn)).unwrap();
        path
    });
    let files: Vec<_> = files.collect();
    let host = gateway.url.strip_prefix("http://").unwrap().to_owned();
    let mut command = Command::new(python);
    command
        .arg(here("it/gateway/official_client.py"))
        .args([&host, &site.key])
        .args(files);
    let said = tokio::task::spawn_blocking(move || command.output().unwrap());
    let said = said.await.unwrap();
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    let text = String::from_utf8(said.stdout).unwrap();
    let mut transports = Vec::new();
    for line in text.lines() {
        let said: Value = serde_json::from_str(line).unwrap();
        let transport = said["transport"].as_str().unwrap().to_owned();
        let (mut by_label, mut by_brand) = (Recall::default(), Recall::default());
        let (mut faces, mut faces_there) = (0, 0);
        let answers = said["answers"].as_array().unwrap();
        assert_eq!(answers.len(), drawn.len());
        for (answer, drawn) in answers.iter().zip(&drawn) {
            assert_eq!(answer["error"], 0);
            by_label.add(labels(drawn), &names_of(&answer["labels"]));
            by_brand.add(brands(drawn), &names_of(&answer["logos"]));
            faces += answer["faces"].as_array().unwrap().len();
            faces_there += drawn.truth.faces.len();
        }
        by_label.is_good(&format!("labels over {transport}"));
        by_brand.is_good(&format!("brands over {transport}"));
        eprintln!("faces over {transport}: {faces} found, {faces_there} there");
        assert!(faces.abs_diff(faces_there) * 5 <= faces_there);
        let refused = match transport.as_str() {
            "grpc" => "Unauthenticated",
            _ => "Unauthorized",
        };
        assert_eq!(said["refused"], refused, "{transport}");
        transports.push(transport);
    }
    assert_eq!(transports, ["grpc", "rest"]);
}

/// Requests made from the API's own document, good and bad ones: each is answered as the document says, and none breaks
/// anything.
#[tokio::test]
async fn the_api_is_what_its_document_says() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let Some(python) = require_python("schemathesis") else {
        return;
    };
    // Nobody recognizes: what is accepted is answered as a job that is not done.
    let gateway = site.video_gateway("g1", &["--wait-max", "200ms"]).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(python);
    command
        .current_dir(folder.path())
        .args(["-m", "schemathesis.cli", "run"])
        .arg(format!("{}/openapi.json", gateway.url))
        .args(["--header", &format!("x-goog-api-key: {}", site.key)])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,\
             response_schema_conformance,ignored_auth",
        ])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", "40", "--generation-deterministic"])
        // One: two threads of CPython 3.11 that parse Python at once now and then end in a SystemError.
        .args(["--workers", "1", "--request-timeout", "120"])
        .args(["--no-shrink", "--continue-on-failure", "--warnings", "off"]);
    let said = tokio::task::spawn_blocking(move || command.output().unwrap());
    let said = said.await.unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{text}");
    let cases = text.lines().find(|line| line.contains("generated"));
    eprintln!("schemathesis:{}", cases.unwrap_or_default());
    assert!(text.contains("Tested: 8"), "every operation: {text}");
}

#[tokio::test]
async fn the_examples_of_the_documentation_work() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let Some(_worker) = site.worker("w1", &[]) else {
        return;
    };
    let gateway = site.video_gateway("g1", &["--wait-max", "240s"]).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("image.jpg"), jpeg(&drawn()[0])).unwrap();
    // What it is only workers would look at; others stand in for those here.
    fs::write(folder.path().join("video.mp4"), vec![7; 9 << 20]).unwrap();
    let (site, stop) = (Arc::new(site), Arc::new(AtomicBool::new(false)));
    let splitting = {
        let (site, stop) = (site.clone(), stop.clone());
        tokio::spawn(async move { answer_whatever_comes(&site, &stop).await })
    };
    let text = fs::read_to_string(here("../docs/api.md")).unwrap();
    let mut run = 0;
    for block in text.split("```").skip(1).step_by(2) {
        let (language, code) = block.split_once('\n').unwrap();
        let mut command = match language {
            "sh" => Command::new("bash"),
            "python" => Command::new("python3"),
            _ => continue,
        };
        let code = match language {
            "sh" => format!("set -euo pipefail\n{code}"),
            _ => code.to_owned(),
        };
        command
            .args(["-c", &code])
            .current_dir(folder.path())
            .env("GATEWAY", &gateway.url)
            .env("KEY", &site.key);
        let done = tokio::task::spawn_blocking(move || command.output().unwrap());
        let done = done.await.unwrap();
        let (out, error) = (
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr),
        );
        assert!(done.status.success(), "{code}\n{out}\n{error}");
        run += 1;
    }
    assert!(run >= 10, "{run} examples were run");
    stop.store(true, Ordering::Relaxed);
    assert!(splitting.await.unwrap() >= 2, "both examples sent a video");
}

/// Answers every video until it is told to stop; says how many there were.
async fn answer_whatever_comes(site: &Site, stop: &AtomicBool) -> usize {
    let mut answered = BTreeSet::new();
    while !stop.load(Ordering::Relaxed) {
        for video in accepted(site) {
            if answered.insert(video.id.clone()) {
                answer_all(site, &video, 70).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    answered.len()
}
