// The page's main figure: when the backlog will be gone, against when it must be.

import type { VNode } from "preact";
import type { Policy } from "../contract.ts";
import { count, duration, plural, rate } from "../format.ts";
import { barParts, DEADLINE_AT, type DrainEta, drainEta } from "../judge.ts";
import { html, type View } from "./html.ts";

/** Marks below the bar, as parts of the deadline; those of the last group only where there is room. */
const SCALE = [0, 0.25, 0.5, 0.75] as const;

type Words = { figure: string; rest: string; spare: string };

function words(eta: DrainEta, policy: Policy): Words {
  switch (eta.kind) {
    case "clear":
      return { figure: "Clear", rest: "nothing is waiting", spare: "" };
    case "within":
      return { figure: duration(eta.seconds), rest: "until the backlog is gone", spare: `${duration(eta.spare)} to spare` };
    case "over":
      return { figure: duration(eta.seconds), rest: "until the backlog is gone", spare: `${duration(eta.over)} over` };
    case "never":
      return { figure: "Never", rest: "at this rate", spare: neverBecause(policy) };
    case "unknown":
      return { figure: "Unknown", rest: "when the backlog will be gone", spare: unknownBecause(policy) };
  }
}

function neverBecause(policy: Policy): string {
  const now = `${rate(policy.arrival_rate)} arrive, ${rate(policy.service_rate)} can be done`;
  return policy.service_rate_soon > policy.service_rate
    ? `${now}, ${rate(policy.service_rate_soon)} soon`
    : now;
}

function unknownBecause(policy: Policy): string {
  const missing = policy.partitions - policy.partitions_known;
  if (policy.backlog === null) return "the backlog is unknown";
  if (missing > 0) return `the lag of ${count(missing)} of ${count(policy.partitions)} partitions is unknown`;
  return policy.arrival_rate === null ? "the arrival rate is unknown" : "";
}

function lateness(eta: DrainEta, jobs: number): string {
  if (jobs > 0) return `About ${plural(jobs, "job")} will be late`;
  switch (eta.kind) {
    case "unknown":
      return "";
    case "never":
    case "over":
      return "Jobs will be late unless something changes";
    default:
      return "No job will be late as things stand";
  }
}

export function Deadline({ policy }: { policy: Policy }): View {
  const eta = drainEta(policy);
  const within = policy.drain_within_seconds;
  const { done, over, isCut } = barParts(eta, within);
  const { figure, rest, spare } = words(eta, policy);
  const width = (ratio: number) => ({ width: `${(ratio * 100).toFixed(2)}%` });
  const spoken = `Drain ETA: ${figure} ${rest}. Deadline ${duration(within)}. ${spare}`;

  return html`<section class=${`card deadline deadline-${eta.kind}`} aria-labelledby="deadline-title">
    <div class="card-head">
      <h2 id="deadline-title">Drain ETA against the deadline</h2>
      <p class="note">every job done within ${duration(within)}</p>
    </div>
    <p class="headline">
      <strong class="figure">${figure}</strong>
      <span class="figure-rest">${rest}</span>
      <span class="spare">${spare}</span>
    </p>
    <div class="bar" role="img" aria-label=${spoken}>
      <div class="track">
        <div class="fill" style=${width(done)}></div>
        <div class="overrun-zone" style=${{ left: `${DEADLINE_AT * 100}%` }}></div>
        <div class="fill-over" style=${{ left: `${DEADLINE_AT * 100}%`, ...width(over) }}></div>
        ${isCut && html`<div class="cut">›››</div>`}
        ${(eta.kind === "never" || eta.kind === "unknown") &&
        html`<div class="track-word">${eta.kind === "never" ? "never at this rate" : "unknown"}</div>`}
      </div>
      <div class="deadline-mark" style=${{ left: `${DEADLINE_AT * 100}%` }}></div>
      <div class="scale" aria-hidden="true">
        ${SCALE.map(
          (part) => html`<span class=${part % 0.5 === 0 ? "tick" : "tick tick-minor"} style=${{ left: `${part * DEADLINE_AT * 100}%` }}>${duration(part * within)}</span>`,
        )}
        <span class="tick tick-deadline" style=${{ left: `${DEADLINE_AT * 100}%` }}>${duration(within)} deadline</span>
      </div>
    </div>
    <p class=${policy.late_jobs > 0 ? "late is-late" : "late"}>${lateness(eta, policy.late_jobs)}</p>
  </section>` as VNode;
}
