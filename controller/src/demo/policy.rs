//! The demo's policy file.

use std::net::SocketAddr;

use super::DemoArgs;

/// The policy's text for this run: its broker, its topic, its image server.
///
/// # Errors
/// When there is no model set.
pub(super) fn text(
    args: &DemoArgs,
    id: &str,
    brokers: &str,
    jobs_topic: &str,
    origin: SocketAddr,
) -> anyhow::Result<String> {
    let model_set = std::path::absolute(&args.model_set)?;
    anyhow::ensure!(
        model_set.exists(),
        "there is no model set at {}: name one with --model-set",
        model_set.display()
    );
    let servers: Vec<&str> = brokers.split(',').collect();
    let servers = serde_json::to_string(&servers)?;
    let mut environment = serde_json::json!({
        "SPILLWAY_MODEL_SET": model_set,
        "SPILLWAY_MAX_IMAGES_PER_SECOND": args.worker_rate.to_string(),
        "SPILLWAY_ALLOW_ORIGIN": origin.to_string(),
        "SPILLWAY_INFER_THREADS": "1",
    });
    if args.kafka.is_none() {
        // The embedded broker takes a session timeout, less a second, for every rebalance.
        environment["SPILLWAY_SESSION_TIMEOUT"] = "3s".into();
    }
    let (rate, within) = (args.worker_rate, &args.drain_within);
    Ok(format!(
        "# The demo's policy: written by `spillway demo`.
apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {{name: recognition}}
spec:
  source:
    kafka:
      bootstrapServers: {servers}
      consumerGroup: spillway-{id}
      topics: [{{name: {jobs_topic}}}]
  objective: {{drainWithin: {within}}}
  base:
    process: {{workers: 2, environment: {environment}}}
    pricePerWorkerHour: 0.64
    throughputPerWorker: {rate}
  burst:
    maxWorkers: 6
    join: {{environment: {environment}}}
    pools:
      - name: oci-a10
        provider: {{process: {{bootDelay: 4s}}}}
        pricePerHour: 2.00
        billingMinimum: 30s
        bootTime: 9s
        throughputPerWorker: {rate}
        max: 3
      - name: aws-g6
        provider: {{process: {{bootDelay: 8s}}}}
        pricePerHour: 0.805
        billingMinimum: 30s
        bootTime: 13s
        throughputPerWorker: {rate}
        max: 3
  budget: {{perHour: 10}}
  behavior: {{staleAfter: 15s, drainTimeout: 15s, deadManLease: 60s}}
"
    ))
}
