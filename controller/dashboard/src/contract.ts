// What the controller sends under `api/v1/`: field for field, in the unit of its name.
//
// `null` means unknown everywhere (`drain_eta_seconds`: never, or unknown); it is never shown as zero.
// Times are RFC 3339.

export type State = {
  at: string;
  version: string;
  policies: Policy[];
};

export type Policy = {
  name: string;
  drain_within_seconds: number;
  backlog: number | null;
  partitions: number;
  partitions_known: number;
  oldest_age_seconds: number | null;
  arrival_rate: number | null;
  service_rate: number;
  service_rate_soon: number;
  drain_eta_seconds: number | null;
  late_jobs: number;
  sentence: string;
  hold: Hold | null;
  reasons: Reason[];
  cost_per_hour: number;
  burst_cost_per_hour: number;
  cost_total: number;
  base_cost_total: number;
  burst_cost_total: number;
  signal_age_seconds: { backlog: number | null; workers: number | null };
  pools: Pool[];
  workers: Worker[];
  lags: Lag[];
};

export type Hold = { code: string; text: string };

export type Reason = { code: string; text: string; trouble: boolean };

export type Pool = {
  name: string;
  kind: "base" | "burst";
  desired: number;
  booting: number;
  ready: number;
  draining: number;
  max: number;
  rate_per_worker: number;
  measured: boolean;
  price_per_hour: number;
  dollars_per_million: number | null;
  boot_seconds: number;
};

export type Phase = "booting" | "starting" | "ready" | "draining" | "stopped" | "lost";

export type Worker = {
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
};

export type Lag = { topic: string; partition: number; lag: number | null };

/** One second of a policy's past. */
export type Point = {
  at: string;
  backlog: number | null;
  drain_eta_seconds: number | null;
  arrival_rate: number | null;
  service_rate: number;
  base: number;
  burst: number;
  booting: number;
  cost_per_hour: number;
};

export type Decision = {
  id: number;
  at: string;
  policy: string;
  sentence: string;
  actions: Action[];
  reasons: Reason[];
  hold: Hold | null;
  /** What it was decided upon, in whatever shape the controller keeps it. */
  numbers: Record<string, unknown>;
};

export type Action = {
  verb: string;
  intent: string;
  pool: string;
  code: string;
  why: string;
};
