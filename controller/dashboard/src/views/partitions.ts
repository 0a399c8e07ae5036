import type { VNode } from "preact";
import type { Lag, Policy } from "../contract.ts";
import { compact, count } from "../format.ts";
import { heat, HEAT_STEPS } from "../judge.ts";
import { html, Section, type View } from "./html.ts";

/** With more partitions than this the cells get too small for a number. */
const NUMBERED_MAX = 64;

function rows<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

function Cell({ lag, lagMax, isNumbered }: { lag: Lag; lagMax: number; isNumbered: boolean }): View {
  const full = `partition ${lag.partition}: ${lag.lag === null ? "lag unknown" : `${count(lag.lag)} waiting`}`;
  const step = lag.lag === null ? "unknown" : heat(lag.lag, lagMax);
  const short = lag.lag === null ? "?" : compact(lag.lag);
  return html`<td class=${`heat heat-${step}`} title=${full}>
    ${isNumbered && html`<span aria-hidden="true">${short}</span>`}<span class="sr">${lag.lag === null ? "unknown" : count(lag.lag)}</span>
  </td>` as VNode;
}

function Topic({ topic, lags, lagMax }: { topic: string; lags: readonly Lag[]; lagMax: number }): View {
  const isNumbered = lags.length <= NUMBERED_MAX;
  const width = isNumbered ? 8 : 16;
  return html`<table class=${isNumbered ? "strip" : "strip strip-dense"}>
    <caption>${topic}</caption>
    <thead class="sr">
      <tr>
        <th scope="col">From partition</th>
        ${Array.from({ length: width }, (_, i) => html`<th scope="col">plus ${i}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows(lags, width).map(
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

export function Partitions({ policy }: { policy: Policy }): View {
  const lagMax = policy.lags.reduce((max, { lag }) => Math.max(max, lag ?? 0), 0);
  const topics = new Map<string, Lag[]>();
  for (const lag of policy.lags) topics.set(lag.topic, [...(topics.get(lag.topic) ?? []), lag]);
  return html`<${Section} id="partitions" title="Partitions" note=${skew(policy.lags)}>
    <div class="strips" tabindex="0" role="group" aria-label="Lag by partition">
      ${[...topics].map(([topic, lags]) => html`<${Topic} key=${topic} topic=${topic} lags=${lags.sort((a, b) => a.partition - b.partition)} lagMax=${lagMax} />`)}
    </div>
    <p class="heat-legend" aria-hidden="true">
      0 ${Array.from({ length: HEAT_STEPS + 1 }, (_, i) => html`<span class=${`heat heat-${i}`}></span>`)} ${compact(lagMax)}
      <span class="heat heat-unknown"></span> unknown
    </p>
  <//>` as VNode;
}
