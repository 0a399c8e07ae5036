// What is around every screen: menu, policy, connection, notices.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { VNode } from "preact";
import type { Policy } from "../contract.ts";
import { clock, duration, instant } from "../format.ts";
import { STANDING_TEXT, type Standing, standing } from "../judge.ts";
import { SCREENS, screen, screenName } from "../route.ts";
import { ageSeconds, choose, connection, isStale, policy, session, state } from "../store.ts";
import { Chip, html, type View } from "./html.ts";

/** A shape per standing, so that it does not hang on colour. */
const STANDING_GLYPH: Record<Standing, string> = {
  "on-time": "M3.500 8.500l3 3 6-7",
  "at-risk": "M8 3v6.500M8 12.800v.2",
  late: "M4 4l8 8M12 4l-8 8",
  holding: "M5.500 3.500v9M10.500 3.500v9",
  unknown: "M5.300 5.800a2.700 2.700 0 1 1 3.700 2.500c-.7.300-1 .8-1 1.500M8 12.800v.2",
};

function Badge({ of }: { of: Standing }): View {
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
  const isOut = session.value?.may_read === false;
  const text = isOut ? "Not signed in" : kind === "stale" ? "No news" : CONNECTION_TEXT[connection.value];
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
  return html`<aside class="notice-place" aria-label="Connection">
    ${isShown &&
    html`<div class="notice">
      <strong>${what}</strong> <span>What is shown is ${duration(Math.floor(age))} old.</span>
    </div>`}
  </aside>` as VNode;
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

/** What people changed about how the policy is followed: seen from every screen. */
function Orders({ policy: { mode, pause, overrides } }: { policy: Policy }): View {
  const until = (at: string | null) => (at === null ? "" : ` until ${clock(instant(at)).slice(0, 5)}`);
  return html`${mode === "Recommend" && html`<${Chip} kind="quiet">Recommends only<//>`}
    ${pause && html`<a href="#/control"><${Chip} kind="trouble">Paused${until(pause.until)}<//></a>`}
    ${overrides.map((each) => html`<a href="#/control" key=${each.id}><${Chip} kind="trouble">${each.pool} overridden${until(each.until)}<//></a>`)}` as VNode;
}

const isMenuOpen = signal(false);

export function Menu(): View {
  const here = screen.value;
  const close = () => {
    isMenuOpen.value = false;
  };
  return html`<header class=${`rail ${isMenuOpen.value ? "is-open" : ""}`}>
    <a class="brand" href="#/" onClick=${close}><img src="icon.svg" width="24" height="24" alt="" /> Spillway</a>
    <button
      type="button"
      class="button menu"
      aria-expanded=${isMenuOpen.value}
      aria-controls="menu"
      onClick=${() => {
        isMenuOpen.value = !isMenuOpen.value;
      }}
    >
      ${screenName.value} <span aria-hidden="true">▾</span><span class="sr">, menu</span>
    </button>
    <nav id="menu" aria-label="Screens">
      ${SCREENS.map(([id, name]) => html`<a key=${id} href=${`#/${id}`} aria-current=${id === here ? "page" : undefined} onClick=${close}>${name}</a>`)}
    </nav>
  </header>` as VNode;
}

export function Top(): View {
  const current = policy.value;
  return html`<section class=${isStale.value ? "top is-stale" : "top"} aria-label="Policy and connection">
    <div class="top-row">
      <h1>${current?.name ?? "Spillway"}</h1>
      ${current && html`<${Badge} of=${standing(current)} /><${Orders} policy=${current} />`}
      <${ConnectionState} />
    </div>
    ${current && html`<${PolicySwitch} policies=${state.value?.policies ?? []} current=${current.name} />`}
  </section>` as VNode;
}

export function Foot(): View {
  const who = session.value;
  return html`<footer>
    <span>Spillway ${state.value?.version ?? ""}</span>
    ${who && html`<span>${who.user ?? "nobody in particular"}, ${who.may_operate ? "may read and order" : who.may_read ? "may read only" : "not signed in"}</span>`}
    <span>times of this browser's zone, days of UTC</span>
    <a href="licences.txt">Licences</a>
  </footer>` as VNode;
}

/** Moves the focus to a screen that was gone to, as a new page would. */
export function useArrival(): { current: HTMLElement | null } {
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const here = screen.value;
  useEffect(() => {
    if (!first.current) {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    first.current = false;
  }, [here]);
  return main;
}
