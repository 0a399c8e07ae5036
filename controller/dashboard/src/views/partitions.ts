// Which partitions wait, now and over time: a table whose rows are strips of colour.

import type { VNode } from "preact";
import type { Cells, Lag, Partition, Partitions as Answer, Policy } from "../contract.ts";
import { clock, compact, count, duration } from "../format.ts";
import { heat, HEAT_STEPS } from "../judge.ts";
import { useResource } from "../resource.ts";
import { about } from "../store.ts";
import { Chip, html, Loaded, Section, type View } from "./html.ts";
import { type Column, Table } from "./table.ts";

/** With more partitions than this the cells get too small for a number. */
const NUMBERED_MAX = 64;
/** Cells of the strip; the table below has the rest. */
const CELLS_MAX = 1_000;

function rows<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

function Cell({ lag, lagMax, isNumbered }: { lag: Lag; lagMax: number; isNumbered: boolean }): View {
  const full = `partition ${lag.partition}: ${lag.lag === null ? "lag unknown" : `${count(lag.lag)} waiting`}${lag.is_stuck ? ", stuck" : ""}`;
  const step = lag.lag === null ? "unknown" : heat(lag.lag, lagMax);
  const short = lag.lag === null ? "?" : compact(lag.lag);
  return html`<td class=${`heat heat-${step} ${lag.is_stuck ? "is-stuck" : ""}`} title=${full}>
    ${isNumbered && html`<span aria-hidden="true">${short}</span>`}<span class="sr">${lag.lag === null ? "unknown" : count(lag.lag)}${lag.is_stuck ? " stuck" : ""}</span>
  </td>` as VNode;
}

function Topic({ topic, lags, lagMax }: { topic: string; lags: readonly Lag[]; lagMax: number }): View {
  const isNumbered = lags.length <= NUMBERED_MAX;
  const width = isNumbered ? 8 : 32;
  return html`<table class=${isNumbered ? "strip" : "strip strip-dense"}>
    <caption>${topic}${lags.length > CELLS_MAX && `, the first ${count(CELLS_MAX)} of ${count(lags.length)} partitions`}</caption>
    <thead class="sr">
      <tr>
        <th scope="col">From partition</th>
        ${Array.from({ length: width }, (_, i) => html`<th scope="col">plus ${i}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows(lags.slice(0, CELLS_MAX), width).map(
        (row) => html`<tr>
          <th scope="row">${row[0]?.partition}</th>
          ${row.map((lag) => html`<${Cell} key=${lag.partition} lag=${lag} lagMax=${lagMax} isNumbered=${isNumbered} />`)}
          ${Array.from({ length: width - row.length }, () => html`<td></td>`)}
        </tr>`,
      )}
    </tbody>
  </table>` as VNode;
}

/** One sentence on how evenly the lag lies. */
function skew(lags: readonly Lag[]): string {
  const known = lags.filter((each): each is Lag & { lag: number } => each.lag !== null);
  const worst = known.reduce<(Lag & { lag: number }) | null>((a, b) => (a && a.lag >= b.lag ? a : b), null);
  const unknown = lags.length - known.length;
  const suffix = unknown > 0 ? `; ${count(unknown)} unknown` : "";
  if (!worst) return lags.length === 0 ? "no partition is known" : `lag of all ${count(lags.length)} unknown`;
  const mean = known.reduce((sum, { lag }) => sum + lag, 0) / known.length;
  if (worst.lag === 0) return `nothing waits${suffix}`;
  return `most in ${worst.partition}: ${count(worst.lag)}, ${(worst.lag / mean).toFixed(1)} × the mean${suffix}`;
}

function Legend({ lagMax }: { lagMax: number }): View {
  return html`<p class="heat-legend" aria-hidden="true">
    0 ${Array.from({ length: HEAT_STEPS + 1 }, (_, i) => html`<span class=${`heat heat-${i}`}></span>`)} ${compact(lagMax)}
    <span class="heat heat-unknown"></span> unknown
  </p>` as VNode;
}

// === over time ===

/** One element a row: a thousand rows of sixty cells each would be too many. */
function Strip({ lags, lagMax }: { lags: Cells; lagMax: number }): View {
  const stops = lags.map((lag, i) => {
    const color = lag === null ? "var(--heat-unknown)" : `var(--heat-${heat(lag, lagMax)})`;
    return `${color} ${((i / lags.length) * 100).toFixed(2)}% ${(((i + 1) / lags.length) * 100).toFixed(2)}%`;
  });
  return html`<span class="heat-strip" aria-hidden="true" style=${{ "--stops": stops.join() }}></span>` as VNode;
}

const highest = (lags: Cells) => lags.reduce<number | null>((max, n) => (n === null ? max : Math.max(max ?? 0, n)), null);

function columns(lagMax: number, span: string): readonly Column<Partition>[] {
  return [
    { name: "Partition", isText: true, by: (it) => it.partition, show: (it) => String(it.partition), more: (it) => it.topic },
    { name: span, isText: true, show: (it) => html`<${Strip} lags=${it.lags} lagMax=${lagMax} />` },
    { name: "Now", by: (it) => it.lag, show: (it) => count(it.lag) },
    { name: "Highest", by: (it) => highest(it.lags), show: (it) => count(highest(it.lags)) },
    {
      name: "Read by",
      isText: true,
      by: (it) => it.owner,
      show: (it) => (it.is_stuck ? html`<${Chip} kind="bad">stuck<//> ${it.owner}` : (it.owner ?? html`<span class="note">nobody says so</span>`)),
    },
  ];
}

function OverTime(): View {
  const answer = useResource<Answer>(about("partitions?from=-1h&points=60"), 10);
  const { at = [], partitions = [], left_out: out = 0 } = answer.value ?? {};
  const lagMax = partitions.reduce((max, { lag, lags }) => Math.max(max, lag ?? 0, highest(lags) ?? 0), 0);
  const stuck = partitions.filter((it) => it.is_stuck).length;
  const span = at.length > 1 ? `${clock(at[0]).slice(0, 5)} to ${clock(at.at(-1)).slice(0, 5)}` : "The last hour";
  const notes = [stuck > 0 ? `${count(stuck)} stuck` : "none is stuck", ...(out > 0 ? [`${count(out)} with less lag left out`] : []), ...(answer.value ? [`a cell each ${duration(answer.value.step_seconds)}`] : [])];
  return html`<${Section} id="over-time" title="Over the last hour" class="whole" note=${answer.value ? notes.join(", ") : undefined}>
    <${Loaded} of=${answer}>
      ${() => html`<${Table}
          id="partitions-table"
          label="Lag of each partition over time"
          columns=${columns(lagMax, span)}
          groups=${[{ key: "all", rows: partitions }]}
          keyOf=${(it: Partition) => `${it.topic}\n${it.partition}`}
          empty="No partition is known: the topics cannot be read, or are not there yet."
        />
        <${Legend} lagMax=${lagMax} />` as unknown as VNode}
    <//>
  <//>` as VNode;
}

export function Partitions({ policy }: { policy: Policy }): View {
  const lagMax = policy.lags.reduce((max, { lag }) => Math.max(max, lag ?? 0), 0);
  const topics = new Map<string, Lag[]>();
  for (const lag of policy.lags) topics.set(lag.topic, [...(topics.get(lag.topic) ?? []), lag]);
  return html`<${Section} id="partitions" title="Waiting now" class="whole" note=${skew(policy.lags)}>
      <div class="strips">
        ${[...topics].map(([topic, lags]) => html`<${Topic} key=${topic} topic=${topic} lags=${lags.sort((a, b) => a.partition - b.partition)} lagMax=${lagMax} />`)}
      </div>
      <${Legend} lagMax=${lagMax} />
    <//>
    <${OverTime} />` as unknown as VNode;
}
