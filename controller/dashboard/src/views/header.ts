import type { VNode } from "preact";
import type { Policy } from "../contract.ts";
import { duration } from "../format.ts";
import { STANDING_TEXT, type Standing, standing } from "../judge.ts";
import { ageSeconds, choose, connection, isStale, policy, state } from "../store.ts";
import { html, type View } from "./html.ts";

/** A shape per standing, so that it does not hang on colour. */
const STANDING_GLYPH: Record<Standing, string> = {
  "on-time": "M3.500 8.500l3 3 6-7",
  "at-risk": "M8 3v6.500M8 12.800v.2",
  late: "M4 4l8 8M12 4l-8 8",
  holding: "M5.500 3.500v9M10.500 3.500v9",
  unknown: "M5.300 5.800a2.700 2.700 0 1 1 3.700 2.500c-.7.300-1 .8-1 1.500M8 12.800v.2",
};

export function Badge({ of }: { of: Standing }): View {
  return html`<span class=${`badge badge-${of}`}>
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d=${STANDING_GLYPH[of]} /></svg>
    ${STANDING_TEXT[of]}
  </span>` as VNode;
}

const CONNECTION_TEXT = { connecting: "Connecting", live: "Live", lost: "Connection lost" } as const;

/** The connection, and how old what is shown is: they are two things. */
function ConnectionState(): View {
  const age = ageSeconds.value;
  const kind = connection.value === "live" && isStale.value ? "stale" : connection.value;
  const text = kind === "stale" ? "No news" : CONNECTION_TEXT[connection.value];
  return html`<div class=${`connection connection-${kind}`}>
    <span class="connection-age">${age === null ? "" : age < 2 ? "as of now" : `as of ${duration(Math.floor(age))} ago`}</span>
    <span class="dot" aria-hidden="true"></span>
    <span class="connection-text">${text}</span>
  </div>` as VNode;
}

/** Over the page rather than in it, so that nothing moves when it comes and goes. */
export function StaleNotice(): View {
  const age = ageSeconds.value;
  const isShown = isStale.value && age !== null;
  const what = connection.value === "lost" ? "Connection to the controller lost; trying again." : "The controller sends nothing new.";
  return html`<div class="notice-place">
    ${isShown &&
    html`<div class="notice">
      <strong>${what}</strong> <span>What is shown is ${duration(Math.floor(age))} old.</span>
    </div>`}
  </div>` as VNode;
}

/** Says changes to a screen reader once, not every second. */
export function Announcer(): View {
  const current = policy.value;
  const link = connection.value === "lost" ? "Connection lost. " : "";
  return html`<div class="sr" role="status">${link}${current ? `${current.name}: ${STANDING_TEXT[standing(current)]}` : ""}</div>` as VNode;
}

function PolicySwitch({ policies, current }: { policies: readonly Policy[]; current: string }): View {
  if (policies.length < 2) return null;
  const pick = (event: MouseEvent, name: string) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    choose(name);
  };
  return html`<nav class="policies" aria-label="Policies">
    ${policies.map(
      (each) => html`<a
        key=${each.name}
        href=${`?policy=${encodeURIComponent(each.name)}`}
        aria-current=${each.name === current ? "page" : undefined}
        onClick=${(event: MouseEvent) => pick(event, each.name)}
      >
        <span class=${`dot dot-${standing(each)}`} aria-hidden="true"></span>${each.name}<span class="sr">, ${STANDING_TEXT[standing(each)]}</span>
      </a>`,
    )}
  </nav>` as VNode;
}

export function Header(): View {
  const current = policy.value;
  return html`<header class=${isStale.value ? "top is-stale" : "top"}>
    <div class="top-row">
      <span class="brand">
        <img src="icon.svg" width="22" height="22" alt="" />
        <span>Spillway</span>
      </span>
      <h1>${current?.name ?? "Dashboard"}</h1>
      ${current && html`<${Badge} of=${standing(current)} />`}
      <${ConnectionState} />
    </div>
    ${current && html`<${PolicySwitch} policies=${state.value?.policies ?? []} current=${current.name} />`}
  </header>` as VNode;
}
