// Another policy, played over the hours that were recorded: what would it have cost, who would have been late?

import { computed, signal } from "@preact/signals";
import type { VNode } from "preact";
import { order, Refusal, told } from "../api.ts";
import type { Manifest, Played, Policy, Problem, WhatIf as Answer } from "../contract.ts";
import { clock, count, day, dollars, duration, instant, percent } from "../format.ts";
import { useResource } from "../resource.ts";
import { askSession } from "../store.ts";
import { Chip, html, Loaded, Section, Segments, type View } from "./html.ts";
import { Courses } from "./played.ts";
import { type Column, Table } from "./table.ts";

const HOURS = [1, 6, 24, 72, 168].map((hours) => [hours, hours < 48 ? `${hours}h` : `${hours / 24}d`] as const);

const hours = signal(6);
/** What was typed; none while it is the policy in force. */
const draft = signal<string | null>(null);
const running = signal(false);
const outcome = signal<Answer | Refusal | Error | null>(null);

const problems = computed(() => (outcome.value instanceof Refusal ? (outcome.value.problem.problems ?? []) : []));

async function run(policy: string, yaml: string): Promise<void> {
  running.value = true;
  outcome.value = null;
  try {
    outcome.value = await order<Answer>(policy, "what-if", { yaml, hours: hours.peek() });
  } catch (error) {
    askSession(error);
    outcome.value = error instanceof Error ? error : new Error(String(error));
  } finally {
    running.value = false;
  }
}

type Row = { name: string; show: (it: Played) => string; by: (it: Played) => number | null };

/** Less is better in every row. */
const ROWS: readonly Row[] = [
  { name: "Cost in all", by: (it) => it.total_cost, show: (it) => dollars(it.total_cost) },
  { name: "Burst", by: (it) => it.burst_cost, show: (it) => dollars(it.burst_cost) },
  { name: "Base", by: (it) => it.base_cost, show: (it) => dollars(it.base_cost) },
  { name: "Late jobs", by: (it) => it.late_jobs, show: (it) => `${count(it.late_jobs)}${it.late_share === null ? "" : ` (${(it.late_share * 100).toFixed(2)}%)`}` },
  { name: "Longest wait", by: (it) => it.wait_max_seconds, show: (it) => duration(it.wait_max_seconds) },
  { name: "Usual wait", by: (it) => it.wait_p50_seconds, show: (it) => duration(it.wait_p50_seconds) },
  { name: "Launches", by: (it) => it.launches, show: (it) => count(it.launches) },
];

function change({ by }: Row, { current, edited }: Answer): View {
  const before = by(current);
  const after = by(edited);
  if (before === null || after === null) return html`<span class="unknown">unknown</span>` as VNode;
  if (before === after) return html`<span class="note">the same</span>` as VNode;
  const size = before > 0 ? ` ${percent(Math.abs(after - before) / before)}` : "";
  return html`<${Chip} kind=${after < before ? "action" : "trouble"}>${after < before ? "▼" : "▲"}${size || " more"}<span class="sr">${after < before ? " less" : " more"}</span><//>` as VNode;
}

function columns(answer: Answer): readonly Column<Row>[] {
  return [
    { name: "Figure", isText: true, show: ({ name }) => name },
    { name: "In force", show: ({ show }) => show(answer.current) },
    { name: "Edited", show: ({ show }) => show(answer.edited) },
    { name: "Change", show: (row) => change(row, answer) },
  ];
}

const SIGNS = { "+": "added", "-": "removed", "@": "place" } as const;

function Diff({ of }: { of: string }): View {
  return html`<pre class="diff" tabindex="0" aria-label="Changes of the policy">${of
    .split("\n")
    .map((line) => html`<span class=${`line-${SIGNS[line[0] as keyof typeof SIGNS] ?? "same"}`}>${line}${"\n"}</span>`)}</pre>` as VNode;
}

const copied = signal("");

function Copy({ text, name }: { text: string; name: string }): View {
  const copy = async () => {
    copied.value = await navigator.clipboard.writeText(text).then(
      () => `${name} copied`,
      () => "this browser does not let it be copied",
    );
  };
  return html`<button type="button" class="button small" onClick=${copy}>Copy ${name}</button>` as VNode;
}

function verdict({ current, edited }: Answer): string {
  const [before, after] = [current.total_cost, edited.total_cost];
  const money = before === null || after === null ? "What it would have cost is unknown" : after === before ? "It would have cost the same" : `It would have cost ${dollars(Math.abs(after - before))} ${after < before ? "less" : "more"}`;
  const late = edited.late_jobs === null ? "how many jobs would have been late is unknown" : edited.late_jobs === 0 ? "no job would have been late" : `${count(edited.late_jobs)} jobs would have been late, against ${count(current.late_jobs)}`;
  return `${money}, and ${late}.`;
}

function Outcome({ answer }: { answer: Answer }): View {
  const { arrivals, gaps_seconds: gaps, differences, diff, kubectl, how, edited } = answer;
  const when = (at: string) => `${day(instant(at))} ${clock(instant(at))}`;
  return html`<${Section} id="outcome" title="What would have been" class="whole" note=${`${when(answer.from)} to ${when(answer.to)}, ${count(arrivals)} images`}>
      <p class="sentence" role="status">${verdict(answer)}</p>
      ${edited.budget_exceeded && html`<p><${Chip} kind="bad">The edited policy would have been over its budget<//></p>`}
      ${gaps > 0 && html`<p><${Chip} kind="trouble">${duration(gaps)} were not recorded and count as without arrivals<//></p>`}
      <${Table} id="what-if-table" label="Both policies" columns=${columns(answer)} groups=${[{ key: "all", rows: ROWS }]} keyOf=${(row: Row) => row.name} />
      <${Courses} answer=${answer} />
      <p class="note">${how}</p>
    <//>
    <${Section} id="diff" title="The change" class="half" tools=${html`<span class="buttons"><${Copy} text=${diff} name="diff" /><${Copy} text=${kubectl} name="command" /></span>`}>
      ${diff ? html`<${Diff} of=${diff} />` : html`<p class="empty">Nothing was changed: both are the policy in force.</p>`}
      <p class="note" role="status">${copied.value}</p>
    <//>
    <${Section} id="differences" title="Decided otherwise" class="half" note=${differences ? `${count(differences.different)} of ${count(differences.plans)} plans` : undefined}>
      ${differences
        ? differences.first.length === 0
          ? html`<p class="empty">Every recorded moment would have been decided in the same way.</p>`
          : html`<ol class="actions">${differences.first.map((it) => html`<li><time datetime=${it.at}>${when(it.at)}</time><span class="line-removed">${it.recorded}</span><span class="line-added">${it.edited}</span></li>`)}</ol>`
        : html`<p class="empty">The journal does not reach these hours: only the simulator speaks.</p>`}
    <//>` as unknown as VNode;
}

function Problems({ of }: { of: readonly NonNullable<Problem["problems"]>[number][] }): View {
  return html`<ol class="problems">
    ${of.map(({ path, line, column, message, help }) => html`<li><strong>${line === null ? path : `line ${line}${column === null ? "" : `, column ${column}`}`}</strong> ${line === null ? "" : html`<code>${path}</code>`} ${message}${help ? html` <span class="note">${help}</span>` : null}</li>`)}
  </ol>` as VNode;
}

function Editor({ policy, manifest }: { policy: string; manifest: Manifest }): View {
  const text = draft.value ?? manifest.yaml;
  const failed = outcome.value instanceof Error ? outcome.value : null;
  const reset = () => {
    draft.value = null;
    outcome.value = null;
  };
  return html`<form
    onSubmit=${(event: Event) => {
      event.preventDefault();
      void run(policy, text);
    }}
  >
    <textarea
      class="editor"
      aria-label="Policy as YAML"
      aria-invalid=${problems.value.length > 0 ? "true" : undefined}
      aria-describedby="what-if-failure"
      spellcheck=${false}
      rows="18"
      value=${text}
      onInput=${(event: InputEvent) => {
        draft.value = (event.currentTarget as HTMLTextAreaElement).value;
      }}
    ></textarea>
    <div id="what-if-failure" role="alert">${failed && html`<p class="failure">${told(failed)}</p><${Problems} of=${problems.value} />`}</div>
    <div class="buttons">
      <button type="button" class="button" disabled=${draft.value === null} onClick=${reset}>Back to the policy in force</button>
      <button class="button button-main" disabled=${running.value}>${running.value ? "Playing …" : "Play"}</button>
    </div>
  </form>` as VNode;
}

export function WhatIf({ policy }: { policy: Policy }): View {
  const manifest = useResource<Manifest>(`policies/${encodeURIComponent(policy.name)}/manifest`, 60);
  const answer = outcome.value;
  return html`<${Section}
      id="what-if"
      title="What if"
      class="whole"
      note="edit the policy, play it over what was recorded; nothing is changed"
      tools=${html`<${Segments}
        label="Hours to play"
        of=${HOURS}
        value=${hours.value}
        choose=${(next: number) => {
          hours.value = next;
        }}
      />`}
    >
      <${Loaded} of=${manifest}>${(value: Manifest) => html`<${Editor} policy=${policy.name} manifest=${value} />` as VNode}<//>
    <//>
    ${answer && !(answer instanceof Error) && html`<${Outcome} answer=${answer} />`}` as unknown as VNode;
}
