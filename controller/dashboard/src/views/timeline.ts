// The last hour on one time axis: charts with one cursor, and a lane with the decisions.

import { effect, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { VNode } from "preact";
import type uPlot from "uplot";
import { AXIS_WIDTH, type Cells, makePlot, PAD_RIGHT, plotHeight, type Scene, tableFor } from "../chart/plot.ts";
import { type Series, type Spec, SPECS } from "../chart/specs.ts";
import { type ColorName, theme } from "../chart/theme.ts";
import type { Decision, Policy } from "../contract.ts";
import { clock, duration, instant } from "../format.ts";
import { type Marker, markerOf } from "../judge.ts";
import type { Column } from "../past.ts";
import { cursorAt, pastOf, pastVersion, policyDecisions } from "../store.ts";
import { html, Section, Swatch, type View } from "./html.ts";

const RANGES = [
  { seconds: 300, name: "5m" },
  { seconds: 900, name: "15m" },
  { seconds: 3_600, name: "1h" },
] as const;

const range = signal<number>(900);

/** A shorter past is not stretched over the whole width. */
const SPAN_MIN_SECONDS = 60;

/** The part of the past in view, worked out once a second for all charts. */
type Window = { at: number[]; columns: Record<Column, Cells>; from: number; to: number };

const view = signal<Window | null>(null);

function look(name: string): Window {
  const { at, columns } = pastOf(name).since(range.value);
  const to = at.at(-1) ?? Date.now() / 1000;
  return { at, columns, to, from: Math.min(at[0] ?? to, to - SPAN_MIN_SECONDS) };
}

/** Index of the last point at or before `at`. */
function indexAt(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= at) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

// === decisions ===

const MARK_COLOR: Record<Exclude<Marker, "note">, ColorName> = { grow: "ink", shrink: "ink", hold: "ink-3", trouble: "warn" };

const MARKER_NAMES: readonly (readonly [Marker, string])[] = [
  ["grow", "launch"],
  ["shrink", "give back"],
  ["hold", "hold"],
  ["trouble", "trouble"],
  ["note", "other"],
];

type Mark = { at: number; decision: Decision; kind: Marker };

function marksIn({ from, to }: Window): Mark[] {
  return policyDecisions.value.flatMap((decision) => {
    const at = instant(decision.at);
    return at !== null && at >= from && at <= to ? [{ at, decision, kind: markerOf(decision) }] : [];
  });
}

/** What was last decided at that moment. */
function decisionAt(at: number): Decision | undefined {
  return policyDecisions.value.find((decision) => (instant(decision.at) ?? Infinity) <= at + 0.5);
}

/** How near the pointer must be to a marker, as a part of the width. */
const NEAR = 0.015;

function nearest(at: number, window: Window): Mark | undefined {
  const reach = (window.to - window.from) * NEAR;
  return marksIn(window)
    .filter((mark) => Math.abs(mark.at - at) <= reach)
    .sort((a, b) => Math.abs(a.at - at) - Math.abs(b.at - at))[0];
}

function openNear(at: number): void {
  const found = view.peek() && nearest(at, view.peek()!);
  if (found) location.hash = `decision-${found.decision.id}`;
}

// === the lane: decisions as markers, and the cursor for the keyboard ===

/** Arrow keys go through the window in so many steps. */
const KEY_STEPS = 120;

function keyTarget(key: string, { from, to, at }: Window, marks: readonly Mark[]): number | null {
  const first = at[0] ?? from;
  const here = cursorAt.peek() ?? to;
  const step = Math.max(1, (to - from) / KEY_STEPS);
  switch (key) {
    case "ArrowLeft":
    case "ArrowDown":
      return Math.max(first, here - step);
    case "ArrowRight":
    case "ArrowUp":
      return Math.min(to, here + step);
    case "Home":
      return first;
    case "End":
      return to;
    case "PageUp":
      return marks.find((mark) => mark.at < here - 0.5)?.at ?? first;
    case "PageDown":
      return marks.findLast((mark) => mark.at > here + 0.5)?.at ?? to;
    default:
      return null;
  }
}

/** Where the keyboard has put the cursor; the pointer takes it over. */
const keyedAt = signal<number | null>(null);

function spokenAt(window: Window): string {
  const at = cursorAt.value ?? window.to;
  const i = indexAt(window.at, at);
  const figures = SPECS.flatMap((spec) =>
    spec.series.map((each) => `${spec.title} ${each.name} ${spec.full(window.columns[each.column][i] ?? null)}`),
  );
  return `${clock(at)}. ${figures.join(", ")}. ${decisionAt(at)?.sentence ?? ""}`;
}

function Lane(): View {
  const window = view.value;
  if (!window) return html`<div class="lane"></div>` as VNode;
  const marks = marksIn(window);
  const place = (at: number) => ({ left: `${(((at - window.from) / (window.to - window.from)) * 100).toFixed(3)}%` });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") return openNear(cursorAt.peek() ?? window.to);
    if (event.key === "Escape") {
      keyedAt.value = cursorAt.value = null;
      return;
    }
    const target = keyTarget(event.key, window, marks);
    if (target === null) return;
    event.preventDefault();
    keyedAt.value = cursorAt.value = target;
  };
  const onClick = (event: MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    openNear(window.from + ((event.clientX - box.left) / box.width) * (window.to - window.from));
  };
  const at = cursorAt.value;
  return html`<div
    class="lane"
    role="slider"
    tabindex="0"
    aria-label="Time; page up and page down go from decision to decision, enter opens one"
    aria-valuemin=${Math.round(window.from)}
    aria-valuemax=${Math.round(window.to)}
    aria-valuenow=${Math.round(at ?? window.to)}
    aria-valuetext=${spokenAt(window)}
    onKeyDown=${onKeyDown}
    onClick=${onClick}
    onBlur=${() => {
      if (keyedAt.peek() !== null) keyedAt.value = cursorAt.value = null;
    }}
  >
    ${marks.map((mark) => html`<span key=${mark.decision.id} class=${`mark marker marker-${mark.kind}`} style=${place(mark.at)}></span>`)}
    ${at !== null && at >= window.from && html`<span class="lane-cursor" style=${place(at)}></span>`}
  </div>` as VNode;
}

/** One line under the title: the moment pointed at and what had been decided. */
function Readout(): View {
  const window = view.value;
  const at = cursorAt.value;
  if (!window || at === null) {
    return html`<p class="readout"><span class="legend">
      ${MARKER_NAMES.map(
        ([marker, name]) => html`<span class="legend-item"><span class=${`marker marker-${marker}`} aria-hidden="true"></span> ${name}</span>`,
      )}
    </span></p>` as VNode;
  }
  return html`<p class="readout">
    <strong>${clock(at)}</strong> <span class="readout-ago">${duration(window.to - at)} ago</span>
    <span class="readout-text">${decisionAt(at)?.sentence ?? ""}</span>
  </p>` as VNode;
}

// === charts ===

function Legend({ spec }: { spec: Spec }): View {
  const window = view.value;
  const i = window ? indexAt(window.at, cursorAt.value ?? window.to) : 0;
  const text = (series: Series) => (window && window.at.length > 0 ? spec.full(window.columns[series.column][i] ?? null) : "–");
  return html`<span class="legend">
    ${spec.series.map(
      (series) => html`<span class="legend-item">
        ${spec.series.length > 1 && html`<${Swatch} of=${series.column.replace("_rate", "")} /><span class="legend-name">${series.name}</span>`}
        <strong>${text(series)}</strong>
      </span>`,
    )}
  </span>` as VNode;
}

function described(spec: Spec, window: Window | null): string {
  if (!window || window.at.length === 0) return `${spec.title}: nothing yet`;
  const parts = spec.series.map((series) => {
    const cells = window.columns[series.column];
    const highest = cells.reduce((max: number, n) => Math.max(max, n ?? 0), 0);
    return `${series.name} now ${spec.full(cells.at(-1) ?? null)}, highest ${spec.full(highest)}`;
  });
  return `${spec.title} over the last ${duration(window.to - window.from)}: ${parts.join("; ")}`;
}

function Plot({ spec, hasTimeAxis, place }: { spec: Spec; hasTimeAxis: boolean; place: (element: HTMLElement | null) => void }): View {
  return html`<div class="plot">
    <div class="plot-head">
      <h3>${spec.title}</h3>
      <${Legend} spec=${spec} />
    </div>
    <div class="plot-canvas" role="img" aria-label=${described(spec, view.value)}>
      <div class=${hasTimeAxis ? "plot-root with-time" : "plot-root"} ref=${place}></div>
    </div>
  </div>` as VNode;
}

/** Makes the plots, and keeps them up to date until the returned function is called. */
function run(policyName: string, deadline: number, roots: readonly HTMLElement[]): () => void {
  const scene: Scene = { colors: theme.peek(), from: 0, to: 1, deadline, marks: [] };
  const onCursor = (index: number | null) => {
    if (index !== null) {
      keyedAt.value = null;
      cursorAt.value = view.peek()?.at[index] ?? null;
    } else if (keyedAt.peek() === null) {
      cursorAt.value = null;
    }
  };
  let isMoving = false;
  const guarded = (index: number | null) => {
    if (!isMoving) onCursor(index);
  };
  const plots: uPlot[] = SPECS.map((spec, i) => makePlot(spec, scene, i === SPECS.length - 1, roots[i]!, guarded));

  const follow = (at: number | null) => {
    isMoving = true;
    for (const plot of plots) {
      const left = at === null ? -10 : plot.valToPos(at, "x");
      plot.setCursor({ left, top: at === null ? -10 : 1 }, false);
    }
    isMoving = false;
  };

  const stopData = effect(() => {
    pastVersion.value;
    const window = look(policyName);
    view.value = window;
    scene.colors = theme.value;
    scene.from = window.from;
    scene.to = window.to;
    scene.marks = marksIn(window).flatMap(({ at, kind }) => (kind === "note" ? [] : [{ at, color: MARK_COLOR[kind] }]));
    plots.forEach((plot, i) => plot.setData(tableFor(SPECS[i]!, window.at, window.columns)));
    const keyed = keyedAt.peek();
    if (keyed !== null) follow(keyed);
  });
  const stopKeys = effect(() => {
    const keyed = keyedAt.value;
    if (keyed !== null || cursorAt.peek() === null) follow(keyed);
  });

  const resizes = new ResizeObserver(() => {
    plots.forEach((plot, i) => {
      const width = roots[i]!.clientWidth;
      if (width > 0 && width !== plot.width) plot.setSize({ width, height: plotHeight(i === SPECS.length - 1) });
    });
  });
  for (const root of roots) resizes.observe(root);

  return () => {
    stopData();
    stopKeys();
    resizes.disconnect();
    for (const plot of plots) plot.destroy();
    view.value = null;
  };
}

function Ranges(): View {
  return html`<div class="segments" role="group" aria-label="Time range">
    ${RANGES.map(
      ({ seconds, name }) => html`<button
        type="button"
        aria-pressed=${range.value === seconds}
        onClick=${() => {
          range.value = seconds;
        }}
      >
        ${name}
      </button>`,
    )}
  </div>` as VNode;
}

export function Timeline({ policy }: { policy: Policy }): View {
  const roots = useRef<(HTMLElement | null)[]>([]);
  const { name, drain_within_seconds: deadline } = policy;
  useEffect(
    () => run(name, deadline, roots.current.filter((root) => root !== null)),
    [name, deadline],
  );
  const onClick = () => {
    if (cursorAt.peek() !== null) openNear(cursorAt.peek()!);
  };
  return html`<${Section} id="timeline" title="Timeline" tools=${html`<${Ranges} />`}>
    <${Readout} />
    <div class="lane-place" style=${{ paddingLeft: `${AXIS_WIDTH}px`, paddingRight: `${PAD_RIGHT}px` }}><${Lane} /></div>
    <div class="plots" onClick=${onClick}>
      ${SPECS.map(
        (spec, i) => html`<${Plot}
          key=${spec.id}
          spec=${spec}
          hasTimeAxis=${i === SPECS.length - 1}
          place=${(element: HTMLElement | null) => {
            roots.current[i] = element;
          }}
        />`,
      )}
    </div>
  <//>` as VNode;
}
