// Which screen is shown: `#/fleet`, `#/decisions/12`. In the hash, so that the server has one page and any path before it works.

import { computed, signal } from "@preact/signals";

/** In the order of the menu. A new screen is an entry here and one in `views/app.ts`. */
export const SCREENS = [
  ["", "Overview"],
  ["timeline", "Timeline"],
  ["decisions", "Decisions"],
  ["fleet", "Fleet"],
  ["partitions", "Partitions"],
  ["market", "Market"],
  ["cost", "Cost"],
  ["what-if", "What if"],
  ["control", "Control"],
  ["health", "Health"],
] as const;

export type ScreenId = (typeof SCREENS)[number][0];

const hash = signal(location.hash);
addEventListener("hashchange", () => {
  hash.value = location.hash;
});

const parts = computed(() => hash.value.replace(/^#\/?/, "").split("/"));

/** None if the address names a screen that does not exist. */
export const screen = computed<ScreenId | null>(() => SCREENS.find(([id]) => id === parts.value[0])?.[0] ?? null);

/** What comes after the screen: the number of a decision. */
export const subject = computed(() => parts.value[1] ?? "");

export const screenName = computed(() => SCREENS.find(([id]) => id === screen.value)?.[1] ?? "Not found");

export function go(to: string): void {
  location.hash = `/${to}`;
}
