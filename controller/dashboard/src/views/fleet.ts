// Every machine and its worker: where it is, what it costs, what it does for that.

import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { order } from "../api.ts";
import type { Policy, Pool, Worker } from "../contract.ts";
import { count, dollars, dollarsPerHour, duration, percent, plural, rate, span, UNKNOWN } from "../format.ts";
import { mayOperate, state } from "../store.ts";
import { ask } from "./ask.ts";
import { Chip, html, Section, Segments, Swatch, type View } from "./html.ts";
import { type Column, type Group, Table } from "./table.ts";

const sought = signal("");
const phase = signal<string | null>(null);

const PHASES = ["booting", "starting", "ready", "draining", "stopped"] as const;

function drain(policy: string, { id, intent, pool }: Worker): void {
  ask({
    title: `Drain ${id}?`,
    text: `It finishes what it has, commits, and its machine is given back. Another of ${pool} may be bought if the deadline needs it.`,
    button: "Drain",
    run: (reason) => order(policy, `instances/${encodeURIComponent(intent ?? "")}/drain`, { reason }),
  });
}

function Drain({ policy, worker }: { policy: string; worker: Worker }): View {
  if (worker.ordered_drain) return html`<${Chip}>ordered by ${worker.ordered_drain.by}<//>` as VNode;
  if (!worker.can_drain || !mayOperate.value) return null;
  return html`<button type="button" class="button small" aria-label=${`Drain ${worker.id}`} onClick=${() => drain(policy, worker)}>Drain</button>` as VNode;
}

const place = ({ cloud, region, zone, market }: Worker) => [cloud, zone || region, market].filter(Boolean).join(" · ");

function lastSeen({ last_seen_seconds: ago, phase, interruption_at: taken }: Worker): string {
  if (taken) return `taken back in ${duration(span(taken, state.value?.at))}`;
  if (ago === null) return phase === "booting" ? "not heard of yet" : "last heard of: unknown";
  return ago < 3.5 ? "" : `heard of ${duration(ago)} ago`;
}

function billing({ billing_boundary_seconds: left, is_burst: isBurst }: Worker): string {
  if (!isBurst) return "";
  if (left === null) return "minimum unknown";
  return left > 0 ? `paid for ${duration(left)} more` : "by the second";
}

/** A new column is a new entry. */
const COLUMNS: readonly Column<Worker>[] = [
  { name: "Worker", isText: true, by: ({ id }) => id, show: ({ id }) => html`<span class="id" title=${id}>${id}</span>`, more: ({ node }) => node ?? "" },
  {
    name: "Phase",
    isText: true,
    by: (it) => PHASES.indexOf(it.phase),
    show: (it) => html`<span class=${`phase phase-${it.phase}`}>${it.phase}</span>`,
    more: lastSeen,
  },
  { name: "Age", by: (it) => it.age_seconds, show: (it) => duration(it.age_seconds), more: billing },
  { name: "Offer", isText: true, by: place, show: (it) => it.machine || (it.is_burst ? UNKNOWN : "our own"), more: place },
  { name: "GPU", isText: true, by: ({ gpu }) => gpu, show: ({ gpu, phase }) => gpu ?? (phase === "booting" ? "–" : UNKNOWN) },
  { name: "Cost", title: "Accrued, and the price an hour", by: (it) => it.cost, show: (it) => dollars(it.cost), more: (it) => dollarsPerHour(it.price_per_hour) },
  {
    name: "Images/s",
    by: (it) => it.rate,
    show: (it) => rate(it.rate).replace("/s", ""),
    more: (it) => (it.busy_share === null ? "" : `${percent(it.busy_share)} busy`),
  },
  { name: "Done", title: "Images done, and in flight", by: (it) => it.images_done, show: (it) => count(it.images_done), more: (it) => (it.in_flight === null ? "" : `${count(it.in_flight)} in flight`) },
  {
    name: "$/million",
    title: "Dollars for a million images at its present speed",
    by: (it) => it.dollars_per_million,
    show: (it) => dollars(it.dollars_per_million),
    more: (it) => (it.partitions === null ? "" : plural(it.partitions, "partition")),
  },
];

function stateOf(pool: Pool): string {
  const parts = [`${count(pool.ready)} ready`];
  if (pool.booting > 0) parts.push(`${count(pool.booting)} booting`);
  if (pool.draining > 0) parts.push(`${count(pool.draining)} draining`);
  return `${parts.join(", ")}; ${count(pool.desired)} wanted, ${count(pool.max)} at most`;
}

function head(name: string, pool: Pool | undefined): View {
  return html`<span class="pool">
    <span class="pool-name"><${Swatch} of=${pool?.kind ?? ""} />${name}</span>
    ${pool
      ? html`<span>${stateOf(pool)}</span><span>${dollarsPerHour(pool.price_per_hour)} each</span><span>${pool.cost_today === null ? "cost of today unknown" : `${dollars(pool.cost_today)} today`}</span>`
      : html`<span>no longer in the policy</span>`}
  </span>` as VNode;
}

const ages = (one: Worker, other: Worker) => other.age_seconds - one.age_seconds || (one.id < other.id ? -1 : 1);

/** Pools in their order; workers of pools that the policy no longer has come last. */
function byPool({ pools }: Policy, workers: readonly Worker[]): Group<Worker>[] {
  const names = new Set([...pools.map(({ name }) => name), ...workers.map(({ pool }) => pool)]);
  return [...names].map((name) => ({
    key: name,
    head: head(name, pools.find((pool) => pool.name === name)),
    rows: workers.filter(({ pool }) => pool === name).sort(ages),
  }));
}

function isSought(worker: Worker, words: string): boolean {
  const { id, pool, gpu, node, machine, intent } = worker;
  return !words || [id, pool, gpu, node, machine, intent, place(worker)].join("\n").toLowerCase().includes(words);
}

export function Fleet({ policy }: { policy: Policy }): View {
  const { workers } = policy;
  const words = sought.value.trim().toLowerCase();
  const shown = workers.filter((each) => (phase.value === null || each.phase === phase.value) && isSought(each, words));
  const action: Column<Worker> = { name: "Order", isText: true, show: (worker) => html`<${Drain} policy=${policy.name} worker=${worker} />` };
  const tally = PHASES.filter((each) => workers.some((worker) => worker.phase === each) || each === phase.value);
  return html`<${Section}
    id="fleet"
    title="Fleet"
    class="whole"
    note=${plural(workers.length, "worker")}
    tools=${html`<${Segments}
      label="Phase"
      of=${[[null, "All"] as const, ...tally.map((each) => [each, html`${each} <span class="segment-count">${count(workers.filter((it) => it.phase === each).length)}</span>`] as const)]}
      value=${phase.value}
      choose=${(next: string | null) => {
        phase.value = next;
      }}
    />`}
  >
    <input
      class="search"
      type="search"
      placeholder="Find a worker, a node, a machine, a zone"
      aria-label="Find in the fleet"
      value=${sought.value}
      onInput=${(event: InputEvent) => {
        sought.value = (event.currentTarget as HTMLInputElement).value;
      }}
    />
    <${Table}
      id="fleet-table"
      label="Workers by pool"
      columns=${[...COLUMNS, action]}
      groups=${byPool(policy, shown)}
      keyOf=${(worker: Worker) => worker.id}
      empty=${workers.length === 0 ? "No machine is there and no worker has been heard of." : "No worker is like this."}
    />
  <//>` as VNode;
}
