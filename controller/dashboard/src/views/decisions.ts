// Why did it scale, or not? Every action and every refusal, newest first.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { VNode } from "preact";
import type { Action, Alternative, Decision, Policy } from "../contract.ts";
import { read, told } from "../api.ts";
import { clock, count, day, dollars, dollarsPerHour, duration, flatten, instant, moment, rate, UNKNOWN } from "../format.ts";
import { isOfKind, type Kind, markerOf } from "../judge.ts";
import { DECISIONS_LIMIT } from "../live.ts";
import { subject } from "../route.ts";
import { about, decisions, loaded, missing, policyDecisions, range, state, takeDecisions, until } from "../store.ts";
import { Chip, Empty, html, Reasons, Section, Segments, type View } from "./html.ts";
import { type Column, Table } from "./table.ts";

const FILTERS: readonly (readonly [Kind | null, string])[] = [
  [null, "All"],
  ["action", "Actions"],
  ["hold", "Holds"],
  ["trouble", "Trouble"],
];

const filter = signal<Kind | null>(null);
const sought = signal("");

/** What was done, in two or three words: `launch 3 × cloud`. */
function summary(actions: readonly Action[]): string[] {
  const counts = new Map<string, number>();
  for (const { verb, pool, from, to } of actions) {
    const key = verb === "ScaleBase" ? `scale\n${pool} ${from} → ${to}` : `${verb.toLowerCase()}\n${pool}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, n]) => {
    const [verb = "", pool = ""] = key.split("\n");
    return n > 1 ? `${verb} ${n} × ${pool}` : `${verb} ${pool}`;
  });
}

function Chips({ decision }: { decision: Decision }): View {
  const troubles = decision.reasons.filter((reason) => reason.trouble).length;
  const { violations, hold, actions, mode } = decision;
  return html`<span class="entry-chips">
    ${violations.length > 0 && html`<${Chip} kind="bad">Refused by the checker<//>`}
    ${mode === "Recommend" && actions.length > 0 && html`<${Chip}>Not carried out<//>`}
    ${summary(actions).map((what) => html`<${Chip} kind="action">${what}<//>`)}
    ${hold && html`<${Chip}>Hold<//>`}
    ${troubles > 0 && html`<${Chip} kind="trouble">${troubles > 1 ? `${troubles} troubles` : "Trouble"}<//>`}
  </span>` as VNode;
}

/** A decision in a list: its sentence, and what was done. */
export function DecisionLink({ decision }: { decision: Decision }): View {
  const isHere = subject.value === String(decision.id);
  return html`<a class="entry" href=${`#/decisions/${decision.id}`} aria-current=${isHere ? "true" : undefined}>
    <span class=${`marker marker-${markerOf(decision)}`} aria-hidden="true"></span>
    <time class="entry-time" datetime=${decision.at}>${clock(instant(decision.at))}</time>
    <span class="entry-text">${decision.sentence}</span>
    <${Chips} decision=${decision} />
  </a>` as VNode;
}

// === one decision ===

const OUTCOMES = { Done: "done", NotLaunched: "not launched", Unknown: "outcome unknown", Failed: "failed" } as const;

function Outcome({ of }: { of: Action["outcome"] }): View {
  if (of === null) return html`<${Chip}>no outcome yet<//>` as VNode;
  const kind = of.outcome === "Done" ? "action" : "trouble";
  return html`<${Chip} kind=${kind}>${OUTCOMES[of.outcome] ?? of.outcome}<//>${of.detail && html` <span class="note">${of.detail}</span>`}` as VNode;
}

function Actions({ actions }: { actions: readonly Action[] }): View {
  return html`<ul class="actions">
    ${actions.map(
      (action) => html`<li>
        <strong>${action.verb === "ScaleBase" ? "Scale" : action.verb}</strong> ${action.pool} <span class="mono">${action.verb === "ScaleBase" ? `${action.from} → ${action.to}` : action.intent}</span>${" "}
        <${Outcome} of=${action.outcome} />
        <span class="action-why">${action.why} <code>${action.code}</code></span>
      </li>`,
    )}
  </ul>` as VNode;
}

/** `NotNeeded` → `not needed`. */
const worded = (name: string) => name.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();

const ALTERNATIVES: readonly Column<Alternative>[] = [
  { name: "Pool", isText: true, show: ({ pool }) => pool },
  {
    name: "Verdict",
    isText: true,
    show: ({ verdict, launched }) => html`<${Chip} kind=${verdict === "Chosen" ? "action" : ""}>${worded(verdict)}${launched > 0 ? ` × ${launched}` : ""}<//>`,
    more: ({ why }) => why,
  },
  { name: "$ per million", by: (it) => it.dollars_per_million, show: (it) => dollars(it.dollars_per_million) },
  { name: "Ready in", by: (it) => it.boot_seconds, show: (it) => duration(it.boot_seconds) },
  { name: "Counted on", by: (it) => it.rate_counted_on, show: (it) => rate(it.rate_counted_on) },
  { name: "Price", by: (it) => it.price_per_hour, show: (it) => dollarsPerHour(it.price_per_hour) },
  { name: "Running", by: (it) => it.running, show: (it) => `${count(it.running)} of ${count(it.max)}` },
];

function Numbers({ numbers }: { numbers: Record<string, unknown> }): View {
  return html`<dl class="numbers">
    ${flatten(numbers).map(
      ([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class=${value === UNKNOWN ? "unknown" : ""}>${value}</dd></div>`,
    )}
  </dl>` as VNode;
}

function Part({ title, children }: { title: string; children?: unknown }): View {
  return html`<div class="part"><h3>${title}</h3>${children}</div>` as VNode;
}

/** To the decision before and after, by number. */
function Neighbours({ id }: { id: number }): View {
  const all = policyDecisions.value;
  const here = all.findIndex((each) => each.id === id);
  const link = (of: Decision | undefined, name: string) => of && html`<a href=${`#/decisions/${of.id}`}>${name} #${of.id}</a>`;
  return html`<nav class="meta neighbours" aria-label="Neighbouring decisions">${link(all[here + 1], "Before: ")}${here > 0 && link(all[here - 1], "After: ")}</nav>` as VNode;
}

function Detail({ decision }: { decision: Decision }): View {
  const { id, at, sentence, hold, violations, actions, reasons, alternatives, numbers, desired, revision } = decision;
  return html`<p class="sentence">${sentence}</p>
    <p class="meta">
      <a href=${`#/decisions/${id}`}>#${id}</a> <time datetime=${at}>${moment(instant(at))}</time>
      <span>policy revision <code>${revision}</code></span>
      <a
        href="#/timeline"
        onClick=${() => {
          const when = instant(at) ?? 0;
          const now = instant(state.value?.at ?? "") ?? when;
          // What led to it, and half as much of what came of it.
          until.value = when + range.value / 3 < now ? when + range.value / 3 : null;
        }}
        >In the timeline</a
      >
      <a href=${`api/v1/decisions/${id}`}>JSON</a>
    </p>
    <${Chips} decision=${decision} />
    ${violations.length > 0 && html`<${Part} title="Refused by the checker: nothing was carried out"><ul class="actions">${violations.map((each) => html`<li>${each}</li>`)}</ul><//>`}
    ${hold && html`<${Part} title="Held"><${Reasons} reasons=${[hold]} /><//>`}
    ${actions.length > 0 && html`<${Part} title="Actions"><${Actions} actions=${actions} /><//>`}
    ${reasons.length > 0 && html`<${Part} title="Reasons"><${Reasons} reasons=${reasons} /><//>`}
    ${alternatives.length > 0 &&
    html`<${Part} title="What could have been bought, the cheapest first">
      <${Table} id="alternatives" label="Alternatives" columns=${ALTERNATIVES} groups=${[{ key: "all", rows: alternatives }]} keyOf=${(it: Alternative) => it.pool} />
    <//>`}
    <${Part} title="Decided upon"><${Numbers} numbers=${numbers} /><//>
    <${Part} title="Machines wanted"><${Numbers} numbers=${desired} /><//>
    <${Neighbours} id=${id} />` as unknown as VNode;
}

function Chosen({ id }: { id: string }): View {
  const title = useRef<HTMLDivElement>(null);
  const found = decisions.value.find((each) => String(each.id) === id);
  const text = missing.value === id ? `Decision #${id} is not kept any more, or never was.` : "Reading the decision …";
  const isThere = found !== undefined;
  useEffect(() => {
    title.current?.focus({ preventScroll: true });
    title.current?.scrollIntoView({ block: "nearest" });
  }, [id, isThere]);
  return html`<${Section} id="decision" title=${`Decision #${id}`} tools=${html`<a class="to" href="#/decisions">Close</a>`}>
    <div ref=${title} tabindex="-1" class="detail">${found ? html`<${Detail} decision=${found} />` : html`<p class="empty" role="status">${text}</p>`}</div>
  <//>` as VNode;
}

// === the list ===

const older = signal<"" | "busy" | "all" | string>("");

/** Reads the page before the oldest that is here. */
async function readOlder(): Promise<void> {
  const last = policyDecisions.peek().at(-1);
  if (!last) return;
  older.value = "busy";
  try {
    const page = await read<Decision[]>(about(`decisions?limit=${DECISIONS_LIMIT}&before=${last.id}`));
    takeDecisions(page);
    older.value = page.length < DECISIONS_LIMIT ? "all" : "";
  } catch (error) {
    older.value = told(error);
  }
}

function isSought(decision: Decision, words: string): boolean {
  const { id, sentence, hold, reasons, actions } = decision;
  const codes = [...(hold ? [hold] : []), ...reasons, ...actions].map(({ code }) => code);
  return [`#${id}`, sentence, ...codes, ...actions.map(({ pool, intent }) => `${pool} ${intent}`)].join("\n").toLowerCase().includes(words);
}

/** By day: a log goes further back than a clock. */
function byDay(some: readonly Decision[]): [string, Decision[]][] {
  const days = new Map<string, Decision[]>();
  for (const decision of some) {
    const name = day(instant(decision.at));
    days.set(name, [...(days.get(name) ?? []), decision]);
  }
  return [...days];
}

function emptyText(hasAny: boolean, isRead: boolean): string {
  if (hasAny) return "No decision like this among those read so far.";
  return isRead ? "Nothing has been decided yet: the first decision comes with the first look at the backlog." : "Reading the log …";
}

function List({ policy }: { policy: Policy }): View {
  const all = policyDecisions.value;
  const kind = filter.value;
  const words = sought.value.trim().toLowerCase();
  const shown = all.filter((each) => (!kind || isOfKind(each, kind)) && (!words || isSought(each, words)));
  const isRead = loaded.value.has(policy.name);
  return html`<${Section}
    id="log"
    title="Decisions"
    note=${html`<a href=${`api/v1/${about("decisions?limit=1000")}`}>JSON</a>`}
    tools=${html`<${Segments}
      label="Show"
      of=${FILTERS.map(([kind, name]) => [kind, html`${name} <span class="segment-count">${count(kind ? all.filter((each) => isOfKind(each, kind)).length : all.length)}</span>`] as const)}
      value=${kind}
      choose=${(next: Kind | null) => {
        filter.value = next;
      }}
    />`}
  >
    <input
      class="search"
      type="search"
      placeholder="Find a word, a code, a pool"
      aria-label="Find in decisions"
      value=${sought.value}
      onInput=${(event: InputEvent) => {
        sought.value = (event.currentTarget as HTMLInputElement).value;
      }}
    />
    ${shown.length === 0
      ? html`<${Empty}>${emptyText(all.length > 0, isRead)}<//>`
      : byDay(shown).map(
          ([name, some]) => html`<h3 class="day">${name}</h3>
            <ol class="entries" aria-label=${`Decisions of ${name}, newest first`}>
              ${some.map((decision) => html`<li key=${decision.id}><${DecisionLink} decision=${decision} /></li>`)}
            </ol>`,
        )}
    ${isRead && all.length >= DECISIONS_LIMIT && older.value !== "all" &&
    html`<p><button type="button" class="button more" disabled=${older.value === "busy"} onClick=${readOlder}>Older decisions</button>
      <span role="status">${older.value === "busy" ? "" : older.value}</span></p>`}
  <//>` as VNode;
}

export function Decisions({ policy }: { policy: Policy }): View {
  const id = subject.value;
  return html`<div class=${id ? "decisions has-chosen" : "decisions"}>
    <${List} policy=${policy} />
    ${id && html`<${Chosen} id=${id} />`}
  </div>` as VNode;
}
