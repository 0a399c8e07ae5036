// How much of a browser's time the page takes at its largest. Measured and printed, not asserted: machines differ.
//
//   node test/scripting.test.mjs FILE   writes the figures to FILE as JSON as well

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { after, test } from "node:test";
import { crowd, WORKERS } from "./crowd.mjs";
import { open, ready, shut, visit } from "./open.mjs";

/** @import { Page } from "playwright-core" */

after(shut);

/** The most that a first load and the largest timeline should take, milliseconds. */
const GOAL_MS = 200;
const SECONDS_LIVE = 5;

/** @param {Page} page */
async function clock(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  return async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    const of = (/** @type {string} */ name) => (metrics.find((each) => each.name === name)?.value ?? Number.NaN) * 1000;
    return { script: of("ScriptDuration"), task: of("TaskDuration") };
  };
}

/** How long scripts took, and the main thread in all; what the test itself asks the page is in both. @param {Page} page @param {() => Promise<unknown>} work */
async function taken(page, work) {
  const read = await clock(page);
  const before = await read();
  await work();
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const { script, task } = await read();
  return { script: script - before.script, task: task - before.task };
}

test(`scripting with ${WORKERS} workers and a day of samples`, async (t) => {
  /** @type {Record<string, { script: number, task: number }>} */ const figures = {};
  await open({ set: crowd }, async (page, stand) => {
    // In a tab of its own: what it had compiled before would count as nothing, and the counts begin anew with a page.
    const cold = await page.context().browser()?.newPage();
    assert(cold);
    const read = await clock(cold);
    await cold.goto(page.url());
    await ready(cold);
    figures["first load"] = await read();
    await cold.close();
    await visit(page, "market");
    figures["timeline, 24 hours"] = await taken(page, async () => {
      await visit(page, "timeline");
      await page.getByRole("button", { name: "24h" }).click();
      await ready(page);
      await page.locator(".mark").nth(150).waitFor();
    });
    assert.equal(await page.locator(".plot canvas").count(), 5);
    figures["timeline, a second live"] = await taken(page, async () => {
      for (let i = 0; i < SECONDS_LIVE; i += 1) {
        stand.advance(1);
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
      }
    });
    figures["fleet"] = await taken(page, () => visit(page, "fleet"));
    figures["fleet, a second live"] = await taken(page, async () => {
      for (let i = 0; i < SECONDS_LIVE; i += 1) {
        stand.advance(1);
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
      }
    });
    for (const name of ["timeline, a second live", "fleet, a second live"]) {
      const sum = figures[name];
      if (sum) figures[name] = { script: sum.script / SECONDS_LIVE, task: sum.task / SECONDS_LIVE };
    }
  });
  for (const [name, { script, task }] of Object.entries(figures)) {
    t.diagnostic(`${name}: ${script.toFixed(1)} ms of scripting, ${task.toFixed(1)} ms of the main thread in all; goal < ${GOAL_MS} ms`);
    assert(Number.isFinite(script) && script > 0, `${name} was measured`);
  }
  const [, , file] = process.argv;
  if (file) await writeFile(file, `${JSON.stringify(figures, null, 2)}\n`);
});
