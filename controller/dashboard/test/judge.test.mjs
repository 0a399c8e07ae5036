import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";
import { Scene } from "./scene.mjs";

/** @import { Action, Policy } from "../src/contract.ts" */
/** @import { Point } from "../src/past.ts" */

/** @type {typeof import("../src/judge.ts")} */
const judge = await load("judge.ts");
/** @type {typeof import("../src/past.ts")} */
const { Past, pointOf } = await load("past.ts");
/** @type {typeof import("../src/chart/scale.ts")} */
const { moments, stepFor, ticks } = await load("chart/scale.ts");

/** @param {Partial<Policy>} change @returns {Policy} */
function policy(change) {
  const [base] = new Scene().run(5).state().policies;
  assert(base);
  return { ...base, backlog: 1_000, drain_eta_seconds: 60, oldest_age_seconds: 5, hold: null, ...change };
}

const hold = { code: "ArrivalsUnknown", text: "arrivals have not been watched for long enough", trouble: false };

test("the standing is what has happened before what is foreseen", () => {
  /** @type {[string, Partial<Policy>, string][]} */
  const cases = [
    ["in time", {}, "on-time"],
    ["jobs will be late", { late_jobs: 3 }, "at-risk"],
    ["the ETA is past the deadline", { drain_eta_seconds: 181 }, "at-risk"],
    ["never", { drain_eta_seconds: null }, "at-risk"],
    ["a job is late already", { oldest_age_seconds: 181, hold }, "late"],
    ["held", { hold }, "holding"],
    ["the backlog is unknown", { backlog: null, hold }, "unknown"],
    ["the ETA is unknown", { drain_eta_seconds: null, arrival_rate: null }, "unknown"],
  ];
  for (const [name, change, expected] of cases) assert.equal(judge.standing(policy(change)), expected, name);
});

test("a sum of which a part is unknown is unknown", () => {
  assert.equal(judge.sumOf(1.5, 2), 3.5);
  assert.equal(judge.sumOf(0, 0), 0);
  for (const parts of [[null, 2], [2, null], [null, null], [undefined, 1]]) assert.equal(judge.sumOf(...parts), null, JSON.stringify(parts));
});

test("an ETA that is not there is never only where all it needs is known", () => {
  const none = { drain_eta_seconds: null };
  assert.equal(judge.drainEta(policy(none)).kind, "never");
  assert.equal(judge.drainEta(policy({ ...none, backlog: null })).kind, "unknown");
  assert.equal(judge.drainEta(policy({ ...none, partitions_known: 3 })).kind, "unknown");
  assert.equal(judge.drainEta(policy({ ...none, arrival_rate: null })).kind, "unknown");
  assert.equal(judge.drainEta(policy({ backlog: 0, drain_eta_seconds: 0 })).kind, "clear");
});

test("the bar ends at the deadline, and goes on in red", () => {
  /** @param {number} seconds */
  const parts = (seconds) => judge.barParts(judge.drainEta(policy({ drain_eta_seconds: seconds })), 180);
  assert.deepEqual(parts(90), { done: 0.375, over: 0, isCut: false });
  assert.deepEqual(parts(180), { done: 0.75, over: 0, isCut: false });
  assert.deepEqual(parts(225), { done: 0.75, over: 0.1875, isCut: false });
  assert.deepEqual(parts(9_000), { done: 0.75, over: 0.25, isCut: true });
});

test("one huge partition does not make the others look empty", () => {
  assert.equal(judge.heat(0, 1e6), 0);
  assert.equal(judge.heat(1, 1e6), 1);
  assert.equal(judge.heat(1e6, 1e6), judge.HEAT_STEPS);
});

test("a marker says whether there are more workers or fewer, of the base too", () => {
  const [decision] = new Scene().run(5).decisions;
  assert(decision);
  /** @param {[verb: string, from?: number, to?: number][]} actions */
  const marker = (...actions) =>
    judge.markerOf({
      ...decision,
      hold: null,
      reasons: [],
      actions: actions.map(([verb, from = null, to = null]) => /** @type {Action} */ ({ verb, from, to, code: "x", intent: "x", pool: "x", why: "", outcome: null })),
    });
  assert.equal(marker(["Launch"]), "grow");
  assert.equal(marker(["Adopt"]), "grow");
  assert.equal(marker(["ScaleBase", 2, 8]), "grow");
  assert.equal(marker(["ScaleBase", 8, 2]), "shrink");
  assert.equal(marker(["Drain"]), "shrink");
  assert.equal(marker(["Drain"], ["Launch"]), "grow");
  assert.equal(marker(), "note");
});

/** @param {number} second @param {Partial<Policy>} [change] @returns {Point} */
const point = (second, change = {}) => pointOf(new Date(second * 1000).toISOString(), policy({ backlog: null, ...change }));

test("the past keeps its span, in order, and null as null", () => {
  const past = new Past(1, 300);
  for (let second = 1; second < 1_000; second += 1) past.push(point(second));
  past.push(point(10));
  assert(past.at.length >= 300 && past.at.length <= 340, `${past.at.length} points`);
  assert.equal(past.at.at(-1), 999);
  assert.equal(past.columns.backlog.length, past.at.length);
  assert.equal(past.columns.backlog[0], null);
});

test("a long step says what is so now, and the largest backlog in it", () => {
  const past = new Past(60, 86_400);
  past.push(point(60, { backlog: 10 }));
  for (const [second, backlog] of [[61, 500], [62, 20], [90, 30]]) past.push(point(second ?? 0, { backlog: backlog ?? 0 }));
  assert.deepEqual([past.at, past.columns.backlog], [[90], [500]]);
  past.push(point(121, { backlog: 7 }));
  assert.deepEqual([past.at, past.columns.backlog], [[90, 121], [500, 7]]);
});

test("grid lines are at round numbers and at round moments of the reader's clock", () => {
  assert.equal(stepFor(900, 3), 500);
  assert.equal(stepFor(0.1, 3), 0.05);
  assert.equal(stepFor(200, 3, [60, 120, 300]), 120);
  assert.deepEqual(ticks(1_000, 500), [0, 500, 1_000]);
  const india = 5.5 * 3_600;
  const { step, at } = moments(1_000_000, 1_000_000 + 6 * 3_600, 8, india);
  assert.equal(step, 3_600);
  assert(at.length >= 5 && at.every((each) => (each + india) % 3_600 === 0), String(at));
  assert.deepEqual(moments(10, 20, 5, 0), { step: 2, at: [10, 12, 14, 16, 18, 20] });
});
