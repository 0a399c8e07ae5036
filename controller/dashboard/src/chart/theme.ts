// Colours for the canvas, read from the style sheet so that they are written down once.

import { signal } from "@preact/signals";

const NAMES = [
  "surface",
  "line",
  "ink",
  "ink-2",
  "ink-3",
  "accent",
  "accent-soft",
  "base",
  "base-fill",
  "burst",
  "burst-fill",
  "pool-1",
  "pool-2",
  "pool-3",
  "pool-4",
  "pool-5",
  "bad",
  "warn",
] as const;

export type ColorName = (typeof NAMES)[number];

function readTheme(): Record<ColorName, string> {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(
    NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  ) as Record<ColorName, string>;
}

export const theme = signal(readTheme());

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  theme.value = readTheme();
});

/** The page's own typeface: a canvas inherits none. */
export function fontFamily(): string {
  return getComputedStyle(document.body).fontFamily;
}

const hatches = new Map<string, CanvasPattern | string>();

/** Diagonal stripes: what is not there yet, or not known. */
export function hatch(color: string): CanvasPattern | string {
  let pattern = hatches.get(color);
  if (pattern === undefined) {
    pattern = drawHatch(color, 6) ?? color;
    hatches.set(color, pattern);
  }
  return pattern;
}

function drawHatch(color: string, size: number): CanvasPattern | null {
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const pen = tile.getContext("2d");
  if (!pen) return null;
  pen.strokeStyle = color;
  pen.lineWidth = size / 3.5;
  pen.beginPath();
  // Three strokes, so that the stripes go on from tile to tile.
  for (const offset of [-size, 0, size]) {
    pen.moveTo(offset - 1, size + 1);
    pen.lineTo(offset + size + 1, -1);
  }
  pen.stroke();
  return pen.createPattern(tile, "repeat");
}
