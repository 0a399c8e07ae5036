// What the controller sends under `api/v1/` (docs/decisions/0011-operators-api.md): field for field, in the unit of its name.
//
// `null` means unknown everywhere (`drain_eta_seconds`: never, or unknown); it is never shown as zero.
// Times are RFC 3339; `at` in columns is Unix seconds. Names are what somebody wrote: text, never markup.

export type State = {
  at: string;
  version: string;
  policies: Policy[];
};

export type Status = "Paused" | "Holding" | "AtRisk" | "Overridden" | "Bursting" | "Steady";

export type Policy = {
  name: string;
  namespace: string | null;
  mode: "Enforce" | "Recommend";
  status: Status;
  revision: string;
  /** Of a newer version, which is not in force. */
  policy_problem: string | null;
  drain_within_seconds: number;
  backlog: number | null;
  partitions: number;
  partitions_known: number;
  partitions_max_lag: number | null;
  oldest_age_seconds: number | null;
  arrival_rate: number | null;
  service_rate: number;
  service_rate_soon: number;
  drain_eta_seconds: number | null;
  late_jobs: number;
  sentence: string;
  hold: Reason | null;
  reasons: Reason[];
  last_decision: { id: number; at: string; sentence: string } | null;
  cost_per_hour: number;
  burst_cost_per_hour: number;
  cost_total: number;
  base_cost_total: number;
  burst_cost_total: number;
  budget: Budget;
  pause: Order | null;
  overrides: Order[];
  leader: { is_leader: boolean; token: number; since: string; identity: string | null };
  loop: { tick_seconds: number; ticks: number; panics?: number };
  /** Machines with our tags and without an intent; null if no provider could be asked. */
  orphans: number | null;
  objectives: { topic: string; drain_within_seconds: number }[];
  signal_age_seconds: { backlog: number | null; workers: number | null };
  pools: Pool[];
  workers: Worker[];
  lags: Lag[];
};

export type Budget = {
  per_hour: number | null;
  per_day: number | null;
  spent_today: number | null;
  used_hour_share: number | null;
  used_day_share: number | null;
};

/** Something that a person ordered and that still holds. */
export type Order = {
  id: number;
  kind: "pause" | "override" | "drain";
  pool: string | null;
  shape: "fixed" | "floor" | null;
  workers: number | null;
  by: string;
  reason: string;
  at: string;
  until: string | null;
};

export type Reason = { code: string; text: string; trouble: boolean; pool?: string | null };

/** Where and how a pool's machines are sold; empty strings where it does not apply. */
export type Place = { market: string | null; cloud: string; region: string; zone: string; machine: string };

export type Pool = Place & {
  name: string;
  kind: "base" | "burst";
  desired: number;
  booting: number;
  ready: number;
  draining: number;
  max: number;
  rate_per_worker: number;
  rate_counted_on: number;
  measured: boolean;
  price_per_hour: number;
  dollars_per_million: number | null;
  boot_seconds: number;
  cost_today: number | null;
  cost_total: number | null;
};

export type Phase = "booting" | "starting" | "ready" | "draining" | "stopped";

export type Worker = Place & {
  id: string;
  pool: string;
  phase: Phase;
  age_seconds: number;
  images_done: number | null;
  rate: number | null;
  in_flight: number | null;
  partitions: number | null;
  cost: number;
  price_per_hour: number;
  last_seen_seconds: number | null;
  intent: string | null;
  instance: string | null;
  is_burst: boolean;
  can_drain: boolean;
  gpu: string | null;
  node: string | null;
  launched_at: string | null;
  busy_share: number | null;
  images_per_dollar: number | null;
  dollars_per_million: number | null;
  billing_boundary_seconds: number | null;
  model_set: string | null;
  version: string | null;
  latency_p50_seconds: number | null;
  latency_p99_seconds: number | null;
  interruption_at: string | null;
  ordered_drain: Order | null;
};

/** `owner`: who says that it reads it. `is_stuck`: jobs wait, and nothing was committed for a minute although somebody reads it. */
export type Lag = { topic: string; partition: number; lag: number | null; owner: string | null; is_stuck: boolean };

export type Cells = (number | null)[];

export type Timeline = {
  policy: string;
  from: string;
  to: string;
  step_seconds: number;
  resolution_seconds: number;
  at: number[];
  series: Record<
    | "backlog"
    | "oldest_age_seconds"
    | "drain_eta_seconds"
    | "objective_seconds"
    | "arrival_rate"
    | "service_rate"
    | "late_jobs"
    | "cost_per_hour"
    | "burst_cost_per_hour"
    | "spent_today",
    Cells
  >;
  pools: Record<string, Record<"desired" | "ready" | "booting" | "draining", Cells>>;
  markers: TimelineMarker[];
  oldest: string | null;
};

export type TimelineMarker = {
  id: number;
  at: string;
  kind: "decision" | "order";
  launches: number;
  drains: number;
  trouble: boolean;
  hold?: boolean;
  sentence: string;
};

export type Decision = {
  id: number;
  at: string;
  policy: string;
  revision: string;
  /** Of a recommendation nothing is carried out. */
  mode: "Enforce" | "Recommend";
  sentence: string;
  actions: Action[];
  reasons: Reason[];
  hold: Reason | null;
  /** What the checker refused; then nothing was carried out. */
  violations: string[];
  desired: Record<string, number>;
  alternatives: Alternative[];
  /** What it was decided upon, in whatever shape the controller keeps it. */
  numbers: Record<string, unknown>;
};

export type Action = {
  verb: string;
  intent: string;
  pool: string;
  code: string;
  why: string;
  /** Pods of the base, where it is scaled. */
  from: number | null;
  to: number | null;
  outcome: { at: string; outcome: "Done" | "NotLaunched" | "Unknown" | "Failed"; detail: string | null } | null;
};

/** A pool that could have been bought. */
export type Alternative = {
  pool: string;
  dollars_per_million: number | null;
  boot_seconds: number;
  price_per_hour: number;
  rate_counted_on: number;
  running: number;
  max: number;
  launched: number;
  verdict: string;
  why: string;
};

export type Partitions = {
  policy: string;
  at: number[];
  step_seconds: number;
  partitions: Partition[];
  left_out: number;
  skew: number | null;
};

export type Partition = Lag & { lags: Cells };

export type Told = { value: number; from: "policy" | "measured" | "provider"; age_seconds: number | null };

export type Offer = Place & {
  pool: string;
  dollars_per_million: number | null;
  transfer_per_million: number | null;
  price_per_hour: Told;
  images_per_second: Told;
  ready_in_seconds: Told;
  max: number;
  running: number;
  interruptions_per_1000_hours: number | null;
  blocked: { until: string; why: string; fault: string } | null;
};

export type Market = { policy: string; at: string; offers: Offer[] };

type Split = { burst: number | null; base: number | null; total: number | null };

export type Cost = {
  policy: string;
  at: string;
  today: Split & { since: string };
  forecast: Split & { to: string; how: string };
  budget: Budget;
  pools: {
    pool: string;
    today: number | null;
    total: number | null;
    per_hour: number | null;
    images_today: number | null;
    dollars_per_million: number | null;
    idle_today: number | null;
  }[];
  days: { day: string; base: number | null; burst: number | null; images: number | null; late_jobs_max: number | null }[];
  hybrid: { dollars_per_hour: number | null; today: number | null };
  /** Null where the policy names no offer. */
  all_cloud: { dollars_per_hour: number | null; today: number | null; pool: string; how: string } | null;
  per_1000_images: number | null;
  idle_share: number | null;
};

export type Check = {
  name: string;
  status: "ok" | "warn" | "fail" | "unknown";
  detail: string;
  age_seconds: number | null;
  since: string | null;
};

export type Health = {
  at: string;
  version: string;
  uptime_seconds: number;
  is_leader: boolean;
  checks: Check[];
  history: {
    oldest: string | null;
    bytes: number | null;
    bytes_max: number;
    days_max: number;
    decisions: number | null;
    samples: number | null;
  };
  streams: { open: number; max: number; dropped: number };
  config: { auth: string; listen: string; policy_revision: string; kubernetes: boolean };
};

export type Session = {
  user: string | null;
  known_by: string;
  may_read: boolean;
  may_operate: boolean;
  wants_token: boolean;
  auth: string;
};

/** Who ordered what, followed or refused. */
export type OrderEntry = {
  id: number;
  at: string;
  kind: string;
  by: string | null;
  known_by: string;
  from: string | null;
  accepted: boolean;
  refusal: string | null;
  policy: string;
  pool: string | null;
  shape: string | null;
  workers: number | null;
  intent: string | null;
  reason: string | null;
  until: string | null;
};

export type Manifest = { policy: string; revision: string; yaml: string };

export type Played = {
  burst_cost: number | null;
  base_cost: number | null;
  total_cost: number | null;
  late_jobs: number | null;
  late_share: number | null;
  wait_max_seconds: number | null;
  wait_p50_seconds: number | null;
  launches: number | null;
  budget_exceeded: boolean | null;
  /** How it went: the most in each point, bought machines, dollars since the beginning. */
  series: { at: number[]; backlog: Cells; workers: Cells; spent: Cells } | null;
};

export type WhatIf = {
  hours: number;
  from: string;
  to: string;
  arrivals: number;
  gaps_seconds: number;
  current: Played;
  edited: Played;
  differences: { plans: number; different: number; first: { at: string; recorded: string; edited: string }[] } | null;
  diff: string;
  kubectl: string;
  how: string;
};

/** RFC 9457. */
export type Problem = {
  title: string;
  status: number;
  detail: string;
  code: string;
  field: string | null;
  problems: { path: string; line: number | null; column: number | null; message: string; help: string | null }[] | null;
};
