// A crowd for measurements: a thousand workers, a day of samples, hundreds of decisions.

/** @import { Stand } from "./server.mjs" */
/** @import { Policy, Timeline } from "../src/contract.ts" */

export const WORKERS = 1_000;
const DAY = 86_400;
const MARKERS = 500;

/** Makes what a stand answers as large as it gets. @param {Stand} stand */
export function crowd(stand) {
  const { scene } = stand;
  const [decision] = scene.decisions;
  if (decision) {
    scene.decisions = Array.from({ length: MARKERS }, (_, i) => ({
      ...decision,
      id: MARKERS - i,
      at: new Date(Date.parse(scene.at) - (i * DAY * 1000) / MARKERS).toISOString(),
    }));
  }
  scene.alter = (/** @type {Policy} */ policy) => ({
    ...policy,
    workers: Array.from({ length: WORKERS }, (_, i) => {
      const like = policy.workers[i % policy.workers.length];
      if (!like) throw new Error("a scene without workers");
      return { ...like, id: `${like.pool}-${i}`, age_seconds: i * 11, rate: like.rate === null ? null : like.rate + (i % 17) / 10 };
    }),
  });
  stand.alter = (path, body) => (path === "timeline" ? day(body) : body);
}

/** A day of 720 points with rush hours, gaps, and markers all over. @param {Timeline} timeline @returns {Timeline} */
function day(timeline) {
  const points = 720;
  const step = DAY / points;
  const to = Date.parse(timeline.to) / 1000;
  const at = Array.from({ length: points }, (_, i) => to - DAY + (i + 1) * step);
  /** @param {(share: number, i: number) => number} wave */
  const column = (wave) => at.map((_, i) => (i % 97 === 50 ? null : wave((1 + Math.sin(i / 40)) / 2, i)));
  const burst = column((share) => Math.round(share * 900));
  return {
    ...timeline,
    from: new Date((to - DAY) * 1000).toISOString(),
    step_seconds: step,
    resolution_seconds: 60,
    at,
    series: {
      ...timeline.series,
      backlog: column((share, i) => Math.round(share * 2e6 + (i % 13) * 1e3)),
      oldest_age_seconds: column((share) => share * 150),
      drain_eta_seconds: column((share) => share * 170),
      arrival_rate: column((share, i) => share * 20_000 + (i % 7) * 90),
      service_rate: column((share) => share * 21_000 + 100),
      cost_per_hour: column((share) => share * 1_800 + 64),
      burst_cost_per_hour: column((share) => share * 1_800),
    },
    pools: {
      base: { desired: column(() => 100), ready: column(() => 100), booting: column(() => 0), draining: column(() => 0) },
      "cloud-a10": { desired: burst, ready: burst, booting: column((share) => Math.round(share * 40)), draining: column(() => 0) },
    },
    markers: Array.from({ length: MARKERS }, (_, i) => ({
      id: MARKERS - i,
      at: new Date((to - (i * DAY) / MARKERS) * 1000).toISOString(),
      kind: i % 50 === 7 ? "order" : "decision",
      launches: i % 3 === 0 ? 2 : 0,
      drains: i % 3 === 1 ? 1 : 0,
      trouble: i % 5 === 0,
      hold: i % 11 === 0,
      sentence: `Decision ${i}: launching 2 × cloud-a10.`,
    })),
  };
}
