// One uPlot: from a spec to a canvas. Knows nothing of the store.

import uPlot from "uplot";
import type { Column } from "../past.ts";
import type { Series, Spec } from "./specs.ts";
import { type ColorName, fontFamily, hatch } from "./theme.ts";

export const AXIS_WIDTH = 48;
export const PAD_RIGHT = 10;
const PLOT_HEIGHT = 92;
const TIME_AXIS_HEIGHT = 26;

/** What changes from draw to draw; the plots hold on to one object. */
export type Scene = {
  colors: Record<ColorName, string>;
  from: number;
  to: number;
  deadline: number;
  /** Moments to mark, in seconds since 1970. */
  marks: readonly { at: number; color: ColorName }[];
};

export type Cells = (number | null)[];

const SYNC = "timeline";

/** Draws `spec`; `onCursor` gets the index under the pointer, none when it leaves. */
export function makePlot(
  spec: Spec,
  scene: Scene,
  hasTimeAxis: boolean,
  root: HTMLElement,
  onCursor: (index: number | null) => void,
): uPlot {
  // A stack is drawn from the top down, each series over the one it stands on.
  const order = drawingOrder(spec);
  const options: uPlot.Options = {
    width: Math.max(200, root.clientWidth),
    height: plotHeight(hasTimeAxis),
    padding: [8, PAD_RIGHT, hasTimeAxis ? 0 : 4, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false, setScale: false },
      sync: { key: SYNC, scales: ["x", null] },
      points: { size: 7, width: 2, stroke: (_, i) => color(scene, order[i - 1]), fill: () => scene.colors.surface },
    },
    scales: {
      x: { time: true, range: () => [scene.from, scene.to] },
      y: { range: (_, __, max) => [0, axisTop(spec, scene, max)] },
    },
    axes: [
      {
        show: hasTimeAxis,
        size: TIME_AXIS_HEIGHT,
        stroke: () => scene.colors["ink-3"],
        font: `11px ${fontFamily()}`,
        grid: { show: false },
        ticks: { show: false },
        space: 72,
        gap: 6,
        values: (u, splits, __, ___, step) => splits.map((at) => (isCutOff(at, scene, u.width) ? "" : axisTime(at, step))),
      },
      {
        size: AXIS_WIDTH,
        stroke: () => scene.colors["ink-3"],
        font: `11px ${fontFamily()}`,
        grid: { stroke: () => scene.colors.line, width: 1 },
        ticks: { show: false },
        space: 30,
        gap: 8,
        values: (_, splits) => splits.map((n) => spec.axis(n)),
        ...(spec.increments ? { incrs: [...spec.increments] } : {}),
      },
    ],
    series: [{}, ...order.map((series) => seriesOptions(spec, series, scene))],
    hooks: {
      drawClear: [(u) => drawGaps(u, scene)],
      draw: [(u) => drawMarks(u, spec, scene)],
      setCursor: [(u) => onCursor(u.cursor.left !== undefined && u.cursor.left >= 0 ? (u.cursor.idx ?? null) : null)],
    },
  };
  return new uPlot(options, [[], ...order.map(() => [])] as uPlot.AlignedData, root);
}

export function plotHeight(hasTimeAxis: boolean): number {
  return PLOT_HEIGHT + (hasTimeAxis ? TIME_AXIS_HEIGHT - 4 : 0);
}

/** Columns in the order in which `makePlot` draws them. */
export function tableFor(spec: Spec, at: number[], columns: Record<Column, Cells>): uPlot.AlignedData {
  if (!spec.isStacked) return [at, ...spec.series.map(({ column }) => columns[column])];
  const sums: Cells[] = [];
  let below: Cells | null = null;
  for (const { column } of spec.series) {
    const under: Cells | null = below;
    below = columns[column].map((n, i) => (n ?? 0) + (under?.[i] ?? 0));
    sums.push(below);
  }
  return [at, ...sums.reverse()];
}

function drawingOrder(spec: Spec): readonly Series[] {
  return spec.isStacked ? [...spec.series].reverse() : spec.series;
}

function color(scene: Scene, series: Series | undefined): string {
  return scene.colors[series?.color ?? "ink"];
}

function seriesOptions(spec: Spec, series: Series, scene: Scene): uPlot.Series {
  return {
    stroke: () => color(scene, series),
    width: 1.75,
    points: { show: false },
    spanGaps: false,
    ...(series.dash ? { dash: [...series.dash] } : {}),
    ...(spec.isStepped && uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
    ...(series.fill ? { fill: () => fillOf(series, scene) } : {}),
  };
}

function fillOf(series: Series, scene: Scene): CanvasRenderingContext2D["fillStyle"] {
  if (series.fill === "hatch") return hatch(scene.colors[series.color]);
  if (series.fill === "solid") return scene.colors[series.color === "base" ? "base-fill" : "burst-fill"];
  return series.color === "accent" ? scene.colors["accent-soft"] : scene.colors.line;
}

/** Room above the highest point. The deadline stays in view; an ETA of days does not flatten the rest. */
function axisTop(spec: Spec, scene: Scene, max: number | null): number {
  const top = Math.max(spec.topMin, (max ?? 0) * 1.12);
  if (!spec.hasDeadline) return top;
  return Math.min(Math.max(top, scene.deadline * 1.25), scene.deadline * 4);
}

const minuteTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const secondTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

function axisTime(at: number, step: number): string {
  return (step < 60 ? secondTime : minuteTime).format(at * 1000);
}

/** Half of a label such as `09:01:20`. */
const LABEL_HALF = 24;

function isCutOff(at: number, { from, to }: Scene, width: number): boolean {
  // By hand, because uPlot asks for labels before it has laid itself out.
  const plotWidth = width - AXIS_WIDTH - PAD_RIGHT;
  return ((to - at) / (to - from)) * plotWidth < LABEL_HALF - PAD_RIGHT;
}

/** Stretches where the first series is unknown are hatched: a gap alone would read as nothing. */
function drawGaps(u: uPlot, scene: Scene): void {
  const at = u.data[0];
  const cells = u.data[1];
  if (!cells || at.length === 0) return;
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = hatch(scene.colors.line);
  for (let i = 0; i < at.length; i += 1) {
    if (cells[i] !== null) continue;
    let end = i;
    while (end + 1 < at.length && cells[end + 1] === null) end += 1;
    const left = u.valToPos(at[Math.max(0, i - 1)]!, "x", true);
    const right = u.valToPos(at[Math.min(at.length - 1, end + 1)]!, "x", true);
    ctx.fillRect(left, bbox.top, Math.max(1, right - left), bbox.height);
    i = end;
  }
  ctx.restore();
}

function drawMarks(u: uPlot, spec: Spec, scene: Scene): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  ctx.globalAlpha = 0.45;
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const mark of scene.marks) {
    if (mark.at < scene.from || mark.at > scene.to) continue;
    const x = Math.round(u.valToPos(mark.at, "x", true)) + 0.5;
    ctx.strokeStyle = scene.colors[mark.color];
    line(ctx, x, bbox.top, x, bbox.top + bbox.height);
  }
  if (spec.hasDeadline) {
    const y = Math.round(u.valToPos(scene.deadline, "y", true)) + 0.5;
    ctx.globalAlpha = 1;
    ctx.setLineDash([]);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.strokeStyle = ctx.fillStyle = scene.colors.bad;
    line(ctx, bbox.left, y, bbox.left + bbox.width, y);
    ctx.font = `600 ${11 * devicePixelRatio}px ${fontFamily()}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    ctx.fillText("deadline", bbox.left + 4 * devicePixelRatio, y - 2 * devicePixelRatio);
  }
  ctx.restore();
}

function line(ctx: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}
