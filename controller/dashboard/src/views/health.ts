// Whether the controller itself is well: what it hears, what it reaches, who leads.

import type { VNode } from "preact";
import type { Check, Health as Answer, Policy } from "../contract.ts";
import { ago, bytes, clock, count, duration, instant, moment, span } from "../format.ts";
import { useResource } from "../resource.ts";
import { state } from "../store.ts";
import { Chip, html, Facts, Loaded, Section, type View } from "./html.ts";
import { type Column, Table } from "./table.ts";

const WORDS = {
  ok: ["action", "well"],
  warn: ["trouble", "look at it"],
  fail: ["bad", "failing"],
  unknown: ["", "unknown"],
} as const;

/** The worst first: that is what one looks for. */
const WORST = ["fail", "warn", "unknown", "ok"];

const CHECKS: readonly Column<Check>[] = [
  { name: "What", isText: true, by: (it) => it.name, show: (it) => it.name },
  {
    name: "State",
    isText: true,
    by: (it) => WORST.indexOf(it.status),
    show: ({ status }) => html`<${Chip} kind=${WORDS[status]?.[0]}>${WORDS[status]?.[1] ?? status}<//>`,
    more: ({ since, status }) => since && status !== "ok" && `since ${clock(instant(since))}`,
  },
  { name: "Detail", isText: true, show: (it) => it.detail },
  { name: "Heard", by: (it) => it.age_seconds, show: (it) => (it.age_seconds === null ? "never" : ago(it.age_seconds)) },
];

function verdict(checks: readonly Check[]): string {
  const bad = checks.filter(({ status }) => status !== "ok").length;
  return bad === 0 ? `all ${count(checks.length)} are well` : `${count(bad)} of ${count(checks.length)} need a look`;
}

function Now({ policy: { leader, loop, orphans, signal_age_seconds: ages } }: { policy: Policy }): View {
  const since = span(leader.since, state.value?.at);
  return html`<${Section} id="now" title="Now" class="whole">
    <${Facts}
      of=${[
        ["Lag read", ago(ages.backlog)],
        ["Heartbeats read", ago(ages.workers)],
        ["Leads", leader.is_leader ? (leader.identity ?? "this one") : "another", `token ${leader.token}, for ${duration(since)}`],
        ["Last tick took", `${(loop.tick_seconds * 1000).toFixed(1)} ms`, `${count(loop.ticks)} ticks${loop.panics === undefined ? "" : `, ${count(loop.panics)} panics`}`],
        ["Machines without an intent", orphans === null ? "unknown" : count(orphans), orphans === null ? "no provider could be asked" : "they are ended"],
      ]}
    />
  <//>` as VNode;
}

export function Health({ policy }: { policy: Policy }): View {
  const health = useResource<Answer>("health", 5);
  return html`<${Now} policy=${policy} />
    <${Loaded} of=${health}>
      ${({ checks, history, streams, config, uptime_seconds: up, version }: Answer) => {
        const worst = [...checks].sort((a, b) => WORST.indexOf(a.status) - WORST.indexOf(b.status));
        return html`<${Section} id="checks" title="Reachability" class="whole" note=${verdict(checks)}>
            <${Table} id="checks-table" label="Checks" columns=${CHECKS} groups=${[{ key: "all", rows: worst }]} keyOf=${(it: Check) => it.name} />
          <//>
          <${Section} id="memory" title="History" class="half" note="what explains, replays and draws the past">
            <${Facts}
              of=${[
                ["Reaches back to", history.oldest === null ? "nothing kept yet" : moment(instant(history.oldest))],
                ["Size", bytes(history.bytes), `of ${bytes(history.bytes_max)}, ${count(history.days_max)} days`],
                ["Decisions", count(history.decisions)],
                ["Samples", count(history.samples)],
              ]}
            />
          <//>
          <${Section} id="config" title="This controller" class="half">
            <${Facts}
              of=${[
                ["Up for", duration(up), `Spillway ${version}`],
                ["Open streams", `${count(streams.open)} of ${count(streams.max)}`, `${count(streams.dropped)} dropped`],
                ["Listens at", config.listen, `who may: ${config.auth}`],
                ["Policy revision", config.policy_revision, config.kubernetes ? "from Kubernetes" : "from a file"],
              ]}
            />
          <//>` as unknown as VNode;
      }}
    <//>` as unknown as VNode;
}
