// Opens the built page against a stand-in for the controller, and judges what it does meanwhile.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";
import { launch } from "./browser.mjs";
import { Scene } from "./scene.mjs";
import { Stand } from "./server.mjs";

/** @import { Browser, BrowserContextOptions, Locator, Page } from "playwright-core" */

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"];

/** Moments of the scene. */
export const BLIND = 25;
export const LAUNCHING = 44;
export const DRAINING = 80;
export const AFTER = 178;

export const SCREENS = /** @type {const} */ (["", "timeline", "decisions", "fleet", "partitions", "market", "cost", "what-if", "control", "health"]);

/** For whatever is waited for: machines may be slow and busy. */
const PATIENCE_MS = 60_000;

/** @type {Promise<Browser> | undefined} */ let browser;

/** For `after` of a file of tests. */
export const shut = async () => (await browser)?.close();

/**
 * @typedef {{ seconds?: number, names?: string[], hash?: string, isQuiet?: boolean, set?: (stand: Stand) => void } & BrowserContextOptions} Opening
 */

/**
 * Opens the page at a moment of the scene and closes all afterwards; fails if anything was said on the console
 * or asked of another host.
 *
 * @param {Opening} opening
 * @param {(page: Page, stand: Stand) => Promise<void>} story
 */
export async function open({ seconds = DRAINING, names = ["recognition"], hash = "", isQuiet = true, set, ...context }, story) {
  const stand = new Stand(new Scene({ names }).run(seconds));
  set?.(stand);
  const address = await stand.listen();
  const page = await (await (browser ??= launch())).newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...context });
  page.setDefaultTimeout(PATIENCE_MS);
  /** @type {string[]} */ const complaints = [];
  /** @type {string[]} */ const strangers = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(address) && !request.url().startsWith("data:")) strangers.push(request.url());
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`blocked: ${event.violatedDirective} ${event.blockedURI}`));
  });
  try {
    await page.goto(address + hash);
    if (stand.session.may_read) await ready(page);
    await story(page, stand);
    assert.deepEqual(strangers, [], "requests to other hosts");
    if (isQuiet) assert.deepEqual(complaints, [], "complaints on the console");
  } finally {
    await page.context().close();
    await stand.close();
  }
}

/** Waits until a screen has all that it asks for. @param {Page} page */
export async function ready(page) {
  // A scene stands still: on a slow machine there is no news of it for longer than the page finds usual.
  await page.getByText(/^(Live|No news)$/).waitFor();
  await page.locator("main .card, main .empty").first().waitFor();
  await page.waitForFunction(() => !/Reading|reading …/.test(document.querySelector("main")?.textContent ?? ""));
}

/** Goes to a screen by its address. @param {Page} page @param {string} screen */
export async function visit(page, screen) {
  await page.evaluate((to) => {
    location.hash = `/${to}`;
  }, screen);
  await page.locator(`main.screen-${screen.split("/")[0] || "overview"}`).waitFor();
  await ready(page);
}

/** Waits until `locator` reads `text`. @param {Locator} locator @param {string | RegExp} text */
export async function reads(locator, text) {
  await locator.filter({ hasText: text }).first().waitFor();
}

/**
 * Waits until `read` gives what is expected: whatever was pressed, sent or asked for is drawn when the browser comes to it.
 *
 * @template T @param {() => T | Promise<T>} read @param {T | ((value: T) => boolean)} expected @param {string} [why]
 */
export async function becomes(read, expected, why) {
  const is = (/** @type {T} */ value) => (typeof expected === "function" ? /** @type {(value: T) => boolean} */ (expected)(value) : isDeepStrictEqual(value, expected));
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await read();
    if (is(value)) return;
    if (Date.now() > end) {
      if (typeof expected === "function") assert.fail(`${why ?? expected}: it is still ${JSON.stringify(value)}`);
      assert.deepEqual(value, expected, why);
    }
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Waits until there are `n` of `locator`. @param {Locator} locator @param {number} n @param {string} [why] */
export const counts = (locator, n, why) => becomes(() => locator.count(), n, why ?? `${locator}`);

/** Waits until `locator` has the focus. @param {Locator} locator */
export const focused = (locator) => locator.and(locator.page().locator(":focus")).waitFor();

/** Waits until the browser has drawn, and told of, all that it had to. @param {Page} page */
export const settled = (page) =>
  page.evaluate(async () => {
    for (let i = 0; i < 3; i += 1) {
      await new Promise((done) => requestIdleCallback(done, { timeout: 5_000 }));
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    }
  });

/** What axe finds. @param {Page} page @returns {Promise<string[]>} */
export async function violations(page) {
  // As a string it is evaluated by the debugger, which the page's policy does not forbid.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(`${AXE};0`);
  return page.evaluate(async (tags) => {
    const { axe } = /** @type {any} */ (window);
    const { violations } = await axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
    return violations.map((/** @type {any} */ each) => `${each.id}: ${each.nodes.map((/** @type {any} */ node) => node.html).join(" | ")}`);
  }, TAGS);
}

/** Pixels that the page is too wide. @param {Page} page */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
