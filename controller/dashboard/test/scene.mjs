// A made run for development and tests: a steady load, a surprise burst, machines bought and given back.
// A function of the seconds gone by: the same every time.

/** @import { Action, Alternative, Decision, Order, OrderEntry, Place, Policy, Reason, State, Worker } from "../src/contract.ts" */
/** @import { Point } from "../src/past.ts" */

import { load } from "./load.mjs";

/** @type {typeof import("../src/past.ts")} */
const { pointOf } = await load("past.ts");

const DEADLINE = 180;
const PARTITIONS = 12;
const STEADY = 30;
const BURST = { from: 40, to: 50, rate: 620 };
/** The lag cannot be read in these seconds. */
const BLIND = { from: 22, to: 27 };
const BASE = { name: "base", count: 2, rate: 19.4, price: 0.64 };
export const REVISION = "5f0c2a91d7be";
const CLOUD = { name: "cloud-a10", max: 4, rate: 24.1, price: 2, boot: 14 };

/** @type {Place} */
const NOWHERE = { market: null, cloud: "", region: "", zone: "", machine: "" };
/** @type {Place} */
const PHOENIX = { market: "OnDemand", cloud: "oci", region: "us-phoenix-1", zone: "AD-2", machine: "VM.GPU.A10.1" };
/** @type {Place} */
const VIRGINIA = { market: "Spot", cloud: "aws", region: "us-east-1", zone: "us-east-1b", machine: "g6.xlarge" };
export const SPOT = { name: "aws-g6-spot", max: 6, rate: 21, price: 0.62, boot: 95, place: VIRGINIA };

/** @typedef {{ id: string, pool: string, launched: number, phase: Worker["phase"], done: number, stopAt: number }} Machine */

/** @param {number} n */
const round = (n) => Math.round(n * 1000) / 1000;

export class Scene {
  seconds = 0;
  backlog = 0;
  oldest = 0;
  total = { base: 0, burst: 0 };
  /** @type {Machine[]} */ machines = [];
  /** @type {Decision[]} newest first */ decisions = [];
  /** @type {Point[]} */ history = [];
  /** Set to change what is told of each policy. @type {(policy: Policy) => Policy} */ alter = (policy) => policy;
  /** @type {OrderEntry[]} newest first */ orders = [];
  /** @type {Order | null} */ pause = null;
  /** @type {Order[]} */ overrides = [];
  #sentence = "";
  #launches = 0;
  #idle = 0;

  /** @param {{ begin?: number, names?: string[] }} [options] */
  constructor({ begin = Date.UTC(2026, 4, 12, 9, 0, 0), names = ["recognition"] } = {}) {
    this.begin = begin;
    this.names = names;
    for (let i = 0; i < BASE.count; i += 1) {
      this.machines.push({ id: `base-${i + 1}`, pool: "base", launched: -4000, phase: "ready", done: 71_000 + i * 913, stopAt: Infinity });
    }
  }

  get at() {
    return new Date(this.begin + this.seconds * 1000).toISOString();
  }

  /** Goes on by a second; gives the decision made in it, if any. */
  step() {
    this.seconds += 1;
    const arriving = this.#arriving();
    const working = this.machines.filter(({ phase }) => phase === "ready" || phase === "draining");
    const capacity = working.reduce((sum, machine) => sum + this.#rateOf(machine), 0);
    const before = this.backlog;
    this.backlog = Math.max(0, Math.round(this.backlog + arriving - capacity));
    const busy = capacity > 0 ? Math.min(1, (before + arriving) / capacity) : 0;
    for (const machine of working) machine.done += Math.round(this.#rateOf(machine) * busy);
    this.oldest = this.backlog === 0 ? 0.4 : Math.min(this.oldest + 1, this.backlog / Math.max(1, capacity) + 2);
    for (const { pool } of this.machines) {
      if (pool === "base") this.total.base += BASE.price / 3600;
      else this.total.burst += CLOUD.price / 3600;
    }
    const decision = this.#decide(arriving, capacity);
    this.history.push(this.#point());
    if (this.history.length > 3600) this.history.shift();
    return decision;
  }

  /** @param {number} seconds */
  run(seconds) {
    for (let i = 0; i < seconds; i += 1) this.step();
    return this;
  }

  #arriving() {
    const wobble = Math.sin(this.seconds / 7) * 2 + Math.sin(this.seconds / 2.3);
    const isBurst = this.seconds >= BURST.from && this.seconds < BURST.to;
    return STEADY + wobble + (isBurst ? BURST.rate : 0);
  }

  /** @param {Machine} machine */
  #rateOf({ id, pool }) {
    const own = 1 + ((id.charCodeAt(id.length - 1) % 7) - 3) / 100;
    return (pool === "base" ? BASE.rate : CLOUD.rate) * own;
  }

  #isBlind() {
    return this.seconds >= BLIND.from && this.seconds <= BLIND.to;
  }

  /** @param {number} arriving @param {number} capacity */
  #eta(arriving, capacity) {
    if (this.backlog === 0) return 0;
    return capacity > arriving ? this.backlog / (capacity - arriving) : null;
  }

  /** @param {number} arriving @param {number} capacity */
  #decide(arriving, capacity) {
    const t = this.seconds;
    /** @type {Action[]} */ const actions = [];
    /** @type {Reason[]} */ const reasons = [];
    /** @type {Reason | null} */ let hold = null;
    let sentence = "The base does it: nothing waits.";
    const burst = this.machines.filter(({ pool }) => pool !== "base");

    for (const machine of burst) {
      if (machine.phase === "booting" && t - machine.launched >= CLOUD.boot) machine.phase = "starting";
      else if (machine.phase === "starting" && t - machine.launched >= CLOUD.boot + 3) machine.phase = "ready";
      else if (machine.phase === "draining" && t >= machine.stopAt) machine.phase = "stopped";
      else if (machine.phase === "stopped" && t >= machine.stopAt + 3) {
        this.machines = this.machines.filter((each) => each !== machine);
        actions.push({ verb: "Terminate", intent: machine.id, pool: CLOUD.name, code: "WorkerStopped", why: "its worker has finished and stopped", from: null, to: null, outcome: this.#done() });
      }
    }

    const usable = burst.filter(({ phase }) => phase === "booting" || phase === "starting" || phase === "ready").length;
    const missing = this.backlog - (capacity - STEADY) * DEADLINE * 0.6;
    const wanted = Math.ceil(missing / (CLOUD.rate * DEADLINE * 0.5));
    if (this.#isBlind()) {
      hold = { code: "BacklogUnknown", text: "the backlog is unknown (broker 2 did not answer within 1s)", trouble: true, pool: null };
      reasons.push(hold);
      sentence = "Holding: the backlog is unknown, so nothing is bought and nothing is given back.";
    } else if (wanted > usable && usable < CLOUD.max && t < BURST.to + 30) {
      const count = Math.min(wanted, CLOUD.max) - usable;
      for (let i = 0; i < count; i += 1) {
        this.#launches += 1;
        const id = `cloud-a10-${String(this.#launches).padStart(3, "0")}`;
        this.machines.push({ id, pool: CLOUD.name, launched: t, phase: "booting", done: 0, stopAt: Infinity });
        actions.push({ verb: "Launch", intent: id, pool: CLOUD.name, code: "Cheapest", why: `the cheapest that comes in time ($${((CLOUD.price / 3600 / CLOUD.rate) * 1e6).toFixed(2)} per million jobs, ready in ${CLOUD.boot}s)`, from: null, to: null, outcome: this.#done() });
      }
      reasons.push(
        { code: "DeadlineEndangered", text: `${this.backlog.toLocaleString("en-US")} jobs are due within 3m, what runs and starts does ${Math.round(capacity * DEADLINE * 0.6).toLocaleString("en-US")} by then`, trouble: false },
        { code: "Cheapest", text: `${count} × ${CLOUD.name} is the cheapest that comes in time`, trouble: false },
      );
      if (wanted > CLOUD.max) reasons.push({ code: "PoolMax", text: `${CLOUD.name} has all its ${CLOUD.max} machines`, trouble: true });
      sentence = `Launching ${count} × ${CLOUD.name}: ${this.backlog.toLocaleString("en-US")} jobs wait and the base alone would miss the deadline of 3m.`;
    } else if (usable > 0 && this.backlog === 0 && arriving < 36) {
      this.#idle += 1;
      const idle = burst.find(({ phase }) => phase === "ready");
      if (this.#idle % 6 === 0 && idle) {
        idle.phase = "draining";
        idle.stopAt = t + 4;
        actions.push({ verb: "Drain", intent: idle.id, pool: CLOUD.name, code: "NoLongerNeeded", why: "the others do 38.8/s while 30.2/s arrive and 0 wait", from: null, to: null, outcome: null });
        sentence = `Draining ${idle.id}: the others do it alone.`;
        reasons.push({ code: "NoLongerNeeded", text: "the others do 38.8/s while 30.2/s arrive and 0 wait", trouble: false });
      } else {
        sentence = `Keeping ${usable} burst workers: nothing waits, watching for a moment longer.`;
        reasons.push({ code: "PaidFor", text: `${CLOUD.name} is paid for another 20s anyway`, trouble: false });
      }
    } else if (usable > 0) {
      sentence = "Nothing to do: the workers there and starting clear the backlog in time.";
      reasons.push({ code: "FleetSuffices", text: `${burst.filter(({ phase }) => phase === "ready").length + BASE.count} running and ${burst.filter(({ phase }) => phase !== "ready").length} starting workers clear the backlog as it falls due`, trouble: false });
      if (usable === CLOUD.max) reasons.push({ code: "PoolMax", text: `${CLOUD.name} has all its ${CLOUD.max} machines`, trouble: true });
    } else {
      reasons.push({ code: "BaseSuffices", text: "nothing waits, the base does it", trouble: false });
    }
    if (this.backlog > 0) this.#idle = 0;

    if (actions.length === 0 && sentence === this.#sentence) return null;
    this.#sentence = sentence;
    /** @type {Decision} */
    const decision = {
      id: this.nextId(),
      at: this.at,
      policy: this.names[0] ?? "",
      sentence,
      actions,
      reasons,
      hold,
      revision: REVISION,
      mode: "Enforce",
      violations: [],
      desired: { base: BASE.count, [CLOUD.name]: usable + actions.filter(({ verb }) => verb === "Launch").length, [SPOT.name]: 0 },
      alternatives: this.#alternatives(usable, actions.filter(({ verb }) => verb === "Launch").length, hold !== null),
      numbers: {
        backlog: this.#isBlind() ? null : this.backlog,
        arrival_rate: round(arriving),
        service_rate: round(capacity),
        drain_within_seconds: DEADLINE,
        drain_eta_seconds: this.#isBlind() ? null : this.#eta(arriving, capacity),
        burst_cost_per_hour: burst.length * CLOUD.price,
      },
    };
    this.decisions.unshift(decision);
    return decision;
  }

  #done() {
    return { at: this.at, outcome: /** @type {const} */ ("Done"), detail: null };
  }

  /** Decisions and orders share their numbers. */
  nextId() {
    return this.decisions.length + this.orders.length + 1;
  }

  /** @param {number} running @param {number} launched @param {boolean} isHeld @returns {Alternative[]} */
  #alternatives(running, launched, isHeld) {
    /** @param {string} verdict @param {string} why */
    const judged = (verdict, why) => (isHeld ? { verdict: "Held", why: "nothing is decided about burst while the backlog is unknown" } : { verdict, why });
    const perMillion = (/** @type {{ price: number, rate: number }} */ { price, rate }) => (price / 3600 / rate) * 1e6;
    return [
      {
        pool: SPOT.name, dollars_per_million: perMillion(SPOT), boot_seconds: SPOT.boot, price_per_hour: SPOT.price, rate_counted_on: SPOT.rate, running: 0, max: SPOT.max, launched: 0,
        ...(launched > 0 ? judged("Blocked", "gave no machine lately: NoCapacity in us-east-1b, asked again in 4m") : judged("NotNeeded", "what runs and starts is enough")),
      },
      {
        pool: CLOUD.name, dollars_per_million: perMillion(CLOUD), boot_seconds: CLOUD.boot, price_per_hour: CLOUD.price, rate_counted_on: CLOUD.rate, running, max: CLOUD.max, launched: isHeld ? 0 : launched,
        ...(launched > 0 ? judged("Chosen", "the cheapest that comes in time") : judged("NotNeeded", "what runs and starts is enough")),
      },
    ];
  }

  /** @returns {Point} */
  #point() {
    return pointOf(this.at, this.#policy(this.names[0] ?? ""));
  }

  /** @returns {State} */
  state() {
    return {
      at: this.at,
      version: "0.1.0",
      policies: this.names.map((name, i) => (i === 0 ? this.alter(this.#policy(name)) : this.#quietPolicy(name))),
    };
  }

  /** @param {string} name @returns {Policy} */
  #quietPolicy(name) {
    const policy = new Scene({ begin: this.begin, names: [name] }).run(5).#policy(name);
    return { ...policy, workers: policy.workers.slice(0, 1) };
  }

  /** @param {string} name @returns {Policy} */
  #policy(name) {
    const arriving = this.#arriving();
    const isBlind = this.#isBlind();
    const burst = this.machines.filter(({ pool }) => pool !== "base");
    const working = this.machines.filter(({ phase }) => phase === "ready" || phase === "draining");
    const capacity = working.reduce((sum, machine) => sum + this.#rateOf(machine), 0);
    const soon = this.machines.filter(({ phase }) => phase !== "stopped").reduce((sum, machine) => sum + this.#rateOf(machine), 0);
    const eta = isBlind ? null : this.#eta(arriving, soon);
    const last = this.decisions[0];
    const hold = last?.hold ?? null;
    const cost = { base: BASE.count * BASE.price, burst: burst.length * CLOUD.price };
    const inPhase = (/** @type {string} */ pool, /** @type {Worker["phase"][]} */ ...phases) =>
      this.machines.filter((machine) => machine.pool === pool && phases.includes(machine.phase)).length;
    const lags = Array.from({ length: PARTITIONS }, (_, partition) => ({
      topic: "spillway.jobs",
      partition,
      owner: partition === 7 ? null : (working[partition % Math.max(1, working.length)]?.id ?? null),
      is_stuck: partition === 3 && this.backlog > 3_000,
      lag: isBlind && partition % 3 === 1 ? null : Math.round((this.backlog / PARTITIONS) * (1 + Math.sin(partition * 2.1) * 0.55)),
    }));
    const spent = 3.1 + this.total.burst;
    return {
      name,
      namespace: null,
      mode: "Enforce",
      status: this.pause ? "Paused" : hold ? "Holding" : burst.length > 0 ? "Bursting" : "Steady",
      revision: REVISION,
      policy_problem: null,
      partitions_max_lag: Math.max(...lags.map(({ lag }) => lag ?? 0)),
      last_decision: last ? { id: last.id, at: last.at, sentence: last.sentence } : null,
      budget: { per_hour: 20, per_day: 25, spent_today: spent, used_hour_share: (this.total.burst + cost.burst) / 20, used_day_share: spent / 25 },
      pause: this.pause,
      overrides: this.overrides,
      leader: { is_leader: true, token: 7, since: new Date(this.begin - 86_400_000).toISOString(), identity: "spillway-0" },
      loop: { tick_seconds: 0.0124, ticks: 90_000 + this.seconds, panics: 0 },
      orphans: 0,
      objectives: [{ topic: "spillway.jobs", drain_within_seconds: DEADLINE }],
      drain_within_seconds: DEADLINE,
      backlog: isBlind ? null : this.backlog,
      partitions: PARTITIONS,
      partitions_known: isBlind ? 8 : PARTITIONS,
      oldest_age_seconds: isBlind ? null : round(this.oldest),
      arrival_rate: isBlind ? null : round(arriving),
      service_rate: round(capacity),
      service_rate_soon: round(soon),
      drain_eta_seconds: eta === null ? null : round(eta),
      late_jobs: eta !== null && eta > DEADLINE ? Math.round((eta - DEADLINE) * (soon - arriving)) : 0,
      sentence: last?.sentence ?? "",
      hold,
      reasons: last?.reasons ?? [],
      cost_per_hour: cost.base + cost.burst,
      burst_cost_per_hour: cost.burst,
      cost_total: this.total.base + this.total.burst,
      base_cost_total: this.total.base,
      burst_cost_total: this.total.burst,
      signal_age_seconds: { backlog: isBlind ? null : 0.3, workers: 0.8 },
      pools: [
        {
          name: "base",
          kind: "base",
          desired: BASE.count,
          booting: 0,
          ready: inPhase("base", "ready"),
          draining: 0,
          max: BASE.count,
          rate_per_worker: BASE.rate,
          measured: true,
          price_per_hour: BASE.price,
          dollars_per_million: (BASE.price / 3600 / BASE.rate) * 1e6,
          boot_seconds: 4,
          rate_counted_on: BASE.rate,
          cost_today: 11.52 + this.total.base,
          cost_total: this.total.base + 240,
          ...NOWHERE,
        },
        {
          name: CLOUD.name,
          kind: "burst",
          desired: inPhase(CLOUD.name, "booting", "starting", "ready"),
          booting: inPhase(CLOUD.name, "booting", "starting"),
          ready: inPhase(CLOUD.name, "ready"),
          draining: inPhase(CLOUD.name, "draining"),
          max: CLOUD.max,
          rate_per_worker: CLOUD.rate,
          measured: this.#launches > 0 && this.seconds > BURST.to + 20,
          price_per_hour: CLOUD.price,
          dollars_per_million: (CLOUD.price / 3600 / CLOUD.rate) * 1e6,
          boot_seconds: CLOUD.boot,
          rate_counted_on: CLOUD.rate * 0.97,
          cost_today: spent,
          cost_total: spent + 40,
          ...PHOENIX,
        },
        {
          name: SPOT.name, kind: "burst", desired: 0, booting: 0, ready: 0, draining: 0, max: SPOT.max,
          rate_per_worker: SPOT.rate, rate_counted_on: SPOT.rate, measured: false, price_per_hour: SPOT.price,
          dollars_per_million: (SPOT.price / 3600 / SPOT.rate) * 1e6, boot_seconds: SPOT.boot, cost_today: 0, cost_total: 0, ...SPOT.place,
        },
      ],
      workers: this.machines.map((machine, i) => this.#worker(machine, i, working.length)),
      lags,
    };
  }

  /** @param {Machine} machine @param {number} i @param {number} working @returns {Worker} */
  #worker(machine, i, working) {
    const isUp = machine.phase === "ready" || machine.phase === "draining";
    const age = this.seconds - machine.launched;
    const isBurst = machine.pool !== "base";
    const price = isBurst ? CLOUD.price : BASE.price;
    const rate = isUp ? round(this.#rateOf(machine) * (this.backlog > 0 ? 1 : 0.78)) : null;
    return {
      id: machine.id,
      pool: machine.pool,
      phase: machine.phase,
      age_seconds: age,
      images_done: machine.phase === "booting" ? null : machine.done,
      rate,
      in_flight: isUp ? (this.backlog > 0 ? 16 : 5) : null,
      partitions: isUp ? Math.floor(PARTITIONS / working) + (i < PARTITIONS % working ? 1 : 0) : null,
      cost: (price / 3600) * (machine.pool === "base" ? this.seconds : age),
      price_per_hour: price,
      last_seen_seconds: machine.phase === "booting" ? null : 0.6,
      intent: isBurst ? machine.id : null,
      instance: isBurst ? `ocid1.instance.${machine.id}` : null,
      is_burst: isBurst,
      can_drain: isBurst && machine.phase !== "draining" && machine.phase !== "stopped",
      gpu: machine.phase === "booting" ? null : isBurst ? "NVIDIA A10" : "NVIDIA L40S",
      node: machine.phase === "booting" ? null : isBurst ? `10.0.4.${i + 10}` : `rack-2-${machine.id}`,
      launched_at: new Date(this.begin + machine.launched * 1000).toISOString(),
      busy_share: isUp ? (this.backlog > 0 ? 0.98 : 0.78) : null,
      images_per_dollar: rate === null ? null : (rate * 3600) / price,
      dollars_per_million: rate === null ? null : (price / 3600 / rate) * 1e6,
      billing_boundary_seconds: isBurst ? Math.max(0, 60 - age) : null,
      model_set: machine.phase === "booting" ? null : "sha256:9f2c61d0",
      version: machine.phase === "booting" ? null : "0.1.0",
      latency_p50_seconds: isUp ? 0.21 : null,
      latency_p99_seconds: isUp ? 0.74 : null,
      interruption_at: null,
      ordered_drain: null,
      ...(isBurst ? PHOENIX : NOWHERE),
    };
  }
}
