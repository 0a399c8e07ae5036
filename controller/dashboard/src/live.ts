// Keeps the store up to date: one stream of events, and what a stream cannot give (the past) by request.

import { effect } from "@preact/signals";
import { Refusal, read } from "./api.ts";
import type { Decision, Session, State, Timeline } from "./contract.ts";
import { Past } from "./past.ts";
import { stir } from "./resource.ts";
import { screen, subject } from "./route.ts";
import {
  about,
  askSession,
  chosen,
  connection,
  decisions,
  freshAt,
  loaded,
  missing,
  now,
  past,
  pastOf,
  pastVersion,
  pastWanted,
  policy,
  policyName,
  range,
  replacePast,
  session,
  sessionAsked,
  state,
  takeDecisions,
  takeState,
  until,
} from "./store.ts";

export const DECISIONS_LIMIT = 200;
/** Enough for a point every two pixels of a wide screen. */
const POINTS = 720;
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 15_000;
/** A stream that says nothing for so long is taken for dead, though nobody closed it. */
const SILENCE_MAX_SECONDS = 45;

// === the stream ===

let source: EventSource | null = null;
let retryMs = RETRY_MIN_MS;
let retry: ReturnType<typeof setTimeout> | undefined;
let heardAt = performance.now();

function open(): void {
  close();
  heardAt = performance.now();
  const stream = new EventSource("api/v1/events");
  source = stream;
  const on = (name: string, take: (data: unknown) => void) =>
    stream.addEventListener(name, (event: MessageEvent<string>) => {
      heardAt = performance.now();
      take(JSON.parse(event.data));
    });
  stream.addEventListener("open", () => {
    retryMs = RETRY_MIN_MS;
    heardAt = performance.now();
    // What happened in between is in the history, not in the stream.
    loaded.value = new Set();
    pastOf.value = null;
    connection.value = "live";
    stir();
  });
  on("state", (data) => takeState(data as State));
  on("decision", (data) => {
    const decision = data as Decision;
    takeDecisions([decision]);
    if (decision.policy !== policyName.peek()) return;
    past.peek().mark(decision);
    pastVersion.value += 1;
  });
  on("order", stir);
  stream.addEventListener("error", () => {
    if (connection.peek() === "live" || freshAt.peek() !== null) connection.value = "lost";
    // The browser tries again by itself, unless the answer was an HTTP error: then it gives up.
    if (stream.readyState !== EventSource.CLOSED) return;
    sessionAsked.value += 1;
    retry = setTimeout(open, retryMs);
    retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
  });
}

function close(): void {
  clearTimeout(retry);
  source?.close();
  source = null;
}

function tick(): void {
  now.value = performance.now() / 1000;
  if (connection.peek() === "live" && performance.now() - heardAt > SILENCE_MAX_SECONDS * 1000) {
    connection.value = "lost";
    open();
  }
}

// === what is asked for ===

/** Runs `task` for each value that `wanted` takes, again after a failure, never twice at once for the same. */
function keep(wanted: () => string | null, task: (key: string) => Promise<void>): void {
  const running = new Set<string>();
  effect(() => {
    const key = wanted();
    if (key === null || running.has(key)) return;
    const run = () => {
      running.add(key);
      task(key)
        .then(() => running.delete(key))
        .catch((error: unknown) => {
          askSession(error);
          setTimeout(() => {
            running.delete(key);
            if (wanted() === key) run();
          }, RETRY_MAX_MS / 3);
        });
    };
    run();
  });
}

const isLive = () => connection.value === "live";

async function loadLog(name: string): Promise<void> {
  takeDecisions(await read<Decision[]>(about(`decisions?limit=${DECISIONS_LIMIT}`)));
  loaded.value = new Set([...loaded.peek(), name]);
}

async function loadPast(wanted: string): Promise<void> {
  const seconds = range.peek();
  const to = until.peek();
  const iso = (at: number) => new Date(at * 1000).toISOString();
  const span = to === null ? `from=-${seconds}s` : `from=${iso(to - seconds)}&to=${iso(to)}`;
  const timeline = await read<Timeline>(about(`timeline?${span}&points=${POINTS}`));
  if (pastWanted.peek() !== wanted) return;
  const kinds = new Map((policy.peek()?.pools ?? []).map(({ name, kind }) => [name, kind]));
  replacePast(wanted, Past.of(timeline, kinds, seconds));
}

/** The decision that the address names may be older than what was read. */
async function loadLinked(id: string): Promise<void> {
  const decision = await read<Decision>(`decisions/${id}`).catch((error: unknown) => {
    if (!(error instanceof Refusal) || error.status !== 404) throw error;
    missing.value = id;
  });
  if (!decision) return;
  takeDecisions([decision]);
  if (decision.policy !== policyName.peek()) chosen.value = decision.policy;
}

async function loadSession(): Promise<void> {
  try {
    session.value = await read<Session>("session");
  } catch (error) {
    if (session.peek() === null) connection.value = "lost";
    throw error;
  }
}

/** Starts everything; called once. */
export function start(): void {
  setInterval(tick, 1_000);
  addEventListener("popstate", () => {
    chosen.value = new URLSearchParams(location.search).get("policy");
  });
  keep(() => `${sessionAsked.value}`, loadSession);
  effect(() => {
    const mayRead = session.value?.may_read;
    if (mayRead && !source) open();
    if (mayRead === false) {
      close();
      state.value = null;
      decisions.value = [];
      connection.value = "connecting";
    }
  });
  keep(() => (isLive() && policyName.value !== null && !loaded.value.has(policyName.value) ? policyName.value : null), loadLog);
  keep(() => (isLive() && policyName.value !== null && pastOf.value !== pastWanted.value ? pastWanted.value : null), loadPast);
  keep(() => {
    const id = screen.value === "decisions" && loaded.value.has(policyName.value ?? "") ? subject.value : "";
    return /^\d+$/.test(id) && !decisions.peek().some((each) => each.id === Number(id)) ? id : null;
  }, loadLinked);
}
