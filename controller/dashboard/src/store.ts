// All that the page knows, as signals. `live.ts` writes it, the views read it.

import { computed, signal } from "@preact/signals";
import { Refusal } from "./api.ts";
import type { Decision, Policy, Session, State } from "./contract.ts";
import { Past, pointOf } from "./past.ts";

/** The log keeps a few screens' worth of what comes in live and of what was asked for. */
const DECISIONS_MAX = 2_000;

export type Connection = "connecting" | "live" | "lost";

export const connection = signal<Connection>("connecting");

/** Who reads, and what they may do; none until the controller has said so. */
export const session = signal<Session | null>(null);

export const mayOperate = computed(() => session.value?.may_operate === true);

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
const STALE_AFTER_SECONDS = 6;

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

/** How far back the timeline goes. */
export const range = signal(3_600);

/** Where the timeline ends, in seconds since 1970; none is now. */
export const until = signal<number | null>(null);

/** The past of the policy and the range in view. */
export const past = signal(new Past());

/** Counts up whenever the past has changed: it is changed in place. */
export const pastVersion = signal(0);

/** What `past` is of; none while it is being read. */
export const pastOf = signal<string | null>(null);

export const pastWanted = computed(() => `${policyName.value}\n${range.value}\n${until.value ?? ""}`);

export function replacePast(of: string, next: Past): void {
  past.value = next;
  pastOf.value = of;
  pastVersion.value += 1;
}

/** Decisions of all policies, newest first. */
export const decisions = signal<readonly Decision[]>([]);

export const policyDecisions = computed(() =>
  decisions.value.filter((decision) => decision.policy === policyName.value),
);

/** Policies whose log has been read since the connection was made. */
export const loaded = signal<ReadonlySet<string>>(new Set());

/** The decision that was asked for and is not kept. */
export const missing = signal<string | null>(null);

/** The moment the reader points at in the timeline, in seconds since 1970. */
export const cursorAt = signal<number | null>(null);

export function takeState(next: State): void {
  if (next.at !== state.peek()?.at) freshAt.value = performance.now() / 1000;
  state.value = next;
  const current = policy.peek();
  if (!current || until.peek() !== null || pastOf.peek() !== pastWanted.peek()) return;
  past.peek().push(pointOf(next.at, current));
  pastVersion.value += 1;
}

export function takeDecisions(fresh: readonly Decision[]): void {
  const byId = new Map(decisions.peek().map((decision) => [decision.id, decision]));
  for (const decision of fresh) byId.set(decision.id, decision);
  decisions.value = [...byId.values()].sort((a, b) => b.id - a.id).slice(0, DECISIONS_MAX);
}

export function choose(name: string): void {
  chosen.value = name;
  cursorAt.value = null;
  const url = new URL(location.href);
  url.searchParams.set("policy", name);
  history.pushState(null, "", url);
}

/** A path that asks about the policy in view. */
export function about(path: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}policy=${encodeURIComponent(policyName.value ?? "")}`;
}

/** Counts up when the session has to be asked for anew. */
export const sessionAsked = signal(0);

/** A session may end at any time: after a 401 it is asked for again. */
export function askSession(error: unknown): void {
  if (error instanceof Refusal && error.status === 401) sessionAsked.value += 1;
}
