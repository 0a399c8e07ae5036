import { signal } from "@preact/signals";
import type { VNode } from "preact";
import type { Policy, Pool, Worker } from "../contract.ts";
import { count, dollars, dollarsPerHour, duration, plural, rate } from "../format.ts";
import { dollarsPerMillion } from "../judge.ts";
import { html, Section, Swatch, Value, type View } from "./html.ts";

/** A thousand rows that change every second are more than a browser does in passing. */
const SHOWN_MAX = 100;

const isAllShown = signal(false);

type Column = { name: string; title?: string; text: (worker: Worker) => string };

/** Numbers of a worker. A new column is a new entry. */
const COLUMNS: readonly Column[] = [
  { name: "Age", text: (worker) => duration(worker.age_seconds) },
  { name: "Images/s", text: (worker) => rate(worker.rate).replace("/s", "") },
  { name: "Done", title: "Images done", text: (worker) => count(worker.images_done) },
  { name: "In flight", text: (worker) => count(worker.in_flight) },
  { name: "Partitions", text: (worker) => count(worker.partitions) },
  { name: "Cost", title: "Cost so far", text: (worker) => dollars(worker.cost) },
  {
    name: "$/million",
    title: "Dollars for a million images at the worker's own speed",
    text: (worker) => {
      const n = dollarsPerMillion(worker);
      return n === null ? "–" : dollars(n);
    },
  },
  {
    name: "Last seen",
    text: ({ last_seen_seconds: ago }) => (ago === null ? "unknown" : ago < 1.5 ? "now" : `${duration(ago)} ago`),
  },
];

function stateOf(pool: Pool): string {
  const parts = [`${count(pool.ready)} ready`];
  if (pool.booting > 0) parts.push(`${count(pool.booting)} booting`);
  if (pool.draining > 0) parts.push(`${count(pool.draining)} draining`);
  return parts.join(", ");
}

function PoolRow({ pool }: { pool: Pool }): View {
  return html`<tr class="pool-row" role="row">
    <th scope="rowgroup" role="rowheader" colspan=${COLUMNS.length + 2}>
      <span class="pool">
        <span class="pool-name"><${Swatch} of=${pool.kind} />${pool.name}</span>
        <span class="pool-facts">
          <span>${stateOf(pool)}; ${count(pool.desired)} wanted, ${count(pool.max)} at most</span>
          <span>${rate(pool.rate_per_worker)} each${pool.measured ? "" : " (assumed)"}</span>
          <span>${dollarsPerHour(pool.price_per_hour)} each</span>
          <span>${pool.dollars_per_million === null ? "$ per million unknown" : `${dollars(pool.dollars_per_million)} per million`}</span>
          <span>boots in ${duration(pool.boot_seconds)}</span>
        </span>
      </span>
    </th>
  </tr>` as VNode;
}

function WorkerRow({ worker }: { worker: Worker }): View {
  return html`<tr role="row">
    <th scope="row" role="rowheader" class="worker-id"><span>${worker.id}</span></th>
    <td role="cell" class="worker-phase"><span class=${`phase phase-${worker.phase}`}>${worker.phase}</span></td>
    ${COLUMNS.map(({ name, text }) => html`<td role="cell" class="number" data-label=${name}><${Value} text=${text(worker)} /></td>`)}
  </tr>` as VNode;
}

type Group = { pool: Pool | null; name: string; workers: Worker[] };

/** Lost ones first: they are what one looks for. Then the oldest. */
function order(a: Worker, b: Worker): number {
  return Number(b.phase === "lost") - Number(a.phase === "lost") || b.age_seconds - a.age_seconds || (a.id < b.id ? -1 : 1);
}

/** Pools in their order; workers of pools that the policy no longer has come last. At most `max` workers in all. */
function byPool({ pools, workers }: Policy, max: number): Group[] {
  const groups = new Map<string, Group>(
    pools.map((pool) => [pool.name, { pool, name: pool.name, workers: [] }]),
  );
  for (const worker of workers) {
    let group = groups.get(worker.pool);
    if (!group) groups.set(worker.pool, (group = { pool: null, name: worker.pool, workers: [] }));
    group.workers.push(worker);
  }
  let left = max;
  for (const group of groups.values()) {
    group.workers = group.workers.sort(order).slice(0, left);
    left -= group.workers.length;
  }
  return [...groups.values()];
}

export function Fleet({ policy }: { policy: Policy }): View {
  const all = policy.workers.length;
  const max = isAllShown.value ? all : SHOWN_MAX;
  return html`<${Section} id="fleet" title="Fleet" note=${plural(all, "worker")}>
    <div class="table-place" tabindex="0" role="group" aria-label="Workers by pool">
      <table class="fleet" role="table" aria-labelledby="fleet-title">
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader">Worker</th>
            <th scope="col" role="columnheader">Phase</th>
            ${COLUMNS.map(({ name, title }) => html`<th scope="col" role="columnheader" class="number" title=${title}>${name}</th>`)}
          </tr>
        </thead>
        ${byPool(policy, max).map(
          ({ pool, name, workers }) => html`<tbody key=${name} role="rowgroup">
            ${pool
              ? html`<${PoolRow} pool=${pool} />`
              : html`<tr class="pool-row" role="row"><th scope="rowgroup" role="rowheader" colspan=${COLUMNS.length + 2}><span class="pool"><span class="pool-name">${name}</span><span class="pool-facts">no longer in the policy</span></span></th></tr>`}
            ${workers.map((worker) => html`<${WorkerRow} key=${worker.id} worker=${worker} />`)}
          </tbody>`,
        )}
      </table>
    </div>
    ${all > SHOWN_MAX &&
    html`<button
      type="button"
      class="more"
      onClick=${() => {
        isAllShown.value = !isAllShown.value;
      }}
    >
      ${isAllShown.value ? `Show ${count(SHOWN_MAX)} workers` : `Show all ${count(all)} workers`}
    </button>`}
  <//>` as VNode;
}
