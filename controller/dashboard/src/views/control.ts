// What people order: pause, resume, override, each with a reason and an end; and who ordered what.

import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { order, send } from "../api.ts";
import type { Order, OrderEntry, Policy, Session } from "../contract.ts";
import { clock, count, day, duration, instant, moment, span } from "../format.ts";
import { useResource } from "../resource.ts";
import { about, mayOperate, session, state } from "../store.ts";
import { ask, Reason, useOrder } from "./ask.ts";
import { Chip, Empty, html, Loaded, Section, type View } from "./html.ts";
import { SignIn } from "./sign-in.ts";
import { type Column, Table } from "./table.ts";

/** Nothing is ordered for ever. */
const SPANS = [
  [900, "15 minutes"],
  [3_600, "1 hour"],
  [14_400, "4 hours"],
  [43_200, "12 hours"],
  [86_400, "1 day"],
  [604_800, "7 days"],
] as const;

function Until(): View {
  return html`<label class="field"><span>For</span>
    <select name="seconds">${SPANS.map(([seconds, name]) => html`<option value=${seconds} selected=${seconds === 3_600}>${name}</option>`)}</select>
  </label>` as VNode;
}

type FormProps = { policy: string; what: "pause" | "override"; button: string; children?: unknown };

/** A form whose fields are the order's. */
function Form({ policy, what, button, children }: FormProps): View {
  const { isBusy, failure, give } = useOrder();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const { seconds, workers, ...rest } = Object.fromEntries(new FormData(form)) as Record<string, string>;
    const body = { ...rest, ...(workers === undefined ? {} : { workers: Number(workers) }), expires_in_seconds: Number(seconds) };
    if (await give(() => order(policy, what, body))) form.reset();
  };
  return html`<form onSubmit=${submit}>
    <fieldset disabled=${!mayOperate.value || isBusy}>
      <div class="fields">${children}<${Until} /></div>
      <${Reason} />
      <button class="button button-main">${button}</button>
    </fieldset>
    <p class="failure" role="alert">${failure}</p>
  </form>` as VNode;
}

function Ends({ of: { by, at, until, reason } }: { of: Order }): View {
  return html`<p class="sentence">“${reason}”</p>
    <p class="meta"><span>by ${by}, ${day(instant(at))} ${clock(instant(at))}</span>
    ${until && html`<span>ends in ${duration(span(until, state.value?.at))}, at ${moment(instant(until))}</span>`}</p>` as unknown as VNode;
}

function Pause({ policy: { name, pause } }: { policy: Policy }): View {
  const resume = () =>
    ask({
      title: `Resume ${name}?`,
      text: "From the next tick on it buys, gives back and scales again.",
      button: "Resume",
      run: (reason) => order(name, "resume", { reason }),
    });
  return html`<${Section} id="pause" title="Pause" class="half" note=${pause ? html`<${Chip} kind="trouble">Paused<//>` : "not paused"}>
    ${pause
      ? html`<${Ends} of=${pause} /><button type="button" class="button button-main" disabled=${!mayOperate.value} onClick=${resume}>Resume</button>`
      : html`<p class="explain">Nothing is bought, given back or scaled. What was begun is finished, and dead machines are still ended: money stops as ever.</p>
          <${Form} policy=${name} what="pause" button="Pause" />`}
  <//>` as VNode;
}

const SHAPES = { fixed: "exactly", floor: "at least" } as const;

function Override({ policy: { name, overrides, pools } }: { policy: Policy }): View {
  const bought = pools.filter(({ kind }) => kind === "burst");
  const release = ({ pool }: Order) =>
    ask({
      title: `Release ${pool}?`,
      text: "From the next tick on the planner alone says how many machines it has.",
      button: "Release",
      run: (reason) => order(name, "release", { pool, reason }),
    });
  return html`<${Section} id="override" title="Override" class="half" note=${overrides.length === 0 ? "none" : undefined}>
    ${overrides.map(
      (each) => html`<div class="part" key=${each.id}>
        <h3>${each.pool}: ${each.shape && SHAPES[each.shape]} ${count(each.workers)}</h3>
        <${Ends} of=${each} />
        <button type="button" class="button" disabled=${!mayOperate.value} onClick=${() => release(each)}>Release</button>
      </div>`,
    )}
    ${bought.length === 0
      ? html`<${Empty}>The policy names no place where machines can be bought.<//>`
      : html`<p class="explain">So many machines of a bought pool, whatever the planner thinks. Caps and budgets hold all the same.</p>
          <${Form} policy=${name} what="override" button="Override">
            <label class="field"><span>Pool</span><select name="pool">${bought.map((pool) => html`<option>${pool.name}</option>`)}</select></label>
            <label class="field"><span>Shape</span><select name="shape"><option value="floor">at least</option><option value="fixed">exactly</option></select></label>
            <label class="field"><span>Machines</span><input name="workers" type="number" min="0" max="10000" required value="1" /></label>
          <//>`}
  <//>` as VNode;
}

const ENTRIES: readonly Column<OrderEntry>[] = [
  { name: "When", isText: true, by: (it) => it.at, show: (it) => html`<time datetime=${it.at}>${day(instant(it.at))} ${clock(instant(it.at))}</time>` },
  { name: "Who", isText: true, by: (it) => it.by, show: (it) => it.by ?? "nobody known", more: (it) => [it.known_by, it.from].filter(Boolean).join(", ") },
  {
    name: "What",
    isText: true,
    by: (it) => it.kind,
    show: (it) => `${it.kind} ${it.intent ?? it.pool ?? ""} ${it.shape ? `${SHAPES[it.shape as keyof typeof SHAPES] ?? it.shape} ${count(it.workers)}` : ""}`.trim(),
    more: (it) => it.until && `until ${day(instant(it.until))} ${clock(instant(it.until))}`,
  },
  { name: "Why", isText: true, show: (it) => it.reason ?? "–" },
  { name: "Outcome", isText: true, show: (it) => (it.accepted ? html`<${Chip} kind="action">accepted<//>` : html`<${Chip} kind="bad">refused<//>`), more: (it) => it.refusal },
];

const isLeaving = signal(false);

function SignedIn({ who }: { who: Session }): View {
  if (who.known_by !== "token" && who.known_by !== "kubernetes") return null;
  const leave = async () => {
    isLeaving.value = true;
    await send("session", {}, "DELETE").catch(() => undefined);
    location.reload();
  };
  return html`<p class="note">Signed in as ${who.user}. <button type="button" class="button small" disabled=${isLeaving.value} onClick=${leave}>Sign out</button></p>` as VNode;
}

export function Control({ policy }: { policy: Policy }): View {
  const orders = useResource<OrderEntry[]>(about("orders?limit=200"), 30);
  const who = session.value;
  return html`${who && !who.may_operate && html`<div class="whole"><${SignIn} /></div>`}
    <${Pause} policy=${policy} />
    <${Override} policy=${policy} />
    <${Section} id="audit" title="Who ordered what" class="whole" note="the newest 200, refused ones too">
      <${Loaded} of=${orders}>
        ${(entries: OrderEntry[]) => html`<${Table} id="audit-table" label="Orders" columns=${ENTRIES} groups=${[{ key: "all", rows: entries }]} keyOf=${(it: OrderEntry) => it.id} empty="Nobody has ordered anything yet." />` as VNode}
      <//>
      ${who && html`<${SignedIn} who=${who} />`}
    <//>` as unknown as VNode;
}
