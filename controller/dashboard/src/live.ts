// Keeps the store up to date: one stream of events, and what a stream cannot give (the past) by request.

import { effect } from "@preact/signals";
import type { Decision, Point, State } from "./contract.ts";
import { Past, pointOf } from "./past.ts";
import {
  chosen,
  connection,
  decisions,
  freshAt,
  linkedDecision,
  loaded,
  now,
  policyName,
  replacePast,
  setOpen,
  state,
  takeDecisions,
  takeState,
} from "./store.ts";

const DECISIONS_LIMIT = 200;
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 15_000;
/** A stream that says nothing for so long is taken for dead, though nobody closed it. */
const SILENCE_MAX_SECONDS = 45;

async function read<T>(path: string): Promise<T> {
  // Relative, so that it also works below another path of a proxy.
  const answer = await fetch(`api/v1/${path}`, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return (await answer.json()) as T;
}

const readDecisions = (name: string) =>
  read<Decision[]>(`decisions?policy=${encodeURIComponent(name)}&limit=${DECISIONS_LIMIT}`);

/** Reads the past and the log of one policy. */
async function load(name: string): Promise<void> {
  const [points, log] = await Promise.all([
    read<Point[]>(`history?policy=${encodeURIComponent(name)}`),
    readDecisions(name),
  ]);
  const past = new Past();
  for (const point of points) past.push(point);
  const latest = state.peek();
  const current = latest?.policies.find((each) => each.name === name);
  if (latest && current) past.push(pointOf(latest.at, current));
  replacePast(name, past);
  takeDecisions(log);
  loaded.value = new Set([...loaded.peek(), name]);
}

let source: EventSource | null = null;
let retryMs = RETRY_MIN_MS;
let retry: ReturnType<typeof setTimeout> | undefined;
let heardAt = performance.now();

function open(): void {
  clearTimeout(retry);
  source?.close();
  heardAt = performance.now();
  const stream = new EventSource("api/v1/events");
  source = stream;
  stream.addEventListener("open", () => {
    retryMs = RETRY_MIN_MS;
    heardAt = performance.now();
    // What happened in between is in the history, not in the stream.
    loaded.value = new Set();
    connection.value = "live";
  });
  stream.addEventListener("state", (event: MessageEvent<string>) => {
    heardAt = performance.now();
    takeState(JSON.parse(event.data) as State);
  });
  stream.addEventListener("decision", (event: MessageEvent<string>) => {
    heardAt = performance.now();
    takeDecisions([JSON.parse(event.data) as Decision]);
  });
  stream.addEventListener("error", () => {
    if (connection.peek() === "live" || freshAt.peek() !== null) connection.value = "lost";
    // The browser tries again by itself, unless the answer was an HTTP error: then it gives up.
    if (stream.readyState === EventSource.CLOSED) {
      retry = setTimeout(open, retryMs);
      retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
    }
  });
}

function tick(): void {
  now.value = performance.now() / 1000;
  if (connection.peek() === "live" && performance.now() - heardAt > SILENCE_MAX_SECONDS * 1000) {
    connection.value = "lost";
    open();
  }
}

/** Opens what `#decision-ID` points at; looks for it in the other policies too. */
async function followHash(): Promise<void> {
  const id = Number(/^#decision-(\d+)$/.exec(location.hash)?.[1] ?? Number.NaN);
  linkedDecision.value = Number.isNaN(id) ? null : id;
  if (Number.isNaN(id)) return;
  setOpen(id, true);
  const find = () => decisions.peek().find((decision) => decision.id === id);
  if (!find()) {
    const names = state.peek()?.policies.map((each) => each.name) ?? [];
    const logs = await Promise.allSettled(names.map(readDecisions));
    for (const log of logs) if (log.status === "fulfilled") takeDecisions(log.value);
  }
  const found = find();
  if (found && found.policy !== policyName.peek()) chosen.value = found.policy;
}

/** Starts everything; called once. */
export function start(): void {
  open();
  setInterval(tick, 1_000);
  addEventListener("hashchange", () => void followHash());
  addEventListener("popstate", () => {
    chosen.value = new URLSearchParams(location.search).get("policy");
  });

  read<State>("state").then(
    (first) => {
      if (!state.peek()) takeState(first);
    },
    () => undefined, // the stream says whether there is a connection
  );

  const loading = new Set<string>();
  let hasFollowed = false;
  effect(() => {
    const name = policyName.value;
    if (name === null || connection.value !== "live" || loaded.value.has(name) || loading.has(name)) return;
    loading.add(name);
    load(name)
      // Not tried again before the next connection: the stream goes on without it.
      .catch((error: unknown) => {
        console.warn("the past could not be read", error);
        loaded.value = new Set([...loaded.peek(), name]);
      })
      .finally(() => {
        loading.delete(name);
        if (!hasFollowed) void followHash();
        hasFollowed = true;
      });
  });
}
