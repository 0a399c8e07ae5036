//! The recognition API with a real broker, and the real worker with the demo's models where images are recognized.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

#[path = "gateway/hostile.rs"]
mod hostile;
#[path = "gateway/judges.rs"]
mod judges;
#[path = "gateway/kills.rs"]
mod kills;
#[path = "gateway/rules.rs"]
mod rules;
#[path = "gateway/site.rs"]
mod site;
#[path = "gateway/splitter.rs"]
mod splitter;
#[path = "gateway/traced.rs"]
mod traced;
#[path = "gateway/videos.rs"]
mod videos;
#[path = "gateway/webhooks.rs"]
mod webhooks;

use std::collections::BTreeSet;
use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use site::{Gateway, SOON, Site, ask, try_ask};
use spillway_generator::{Drawn, Format, Style, draw, encode};
use spillway_tests::{Origin, Page, Signal, eventually_async, require_kafka};

/// Not a seed of the training.
const SEED: u64 = 29;
const IMAGES: u64 = 24;

fn drawn() -> Vec<Drawn> {
    (0..IMAGES)
        .map(|index| draw(Style::Mixed, SEED, index))
        .collect()
}

fn jpeg(drawn: &Drawn) -> Vec<u8> {
    encode(&drawn.pixels, Format::Jpeg { quality: 90 })
}

/// How much of what is on the images was found: names that are there and were given, over names that are there.
#[derive(Default)]
struct Recall {
    found: usize,
    there: usize,
    wrong: usize,
}

impl Recall {
    fn add(&mut self, there: BTreeSet<String>, given: &BTreeSet<String>) {
        self.found += there.intersection(given).count();
        self.wrong += given.difference(&there).count();
        self.there += there.len();
    }

    #[track_caller]
    fn is_good(&self, what: &str) {
        let Self {
            found,
            there,
            wrong,
        } = self;
        eprintln!("{what}: {found} of {there} found, {wrong} wrong");
        assert!(*there > 0, "{what}: there must be something to find");
        assert!(found * 10 >= there * 8, "{what}: {found} of {there} found");
        assert!(wrong * 5 <= *there, "{what}: {wrong} wrong of {there}");
    }
}

fn names(list: &Value, field: &str) -> BTreeSet<String> {
    let entries = list.as_array().into_iter().flatten();
    let names = entries.map(|entry| entry[field].as_str().unwrap().to_owned());
    names.collect()
}

fn names_of(list: &Value) -> BTreeSet<String> {
    let names = list.as_array().into_iter().flatten();
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

fn brands(drawn: &Drawn) -> BTreeSet<String> {
    let logos = drawn.truth.logos.iter();
    logos.map(|logo| logo.brand.clone()).collect()
}

fn labels(drawn: &Drawn) -> BTreeSet<String> {
    drawn.truth.labels.iter().cloned().collect()
}

/// Recognizes one image in each way there is, and all of them as one request.
async fn every_way(
    gateway: &Gateway,
    site: &Site,
    origin: &Origin,
    files: &[Vec<u8>],
) -> Vec<Value> {
    let post = |path| gateway.post(path, &site.key);
    let native = || post("/v1/recognize");
    let uri = origin.put("/a.jpg", Page::new("image/jpeg", files[0].clone()));
    let by_uri = native().json(&json!({"images": [{"uri": uri}]}));
    let by_body = native()
        .header("content-type", "image/jpeg")
        .body(files[0].clone());
    let uploaded = ask(post("/v1/uploads").body(files[0].clone())).await;
    assert_eq!(uploaded.status, StatusCode::CREATED, "{uploaded:?}");
    let object = &uploaded.body["object"];
    let by_object = native().json(&json!({"images": [{"object": object}]}));
    let boundary = "b0undary";
    let mut form = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"images\"; filename=\"a.jpg\"\r\n\
         Content-Type: image/jpeg\r\n\r\n"
    )
    .into_bytes();
    form.extend_from_slice(&files[0]);
    form.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let by_form = native()
        .header(
            "content-type",
            format!("multipart/form-data; boundary={boundary}"),
        )
        .body(form);
    let mut views = Vec::new();
    for request in [by_uri, by_body, by_object, by_form] {
        let answer = ask(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        views.push(answer.body["images"][0].clone());
    }
    let inline = files
        .iter()
        .map(|file| json!({"inline": BASE64.encode(file)}));
    let images: Vec<Value> = inline.collect();
    let answer = ask(native().json(&json!({"images": images}))).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let all = answer.body["images"].as_array().unwrap().clone();
    for view in &views {
        assert_eq!(view["image"], all[0]["image"], "the same by every way");
        for (field, name) in [("labels", "name"), ("logos", "brand")] {
            let (one, other) = (names(&view[field], name), names(&all[0][field], name));
            assert_eq!(one, other, "{field}: the same by every way");
        }
    }
    all
}

#[tokio::test]
async fn images_are_annotated_with_what_is_on_them() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let origin = Origin::start().unwrap();
    let allowed = origin.address().to_string();
    let Some(mut worker) = site.worker("w1", &["--allow-origin", &allowed]) else {
        return;
    };
    let gateway = site.gateway("g1", &["--wait-max", "240s"]).await;
    let drawn = drawn();
    let files: Vec<Vec<u8>> = drawn.iter().map(jpeg).collect();

    let views = every_way(&gateway, &site, &origin, &files).await;
    let (mut by_label, mut by_brand) = (Recall::default(), Recall::default());
    let (mut faces, mut faces_there) = (0, 0);
    for (view, drawn) in views.iter().zip(&drawn) {
        assert_eq!(view["status"], "success");
        assert_eq!(view["image"]["width"], drawn.truth.width);
        by_label.add(labels(drawn), &names(&view["labels"], "name"));
        by_brand.add(brands(drawn), &names(&view["logos"], "brand"));
        faces += view["faces"].as_array().unwrap().len();
        faces_there += drawn.truth.faces.len();
    }
    by_label.is_good("labels");
    by_brand.is_good("brands");
    eprintln!("faces: {faces} found, {faces_there} there");
    assert!(faces.abs_diff(faces_there) * 5 <= faces_there);

    google_shape(&gateway, &site, &drawn, &files).await;
    let largest = drawn.iter().max_by_key(|it| it.truth.width).unwrap();
    large_form(&gateway, &site, &files[0]).await;
    large_image(&gateway, &site, largest).await;
    worker.signal(Signal::Term);
    assert!(worker.wait(SOON).success());
}

/// What Google's REST clients send and read.
async fn google_shape(gateway: &Gateway, site: &Site, drawn: &[Drawn], files: &[Vec<u8>]) {
    let features = json!([
        {"type": "LABEL_DETECTION", "maxResults": 50},
        {"type": 3},
        {"type": 1, "maxResults": 20},
        {"type": "OBJECT_LOCALIZATION"},
    ]);
    let (mut by_label, mut by_brand) = (Recall::default(), Recall::default());
    for (drawn, files) in drawn.chunks(16).zip(files.chunks(16)) {
        let images = files
            .iter()
            .map(|file| json!({"image": {"content": BASE64.encode(file)}, "features": features}));
        let batch = json!({"requests": images.collect::<Vec<Value>>()});
        let path = "/v1/images:annotate?%24alt=json%3Benum-encoding%3Dint";
        let answer = ask(gateway.post(path, &site.key).json(&batch)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let responses = answer.body["responses"].as_array().unwrap();
        assert_eq!(responses.len(), files.len());
        for (response, drawn) in responses.iter().zip(drawn) {
            let given = |list: &str| names(&response[list], "description");
            by_label.add(labels(drawn), &given("labelAnnotations"));
            by_brand.add(brands(drawn), &given("logoAnnotations"));
            for face in response["faceAnnotations"].as_array().into_iter().flatten() {
                let corners = face["boundingPoly"]["vertices"].as_array().unwrap();
                let right = corners[2]["x"].as_u64().unwrap();
                assert!(right <= u64::from(drawn.truth.width), "{face}");
            }
        }
    }
    by_label.is_good("labels in Google's shape");
    by_brand.is_good("brands in Google's shape");

    let bad = json!({"requests": [
        {"image": {"content": BASE64.encode(&files[0])}, "features": [{"type": 4}]},
        {"image": {"content": BASE64.encode("no image")}, "features": [{"type": 4}]},
        {"image": {}, "features": [{"type": 4}]},
        {"image": {"content": BASE64.encode(&files[0])}, "features": [{"type": "TEXT_DETECTION"}]},
        {"image": {"content": BASE64.encode(&files[0])}, "features": [{"type": 4}, {"type": 5}]},
    ]});
    let answer = ask(gateway.post("/v1/images:annotate", &site.key).json(&bad)).await;
    assert_eq!(
        answer.status,
        StatusCode::OK,
        "one bad image spoils no other"
    );
    let code = |index: usize| answer.body["responses"][index]["error"]["code"].as_i64();
    let codes: Vec<Option<i64>> = (0..5).map(code).collect();
    assert_eq!(
        codes,
        [None, Some(3), Some(3), Some(3), Some(12)],
        "{answer:?}"
    );
    let partial = &answer.body["responses"][4];
    assert!(partial["labelAnnotations"].is_array(), "{partial}");
}

/// A form may be as large as any other body.
async fn large_form(gateway: &Gateway, site: &Site, file: &[u8]) {
    let boundary = "b0undary";
    let mut form = Vec::new();
    for content in [file.to_vec(), vec![b'x'; 3 << 20]] {
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"images\"; filename=\"a\"\r\n\r\n"
        );
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(&content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let kind = format!("multipart/form-data; boundary={boundary}");
    let sent = gateway.post("/v1/recognize", &site.key);
    let answer = ask(sent.header("content-type", kind).body(form)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.body["images"][0]["status"], "success");
    assert_eq!(answer.body["images"][1]["status"], "error");
}

/// An image that does not fit into a record goes by the object store.
async fn large_image(gateway: &Gateway, site: &Site, drawn: &Drawn) {
    let mut file = Cursor::new(Vec::new());
    let pixels = &drawn.pixels;
    pixels.write_to(&mut file, image::ImageFormat::Bmp).unwrap();
    let file = file.into_inner();
    assert!(file.len() > 700_000, "{} bytes", file.len());
    let sent = gateway
        .post("/v1/recognize", &site.key)
        .header("content-type", "image/bmp")
        .body(file.clone());
    let answer = ask(sent).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let image = &answer.body["images"][0];
    assert_eq!(image["status"], "success", "{image}");
    assert_eq!(image["image"]["bytes"], file.len());
}

#[tokio::test]
async fn a_killed_replica_loses_nothing_that_was_accepted() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let slowly = ["--max-images-per-second", "25"];
    let Some(_worker) = site.worker("w1", &slowly) else {
        return;
    };
    let mut first = site.gateway("g1", &["--wait-max", "240s"]).await;
    let second = site.gateway("g2", &["--wait-max", "240s"]).await;
    eventually_async(SOON, "both own partitions", || async {
        let owned = metric(&first, "spillway_gateway_partitions_owned").await;
        match owned < 6.0 {
            true => Ok(()),
            false => Err(format!("{owned} partitions")),
        }
    })
    .await;

    let file = jpeg(&draw(Style::Mixed, SEED, 0));
    let body = json!({"images": [{"inline": BASE64.encode(&file)}], "features": ["context"]});
    let mut accepted = Vec::new();
    for number in 0..120 {
        let gateway = if number % 2 == 0 { &first } else { &second };
        let sent = gateway.post("/v1/recognize", &site.key);
        let answer = ask(sent.header("prefer", "respond-async").json(&body)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        assert_eq!(answer.headers["preference-applied"], "respond-async");
        let id = answer.body["id"].as_str().unwrap().to_owned();
        assert_eq!(answer.headers["location"], format!("/v1/jobs/{id}"));
        accepted.push(id);
    }
    // These wait on the first replica when it is killed, each under a key of its own.
    let waiting = (0..20).map(|number| {
        let sent = first.post("/v1/recognize", &site.key);
        sent.header("idempotency-key", format!("order-{number}"))
            .json(&body)
    });
    let waiting: Vec<_> = waiting
        .map(|sent| tokio::spawn(async move { try_ask(sent).await }))
        .collect();
    eventually_async(SOON, "they wait", || async {
        match metric(&first, "spillway_gateway_waiting_requests").await {
            20.0 => Ok(()),
            count => Err(format!("{count} wait")),
        }
    })
    .await;
    let answered_before = metric(&second, "spillway_gateway_results_stored_total").await
        + metric(&first, "spillway_gateway_results_stored_total").await;
    assert!(
        answered_before < 140.0,
        "killed in the middle, not after it"
    );
    first.process.signal(Signal::Kill);
    first.process.wait(SOON);
    let broken = join_all(waiting).await;
    let broken = broken
        .into_iter()
        .filter(|it| it.as_ref().unwrap().is_err());
    assert!(broken.count() > 0, "some were cut off");

    for id in &accepted {
        let job = second.done(id, &site.key).await;
        assert_eq!(job["images"][0]["status"], "success", "{job}");
    }
    let mut ids = BTreeSet::new();
    for number in 0..20 {
        for _ in 0..2 {
            let sent = second.post("/v1/recognize", &site.key);
            let sent = sent.header("idempotency-key", format!("order-{number}"));
            let answer = ask(sent.json(&body)).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            assert_eq!(answer.body["images"][0]["status"], "success");
            ids.insert(answer.body["id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(ids.len(), 20, "a key is one job, however often it is sent");
    let of_jobs: BTreeSet<String> = site
        .jobs
        .records()
        .unwrap()
        .into_iter()
        .filter_map(|record| record.key)
        .collect();
    assert_eq!(of_jobs.len(), 140, "nothing was made twice");
}

/// The value of a metric without labels.
pub(crate) async fn metric(gateway: &Gateway, name: &str) -> f64 {
    let metrics = format!("http://{}/metrics", gateway.operators);
    let text = reqwest::get(metrics).await.unwrap();
    let text = text.text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim()
        .parse()
        .unwrap()
}
