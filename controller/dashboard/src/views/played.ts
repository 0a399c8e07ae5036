// Two plays of the same hours over each other: the policy in force, dashed, and the edited one.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { VNode } from "preact";
import { makePlot } from "../chart/plot.ts";
import type { Spec } from "../chart/specs.ts";
import { theme } from "../chart/theme.ts";
import type { Played, WhatIf } from "../contract.ts";
import { clock, compact, count, day, dollars } from "../format.ts";
import { html, Swatch, type View } from "./html.ts";

type Kind = "backlog" | "workers" | "spent";

/** The two policies as series of one chart. */
function spec(id: Kind, title: string, full: Spec["full"], axis: Spec["axis"], topMin: number): Spec {
  return {
    id,
    title,
    series: [
      { column: `${id} edited`, name: "edited", color: "accent", fill: "soft", swatch: "line" },
      { column: `${id} current`, name: "in force", color: "ink-2", dash: [5, 4], swatch: "dashed" },
    ],
    isStepped: id === "workers",
    full,
    axis,
    topMin,
  };
}

const SPECS = [
  spec("backlog", "Backlog", (n) => count(n === null ? null : Math.round(n)), compact, 10),
  spec("workers", "Bought machines", count, compact, 3),
  spec("spent", "Spent", dollars, (n) => `$${compact(n)}`, 0.1),
];

/** The point looked at; the last one while nobody points. */
const pointed = signal<number | null>(null);

type Course = NonNullable<Played["series"]>;

function columnsOf(current: Course, edited: Course): Record<string, (number | null)[]> {
  return Object.fromEntries(SPECS.flatMap(({ id }) => [[`${id} current`, current[id as Kind]], [`${id} edited`, edited[id as Kind]]]));
}

export function Courses({ answer: { current, edited, from, to } }: { answer: WhatIf }): View {
  const roots = useRef<(HTMLElement | null)[]>([]);
  const colors = theme.value;
  const [one, other] = [current.series, edited.series];
  useEffect(() => {
    if (!one || !other) return;
    // Both are of the same hours in the same steps.
    const { at } = one;
    const scene = { colors, at, columns: columnsOf(one, other), from: at[0] ?? 0, to: at.at(-1) ?? 1, deadline: 0, marks: [] };
    const indexOf = (moment: number) => at.reduce((best, each, i) => (Math.abs(each - moment) < Math.abs(at[best]! - moment) ? i : best), 0);
    const plots = SPECS.map((spec, i) =>
      makePlot(spec, i === SPECS.length - 1, roots.current[i]!, (moment) => {
        const i = moment === null ? null : indexOf(moment);
        pointed.value = i;
        for (const plot of plots) plot.point(i === null ? null : at[i]!, i ?? 0);
      }),
    );
    for (const plot of plots) plot.draw(scene);
    return () => {
      pointed.value = null;
      for (const plot of plots) plot.remove();
    };
  }, [one, other, colors]);
  if (!one || !other) return null;
  const columns = columnsOf(one, other);
  const i = pointed.value;
  const most = (cells: (number | null)[]) => cells.reduce<number | null>((max, n) => (n === null ? max : Math.max(max ?? 0, n)), null);
  return html`<p class="readout">${i === null ? `the most of each, ${day(one.at[0])} ${clock(one.at[0])} on` : html`<strong>${day(one.at[i])} ${clock(one.at[i])}</strong>`}</p>
    ${SPECS.map(
      (spec, k) => html`<div class="plot" key=${spec.id}>
        <div class="plot-head">
          <h3>${spec.title}</h3>
          <span class="legend">
            ${spec.series.map(
              ({ column, name, swatch }) => html`<span class="legend-item"><${Swatch} of=${swatch} /><span class="legend-name">${name}</span> <strong>${spec.full(i === null ? most(columns[column]!) : (columns[column]![i] ?? null))}</strong></span>`,
            )}
          </span>
        </div>
        <div role="img" aria-label=${`${spec.title} from ${from} to ${to}: ${spec.series.map(({ column, name }) => `${name} at most ${spec.full(most(columns[column]!))}`).join(", ")}`}>
          <div
            class=${k === SPECS.length - 1 ? "plot-root with-time" : "plot-root"}
            ref=${(element: HTMLElement | null) => {
              roots.current[k] = element;
            }}
          ></div>
        </div>
      </div>`,
    )}` as unknown as VNode;
}
