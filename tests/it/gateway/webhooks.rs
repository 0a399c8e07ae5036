//! A tenant's address is told of its jobs, signed, again where it fails, and whoever is killed.

use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::StatusCode;
use serde_json::{Value, json};
use spillway_tests::{Signal, eventually_async, require_kafka};

use crate::site::{SOON, Site, ask};
use crate::splitter::{accepted_as, answer_all};

/// What came, in its order.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(HeaderMap, String)>>>);

impl Heard {
    /// Listens; what comes first is answered 500.
    async fn listen(&self) -> String {
        let heard = self.clone();
        let hear = move |headers: HeaderMap, body: String| async move {
            let mut all = heard.0.lock().unwrap();
            all.push((headers, body));
            match all.len() {
                1 => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::NO_CONTENT,
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/told", post(hear));
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/told")
    }

    async fn of(&self, job: &str, count: usize) -> Vec<(HeaderMap, String)> {
        eventually_async(SOON, "the webhook is told", || async {
            let all = self.0.lock().unwrap();
            let of_job = all
                .iter()
                .filter(|(headers, _)| headers["webhook-id"] == job);
            let of_job: Vec<_> = of_job.cloned().collect();
            match of_job.len() >= count {
                true => Ok(of_job),
                false => Err(format!("{} times of {count}", of_job.len())),
            }
        })
        .await
    }
}

/// As a receiver checks it.
#[track_caller]
fn assert_signed(key: &str, headers: &HeaderMap, body: &str) {
    let key = BASE64.decode(key.strip_prefix("whsec_").unwrap()).unwrap();
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let signed = format!(
        "{}.{}.{body}",
        text("webhook-id"),
        text("webhook-timestamp")
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let given = text("webhook-signature");
    let given = BASE64.decode(given.strip_prefix("v1,").unwrap()).unwrap();
    hmac::verify(&key, signed.as_bytes(), &given).expect("the signature is right");
}

#[tokio::test]
async fn a_tenant_is_told_of_its_jobs_whatever_fails() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let heard = Heard::default();
    site.tell_acme_at(&heard.listen().await);
    let mut first = site.gateway("g1", &[]).await;

    let image = json!({"inline": BASE64.encode("no image, which is an answer as well")});
    let request = json!({"images": [image, image], "notify": true});
    let refused = first.post("/v1/recognize", &site.other_key).json(&request);
    let refused = ask(refused).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    assert_eq!(refused.body["field"], "notify", "it has no webhook");

    let begin = |gateway: &crate::site::Gateway| {
        let asked = gateway.post("/v1/recognize", &site.key);
        asked.header("prefer", "respond-async").json(&request)
    };
    let accepted = ask(begin(&first)).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED, "{accepted:?}");
    // Nobody has answered: whoever accepted it cannot tell of it any more.
    first.process.signal(Signal::Kill);
    let second = site.gateway("g2", &[]).await;
    let Some(_worker) = site.worker("w1", &["--device", "none"]) else {
        return;
    };
    let job = accepted.body["id"].as_str().unwrap().to_owned();
    let told = heard.of(&job, 2).await;
    let key = site.webhook_key("acme");
    for (headers, body) in &told {
        assert_signed(&key, headers, body);
    }
    let message: Value = serde_json::from_str(&told[1].1).unwrap();
    assert_eq!(message["type"], "job.done");
    assert_eq!(message["data"]["id"], *job);
    assert_eq!(message["data"]["status"], "done");
    let asked_for = second.done(&job, &site.key).await;
    assert_eq!(message["data"], asked_for, "what one who asks is told");

    let next = ask(begin(&second)).await;
    let next = next.body["id"].as_str().unwrap().to_owned();
    heard.of(&next, 1).await;
    // Told of once more would be a fault: both were forgotten.
    eventually_async(SOON, "nothing is left to be told", || async {
        match site.hooks() {
            0 => Ok(()),
            left => Err(format!("{left} left")),
        }
    })
    .await;
    assert_eq!(heard.0.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_tenant_is_told_of_a_video_once() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let heard = Heard::default();
    site.tell_acme_at(&heard.listen().await);
    let gateway = site.video_gateway("g1", &[]).await;
    let request = json!({"uri": "https://example.com/v.mp4", "notify": true});
    let refused = gateway.post("/v1/videos", &site.other_key).json(&request);
    let refused = ask(refused).await;
    assert_eq!(refused.body["field"], "notify", "it has no webhook");
    let accepted = ask(gateway.post("/v1/videos", &site.key).json(&request)).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED, "{accepted:?}");
    let id = accepted.body["id"].as_str().unwrap().to_owned();
    answer_all(&site, &accepted_as(&site, &id), 5).await;
    // The first attempt is refused by the listener.
    let told = heard.of(&id, 2).await;
    let (headers, body) = &told[1];
    assert_signed(&site.webhook_key("acme"), headers, body);
    let message: Value = serde_json::from_str(body).unwrap();
    assert_eq!(message["type"], "video.done");
    assert_eq!(message["data"]["response"]["summary"]["frames"], 5);
    let asked_for = ask(gateway.get(&format!("/v1/videos/{id}"), &site.key)).await;
    assert_eq!(message["data"], asked_for.body, "what one who asks is told");
    eventually_async(SOON, "nothing is left to be told", || async {
        match site.hooks() {
            0 => Ok(()),
            left => Err(format!("{left} left")),
        }
    })
    .await;
    assert_eq!(heard.0.lock().unwrap().len(), 2);
}
