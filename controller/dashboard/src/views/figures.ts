import type { VNode } from "preact";
import type { Policy } from "../contract.ts";
import { count, dollars, dollarsPerHour, duration, percent, rate } from "../format.ts";
import { headcount } from "../judge.ts";
import { html, Meter, Swatch, Value, type View } from "./html.ts";

type FigureProps = { name: string; of: string; children?: unknown; note: unknown };

function Figure({ name, of, note, children }: FigureProps): View {
  return html`<div class=${`figure-cell figure-${of}`}>
    <dt>${name}</dt>
    <dd class="figure-value">${children}</dd>
    <dd class="figure-note">${note}</dd>
  </div>` as VNode;
}

/** A signal older than this is said to be old. */
const SIGNAL_OLD_SECONDS = 5;

function backlogNote({ partitions, partitions_known: known, signal_age_seconds: age }: Policy): string {
  if (known < partitions) return `${count(known)} of ${count(partitions)} partitions known`;
  if (age.backlog === null) return "age of this unknown";
  return age.backlog > SIGNAL_OLD_SECONDS ? `as of ${duration(age.backlog)} ago` : `over ${count(partitions)} partitions`;
}

function balance({ arrival_rate: arriving, service_rate: service, service_rate_soon: soon }: Policy): string {
  if (arriving === null) return "arrival rate unknown";
  if (soon - service > 0.05) return `${rate(soon)} soon`;
  const spare = service - arriving;
  return spare >= 0 ? `${rate(spare)} to spare` : `short by ${rate(-spare)}`;
}

/** What may be spent on burst today. */
function allowance({ per_day: limit, used_day_share: share }: Policy["budget"]): string {
  return limit === null ? "no daily limit" : `${percent(share)} of ${dollars(limit)} a day`;
}

export function Figures({ policy }: { policy: Policy }): View {
  const { base, burst, booting } = headcount(policy.pools);
  const workersAge = policy.signal_age_seconds.workers;
  return html`<dl class="figures card" aria-label="Key figures">
    <${Figure} name="Backlog" of="backlog" note=${backlogNote(policy)}>
      <${Value} text=${count(policy.backlog)} /><//>
    <${Figure} name="Oldest job" of="oldest" note=${`of ${duration(policy.drain_within_seconds)} allowed`}>
      <${Value} text=${duration(policy.oldest_age_seconds)} /><//>
    <${Figure} name="Arrival → service rate" of="rates" note=${balance(policy)}>
      <${Value} text=${rate(policy.arrival_rate)} /><span class="arrow" aria-hidden="true">→</span><span class="sr"> against </span
      ><${Value} text=${rate(policy.service_rate)} /><//>
    <${Figure}
      name="Workers"
      of="workers"
      note=${workersAge !== null && workersAge <= SIGNAL_OLD_SECONDS
        ? html`<span class="counts" aria-hidden="true"><span>base</span><span>burst</span><span>booting</span></span>`
        : `heard of ${workersAge === null ? "at an unknown time" : `${duration(workersAge)} ago`}`}
    >
      <span class="counts">
        <span><${Swatch} of="base" />${count(base)}<span class="sr"> base</span></span>
        <span><${Swatch} of="burst" />${count(burst)}<span class="sr"> burst</span></span>
        <span><${Swatch} of="booting" />${count(booting)}<span class="sr"> booting</span></span>
      </span><//>
    <${Figure} name="Cost now" of="cost" note=${`burst ${dollarsPerHour(policy.burst_cost_per_hour)}`}>
      <${Value} text=${dollarsPerHour(policy.cost_per_hour)} /><//>
    <${Figure} name="Burst today" of="spend" note=${allowance(policy.budget)}>
      <${Value} text=${dollars(policy.budget.spent_today)} /><${Meter} share=${policy.budget.used_day_share} /><//>
  </dl>` as VNode;
}
