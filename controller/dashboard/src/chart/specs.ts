// The timeline's charts, one entry each. A new chart is a new entry here.

import * as format from "../format.ts";
import { poolColumn } from "../past.ts";
import type { ColorName } from "./theme.ts";

export type Series = {
  /** Of the scene that it is drawn from. */
  column: string;
  name: string;
  color: ColorName;
  /** Filled down to the axis, or down to the series below in a stack. */
  fill?: "soft" | "solid" | "hatch" | "own";
  dash?: readonly number[];
  swatch: string;
  /** In a stack: drawn over it, not part of it. */
  isOver?: boolean;
};

export type Spec = {
  id: string;
  title: string;
  series: readonly Series[];
  /** In a stack, each series stands on the one before it. */
  isStacked?: boolean;
  /** Holds its value until the next point, as numbers of workers do. */
  isStepped?: boolean;
  /** A line at the deadline. */
  hasDeadline?: boolean;
  full: (n: number | null) => string;
  axis: (n: number) => string;
  /** Steps between grid lines. */
  increments?: readonly number[];
  /** The axis reaches at least so far. */
  topMin: number;
};

/** Colours for burst pools beside each other; a seventh begins again, its name stands beside it. */
const POOL_COLORS = ["burst", "pool-1", "pool-2", "pool-3", "pool-4", "pool-5"] as const;

/** The chart of workers by pool in place of the one by kind: the base first, then each place where machines are bought. */
export function byPool(pools: readonly { name: string; kind: string }[]): Spec {
  let bought = 0;
  const series = pools.map(({ name, kind }): Series => {
    const color = kind === "base" ? "base" : POOL_COLORS[bought++ % POOL_COLORS.length]!;
    return { column: poolColumn(name), name, color, fill: "own", swatch: color };
  });
  const wanted: Series = { column: "desired", name: "wanted", color: "ink", dash: [2, 3], isOver: true, swatch: "dotted" };
  return { ...SPECS.find(({ id }) => id === "workers")!, series: [...series, wanted] };
}

const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 1e8, 1e9];
const TIME = [5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 604_800];

export const SPECS: readonly Spec[] = [
  {
    id: "backlog",
    title: "Backlog",
    series: [{ column: "backlog", name: "jobs", color: "accent", fill: "soft", swatch: "line" }],
    full: format.count,
    axis: format.compact,
    increments: WHOLE,
    topMin: 10,
  },
  {
    id: "eta",
    title: "Against the deadline",
    series: [
      { column: "drain_eta_seconds", name: "drain ETA", color: "accent", swatch: "line" },
      { column: "oldest_age_seconds", name: "oldest job", color: "ink-2", dash: [5, 4], swatch: "dashed" },
    ],
    hasDeadline: true,
    full: (n) => (n === null ? "never or unknown" : format.duration(n)),
    axis: format.duration,
    increments: TIME,
    topMin: 10,
  },
  {
    id: "rates",
    title: "Rates",
    series: [
      { column: "arrival_rate", name: "arrival", color: "ink-2", dash: [5, 4], swatch: "dashed" },
      { column: "service_rate", name: "service", color: "accent", swatch: "line" },
    ],
    full: format.rate,
    axis: format.compact,
    topMin: 1,
  },
  {
    id: "workers",
    title: "Workers",
    series: [
      { column: "base", name: "base", color: "base", fill: "solid", swatch: "base" },
      { column: "burst", name: "burst", color: "burst", fill: "solid", swatch: "burst" },
      { column: "booting", name: "booting", color: "burst", fill: "hatch", swatch: "booting" },
      { column: "desired", name: "wanted", color: "ink", dash: [2, 3], isOver: true, swatch: "dotted" },
    ],
    isStacked: true,
    isStepped: true,
    full: format.count,
    axis: format.compact,
    increments: WHOLE,
    topMin: 3,
  },
  {
    id: "cost",
    title: "Cost",
    series: [
      { column: "cost_per_hour", name: "all", color: "ink-2", fill: "soft", swatch: "grey" },
      { column: "burst_cost_per_hour", name: "burst", color: "burst", swatch: "burst-line" },
    ],
    isStepped: true,
    full: format.dollarsPerHour,
    axis: (n) => `$${n >= 1000 ? format.compact(n) : Number.isInteger(n) ? n : n.toFixed(2)}`,
    topMin: 0.1,
  },
];
