// What the stand-in answers beside the state and the log: by the contract's types, from a scene.

import { REVISION, SPOT } from "./scene.mjs";

/** @import { Cost, Health, Manifest, Market, Partitions, Session, Told, Timeline, WhatIf } from "../src/contract.ts" */
/** @import { Scene } from "./scene.mjs" */

/** @param {number} value @param {Told["from"]} from @param {number | null} age @returns {Told} */
const told = (value, from, age = null) => ({ value, from, age_seconds: age });

/** @param {Scene} scene @param {string} from @param {string | null} to @param {number} points @returns {Timeline} */
export function timeline(scene, from, to, points) {
  const last = to === null ? (scene.history.at(-1)?.at ?? scene.begin / 1000) : Date.parse(to) / 1000;
  const seconds = to === null ? Number(/^-(\d+)s$/.exec(from)?.[1] ?? 3_600) : last - Date.parse(from) / 1000;
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900].find((each) => seconds / each <= points) ?? 3_600;
  // By steps of the clock; of a step the last sample stands for all, a made run has no peaks in between.
  const steps = new Map(scene.history.filter(({ at }) => at > last - seconds && at <= last).map((point) => [Math.floor(point.at / step), point]));
  const kept = [...steps.values()];
  /** @param {keyof import("../src/past.ts").Point} name */
  const column = (name) => kept.map((point) => point[name] ?? null);
  const none = kept.map(() => null);
  const zero = kept.map(() => 0);
  return {
    policy: scene.names[0] ?? "",
    from: new Date((last - seconds) * 1000).toISOString(),
    to: new Date(last * 1000).toISOString(),
    step_seconds: step,
    resolution_seconds: 1,
    at: kept.map(({ at }) => at),
    series: {
      backlog: column("backlog"),
      oldest_age_seconds: column("oldest_age_seconds"),
      drain_eta_seconds: column("drain_eta_seconds"),
      objective_seconds: kept.map(() => 180),
      arrival_rate: column("arrival_rate"),
      service_rate: column("service_rate"),
      late_jobs: none,
      cost_per_hour: column("cost_per_hour"),
      burst_cost_per_hour: column("burst_cost_per_hour"),
      spent_today: none,
    },
    pools: {
      base: { desired: column("base"), ready: column("base"), booting: zero, draining: zero },
      "cloud-a10": {
        desired: kept.map(({ desired, base }) => (desired ?? 0) - (base ?? 0)),
        ready: column("burst"),
        booting: column("booting"),
        draining: zero,
      },
      [SPOT.name]: { desired: zero, ready: zero, booting: zero, draining: zero },
    },
    markers: [
      ...scene.decisions.slice(0, 500).map(({ id, at, actions, reasons, hold, sentence }) => ({
        id,
        at,
        kind: /** @type {const} */ ("decision"),
        launches: actions.filter(({ verb }) => verb === "Launch").length,
        drains: actions.filter(({ verb }) => verb === "Drain").length,
        trouble: reasons.some(({ trouble }) => trouble),
        hold: hold !== null,
        sentence,
      })),
      ...scene.orders.map(({ id, at, kind, by }) => ({ id, at, kind: /** @type {const} */ ("order"), launches: 0, drains: 0, trouble: false, sentence: `${by} ordered: ${kind}` })),
    ],
    oldest: new Date(scene.begin).toISOString(),
  };
}

/** @param {Scene} scene @returns {Partitions} */
export function partitions(scene) {
  const [policy] = scene.state().policies;
  const samples = scene.history.filter((_, i) => i % 2 === 0).slice(-60);
  return {
    policy: policy?.name ?? "",
    at: samples.map(({ at }) => at),
    step_seconds: 2,
    partitions: (policy?.lags ?? []).map((each) => ({
      ...each,
      lags: samples.map(({ backlog }) => (backlog === null ? null : Math.round((backlog / 12) * (1 + Math.sin(each.partition * 2.1) * 0.55)))),
    })),
    left_out: 0,
    skew: 1.5,
  };
}

/** @param {Scene} scene @returns {Market} */
export function market(scene) {
  const [policy] = scene.state().policies;
  const cloud = policy?.pools.find(({ name }) => name === "cloud-a10");
  return {
    policy: policy?.name ?? "",
    at: scene.at,
    offers: [
      {
        ...SPOT.place,
        pool: SPOT.name,
        dollars_per_million: (SPOT.price / 3600 / SPOT.rate) * 1e6 + 1.2,
        transfer_per_million: 1.2,
        price_per_hour: told(SPOT.price, "provider", 340),
        images_per_second: told(SPOT.rate, "policy"),
        ready_in_seconds: told(SPOT.boot, "policy"),
        max: SPOT.max,
        running: 0,
        interruptions_per_1000_hours: 4,
        blocked: { until: new Date(Date.parse(scene.at) + 240_000).toISOString(), why: "no g6.xlarge in us-east-1b", fault: "NoCapacity" },
      },
      {
        market: "OnDemand",
        cloud: "oci",
        region: "us-phoenix-1",
        zone: "AD-2",
        machine: "VM.GPU.A10.1",
        pool: "cloud-a10",
        dollars_per_million: cloud?.dollars_per_million ?? null,
        transfer_per_million: 0,
        price_per_hour: told(2, "policy"),
        images_per_second: told(24.1, "measured", 12),
        ready_in_seconds: told(14, "measured", 600),
        max: 4,
        running: (cloud?.ready ?? 0) + (cloud?.booting ?? 0),
        interruptions_per_1000_hours: null,
        blocked: null,
      },
      {
        market: "Spot",
        cloud: "azure",
        region: "westeurope",
        zone: "",
        machine: "Standard_NC4as_T4_v3",
        pool: "azure-t4-spot",
        dollars_per_million: null,
        transfer_per_million: null,
        price_per_hour: told(0.21, "provider", 9_000),
        images_per_second: told(9.5, "policy"),
        ready_in_seconds: told(240, "policy"),
        max: 2,
        running: 0,
        interruptions_per_1000_hours: null,
        blocked: null,
      },
    ],
  };
}

/** @param {Scene} scene @returns {Cost} */
export function cost(scene) {
  const [policy] = scene.state().policies;
  const [base, cloud] = policy?.pools ?? [];
  const today = { base: base?.cost_today ?? null, burst: cloud?.cost_today ?? null, total: (base?.cost_today ?? 0) + (cloud?.cost_today ?? 0) };
  return {
    policy: policy?.name ?? "",
    at: scene.at,
    today: { ...today, since: "2026-05-12T00:00:00Z" },
    forecast: { to: "midnight", base: 30.7, burst: today.burst, total: 30.7 + (today.burst ?? 0), how: "what runs now goes on" },
    budget: policy?.budget ?? { per_hour: null, per_day: null, spent_today: null, used_hour_share: null, used_day_share: null },
    pools: [
      { pool: "base", today: today.base, total: base?.cost_total ?? null, per_hour: 1.28, images_today: 1_021_000, dollars_per_million: 11.28, idle_today: 2.9 },
      { pool: "cloud-a10", today: today.burst, total: cloud?.cost_total ?? null, per_hour: policy?.burst_cost_per_hour ?? null, images_today: 132_500, dollars_per_million: 23.6, idle_today: 0.2 },
      { pool: SPOT.name, today: 0, total: 0, per_hour: 0, images_today: 0, dollars_per_million: null, idle_today: null },
    ],
    days: Array.from({ length: 7 }, (_, i) => ({
      day: new Date(Date.UTC(2026, 4, 12 - i)).toISOString().slice(0, 10),
      base: i === 0 ? today.base : 30.72,
      burst: i === 0 ? today.burst : i === 4 ? null : [0, 9.4, 2.2, 14.8, 0, 0, 6.1][i] ?? 0,
      images: i === 4 ? null : 2_400_000 + i * 31_000,
      late_jobs_max: i === 3 ? 120 : i === 4 ? null : 0,
    })),
    hybrid: { dollars_per_hour: policy?.cost_per_hour ?? null, today: today.total },
    all_cloud: { dollars_per_hour: 4.4, today: 27.2, pool: "cloud-a10", how: "an estimate: the same images, done by machines of cloud-a10 alone at 23.4/s and $2.00 an hour" },
    per_1000_images: 0.0127,
    idle_share: 0.2,
  };
}

/** @param {Scene} scene @returns {Health} */
export function health(scene) {
  return {
    at: scene.at,
    version: "0.1.0",
    uptime_seconds: 90_000 + scene.seconds,
    is_leader: true,
    checks: [
      { name: "kafka", status: "ok", detail: "the lag of all 12 partitions is known", age_seconds: 0.4, since: null },
      { name: "heartbeats", status: "ok", detail: "read to their end", age_seconds: 0.8, since: null },
      { name: "policy", status: "ok", detail: `revision ${REVISION}`, age_seconds: 40, since: null },
      { name: "leader", status: "ok", detail: "leads with token 7", age_seconds: 2, since: null },
      { name: "loop", status: "ok", detail: "a tick took 12 ms", age_seconds: 0.3, since: null },
      { name: "provider/cloud-a10", status: "ok", detail: "listed 3 machines", age_seconds: 4, since: null },
      { name: `provider/${SPOT.name}`, status: "warn", detail: "no capacity for g6.xlarge in us-east-1b", age_seconds: 61, since: scene.at },
      { name: "base", status: "ok", detail: "2 of 2 workers are there", age_seconds: 0.8, since: null },
      { name: "history", status: "unknown", detail: "not written yet", age_seconds: null, since: null },
    ],
    history: { oldest: new Date(scene.begin - 5 * 86_400_000).toISOString(), bytes: 181_000_000, bytes_max: 1_073_741_824, days_max: 30, decisions: 1_204, samples: 432_000 },
    streams: { open: 1, max: 256, dropped: 0 },
    config: { auth: "open", listen: "127.0.0.1:8080", policy_revision: REVISION, kubernetes: false },
  };
}

/** @type {Session} */
export const OPERATOR = { user: "ada", known_by: "loopback", may_read: true, may_operate: true, wants_token: false, auth: "open" };

const YAML = `apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {name: recognition}
spec:
  source:
    kafka:
      bootstrapServers: ["kafka:9092"]
      consumerGroup: spillway-workers
      topics: [{name: spillway.jobs}]
  objective: {drainWithin: 3m}
  base:
    static: {workers: 2}
    pricePerWorkerHour: 0.64
    throughputPerWorker: 20
  burst:
    maxWorkers: 10
    pools:
      - name: cloud-a10
        pricePerHour: 2.00
        bootTime: 14s
        max: 4
  budget: {perHour: 20, perDay: 25}
`;

/** @param {string} policy @returns {Manifest} */
export const manifest = (policy) => ({ policy, revision: REVISION, yaml: YAML });

/** @param {Scene} scene @param {string} yaml @param {number} hours @returns {WhatIf} */
export function whatIf(scene, yaml, hours) {
  const at = Date.parse(scene.at);
  const isSame = yaml === YAML;
  const points = 120;
  /** Two rushes; the edited policy buys fewer and takes longer. @param {number} machines */
  const series = (machines) => {
    const rush = (/** @type {number} */ i) => Math.max(0, Math.sin(i / 9 - 1)) ** 2;
    const workers = Array.from({ length: points }, (_, i) => Math.round(rush(i - 3) * machines));
    let spent = 0;
    return {
      at: Array.from({ length: points }, (_, i) => Math.round(at / 1000 - hours * 3_600 * (1 - i / points))),
      backlog: Array.from({ length: points }, (_, i) => Math.round(rush(i) * 9_000 + rush(i - 5) * (26_000 / machines))),
      workers,
      spent: workers.map((n) => (spent += n * 0.02)),
    };
  };
  const current = { burst_cost: 3.1, base_cost: 7.68, total_cost: 10.78, late_jobs: 0, late_share: 0, wait_max_seconds: 148, wait_p50_seconds: 0.4, launches: 12, budget_exceeded: false, series: series(4) };
  return {
    hours,
    from: new Date(at - hours * 3_600_000).toISOString(),
    to: scene.at,
    arrivals: 648_000,
    gaps_seconds: isSame ? 0 : 95,
    current,
    edited: isSame ? current : { ...current, burst_cost: 1.9, total_cost: 9.58, late_jobs: 240, late_share: 0.00037, wait_max_seconds: 204, launches: 8, series: series(3) },
    differences: isSame
      ? { plans: 21_600, different: 0, first: [] }
      : { plans: 21_600, different: 120, first: [{ at: scene.at, recorded: "Launching 3 × cloud-a10: 5,510 jobs wait.", edited: "Nothing to do: the base clears 5,510 waiting jobs in 9m." }] },
    diff: isSame ? "" : "--- current\n+++ edited\n@@ -11,3 +11,3 @@\n-  objective: {drainWithin: 3m}\n+  objective: {drainWithin: 10m}",
    kubectl: "kubectl apply -f - <<'E'\n…\nE",
    how: "both played by the simulator over the recorded arrivals: they compare with each other, not to the cent with what was paid",
  };
}
