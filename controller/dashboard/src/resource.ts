// What a screen reads by request beside the stream: read when it opens, again every so often, and after orders.

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { read } from "./api.ts";
import { clock } from "./format.ts";
import { askSession } from "./store.ts";

export type Resource<T> = {
  /** The last answer; stays when a later request fails. */
  value: T | null;
  error: unknown;
  /** When the value came, in seconds since 1970. */
  at: number;
};

/** Counts up when what was read may have changed: an order, a new connection. */
const stirred = signal(0);

export function stir(): void {
  stirred.value += 1;
}

const NOTHING = { value: null, error: null, at: 0 };

export function useResource<T>(path: string, everySeconds: number): Resource<T> {
  const [held, hold] = useState<Resource<T> & { path: string }>({ ...NOTHING, path });
  const stirs = stirred.value;
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const again = async () => {
      try {
        const value = await read<T>(path, abort.signal);
        hold({ value, error: null, at: Date.now() / 1000, path });
      } catch (error) {
        if (abort.signal.aborted) return;
        hold((last) => ({ ...(last.path === path ? last : NOTHING), error, path }));
        askSession(error);
      }
      timer = setTimeout(again, everySeconds * 1000);
    };
    void again();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [path, everySeconds, stirs]);
  // The answer to another question is none to this one.
  return held.path === path ? held : NOTHING;
}

/** Since when a value is not refreshed any more; empty while it is. */
export function agedText({ value, error, at }: Resource<unknown>): string {
  return value !== null && error !== null ? `as of ${clock(at)}; it cannot be read again` : "";
}
