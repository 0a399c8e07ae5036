// A policy's last hour as columns, as the charts want them.

import type { Point, Policy } from "./contract.ts";
import { instant } from "./format.ts";
import { headcount } from "./judge.ts";

/** An hour, a point a second: what the controller keeps too. */
export const POINTS_MAX = 3_600;

export type Column = Exclude<keyof Point, "at">;

const COLUMNS: readonly Column[] = [
  "backlog",
  "drain_eta_seconds",
  "arrival_rate",
  "service_rate",
  "base",
  "burst",
  "booting",
  "cost_per_hour",
];

export class Past {
  readonly at: number[] = [];
  readonly columns = Object.fromEntries(COLUMNS.map((name) => [name, []])) as unknown as Record<Column, (number | null)[]>;

  /** Adds a point if it is newer than the last one by half a second or more. */
  push(point: Point): void {
    const at = instant(point.at);
    const last = this.at.at(-1);
    if (at === null || (last !== undefined && at < last + 0.5)) return;
    this.at.push(at);
    for (const name of COLUMNS) this.columns[name].push(point[name]);
    // Cut in lots: moving 3,600 numbers in nine arrays is not for every second.
    if (this.at.length > POINTS_MAX + 60) {
      const surplus = this.at.length - POINTS_MAX;
      this.at.splice(0, surplus);
      for (const name of COLUMNS) this.columns[name].splice(0, surplus);
    }
  }

  /** The last `seconds`, at most. */
  since(seconds: number): { at: number[]; columns: Record<Column, (number | null)[]> } {
    const from = (this.at.at(-1) ?? 0) - seconds;
    let start = this.at.length;
    while (start > 0 && this.at[start - 1]! >= from) start -= 1;
    const columns = {} as Record<Column, (number | null)[]>;
    for (const name of COLUMNS) columns[name] = this.columns[name].slice(start);
    return { at: this.at.slice(start), columns };
  }
}

/** What the controller's history will say of this moment. */
export function pointOf(at: string, policy: Policy): Point {
  const { base, burst, booting } = headcount(policy.pools);
  return {
    at,
    backlog: policy.backlog,
    drain_eta_seconds: policy.drain_eta_seconds,
    arrival_rate: policy.arrival_rate,
    service_rate: policy.service_rate,
    base,
    burst,
    booting,
    cost_per_hour: policy.cost_per_hour,
  };
}
