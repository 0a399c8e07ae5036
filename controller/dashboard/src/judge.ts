// What the figures mean: pure judgements that the views share.

import type { Action, Decision, Policy, Pool } from "./contract.ts";

export type Standing = "on-time" | "at-risk" | "late" | "holding" | "unknown";

export const STANDING_TEXT: Record<Standing, string> = {
  "on-time": "On time",
  "at-risk": "At risk",
  late: "Late",
  holding: "Holding",
  unknown: "Unknown",
};

/** How a policy stands with its objective. Late is what has happened, at risk what is foreseen. */
export function standing(policy: Policy): Standing {
  const { backlog, oldest_age_seconds: oldest, drain_within_seconds: within } = policy;
  if (oldest !== null && oldest > within) return "late";
  if (backlog === null) return "unknown";
  if (policy.hold) return "holding";
  const eta = drainEta(policy);
  if (policy.late_jobs > 0 || eta.kind === "over" || eta.kind === "never") return "at-risk";
  return eta.kind === "unknown" ? "unknown" : "on-time";
}

export type DrainEta =
  | { kind: "clear" }
  | { kind: "within"; seconds: number; spare: number }
  | { kind: "over"; seconds: number; over: number }
  | { kind: "never" }
  | { kind: "unknown" };

/**
 * The drain ETA against the deadline.
 *
 * The controller has one `null` for both never and unknown; it is never only where
 * everything it is computed from is known.
 */
export function drainEta(policy: Policy): DrainEta {
  const { drain_eta_seconds: seconds, drain_within_seconds: within, backlog } = policy;
  if (seconds === null) {
    const isComputable =
      backlog !== null && policy.partitions_known === policy.partitions && policy.arrival_rate !== null;
    return { kind: isComputable ? "never" : "unknown" };
  }
  if (backlog === 0) return { kind: "clear" };
  if (seconds > within) return { kind: "over", seconds, over: seconds - within };
  return { kind: "within", seconds, spare: within - seconds };
}

/** Where on the bar the deadline is; the rest is room for being late. */
export const DEADLINE_AT = 0.75;

/** Widths of the bar's two parts, as ratios of the whole track. */
export function barParts(eta: DrainEta, within: number): { done: number; over: number; isCut: boolean } {
  if (eta.kind !== "within" && eta.kind !== "over") return { done: 0, over: 0, isCut: false };
  const length = (eta.seconds / within) * DEADLINE_AT;
  return {
    done: Math.min(length, DEADLINE_AT),
    over: Math.max(0, Math.min(length, 1) - DEADLINE_AT),
    isCut: length > 1,
  };
}

export type Headcount = { base: number; burst: number; booting: number; max: number };

/** Workers by what they cost and whether they work yet. Draining ones still work and still cost. */
export function headcount(pools: readonly Pool[]): Headcount {
  const sum: Headcount = { base: 0, burst: 0, booting: 0, max: 0 };
  for (const pool of pools) {
    sum[pool.kind] += pool.ready + pool.draining;
    sum.booting += pool.booting;
    sum.max += pool.max;
  }
  return sum;
}

/** All parts together: unknown as soon as one of them is. */
export function sumOf(...parts: readonly (number | null | undefined)[]): number | null {
  return parts.reduce<number | null>((sum, part) => (sum === null || part === null || part === undefined ? null : sum + part), 0);
}

export type Kind = "action" | "hold" | "trouble";

export function isOfKind(decision: Decision, kind: Kind): boolean {
  switch (kind) {
    case "action":
      return decision.actions.length > 0;
    case "hold":
      return decision.hold !== null;
    case "trouble":
      return decision.reasons.some((reason) => reason.trouble);
  }
}

export type Marker = "grow" | "shrink" | "hold" | "trouble" | "order" | "note";

/** Whether there are more workers after it. */
function grows({ verb, from, to }: Action): boolean {
  return verb === "ScaleBase" ? (to ?? 0) > (from ?? 0) : verb === "Launch" || verb === "Adopt";
}

/** What a decision's marker looks like: what it did weighs more than what was wrong. */
export function markerOf(decision: Decision): Marker {
  if (isOfKind(decision, "action")) return decision.actions.some(grows) ? "grow" : "shrink";
  if (decision.hold) return "hold";
  return isOfKind(decision, "trouble") ? "trouble" : "note";
}

/** Steps of the heat strip, darkest last. */
export const HEAT_STEPS = 5;

/** 0 for nothing only: one huge partition must not make the others look empty. */
export function heat(lag: number, lagMax: number): number {
  if (lag <= 0 || lagMax <= 0) return 0;
  return Math.max(1, Math.ceil(Math.min(1, lag / lagMax) * HEAT_STEPS));
}
