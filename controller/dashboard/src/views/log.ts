// Why did it scale, or not? Every action and every refusal, newest first.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { VNode } from "preact";
import type { Action, Decision } from "../contract.ts";
import { clock, count, flatten, instant, moment, UNKNOWN } from "../format.ts";
import { isOfKind, type Kind, markerOf } from "../judge.ts";
import { decisions, linkedDecision, loaded, openDecisions, policyDecisions, policyName, setOpen } from "../store.ts";
import { html, Reasons, Section, type View } from "./html.ts";

const FILTERS: readonly { kind: Kind | null; name: string }[] = [
  { kind: null, name: "All" },
  { kind: "action", name: "Actions" },
  { kind: "hold", name: "Holds" },
  { kind: "trouble", name: "Trouble" },
];

const filter = signal<Kind | null>(null);

/** What was done, in two or three words: `launch 3 × cloud`. */
function summary(actions: readonly Action[]): string[] {
  const counts = new Map<string, number>();
  for (const { verb, pool } of actions) {
    const key = `${verb.toLowerCase()}\n${pool}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, n]) => {
    const [verb = "", pool = ""] = key.split("\n");
    return n > 1 ? `${verb} ${n} × ${pool}` : `${verb} ${pool}`;
  });
}

function Actions({ actions }: { actions: readonly Action[] }): View {
  if (actions.length === 0) return null;
  return html`<div class="log-part">
    <h3>Actions</h3>
    <ul class="actions">
      ${actions.map(
        (action) => html`<li>
          <span class="action-what"><strong>${action.verb}</strong> ${action.pool} <span class="mono">${action.intent}</span></span>
          <span class="action-why">${action.why} <code>${action.code}</code></span>
        </li>`,
      )}
    </ul>
  </div>` as VNode;
}

function Numbers({ numbers }: { numbers: Record<string, unknown> }): View {
  const rows = flatten(numbers);
  if (rows.length === 0) return null;
  return html`<div class="log-part">
    <h3>Decided upon</h3>
    <dl class="numbers">
      ${rows.map(
        ([name, value]) => html`<div><dt>${name}</dt><dd class=${value === UNKNOWN ? "unknown" : ""}>${value}</dd></div>`,
      )}
    </dl>
  </div>` as VNode;
}

function Details({ decision }: { decision: Decision }): View {
  return html`<div class="log-details">
    ${decision.hold &&
    html`<p class="hold"><span class="chip chip-hold">Hold</span> ${decision.hold.text} <code>${decision.hold.code}</code></p>`}
    <${Actions} actions=${decision.actions} />
    ${decision.reasons.length > 0 &&
    html`<div class="log-part"><h3>Reasons</h3><${Reasons} reasons=${decision.reasons} /></div>`}
    <${Numbers} numbers=${decision.numbers} />
    <p class="permalink">
      <a href=${`#decision-${decision.id}`}>Link to decision #${decision.id}</a>
      <time datetime=${decision.at}>${moment(instant(decision.at))}</time>
    </p>
  </div>` as VNode;
}

function Entry({ decision }: { decision: Decision }): View {
  const isOpen = openDecisions.value.has(decision.id);
  const isLinked = linkedDecision.value === decision.id;
  const done = summary(decision.actions);
  const troubles = decision.reasons.filter((reason) => reason.trouble).length;
  return html`<li id=${`decision-${decision.id}`} class=${isLinked ? "entry is-linked" : "entry"}>
    <details
      open=${isOpen}
      onToggle=${(event: Event) => setOpen(decision.id, (event.currentTarget as HTMLDetailsElement).open)}
    >
      <summary>
        <span class=${`marker marker-${markerOf(decision)}`} aria-hidden="true"></span>
        <time class="entry-time" datetime=${decision.at}>${clock(instant(decision.at))}</time>
        <span class="entry-text">${decision.sentence}</span>
        ${(done.length > 0 || decision.hold || troubles > 0) &&
        html`<span class="entry-chips">
          ${done.map((what) => html`<span class="chip chip-action">${what}</span>`)}
          ${decision.hold && html`<span class="chip chip-hold">Hold</span>`}
          ${troubles > 0 && html`<span class="chip chip-trouble">${troubles > 1 ? `${troubles} troubles` : "Trouble"}</span>`}
        </span>`}
      </summary>
      ${isOpen && html`<${Details} decision=${decision} />`}
    </details>
  </li>` as VNode;
}

function Filters({ all }: { all: readonly Decision[] }): View {
  return html`<div class="segments" role="group" aria-label="Show">
    ${FILTERS.map(
      ({ kind, name }) => html`<button
        type="button"
        aria-pressed=${filter.value === kind}
        onClick=${() => {
          filter.value = kind;
        }}
      >
        ${name} <span class="segment-count">${count(kind ? all.filter((each) => isOfKind(each, kind)).length : all.length)}</span>
      </button>`,
    )}
  </div>` as VNode;
}

function empty(hasAny: boolean): string {
  if (hasAny) return "No decision of this kind yet.";
  return loaded.value.has(policyName.value ?? "") ? "No decision yet." : "Reading the log …";
}

export function Log(): View {
  const all = policyDecisions.value;
  const kind = filter.value;
  const linked = linkedDecision.value;
  // What the address points at is shown whatever the filter says.
  const shown = kind ? all.filter((each) => isOfKind(each, kind) || each.id === linked) : all;
  const list = useRef<HTMLOListElement>(null);
  const isMissing = linked !== null && loaded.value.has(policyName.value ?? "") && !decisions.value.some(({ id }) => id === linked);

  const isThere = linked !== null && shown.some(({ id }) => id === linked);
  useEffect(() => {
    if (!isThere) return;
    const entry = document.getElementById(`decision-${linked}`);
    const box = list.current;
    if (!entry || !box) return;
    // Within the list only where it scrolls by itself; the page moves no further than it must.
    box.scrollTop = entry.offsetTop - box.offsetTop - 8;
    entry.scrollIntoView({ block: "nearest" });
    entry.querySelector("summary")?.focus({ preventScroll: true });
  }, [isThere, linked]);

  return html`<${Section} id="log" title="Decisions" tools=${html`<${Filters} all=${all} />`}>
    ${isMissing && html`<p class="empty" role="status">Decision #${linked} is not among those kept here.</p>`}
    ${shown.length === 0
      ? html`<p class="empty">${empty(all.length > 0)}</p>`
      : html`<ol class="entries" ref=${list} tabindex="0" aria-label="Decisions, newest first">
          ${shown.map((decision) => html`<${Entry} key=${decision.id} decision=${decision} />`)}
        </ol>`}
  <//>` as VNode;
}
