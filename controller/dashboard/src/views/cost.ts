// What it costs, what it will have cost at midnight, and what it would cost otherwise.

import type { VNode } from "preact";
import type { Cost as Answer, Policy } from "../contract.ts";
import { clock, count, dollars, dollarsPerHour, instant, percent, UNKNOWN } from "../format.ts";
import { sumOf } from "../judge.ts";
import { useResource } from "../resource.ts";
import { about } from "../store.ts";
import { Empty, html, Facts, Loaded, Meter, Section, Value, type View } from "./html.ts";
import { type Column, Table } from "./table.ts";

type PoolCost = Answer["pools"][number];
type Day = Answer["days"][number];

const POOLS: readonly Column<PoolCost>[] = [
  { name: "Pool", isText: true, by: (it) => it.pool, show: (it) => it.pool },
  { name: "Now", by: (it) => it.per_hour, show: (it) => dollarsPerHour(it.per_hour) },
  { name: "Today", by: (it) => it.today, show: (it) => dollars(it.today) },
  { name: "Of it idle", title: "Ready workers that had nothing to do", by: (it) => it.idle_today, show: (it) => dollars(it.idle_today) },
  { name: "Images today", by: (it) => it.images_today, show: (it) => count(it.images_today) },
  { name: "$ per million", by: (it) => it.dollars_per_million, show: (it) => dollars(it.dollars_per_million) },
  { name: "In all", by: (it) => it.total, show: (it) => dollars(it.total) },
];

type Parts = { base: number | null; burst: number | null };

/** Base and burst in a row, striped after them where one is unknown; the numbers beside it say the same. */
function Bar({ base, burst, most }: Parts & { most: number }): View {
  const part = (n: number | null, of: string) => n !== null && html`<span class=${`swatch-${of}`} style=${{ width: `${(n / most) * 100}%` }}></span>`;
  const isKnown = sumOf(base, burst) !== null;
  return html`<span class=${isKnown ? "slots" : "slots meter-unknown"} aria-hidden="true">${part(base, "base")}${part(burst, "burst")}</span>` as VNode;
}

const total = ({ base, burst }: Day) => sumOf(base, burst);

/** How long its bar is at least: what is known of it. */
const length = ({ base, burst }: Day) => (base ?? 0) + (burst ?? 0);

function days(most: number): readonly Column<Day>[] {
  return [
    { name: "Day", isText: true, by: (it) => it.day, show: (it) => it.day },
    {
      name: "Base and burst",
      isText: true,
      show: ({ base, burst }) => html`<${Bar} base=${base} burst=${burst} most=${most} />`,
    },
    { name: "Base", by: (it) => it.base, show: (it) => dollars(it.base) },
    { name: "Burst", by: (it) => it.burst, show: (it) => dollars(it.burst) },
    { name: "Total", by: total, show: (it) => dollars(total(it)) },
    { name: "Images", by: (it) => it.images, show: (it) => count(it.images) },
    { name: "Late at worst", title: "The most jobs that were foreseen to be late at any moment", by: (it) => it.late_jobs_max, show: (it) => count(it.late_jobs_max) },
  ];
}

/** Two bars on one scale. */
function Versus({ cost: { hybrid, all_cloud: cloud, today } }: { cost: Answer }): View {
  if (!cloud) return html`<${Empty}>The policy names no offer: there is nothing to compare with.<//>` as VNode;
  const most = Math.max(hybrid.today ?? 0, cloud.today ?? 0) || 1;
  const bar = (name: string, { today, dollars_per_hour: perHour }: Answer["hybrid"], { base, burst }: Parts) => html`<div class="versus">
    <span>${name}</span>
    <${Bar} base=${base} burst=${burst} most=${most} />
    <strong><${Value} text=${dollars(today)} /></strong>
    <span class="note">${dollarsPerHour(perHour)}</span>
  </div>`;
  const saved = hybrid.today !== null && cloud.today !== null && cloud.today > 0 ? 1 - hybrid.today / cloud.today : null;
  const words = saved === null ? "How they compare is unknown." : saved >= 0 ? `Hybrid costs ${percent(saved)} less today.` : `Hybrid costs ${percent(-saved)} more today.`;
  return html`${bar("Base and burst, as it is", hybrid, today)}${bar(`All in the cloud, ${cloud.pool}`, cloud, { base: 0, burst: cloud.today })}
    <p class="verdict">${words}</p>
    <p class="note">${cloud.how}</p>` as unknown as VNode;
}

function Figures({ cost }: { cost: Answer }): View {
  const { today, forecast, budget, per_1000_images: each, idle_share: idle } = cost;
  const parts = ({ base, burst }: Answer["today"] | Answer["forecast"]) => `base ${dollars(base)}, burst ${dollars(burst)}`;
  const limit = (share: number | null, most: number | null) =>
    most === null ? "no limit" : html`<span>${share === null ? UNKNOWN : percent(share)}<${Meter} share=${share} /></span>`;
  return html`<${Section} id="today" title="Today" class="whole" note=${`since ${clock(instant(today.since)).slice(0, 5)} here, midnight UTC`}>
    <${Facts}
      class="big"
      of=${[
        ["So far", dollars(today.total), parts(today)],
        ["Forecast to midnight", dollars(forecast.total), `${parts(forecast)}; ${forecast.how}`],
        ["Burst of the day's budget", limit(budget.used_day_share, budget.per_day), budget.per_day === null ? "" : `${dollars(budget.spent_today)} of ${dollars(budget.per_day)}`],
        ["Burst of the hour's budget", limit(budget.used_hour_share, budget.per_hour), budget.per_hour === null ? "" : `of ${dollars(budget.per_hour)} in any hour`],
        ["A thousand images", dollars(each), "at today's mix"],
        ["Idle", percent(idle), "of what was paid for ready workers"],
      ]}
    />
  <//>` as VNode;
}

export function Cost(_: { policy: Policy }): View {
  const cost = useResource<Answer>(about("cost?days=14"), 15);
  return html`<${Loaded} of=${cost}>
    ${(value: Answer) => {
      const most = value.days.reduce((sum, it) => Math.max(sum, length(it)), 0) || 1;
      return html`<${Figures} cost=${value} />
        <${Section} id="versus" title="Hybrid against all-cloud" class="whole" note="the same images of today"><${Versus} cost=${value} /><//>
        <${Section} id="by-pool" title="By pool" class="whole"><${Table} id="cost-pools" label="Cost by pool" columns=${POOLS} groups=${[{ key: "all", rows: value.pools }]} keyOf=${(it: PoolCost) => it.pool} /><//>
        <${Section} id="by-day" title="By day" class="whole" note="UTC"><${Table} id="cost-days" label="Cost by day" columns=${days(most)} groups=${[{ key: "all", rows: value.days }]} keyOf=${(it: Day) => it.day} empty="No day is over yet." /><//>` as unknown as VNode;
    }}
  <//>` as VNode;
}
