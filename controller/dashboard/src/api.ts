// How the page asks the controller, and what it makes of a refusal.

import type { Problem } from "./contract.ts";

/** An answer that was none: what the controller said, or that it did not answer. */
export class Refusal extends Error {
  constructor(
    detail: string,
    /** 0 where there was no answer at all. */
    readonly status: number,
    readonly problem: Partial<Problem>,
  ) {
    super(detail);
  }
}

/** Tells the controller that a page of its own asks, which another site's page cannot. */
const INTENT = { "content-type": "application/json", "x-spillway-request": "1" };

async function call<T>(path: string, init: RequestInit): Promise<T> {
  let answer: Response;
  try {
    // Relative, so that it also works below another path of a proxy.
    answer = await fetch(`api/v1/${path}`, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Refusal("the controller does not answer", 0, {});
  }
  if (!answer.ok) {
    const problem = (await answer.json().catch(() => ({}))) as Partial<Problem>;
    throw new Refusal(problem.detail ?? `the controller answered ${answer.status}`, answer.status, problem);
  }
  return (answer.status === 204 ? null : await answer.json()) as T;
}

export function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return call(path, { headers: { accept: "application/json" }, ...(signal ? { signal } : {}) });
}

export function send<T>(path: string, body: unknown, method = "POST"): Promise<T> {
  return call(path, { method, headers: INTENT, body: JSON.stringify(body) });
}

/** An order about a policy: `pause`, `instances/x/drain`. */
export function order<T>(policy: string, what: string, body: unknown): Promise<T> {
  return send(`policies/${encodeURIComponent(policy)}/${what}`, body);
}

/** A refusal as a sentence; the problems of a policy come by themselves. */
export function told(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
