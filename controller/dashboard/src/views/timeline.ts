// The past on one time axis: charts with one cursor, and a lane with the decisions.

import { effect, signal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { VNode } from "preact";
import { AXIS_WIDTH, makePlot, PAD_RIGHT } from "../chart/plot.ts";
import { byPool, type Series, type Spec, SPECS } from "../chart/specs.ts";
import { type ColorName, theme } from "../chart/theme.ts";
import type { Cells, Policy } from "../contract.ts";
import { ago, clock, day, duration, instant } from "../format.ts";
import type { Marker } from "../judge.ts";
import type { Mark } from "../past.ts";
import { go } from "../route.ts";
import { cursorAt, past, pastOf, pastVersion, pastWanted, range, state, until } from "../store.ts";
import { html, Section, Segments, Swatch, type View } from "./html.ts";

const RANGES = [
  [900, "15m"],
  [3_600, "1h"],
  [21_600, "6h"],
  [86_400, "24h"],
  [604_800, "7d"],
] as const;

/** A shorter past is not stretched over the whole width. */
const SPAN_MIN_SECONDS = 60;

/** The part of the past in view, worked out once a second for all charts. */
type Window = { at: number[]; columns: Record<string, Cells>; marks: readonly Mark[]; from: number; to: number };

const view = signal<Window | null>(null);

/** `width`: of the lane, in pixels. */
function look(width: number): Window {
  const { at, columns, marks } = past.value;
  const end = until.value;
  const to = end ?? at.at(-1) ?? Date.now() / 1000;
  const from = end === null ? Math.min(Math.max(at[0] ?? to, to - range.value), to - SPAN_MIN_SECONDS) : end - range.value;
  return { at, columns, to, from, marks: thinned(marks.filter((mark) => mark.at >= from && mark.at <= to), from, to, Math.max(1, width / MARK_WIDTH)) };
}

/** A marker and the room around it, in pixels. */
const MARK_WIDTH = 12;

/** More lines than this through the charts hide what they are to explain. */
const LINES_MAX = 40;

/** Of the marks in one of so many places the one that says most: they would lie over each other. */
function thinned(marks: readonly Mark[], from: number, to: number, count: number): Mark[] {
  const weight = (mark: Mark) => MARKER_NAMES.length - MARKER_NAMES.findIndex(([kind]) => kind === mark.kind);
  const places = new Map<number, Mark>();
  for (const mark of marks) {
    const place = Math.floor(((mark.at - from) / (to - from)) * count);
    const other = places.get(place);
    if (!other || weight(mark) > weight(other)) places.set(place, mark);
  }
  return [...places.values()];
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

const MARK_COLOR: Record<Exclude<Marker, "note">, ColorName> = { grow: "ink", shrink: "ink", order: "ink", trouble: "warn", hold: "ink-3" };

const MARKER_NAMES: readonly (readonly [Marker, string])[] = [
  ["grow", "more workers"],
  ["shrink", "fewer"],
  ["order", "ordered"],
  ["trouble", "trouble"],
  ["hold", "hold"],
  ["note", "other"],
];

/** What was last decided at that moment. */
function markAt(at: number): Mark | undefined {
  return past.value.marks.find((mark) => mark.at <= at + 0.5);
}

/** How near the pointer must be to a marker, as a part of the width. */
const NEAR = 0.015;

function nearest(at: number, { marks, from, to }: Window): Mark | undefined {
  const distance = (mark: Mark) => Math.abs(mark.at - at);
  return marks.filter((mark) => distance(mark) <= (to - from) * NEAR).sort((a, b) => distance(a) - distance(b))[0];
}

function openNear(at: number): void {
  const window = view.peek();
  const found = window && nearest(at, window);
  if (found) go(found.isOrder ? "control" : `decisions/${found.id}`);
}

// === the lane: decisions as markers, and the cursor for the keyboard ===

/** Arrow keys go through the window in so many steps. */
const KEY_STEPS = 120;

function keyTarget(key: string, { from, to, at, marks }: Window): number | null {
  const first = Math.max(from, at[0] ?? from);
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

function spokenAt(window: Window, specs: readonly Spec[]): string {
  const at = cursorAt.value ?? window.to;
  const i = indexAt(window.at, at);
  const figures = specs.flatMap((spec) =>
    spec.series.map((each) => `${spec.title} ${each.name} ${spec.full(window.columns[each.column]?.[i] ?? null)}`),
  );
  return `${clock(at)}. ${figures.join(", ")}. ${markAt(at)?.sentence ?? ""}`;
}

function Lane({ specs }: { specs: readonly Spec[] }): View {
  const window = view.value;
  if (!window) return html`<div class="lane"></div>` as VNode;
  const place = (at: number) => ({ left: `${(((at - window.from) / (window.to - window.from)) * 100).toFixed(3)}%` });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") return openNear(cursorAt.peek() ?? window.to);
    if (event.key === "Escape") {
      keyedAt.value = cursorAt.value = null;
      return;
    }
    const target = keyTarget(event.key, window);
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
    aria-valuetext=${spokenAt(window, specs)}
    onKeyDown=${onKeyDown}
    onClick=${onClick}
    onBlur=${() => {
      if (keyedAt.peek() !== null) keyedAt.value = cursorAt.value = null;
    }}
  >
    ${window.marks.map((mark) => html`<span key=${mark.id} class=${`mark marker marker-${mark.kind}`} style=${place(mark.at)}></span>`)}
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
    <strong>${until.value === null && range.value < 86_400 ? "" : `${day(at)} `}${clock(at)}</strong>${" "}
    <span>${ago((instant(state.value?.at ?? "") ?? window.to) - at)}</span>
    <span class="readout-text">${markAt(at)?.sentence ?? "before what was decided in view"}</span>
  </p>` as VNode;
}

// === charts ===

function Legend({ spec }: { spec: Spec }): View {
  const window = view.value;
  const i = window ? indexAt(window.at, cursorAt.value ?? window.to) : 0;
  const text = (series: Series) => (window && window.at.length > 0 ? spec.full(window.columns[series.column]?.[i] ?? null) : "–");
  return html`<span class="legend">
    ${spec.series.map(
      (series) => html`<span class="legend-item">
        ${spec.series.length > 1 && html`<${Swatch} of=${series.swatch} /><span class="legend-name">${series.name}</span>`}
        <strong>${text(series)}</strong>
      </span>`,
    )}
  </span>` as VNode;
}

function described(spec: Spec, window: Window | null): string {
  if (!window || window.at.length === 0) return `${spec.title}: nothing yet`;
  const parts = spec.series.map((series) => {
    const cells = window.columns[series.column] ?? [];
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
function run(specs: readonly Spec[], deadline: number, roots: readonly HTMLElement[]): () => void {
  const onPoint = (at: number | null) => {
    const window = view.peek();
    keyedAt.value = null;
    cursorAt.value = at === null || !window ? null : (window.at[indexAt(window.at, at)] ?? null);
  };
  const plots = specs.map((spec, i) => makePlot(spec, i === specs.length - 1, roots[i]!, onPoint));
  const stopData = effect(() => {
    pastVersion.value;
    const window = look(roots[0]!.clientWidth - AXIS_WIDTH - PAD_RIGHT);
    view.value = window;
    const lines = window.marks.flatMap(({ at, kind }) => (kind === "note" ? [] : [{ at, color: MARK_COLOR[kind] }]));
    const marks = lines.length <= LINES_MAX ? lines : [];
    for (const plot of plots) plot.draw({ ...window, colors: theme.value, deadline, marks });
  });
  const stopCursor = effect(() => {
    const window = view.value;
    const at = cursorAt.value;
    const isIn = window !== null && at !== null && at >= window.from;
    for (const plot of plots) plot.point(isIn ? at : null, isIn ? indexAt(window.at, at) : 0);
  });
  return () => {
    stopData();
    stopCursor();
    for (const plot of plots) plot.remove();
    view.value = cursorAt.value = keyedAt.value = null;
  };
}

export function Ranges(): View {
  return html`<${Segments}
    label="Time range"
    of=${RANGES}
    value=${range.value}
    choose=${(seconds: number) => {
      range.value = seconds;
    }}
  />` as VNode;
}

/** Charts on one time axis, under a lane with what was decided. */
export function Charts({ policy, specs }: { policy: Policy; specs: readonly Spec[] }): View {
  const roots = useRef<(HTMLElement | null)[]>([]);
  const { drain_within_seconds: deadline } = policy;
  useEffect(
    () => run(specs, deadline, roots.current.filter((root) => root !== null)),
    [specs, deadline],
  );
  const onClick = () => {
    if (cursorAt.peek() !== null) openNear(cursorAt.peek()!);
  };
  return html`<${Readout} />
    <div class="lane-place" style=${{ paddingLeft: `${AXIS_WIDTH}px`, paddingRight: `${PAD_RIGHT}px` }}><${Lane} specs=${specs} /></div>
    <div class="plots" onClick=${onClick}>
      ${specs.map(
        (spec, i) => html`<${Plot}
          key=${spec.id}
          spec=${spec}
          hasTimeAxis=${i === specs.length - 1}
          place=${(element: HTMLElement | null) => {
            roots.current[i] = element;
          }}
        />`,
      )}
    </div>` as unknown as VNode;
}

/** To other hours, by half of what is in view. */
function Pan(): View {
  const here = until.value ?? instant(state.value?.at ?? "") ?? 0;
  const { oldest } = past.value;
  const go = (step: number) => {
    const next = here + (step * range.value) / 2;
    until.value = next >= (instant(state.value?.at ?? "") ?? next) ? null : next;
  };
  return html`<div class="buttons" role="group" aria-label="Other hours">
    <button type="button" class="button small" disabled=${oldest === null || here - range.value <= oldest} onClick=${() => go(-1)}>‹ Earlier</button>
    <button type="button" class="button small" disabled=${until.value === null} onClick=${() => go(1)}>Later ›</button>
    <button
      type="button"
      class="button small"
      disabled=${until.value === null}
      onClick=${() => {
        until.value = null;
      }}
    >
      Now
    </button>
  </div>` as VNode;
}

/** Which hours are in view, and how far back the controller's memory goes where that is less than what was asked for. */
function reach(): string {
  if (pastOf.value !== pastWanted.value) return "reading …";
  const { at, step } = past.value;
  const end = until.value;
  if (end !== null) return `${day(end - range.value)} ${clock(end - range.value)} to ${day(end)} ${clock(end)}, a point each ${duration(step)}`;
  const first = at[0];
  const kept = first === undefined ? 0 : (at.at(-1) ?? first) - first;
  const each = `a point each ${duration(step)}`;
  return kept < range.value * 0.95 ? `${duration(kept)} are kept, ${each}` : each;
}

const isByPool = signal(false);

export function Timeline({ policy }: { policy: Policy }): View {
  pastVersion.value;
  // Made anew only when the pools are others: the charts are made anew with it.
  const pools = policy.pools.map(({ name, kind }) => `${kind} ${name}`).join("\n");
  const specs = useMemo(
    () => (isByPool.value ? SPECS.map((spec) => (spec.id === "workers" ? byPool(policy.pools) : spec)) : SPECS),
    [isByPool.value, pools],
  );
  useEffect(
    () => () => {
      until.value = null;
    },
    [],
  );
  return html`<${Section} id="timeline" title="Timeline" class="whole" note=${reach()} tools=${html`<${Pan} /><${Ranges} />`}>
    <${Charts} policy=${policy} specs=${specs} />
    <div class="buttons">
      <${Segments}
        label="Workers by"
        of=${[[false, "Workers by kind"], [true, "by pool"]] as const}
        value=${isByPool.value}
        choose=${(next: boolean) => {
          isByPool.value = next;
        }}
      />
    </div>
  <//>` as VNode;
}
