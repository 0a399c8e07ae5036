import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";
import { Scene } from "./scene.mjs";

/** @import { Policy, Point, Worker } from "../src/contract.ts" */

/** @type {typeof import("../src/judge.ts")} */
const judge = await load("judge.ts");
/** @type {typeof import("../src/past.ts")} */
const { Past, POINTS_MAX, pointOf } = await load("past.ts");

/** @param {Partial<Policy>} change @returns {Policy} */
function policy(change) {
  const [base] = new Scene().run(5).state().policies;
  assert(base);
  return { ...base, backlog: 1_000, drain_eta_seconds: 60, oldest_age_seconds: 5, hold: null, ...change };
}

const hold = { code: "ArrivalsUnknown", text: "arrivals have not been watched for long enough" };

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

test("dollars per million are computed only from a speed", () => {
  /** @param {number | null} rate */
  const worker = (rate) => /** @type {Worker} */ ({ rate, price_per_hour: 3.6 });
  assert.equal(judge.dollarsPerMillion(worker(null)), null);
  assert.equal(judge.dollarsPerMillion(worker(0)), null);
  assert.equal(judge.dollarsPerMillion(worker(10)), 100);
});

test("one huge partition does not make the others look empty", () => {
  assert.equal(judge.heat(0, 1e6), 0);
  assert.equal(judge.heat(1, 1e6), 1);
  assert.equal(judge.heat(1e6, 1e6), judge.HEAT_STEPS);
});

test("the past keeps an hour, in order, and null as null", () => {
  const past = new Past();
  /** @param {number} second @returns {Point} */
  const point = (second) => ({ ...pointOf(new Date(second * 1000).toISOString(), policy({ backlog: null })) });
  for (let second = 0; second < POINTS_MAX + 500; second += 1) past.push(point(second));
  past.push(point(10));
  assert(past.at.length <= POINTS_MAX + 60);
  assert.equal(past.at.at(-1), POINTS_MAX + 499);
  const { at, columns } = past.since(300);
  assert.equal(at.length, 301);
  assert.equal(columns.backlog.length, 301);
  assert.equal(columns.backlog[0], null);
});
