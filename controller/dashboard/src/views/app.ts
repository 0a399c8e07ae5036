import type { ComponentChildren, VNode } from "preact";
import { useErrorBoundary } from "preact/hooks";
import { told } from "../api.ts";
import type { Policy } from "../contract.ts";
import { type ScreenId, screen, screenName } from "../route.ts";
import { connection, isStale, policy, session, state } from "../store.ts";
import { Ask } from "./ask.ts";
import { Control } from "./control.ts";
import { Cost } from "./cost.ts";
import { Decisions } from "./decisions.ts";
import { Fleet } from "./fleet.ts";
import { Health } from "./health.ts";
import { html, type View } from "./html.ts";
import { Market } from "./market.ts";
import { Overview } from "./overview.ts";
import { Partitions } from "./partitions.ts";
import { Announcer, Foot, Menu, StaleNotice, Top, useArrival } from "./shell.ts";
import { SignIn } from "./sign-in.ts";
import { Timeline } from "./timeline.ts";
import { WhatIf } from "./what-if.ts";

const VIEWS: Record<ScreenId, (props: { policy: Policy }) => View> = {
  "": Overview,
  timeline: Timeline,
  decisions: Decisions,
  fleet: Fleet,
  partitions: Partitions,
  market: Market,
  cost: Cost,
  "what-if": WhatIf,
  control: Control,
  health: Health,
};

function Nothing(): View {
  const text = state.value
    ? "The controller has no policy yet. Give it one with spillway run --policy FILE, or as a ScalingPolicy in its namespace."
    : connection.value === "lost"
      ? "The controller does not answer; trying again."
      : "Waiting for the controller …";
  return html`<p class="empty empty-page">${text}</p>` as VNode;
}

/** A fault in one screen leaves the others: it is said in its place, and to the console. */
function Guard({ children }: { children: ComponentChildren }): View {
  const [fault, again] = useErrorBoundary((error: unknown) => console.error(error));
  if (fault === undefined) return html`${children}` as VNode;
  return html`<div class="empty empty-page" role="alert">
    <p>This screen cannot be drawn: ${told(fault)}. The fault is the page's; the controller goes on.</p>
    <button type="button" class="button" onClick=${again}>Try again</button>
  </div>` as VNode;
}

function Content(): View {
  const current = policy.value;
  if (session.value && !session.value.may_read) return html`<${SignIn} />` as VNode;
  if (!current) return html`<${Nothing} />` as VNode;
  const id = screen.value;
  if (id === null) return html`<p class="empty empty-page">There is no such screen. <a href="#/">To the overview</a></p>` as VNode;
  return html`<${Guard} key=${`${id} ${current.name}`}><${VIEWS[id]} policy=${current} /><//>` as VNode;
}

export function App(): View {
  const main = useArrival();
  return html`<a
      class="skip"
      href="#main"
      onClick=${(event: Event) => {
        // The address says which screen is shown.
        event.preventDefault();
        main.current?.focus();
      }}
      >To the content</a
    >
    <${Menu} />
    <div class="page">
      <${Top} />
      <main id="main" tabindex="-1" ref=${main} aria-label=${screenName.value} class=${`screen-${screen.value || "overview"} ${isStale.value ? "is-stale" : ""}`}>
        <${Content} />
      </main>
      <${Foot} />
    </div>
    <${StaleNotice} />
    <${Ask} />
    <${Announcer} />` as unknown as VNode;
}
