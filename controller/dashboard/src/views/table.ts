// Every table of the page: sorted by its heads, cards instead of columns where there is no room.

import { signal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { count, plural } from "../format.ts";
import { html, Value, type View } from "./html.ts";

export type Column<T> = {
  name: string;
  title?: string;
  /** What is sorted by; no sorting without it. */
  by?: (row: T) => number | string | null;
  /** What is shown, and a second, quieter line. */
  show: (row: T) => ComponentChildren;
  more?: (row: T) => ComponentChildren;
  isText?: boolean;
};

export type Group<T> = { key: string; head?: ComponentChildren; rows: readonly T[] };

type Order = { table: string; column: string; isDown: boolean };

const order = signal<Order | null>(null);
const unfolded = signal<ReadonlySet<string>>(new Set());

/** A thousand rows that change every second are more than a browser does in passing. */
const SHOWN_MAX = 100;

function sorted<T>(rows: readonly T[], columns: readonly Column<T>[], chosen: Order | null): readonly T[] {
  const by = columns.find(({ name }) => name === chosen?.column)?.by;
  if (!by || !chosen) return rows;
  const sign = chosen.isDown ? -1 : 1;
  return [...rows].sort((one, other) => {
    const a = by(one);
    const b = by(other);
    // Unknown last, whichever way it is sorted.
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return a < b ? -sign : a > b ? sign : 0;
  });
}

function Head<T>({ id, column }: { id: string; column: Column<T> }): View {
  const { name, title, by, isText } = column;
  const mine = order.value?.table === id && order.value.column === name ? order.value : null;
  const press = () => {
    // Numbers are looked through from the largest, then from the smallest, then as they come.
    const first = !isText;
    order.value = !mine ? { table: id, column: name, isDown: first } : mine.isDown === first ? { ...mine, isDown: !first } : null;
  };
  return html`<th
    scope="col"
    role="columnheader"
    class=${isText ? "" : "number"}
    title=${title}
    aria-sort=${mine ? (mine.isDown ? "descending" : "ascending") : undefined}
  >
    ${by ? html`<button type="button" class="sort" onClick=${press}>${name}<span aria-hidden="true">${mine ? (mine.isDown ? " ↓" : " ↑") : ""}</span></button>` : name}
  </th>` as VNode;
}

const shown = (content: ComponentChildren) => (typeof content === "string" ? html`<${Value} text=${content} />` : content);

type TableProps<T> = {
  id: string;
  label: string;
  columns: readonly Column<T>[];
  groups: readonly Group<T>[];
  keyOf: (row: T) => string | number;
  /** What is said instead of no rows. */
  empty?: ComponentChildren;
};

/** The first column is the row's name. */
export function Table<T>({ id, label, columns, groups, keyOf, empty }: TableProps<T>): View {
  const all = groups.reduce((sum, { rows }) => sum + rows.length, 0);
  const isWhole = unfolded.value.has(id);
  const chosen = order.value?.table === id ? order.value : null;
  let left = isWhole ? Infinity : SHOWN_MAX;
  const body = groups.map(({ key, head, rows }) => {
    const some = sorted(rows, columns, chosen).slice(0, left);
    left -= some.length;
    return html`<tbody key=${key} role="rowgroup">
      ${head && html`<tr class="group-row" role="row"><th scope="rowgroup" role="rowheader" colspan=${columns.length}>${head}</th></tr>`}
      ${some.map(
        (row) => html`<tr key=${keyOf(row)} role="row">
          ${columns.map(({ name, show, more, isText }, i) => {
            const second = more?.(row);
            const content = html`${shown(show(row))}${second ? html`<span class="second">${shown(second)}</span>` : null}`;
            return i === 0
              ? html`<th scope="row" role="rowheader"><div>${content}</div></th>`
              : html`<td role="cell" class=${isText ? "" : "number"} data-label=${name}><div>${content}</div></td>`;
          })}
        </tr>`,
      )}
    </tbody>`;
  });
  return html`<div class="table-place" tabindex="0" role="group" aria-label=${label}>
      <table id=${id} role="table" aria-label=${label}>
        <thead role="rowgroup"><tr role="row">${columns.map((column) => html`<${Head} key=${column.name} id=${id} column=${column} />`)}</tr></thead>
        ${body}
      </table>
      ${all === 0 && empty && html`<p class="empty">${empty}</p>`}
    </div>
    ${all > SHOWN_MAX &&
    html`<button
      type="button"
      class="button more"
      onClick=${() => {
        const next = new Set(unfolded.peek());
        if (!next.delete(id)) next.add(id);
        unfolded.value = next;
      }}
    >
      ${isWhole ? `Show the first ${count(SHOWN_MAX)}` : `Show all ${plural(all, "row")}`}
    </button>`}` as VNode;
}
