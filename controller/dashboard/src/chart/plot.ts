// One chart: from a spec and columns to a canvas. Knows nothing of the store.
//
// Our own, because a library of any use takes a third of what the whole page may weigh (README, "Why these libraries").

import type { Cells } from "../contract.ts";
import { moments, stepFor, ticks } from "./scale.ts";
import type { Series, Spec } from "./specs.ts";
import { type ColorName, fontFamily, hatch } from "./theme.ts";

export const AXIS_WIDTH = 48;
export const PAD_RIGHT = 10;
const PAD_TOP = 8;
const PAD_BOTTOM = 4;
const TIME_AXIS_HEIGHT = 26;
/** Room for a label each. */
const LABEL_WIDTH = 72;
const LABEL_HEIGHT = 30;

/** What is drawn; one object for all charts of a timeline. */
export type Scene = {
  colors: Record<ColorName, string>;
  at: number[];
  columns: Record<string, Cells>;
  from: number;
  to: number;
  deadline: number;
  /** Moments to mark, in seconds since 1970. */
  marks: readonly { at: number; color: ColorName }[];
};

export type Plot = {
  draw: (scene: Scene) => void;
  /** Shows the cursor at a moment, with the points of index `i`; hides it where there is none. */
  point: (at: number | null, i: number) => void;
  remove: () => void;
};

type Box = { left: number; top: number; width: number; height: number };

/** Makes a chart in `root`; `onPoint` gets the moment under the pointer, none when it leaves. */
export function makePlot(spec: Spec, hasTimeAxis: boolean, root: HTMLElement, onPoint: (at: number | null) => void): Plot {
  const canvas = root.appendChild(document.createElement("canvas"));
  const cursor = root.appendChild(document.createElement("span"));
  cursor.className = "cursor";
  const dots = spec.series.map(() => root.appendChild(document.createElement("span")));
  for (const mark of [cursor, ...dots]) mark.hidden = true;
  let scene: Scene | null = null;
  let sheet: Sheet | null = null;

  const redraw = () => {
    if (scene && root.clientWidth > 0) sheet = paint(canvas, spec, scene, root, hasTimeAxis);
  };
  const onMove = (event: PointerEvent) => {
    if (!scene || !sheet) return;
    const { left, width } = sheet.box;
    const share = (event.clientX - root.getBoundingClientRect().left - left) / width;
    onPoint(scene.from + Math.min(1, Math.max(0, share)) * (scene.to - scene.from));
  };
  const onLeave = () => onPoint(null);
  root.addEventListener("pointermove", onMove);
  root.addEventListener("pointerleave", onLeave);
  const resizes = new ResizeObserver(() => {
    if (Math.round(root.clientWidth * devicePixelRatio) !== canvas.width) redraw();
  });
  resizes.observe(root);

  return {
    draw: (next) => {
      scene = next;
      redraw();
    },
    point: (at, i) => {
      const isShown = at !== null && scene !== null && sheet !== null;
      cursor.hidden = !isShown;
      dots.forEach((dot, k) => {
        const n = isShown ? sheet!.heights[k]![i] : null;
        dot.hidden = n === null || n === undefined;
        if (dot.hidden) return;
        dot.className = `cursor-dot swatch-${spec.series[k]!.swatch}`;
        dot.style.transform = `translate(${sheet!.x(scene!.at[i]!)}px, ${sheet!.y(n!)}px)`;
      });
      if (isShown) cursor.style.transform = `translateX(${sheet!.x(at)}px)`;
    },
    remove: () => {
      resizes.disconnect();
      root.removeEventListener("pointermove", onMove);
      root.removeEventListener("pointerleave", onLeave);
      root.replaceChildren();
    },
  };
}

/** Where things are on a chart that was painted. */
type Sheet = { box: Box; x: (at: number) => number; y: (n: number) => number; heights: Cells[] };

function paint(canvas: HTMLCanvasElement, spec: Spec, scene: Scene, root: HTMLElement, hasTimeAxis: boolean): Sheet {
  const [width, height] = [root.clientWidth, root.clientHeight];
  const scale = devicePixelRatio;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const box: Box = {
    left: AXIS_WIDTH,
    top: PAD_TOP,
    width: width - AXIS_WIDTH - PAD_RIGHT,
    height: height - PAD_TOP - (hasTimeAxis ? TIME_AXIS_HEIGHT : PAD_BOTTOM),
  };
  const { from, to } = scene;
  const heights = stacked(spec, scene);
  const top = axisTop(spec, scene, heights);
  const sheet: Sheet = {
    box,
    heights,
    x: (at) => box.left + ((at - from) / (to - from)) * box.width,
    y: (n) => box.top + (1 - Math.min(n / top, 1.2)) * box.height,
  };
  const pen = canvas.getContext("2d");
  if (!pen) return sheet;
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = `11px ${fontFamily()}`;
  drawGrid(pen, spec, scene, sheet, top);
  if (hasTimeAxis) drawTimes(pen, scene, sheet);
  pen.save();
  pen.beginPath();
  pen.rect(box.left, 0, box.width, box.top + box.height + 1);
  pen.clip();
  drawGaps(pen, scene, sheet);
  for (const i of drawingOrder(spec)) drawSeries(pen, spec, spec.series[i]!, scene, sheet, heights[i]!);
  drawMarks(pen, scene, sheet);
  if (spec.hasDeadline) drawDeadline(pen, scene, sheet);
  pen.restore();
  return sheet;
}

// === what is drawn ===

/** Each series' height: its own value, or the sum up to it in a stack. */
function stacked(spec: Spec, { at, columns }: Scene): Cells[] {
  let below: Cells | null = null;
  return spec.series.map(({ column, isOver }): Cells => {
    const own = columns[column] ?? at.map(() => null);
    const under: Cells | null = below;
    if (!spec.isStacked || isOver) return own;
    // Where nothing is known there is no stack; where one of its kinds is not, the others are.
    below = under === null ? own : own.map((n, i) => (n === null ? (under[i] ?? null) : n + (under[i] ?? 0)));
    return below;
  });
}

/** A stack is drawn from the top down, each series over the one it stands on; what lies over it comes last. */
function drawingOrder({ series, isStacked }: Spec): number[] {
  const all = series.map((_, i) => i);
  if (!isStacked) return all;
  return [...all.filter((i) => !series[i]!.isOver).reverse(), ...all.filter((i) => series[i]!.isOver)];
}

/** Room above the highest point. The deadline stays in view; an ETA of days does not flatten the rest. */
function axisTop(spec: Spec, { deadline, at, from }: Scene, heights: readonly Cells[]): number {
  let max = 0;
  for (const cells of heights) for (let i = 0; i < cells.length; i += 1) if (at[i]! >= from && (cells[i] ?? 0) > max) max = cells[i]!;
  const top = Math.max(spec.topMin, max * 1.12);
  return spec.hasDeadline ? Math.min(Math.max(top, deadline * 1.25), deadline * 4) : top;
}

type Pen = CanvasRenderingContext2D;

function drawGrid(pen: Pen, spec: Spec, { colors }: Scene, { box, y }: Sheet, top: number): void {
  const step = stepFor(top, Math.max(1, Math.floor(box.height / LABEL_HEIGHT)), spec.increments);
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  pen.fillStyle = colors["ink-3"];
  pen.strokeStyle = colors.line;
  pen.lineWidth = 1;
  for (const n of ticks(top, step)) {
    const line = Math.round(y(n)) + 0.5;
    stroke(pen, box.left, line, box.left + box.width, line);
    pen.fillText(spec.axis(n), box.left - 8, line);
  }
}

const minuteTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const secondTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

const dayTime = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

function drawTimes(pen: Pen, { from, to, colors }: Scene, { box, x }: Sheet): void {
  const offset = -new Date(from * 1000).getTimezoneOffset() * 60;
  const { step, at } = moments(from, to, box.width / LABEL_WIDTH, offset);
  pen.textAlign = "center";
  pen.textBaseline = "top";
  pen.fillStyle = colors["ink-3"];
  for (const each of at) {
    // A label that would be cut off is left out.
    if (x(each) > box.left + box.width + PAD_RIGHT - LABEL_WIDTH / 3) continue;
    const isMidnight = step >= 7_200 && (each + offset) % 86_400 === 0;
    pen.fillText((isMidnight ? dayTime : step < 60 ? secondTime : minuteTime).format(each * 1000), x(each), box.top + box.height + 8);
  }
}

/** Stretches where the first series is unknown are hatched: a gap alone would read as nothing. */
function drawGaps(pen: Pen, { at, from, colors }: Scene, { box, x, heights }: Sheet): void {
  const cells = heights[0]!;
  pen.fillStyle = hatch(colors.line);
  for (let i = 0; i < at.length; i += 1) {
    if (cells[i] !== null) continue;
    let end = i;
    while (end + 1 < at.length && cells[end + 1] === null) end += 1;
    const left = x(Math.max(from, at[Math.max(0, i - 1)]!));
    pen.fillRect(left, box.top, Math.max(1, x(at[Math.min(at.length - 1, end + 1)]!) - left), box.height);
    i = end;
  }
}

function drawSeries(pen: Pen, spec: Spec, series: Series, scene: Scene, { box, x, y }: Sheet, cells: Cells): void {
  const { at, colors } = scene;
  const line = new Path2D();
  const area = new Path2D();
  const floor = box.top + box.height;
  let begun: number | null = null;
  let last = 0;
  const end = () => {
    if (begun === null) return;
    area.lineTo(last, floor);
    area.lineTo(begun, floor);
    begun = null;
  };
  for (let i = 0; i < at.length; i += 1) {
    const n = cells[i];
    if (n === null || n === undefined) {
      end();
      continue;
    }
    const [left, top] = [x(at[i]!), y(n)];
    if (begun === null) {
      begun = left;
      line.moveTo(left, top);
      area.moveTo(left, top);
    } else if (spec.isStepped) {
      const before = y(cells[i - 1]!);
      line.lineTo(left, before);
      area.lineTo(left, before);
    }
    // With a point that stands alone this is a dot.
    line.lineTo(left, top);
    area.lineTo(left, top);
    last = left;
  }
  end();
  if (series.fill) {
    pen.fillStyle = fillOf(series, colors);
    pen.fill(area);
  }
  pen.strokeStyle = colors[series.color];
  pen.lineWidth = 1.75;
  pen.lineCap = series.dash ? "butt" : "round";
  pen.lineJoin = "round";
  pen.setLineDash([...(series.dash ?? [])]);
  pen.stroke(line);
  pen.setLineDash([]);
}

function fillOf({ fill, color }: Series, colors: Scene["colors"]): CanvasRenderingContext2D["fillStyle"] {
  if (fill === "own") return `color-mix(in srgb, ${colors[color]} 55%, ${colors.surface})`;
  if (fill === "hatch") return hatch(colors[color]);
  if (fill === "solid") return colors[color === "base" ? "base-fill" : "burst-fill"];
  return color === "accent" ? colors["accent-soft"] : colors.line;
}

function drawMarks(pen: Pen, { marks, colors }: Scene, { box, x }: Sheet): void {
  pen.lineWidth = 1;
  pen.globalAlpha = 0.45;
  pen.setLineDash([2, 3]);
  for (const mark of marks) {
    const at = Math.round(x(mark.at)) + 0.5;
    pen.strokeStyle = colors[mark.color];
    stroke(pen, at, box.top, at, box.top + box.height);
  }
  pen.globalAlpha = 1;
  pen.setLineDash([]);
}

function drawDeadline(pen: Pen, { deadline, colors }: Scene, { box, y }: Sheet): void {
  const at = Math.round(y(deadline)) + 0.5;
  pen.lineWidth = 1.5;
  pen.strokeStyle = pen.fillStyle = colors.bad;
  stroke(pen, box.left, at, box.left + box.width, at);
  pen.font = `600 ${pen.font}`;
  pen.textAlign = "left";
  pen.textBaseline = "bottom";
  pen.fillText("deadline", box.left + 4, at - 2);
}

function stroke(pen: Pen, x0: number, y0: number, x1: number, y1: number): void {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}
