import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

/** @type {typeof import("../src/format.ts")} */
const format = await load("format.ts");

/** @template T @param {(input: T) => string} written @param {[T, string][]} cases */
function check(written, cases) {
  for (const [input, expected] of cases) {
    assert.equal(written(input), expected, `of ${JSON.stringify(input)}`);
  }
}

test("unknown is never a number", () => {
  for (const written of [format.count, format.compact, format.rate, format.duration, format.dollars, format.dollarsPerHour, format.percent, format.clock, format.moment]) {
    check(written, [[null, "unknown"], [undefined, "unknown"], [Number.NaN, "unknown"], [Infinity, "unknown"]]);
  }
});

test("counts have separators", () => {
  check(format.count, [[0, "0"], [999, "999"], [12_345, "12,345"], [1_000_000_000, "1,000,000,000"]]);
  check(format.compact, [[0, "0"], [0.5, "0.5"], [999, "999"], [1_000, "1k"], [1_240, "1.2k"], [12_345, "12k"], [999_960, "1M"], [2_500_000, "2.5M"], [4e9, "4G"]]);
});

test("rates are per second, with a decimal while it matters", () => {
  check(format.rate, [[0, "0.0/s"], [42.06, "42.1/s"], [99.94, "99.9/s"], [99.96, "100/s"], [1_234.4, "1,234/s"]]);
});

test("durations have two units at most and never sixty of one", () => {
  check(format.duration, [
    [0, "0s"], [0.4, "0s"], [45, "45s"], [59.6, "1m"], [100, "1m 40s"], [3_599.7, "1h"], [3_600, "1h"],
    [7_500, "2h 5m"], [86_399, "1d"], [86_400, "1d"], [273_600, "3d 4h"], [-40, "−40s"],
  ]);
});

test("money shows what moves", () => {
  check(format.dollars, [
    [0, "$0.00"], [0.00001, "<$0.0001"], [0.0623, "$0.0623"], [0.09999, "$0.10"], [1.234, "$1.23"], [1_234.5, "$1,234.50"], [-1.5, "−$1.50"],
  ]);
  check(format.dollarsPerHour, [[5.28, "$5.28/h"]]);
});

test("times of nine digits are read", () => {
  assert.equal(format.instant("2026-05-12T09:00:00.123456789Z"), Date.UTC(2026, 4, 12, 9, 0, 0, 123) / 1000);
  assert.equal(format.instant("2026-05-12T11:00:00+02:00"), Date.UTC(2026, 4, 12, 9) / 1000);
  assert.equal(format.instant("soon"), null);
});

test("free-form numbers are written by what their names say", () => {
  assert.deepEqual(
    format.flatten({
      backlog: null,
      arrival_rate: 42.06,
      drain_eta_seconds: 100,
      drain_within: "PT3M",
      cost_per_hour: 5.28,
      is_leader: true,
      desired: { base: 2, "cloud-a10": 3 },
      mode: "Enforce",
      load: 0.123456,
    }),
    [
      ["backlog", "unknown"],
      ["arrival rate", "42.1/s"],
      ["drain eta", "1m 40s"],
      ["drain within", "3m"],
      ["cost now", "$5.28/h"],
      ["is leader", "yes"],
      ["desired › base", "2"],
      ["desired › cloud-a10", "3"],
      ["mode", "Enforce"],
      ["load", "0.1235"],
    ],
  );
});
