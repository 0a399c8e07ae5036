// How much of a browser's time the page takes at its largest. Measured and printed, not asserted: machines differ.
//
//   node test/scripting.test.mjs FILE   writes the figures to FILE as well: milliseconds of scripting by name, kB of dist/

import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { crowd, WORKERS } from "./crowd.mjs";
import { open, shut } from "./open.mjs";

/** @import { CDPSession, Page } from "playwright-core" */

after(shut);

/** The most that a first load and the largest timeline should take, milliseconds. */
const GOAL_MS = 200;
const SECONDS_LIVE = 5;

/** Of all of dist/, each file gzipped on its own as it travels, in kB. */
async function weight() {
  const folder = new URL("../dist/", import.meta.url);
  const files = await Promise.all((await readdir(folder)).map((name) => readFile(new URL(name, folder))));
  return files.reduce((sum, bytes) => sum + gzipSync(bytes, { level: 9 }).length, 0) / 1000;
}

/** A tab that is driven by hand: what Playwright brings into a page would count as the page's. */
class Tab {
  /** @param {CDPSession} session */
  constructor(session) {
    this.session = session;
  }

  /** @param {Page} page */
  static async begin(page) {
    const fresh = await page.context().browser()?.newPage({ viewport: { width: 1280, height: 900 } });
    assert(fresh);
    const session = await fresh.context().newCDPSession(fresh);
    // By the clock of the thread: on a busy machine that of the wall counts its waits too.
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    for (const domain of /** @type {const} */ (["Page", "Runtime"])) await session.send(`${domain}.enable`);
    return new Tab(session);
  }

  /** Runs `script`, waits until `isDone` is true, and until that is on the screen. @param {string} script @param {string} isDone */
  async do(script, isDone) {
    const expression = `${script}; new Promise((done) => {
      const look = () => (${isDone}) ? requestAnimationFrame(() => requestAnimationFrame(done)) : setTimeout(look, 20);
      look();
    })`;
    const { exceptionDetails } = await this.session.send("Runtime.evaluate", { expression, awaitPromise: true });
    assert.equal(exceptionDetails, undefined, expression);
  }

  /** Milliseconds since the page began. */
  async read() {
    const { metrics } = await this.session.send("Performance.getMetrics");
    const of = (/** @type {string} */ name) => (metrics.find((each) => each.name === name)?.value ?? Number.NaN) * 1000;
    return { script: of("ScriptDuration"), task: of("TaskDuration") };
  }

  /** What `work` takes, each time that it is done. @param {() => Promise<void>} work */
  async taken(work, times = 1) {
    const before = await this.read();
    for (let i = 0; i < times; i += 1) await work();
    const { script, task } = await this.read();
    return { script: (script - before.script) / times, task: (task - before.task) / times };
  }
}

test(`scripting with ${WORKERS} workers and a day of samples`, async (t) => {
  /** By the names of tests/figures.yaml. @type {Record<string, { script: number, task: number }>} */ const figures = {};
  await open({ set: crowd }, async (page, stand) => {
    const tab = await Tab.begin(page);
    const loaded = new Promise((done) => tab.session.once("Page.loadEventFired", done));
    await tab.session.send("Page.navigate", { url: page.url() });
    await loaded;
    // Two charts, two hundred decisions, a state: all that the first screen has.
    await tab.do("", 'document.querySelectorAll(".mark").length > 0 && document.querySelectorAll("#recent .entry").length === 5');
    figures.first_load_scripting = await tab.read();
    figures.timeline_day_scripting = await tab.taken(async () => {
      await tab.do("location.hash = '/timeline'", 'document.querySelectorAll(".plot canvas").length === 5');
      await tab.do(
        "[...document.querySelectorAll('button')].find((each) => each.textContent === '24h').click()",
        'document.querySelectorAll(".mark").length > 50 && document.querySelector("#timeline .note").textContent.endsWith("2m")',
      );
    });
    const second = async () => {
      stand.advance(1);
      await tab.do("", `document.querySelector(".connection-age").textContent === "as of now"`);
    };
    figures.timeline_live_scripting = await tab.taken(second, SECONDS_LIVE);
    figures.fleet_scripting = await tab.taken(() => tab.do("location.hash = '/fleet'", 'document.querySelectorAll("#fleet-table tr").length > 100'));
    figures.fleet_live_scripting = await tab.taken(second, SECONDS_LIVE);
  });
  for (const [name, { script, task }] of Object.entries(figures)) {
    t.diagnostic(`${name}: ${script.toFixed(1)} ms of scripting, ${task.toFixed(1)} ms of the main thread in all; goal < ${GOAL_MS} ms`);
    assert(Number.isFinite(script) && script > 0, `${name} was measured`);
  }
  const [, , file] = process.argv;
  if (!file) return;
  const scripts = Object.entries(figures).map(([name, { script }]) => [name, script]);
  await writeFile(file, `${JSON.stringify({ ...Object.fromEntries(scripts), bundle: await weight() }, null, 2)}\n`);
});
