import type { VNode } from "preact";
import { connection, isStale, policy, state } from "../store.ts";
import { Deadline } from "./deadline.ts";
import { Figures } from "./figures.ts";
import { Fleet } from "./fleet.ts";
import { Announcer, Header, StaleNotice } from "./header.ts";
import { html, type View } from "./html.ts";
import { Log } from "./log.ts";
import { Now } from "./now.ts";
import { Partitions } from "./partitions.ts";
import { Timeline } from "./timeline.ts";

function Empty(): View {
  const text = state.value
    ? "The controller has no policy yet."
    : connection.value === "lost"
      ? "The controller does not answer; trying again."
      : "Waiting for the controller …";
  return html`<p class="empty empty-page">${text}</p>` as VNode;
}

export function App(): View {
  const current = policy.value;
  return html`<a class="skip" href="#main">To the content</a>
    <${Header} />
    <main id="main" tabindex="-1" class=${isStale.value ? "is-stale" : ""}>
      ${current
        ? html`<${Deadline} policy=${current} />
            <${Now} policy=${current} />
            <${Figures} policy=${current} />
            <${Timeline} policy=${current} />
            <${Log} />
            <${Fleet} policy=${current} />
            <${Partitions} policy=${current} />`
        : html`<${Empty} />`}
    </main>
    <footer>
      <span>Spillway ${state.value?.version ?? ""}</span>
      <span>times are those of this browser's time zone</span>
      <a href="licences.txt">Licences</a>
    </footer>
    <${StaleNotice} />
    <${Announcer} />` as unknown as VNode;
}
