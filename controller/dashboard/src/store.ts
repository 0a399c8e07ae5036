// All that the page knows, as signals. `live.ts` writes it, the views read it.

import { computed, signal } from "@preact/signals";
import type { Decision, Policy, State } from "./contract.ts";
import { Past, pointOf } from "./past.ts";

/** The log keeps a few screens' worth of what comes in live, beside the 200 it starts with. */
const DECISIONS_MAX = 1_000;

export type Connection = "connecting" | "live" | "lost";

export const connection = signal<Connection>("connecting");

/** The latest state; none until the controller has answered. */
export const state = signal<State | null>(null);

/** When `state.at` last moved on, by this machine's monotonic clock in seconds: immune to clocks that differ. */
export const freshAt = signal<number | null>(null);

/** The monotonic clock, once a second. */
export const now = signal(performance.now() / 1000);

/** How old what is shown is; none before there is anything. */
export const ageSeconds = computed(() =>
  freshAt.value === null ? null : Math.max(0, now.value - freshAt.value),
);

/** Old enough to be said loudly: the controller sends a state every second. */
export const STALE_AFTER_SECONDS = 6;

export const isStale = computed(
  () => connection.value === "lost" || (ageSeconds.value ?? 0) > STALE_AFTER_SECONDS,
);

/** The policy the reader chose, by name. */
export const chosen = signal<string | null>(new URLSearchParams(location.search).get("policy"));

export const policy = computed<Policy | null>(() => {
  const policies = state.value?.policies ?? [];
  return policies.find(({ name }) => name === chosen.value) ?? policies[0] ?? null;
});

export const policyName = computed(() => policy.value?.name ?? null);

const pasts = new Map<string, Past>();

/** Counts up whenever a past has changed: pasts are changed in place. */
export const pastVersion = signal(0);

export function pastOf(name: string): Past {
  let past = pasts.get(name);
  if (!past) pasts.set(name, (past = new Past()));
  return past;
}

export function replacePast(name: string, past: Past): void {
  pasts.set(name, past);
  pastVersion.value += 1;
}

/** Decisions of all policies, newest first. */
export const decisions = signal<readonly Decision[]>([]);

export const policyDecisions = computed(() =>
  decisions.value.filter((decision) => decision.policy === policyName.value),
);

/** Policies whose log and past have been read since the connection was made. */
export const loaded = signal<ReadonlySet<string>>(new Set());

/** The decision the address points at. */
export const linkedDecision = signal<number | null>(null);

/** Decisions that are unfolded in the log. */
export const openDecisions = signal<ReadonlySet<number>>(new Set());

/** The moment the reader points at in the timeline, in seconds since 1970. */
export const cursorAt = signal<number | null>(null);

export function takeState(next: State): void {
  if (next.at !== state.peek()?.at) freshAt.value = performance.now() / 1000;
  state.value = next;
  for (const each of next.policies) pastOf(each.name).push(pointOf(next.at, each));
  pastVersion.value += 1;
}

export function takeDecisions(fresh: readonly Decision[]): void {
  const byId = new Map(decisions.peek().map((decision) => [decision.id, decision]));
  for (const decision of fresh) byId.set(decision.id, decision);
  decisions.value = [...byId.values()].sort((a, b) => b.id - a.id).slice(0, DECISIONS_MAX);
}

export function setOpen(id: number, isOpen: boolean): void {
  if (openDecisions.peek().has(id) === isOpen) return;
  const next = new Set(openDecisions.peek());
  if (isOpen) next.add(id);
  else next.delete(id);
  openDecisions.value = next;
}

export function choose(name: string): void {
  chosen.value = name;
  cursorAt.value = null;
  const url = new URL(location.href);
  url.searchParams.set("policy", name);
  url.hash = "";
  history.pushState(null, "", url);
}
