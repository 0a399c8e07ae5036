// Does the policy keep its promise, with what, for how much: the screen that is left open.

import type { VNode } from "preact";
import type { Policy, Pool } from "../contract.ts";
import { count, dollars, dollarsPerHour, duration, rate } from "../format.ts";
import { SPECS } from "../chart/specs.ts";
import { loaded, policyDecisions } from "../store.ts";
import { Deadline } from "./deadline.ts";
import { DecisionLink } from "./decisions.ts";
import { Figures } from "./figures.ts";
import { Chip, Empty, html, Section, Swatch, type View } from "./html.ts";
import { Now } from "./now.ts";
import { type Column, Table } from "./table.ts";
import { Charts, Ranges } from "./timeline.ts";

const RECENT = 5;

/** Machines of a pool as marks in a row: there, coming, leaving, and the room that is left. */
function Slots({ pool }: { pool: Pool }): View {
  const whole = Math.max(pool.max, pool.ready + pool.booting + pool.draining, 1);
  const part = (n: number, of: string) => html`<span class=${of} style=${{ width: `${(n / whole) * 100}%` }}></span>`;
  return html`<span class="slots" aria-hidden="true">
    ${part(pool.ready, `swatch-${pool.kind}`)}${part(pool.draining, "slot-draining")}${part(pool.booting, "swatch-booting")}
  </span>` as VNode;
}

const POOLS: readonly Column<Pool>[] = [
  {
    name: "Pool",
    isText: true,
    show: (pool) => html`<${Swatch} of=${pool.kind} />${pool.name}`,
    more: ({ cloud, machine, zone, region, market }) => [cloud, machine, zone || region, market].filter(Boolean).join(" · "),
  },
  { name: "Of its most", isText: true, show: (pool) => html`<${Slots} pool=${pool} /><span class="slots-text">${count(pool.ready + pool.draining + pool.booting)} of ${count(pool.max)}</span>` },
  { name: "Ready", by: (pool) => pool.ready, show: (pool) => count(pool.ready) },
  { name: "Booting", by: (pool) => pool.booting, show: (pool) => count(pool.booting) },
  { name: "Draining", by: (pool) => pool.draining, show: (pool) => count(pool.draining) },
  { name: "Wanted", by: (pool) => pool.desired, show: (pool) => count(pool.desired) },
  { name: "Each does", by: (pool) => pool.rate_per_worker, show: (pool) => rate(pool.rate_per_worker), more: (pool) => (pool.measured ? "measured" : "assumed") },
  { name: "Ready in", by: (pool) => pool.boot_seconds, show: (pool) => duration(pool.boot_seconds) },
  { name: "Price", by: (pool) => pool.price_per_hour, show: (pool) => dollarsPerHour(pool.price_per_hour) },
  { name: "$ per million", by: (pool) => pool.dollars_per_million, show: (pool) => dollars(pool.dollars_per_million) },
];

function Recent(): View {
  const some = policyDecisions.value.slice(0, RECENT);
  return html`<${Section} id="recent" title="Recent decisions" tools=${html`<a class="to" href="#/decisions">All decisions</a>`}>
    ${some.length === 0
      ? html`<${Empty}>${loaded.value.size > 0 ? "Nothing has been decided yet." : "Reading the log …"}<//>`
      : html`<ol class="entries">${some.map((decision) => html`<li key=${decision.id}><${DecisionLink} decision=${decision} /></li>`)}</ol>`}
  <//>` as VNode;
}

const SHOWN = SPECS.filter(({ id }) => id === "backlog" || id === "workers");

export function Overview({ policy }: { policy: Policy }): View {
  const { orphans } = policy;
  return html`<${Deadline} policy=${policy} />
    <${Now} policy=${policy} />
    <${Figures} policy=${policy} />
    <${Section} id="course" title="Course" class="wide-part" note=${html`<a class="to" href="#/timeline">Timeline</a>`} tools=${html`<${Ranges} />`}>
      <${Charts} policy=${policy} specs=${SHOWN} />
    <//>
    <${Recent} />
    <${Section}
      id="pools"
      title="Pools"
      class="whole"
      note=${orphans !== null && orphans > 0 ? html`<${Chip} kind="bad">${count(orphans)} machines without an intent<//>` : undefined}
    >
      <${Table} id="pools-table" label="Pools" columns=${POOLS} groups=${[{ key: "all", rows: policy.pools }]} keyOf=${(pool: Pool) => pool.name} />
    <//>` as unknown as VNode;
}

