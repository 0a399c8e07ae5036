// A policy's past as columns, as the charts want them, and the moments marked in it.

import type { Cells, Decision, Policy, Timeline, TimelineMarker } from "./contract.ts";
import { instant } from "./format.ts";
import { headcount, type Marker, markerOf } from "./judge.ts";

const COLUMNS = [
  "backlog",
  "oldest_age_seconds",
  "drain_eta_seconds",
  "arrival_rate",
  "service_rate",
  "base",
  "burst",
  "booting",
  "desired",
  "cost_per_hour",
  "burst_cost_per_hour",
] as const;

export type Column = (typeof COLUMNS)[number];

/** A moment: the columns above, and `pool NAME` for each pool. */
export type Point = { at: number } & Record<Column, number | null> & Record<string, number | null>;

/** The column of a pool: its machines that boot, work or leave. */
export const poolColumn = (name: string) => `pool ${name}`;

/** Of these a step shows the largest, as the controller does. */
const LARGEST: readonly string[] = ["backlog", "oldest_age_seconds", "drain_eta_seconds"];

/** Twice what the controller sends: live ones come to it until the past is read anew. */
const MARKS_MAX = 1_000;

export type Mark = { id: number; at: number; kind: Marker; isOrder: boolean; sentence: string };

export class Past {
  readonly at: number[] = [];
  readonly columns: Record<Column, Cells> & Record<string, Cells> = Object.fromEntries(COLUMNS.map((name): [Column, Cells] => [name, []])) as Record<Column, Cells>;
  /** Newest first. */
  marks: Mark[] = [];
  /** The first moment that the controller kept at all; none if it kept nothing. */
  oldest: number | null = null;
  #begun = -Infinity;

  constructor(
    /** Seconds between points. */
    readonly step = 1,
    /** Seconds kept. */
    readonly span = 3_600,
  ) {}

  /** What the controller kept; `kinds` tells base pools from burst. */
  static of(timeline: Timeline, kinds: ReadonlyMap<string, string>, span: number): Past {
    const past = new Past(timeline.step_seconds, span);
    const { at, series, pools } = timeline;
    past.at.push(...at);
    past.#begun = at.at(-1) ?? -Infinity;
    const { columns } = past;
    for (const name of COLUMNS) if (name in series) columns[name] = series[name as keyof typeof series].slice();
    const sum = (isWanted: (kind: string) => boolean, ...fields: ("desired" | "ready" | "booting" | "draining")[]) => {
      const cells = Object.entries(pools)
        .filter(([name]) => isWanted(kinds.get(name) ?? "burst"))
        .flatMap(([, counts]) => fields.map((field) => counts[field]));
      return at.map((_, i) => cells.reduce<number | null>((total, column) => plus(total, column[i]), null));
    };
    columns.base = sum((kind) => kind === "base", "ready", "draining");
    columns.burst = sum((kind) => kind !== "base", "ready", "draining");
    columns.booting = sum(() => true, "booting");
    columns.desired = sum(() => true, "desired");
    for (const [name, { ready, booting, draining }] of Object.entries(pools)) {
      columns[poolColumn(name)] = at.map((_, i) => [ready, booting, draining].reduce<number | null>((total, column) => plus(total, column[i]), null));
    }
    past.oldest = timeline.oldest === null ? null : instant(timeline.oldest);
    past.marks = timeline.markers.flatMap(markOf).sort((a, b) => b.id - a.id);
    return past;
  }

  /** Adds a point, or makes the last one say what is so now while its step lasts. */
  push(point: Point): void {
    const { at, columns } = this;
    const { at: moment, ...cells } = point;
    // A pool may be new, or gone.
    for (const name of Object.keys(cells)) columns[name] ??= at.map(() => null);
    const last = at.length - 1;
    if (last >= 0 && moment <= at[last]!) return;
    if (moment < this.#begun + this.step * 0.75) {
      at[last] = moment;
      for (const [name, column] of Object.entries(columns)) {
        const before = column[last] ?? null;
        const now = cells[name] ?? null;
        column[last] = LARGEST.includes(name) && before !== null && now !== null ? Math.max(before, now) : now;
      }
      return;
    }
    this.#begun = moment;
    at.push(moment);
    for (const [name, column] of Object.entries(columns)) column.push(cells[name] ?? null);
    this.#forget(moment - this.span);
  }

  #forget(before: number): void {
    // In lots: moving thousands of numbers in a dozen arrays is not for every second.
    const surplus = this.at.findIndex((at) => at >= before);
    if (surplus < 30) return;
    this.at.splice(0, surplus);
    for (const column of Object.values(this.columns)) column.splice(0, surplus);
  }

  mark(decision: Decision): void {
    const at = instant(decision.at);
    if (at === null || this.marks.some(({ id }) => id === decision.id)) return;
    const { id, sentence } = decision;
    this.marks = [{ id, at, kind: markerOf(decision), isOrder: false, sentence }, ...this.marks].sort((a, b) => b.id - a.id).slice(0, MARKS_MAX);
  }
}

function plus(total: number | null, n: number | null | undefined): number | null {
  return n === null || n === undefined ? total : (total ?? 0) + n;
}

function markOf({ id, at, kind, launches, drains, trouble, hold, sentence }: TimelineMarker): Mark[] {
  const when = instant(at);
  if (when === null) return [];
  const isOrder = kind === "order";
  const shape: Marker = isOrder ? "order" : launches > 0 ? "grow" : drains > 0 ? "shrink" : hold ? "hold" : trouble ? "trouble" : "note";
  return [{ id, at: when, kind: shape, isOrder, sentence }];
}

/** What the controller's history will say of this moment. */
export function pointOf(at: string, policy: Policy): Point {
  const { base, burst, booting } = headcount(policy.pools);
  return {
    ...Object.fromEntries(policy.pools.map((pool) => [poolColumn(pool.name), pool.ready + pool.booting + pool.draining])),
    at: instant(at) ?? 0,
    backlog: policy.backlog,
    oldest_age_seconds: policy.oldest_age_seconds,
    drain_eta_seconds: policy.drain_eta_seconds,
    arrival_rate: policy.arrival_rate,
    service_rate: policy.service_rate,
    base,
    burst,
    booting,
    desired: policy.pools.reduce((sum, pool) => sum + pool.desired, 0),
    cost_per_hour: policy.cost_per_hour,
    burst_cost_per_hour: policy.burst_cost_per_hour,
  };
}
