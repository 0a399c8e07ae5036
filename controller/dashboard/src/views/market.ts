// Every offer in one ranking: what a million images would cost there, and where each number comes from.

import type { VNode } from "preact";
import type { Market as Answer, Offer, Policy, Told } from "../contract.ts";
import { count, dollars, dollarsPerHour, duration, plural, rate, span } from "../format.ts";
import { useResource } from "../resource.ts";
import { about } from "../store.ts";
import { Chip, html, Loaded, Section, type View } from "./html.ts";
import { type Column, Table } from "./table.ts";

const SOURCES = { policy: "as configured", measured: "measured", provider: "by provider" } as const;

function from({ from, age_seconds: age }: Told): string {
  return `${SOURCES[from]}${age === null ? "" : `, ${duration(age)} ago`}`;
}

function columns(dearest: number, now: string): readonly Column<Offer>[] {
  return [
    { name: "Pool", isText: true, by: ({ pool }) => pool, show: ({ pool }) => pool, more: ({ cloud, machine }) => [cloud, machine].filter(Boolean).join(" · ") },
    { name: "Where", isText: true, by: (it) => it.zone || it.region, show: (it) => it.zone || it.region || "this machine", more: (it) => it.market },
    {
      name: "$ per million",
      by: (it) => it.dollars_per_million,
      show: (it) => html`<span class=${it.dollars_per_million === null ? "rank rank-unknown" : "rank"} aria-hidden="true"><span style=${{ width: `${((it.dollars_per_million ?? 0) / dearest) * 100}%` }}></span></span> <strong>${dollars(it.dollars_per_million)}</strong>`,
      more: (it) => (it.transfer_per_million ? `transfer ${dollars(it.transfer_per_million)}` : ""),
    },
    { name: "Price", by: (it) => it.price_per_hour.value, show: (it) => dollarsPerHour(it.price_per_hour.value), more: (it) => from(it.price_per_hour) },
    { name: "Each does", by: (it) => it.images_per_second.value, show: (it) => rate(it.images_per_second.value), more: (it) => from(it.images_per_second) },
    { name: "Ready in", by: (it) => it.ready_in_seconds.value, show: (it) => duration(it.ready_in_seconds.value), more: (it) => from(it.ready_in_seconds) },
    { name: "Running", by: (it) => it.running, show: (it) => `${count(it.running)} of ${count(it.max)}` },
    {
      name: "Taken back",
      title: "Interruptions in a thousand hours of a machine",
      by: (it) => it.interruptions_per_1000_hours,
      show: (it) => (it.market === "Spot" ? count(it.interruptions_per_1000_hours) : "never"),
      more: (it) => (it.market === "Spot" ? "in 1,000 h" : ""),
    },
    {
      name: "Now",
      isText: true,
      show: ({ blocked, running, max }) =>
        blocked ? html`<${Chip} kind="trouble">${blocked.fault}<//>` : running >= max ? html`<${Chip}>all taken<//>` : html`<${Chip} kind="action">can be bought<//>`,
      more: ({ blocked }) => blocked && `${blocked.why}; asked again in ${duration(span(blocked.until, now))}`,
    },
  ];
}

export function Market({ policy }: { policy: Policy }): View {
  const market = useResource<Answer>(about("market"), 10);
  const offers = market.value?.offers ?? [];
  const dearest = offers.reduce((most, it) => Math.max(most, it.dollars_per_million ?? 0), 0) || 1;
  return html`<${Section} id="market" title="Market" class="whole" note=${market.value ? `${plural(offers.length, "offer")}, the cheapest work first` : undefined}>
    <${Loaded} of=${market}>
      ${() => html`<${Table}
        id="market-table"
        label="Offers"
        columns=${columns(dearest, market.value?.at ?? "")}
        groups=${[{ key: policy.name, rows: offers }]}
        keyOf=${(offer: Offer) => offer.pool}
        empty="The policy names no place where machines can be bought: the base does it alone."
      />` as VNode}
    <//>
    <p class="note">Work is compared, not hours: the price of a machine by what it does in an hour, with the transfer of the images to it.</p>
  <//>` as VNode;
}
