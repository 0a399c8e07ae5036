// The built page in a browser, against a stand-in for the controller.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { Scene } from "./scene.mjs";
import { Stand } from "./server.mjs";

/** @import { Browser, BrowserContextOptions, Page } from "playwright-core" */

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];

/** Moments of the scene. */
const BLIND = 25;
const LAUNCHING = 44;
const DRAINING = 80;

/** @type {Browser} */ let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/**
 * Opens the page at a moment of the scene and closes all afterwards; fails if anything was said on the console
 * or asked of another host.
 *
 * @param {{ seconds: number, names?: string[], hash?: string, quiet?: boolean } & BrowserContextOptions} options
 * @param {(page: Page, stand: Stand) => Promise<void>} story
 */
async function open({ seconds, names = ["recognition"], hash = "", quiet = true, ...context }, story) {
  const stand = new Stand(new Scene({ names }).run(seconds));
  const address = await stand.listen();
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...context });
  page.setDefaultTimeout(15_000);
  /** @type {string[]} */ const complaints = [];
  /** @type {string[]} */ const strangers = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(address) && !request.url().startsWith("data:")) strangers.push(request.url());
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`blocked: ${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.addInitScript({ content: AXE });
  try {
    await page.goto(address + hash);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.locator(".entry").first().waitFor();
    await story(page, stand);
    assert.deepEqual(strangers, [], "requests to other hosts");
    if (quiet) assert.deepEqual(complaints, [], "complaints on the console");
  } finally {
    await page.context().close();
    await stand.close();
  }
}

/** @param {Page} page @param {string} name */
const figure = (page, name) => page.locator(`.figure-${name} .figure-value`);

/** Waits until `locator` reads `text`. @param {import("playwright-core").Locator} locator @param {string | RegExp} text */
async function reads(locator, text) {
  await locator.filter({ hasText: text }).waitFor();
}

/** @param {Page} page */
async function violations(page) {
  const found = await page.evaluate(async (tags) => {
    const { axe } = /** @type {any} */ (window);
    const { violations } = await axe.run(document, { runOnly: tags });
    return violations.map((/** @type {any} */ each) => `${each.id}: ${each.nodes.map((/** @type {any} */ node) => node.html).join(" | ")}`);
  }, TAGS);
  return found;
}

/** @param {Page} page */
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

test("a running burst is shown, without a complaint and from this host alone", async () => {
  await open({ seconds: DRAINING }, async (page, stand) => {
    const [policy] = stand.scene.state().policies;
    assert(policy);
    await reads(figure(page, "backlog"), (policy.backlog ?? 0).toLocaleString("en-US"));
    await reads(page.locator("h1"), "recognition");
    await reads(page.locator(".top .badge"), "On time");
    assert.equal(await page.title(), "On time · recognition · Spillway");
    await reads(page.locator(".sentence"), policy.sentence);
    assert.equal(await page.locator(".plot canvas").count(), 5);
    assert.equal(await page.locator(".fleet tbody tr:not(.pool-row)").count(), policy.workers.length);
    assert.equal(await page.locator(".strip td.heat").count(), policy.partitions);
  });
});

test("unknown is shown as unknown", async () => {
  await open({ seconds: BLIND }, async (page) => {
    for (const name of ["backlog", "oldest", "rates"]) await reads(figure(page, name), "unknown");
    await reads(page.locator(".top .badge"), "Unknown");
    await reads(page.locator(".deadline .figure"), "Unknown");
    assert.match((await page.locator(".bar").getAttribute("aria-label")) ?? "", /Unknown/);
    assert.equal(await page.locator(".heat-unknown[title*='lag unknown']").count(), 4);
    await reads(page.locator("#partitions .note"), "4 unknown");
    const canvas = page.locator("#timeline .plot-canvas").first();
    assert.match((await canvas.getAttribute("aria-label")) ?? "", /now unknown/);
  });
});

test("the bar says within, over, never and clear", async () => {
  await open({ seconds: DRAINING }, async (page, stand) => {
    const states = /** @type {const} */ ([
      ["within", { drain_eta_seconds: 100 }, "1m 40s", "On time"],
      ["over", { drain_eta_seconds: 260, late_jobs: 40 }, "4m 20s", "At risk"],
      ["never", { drain_eta_seconds: null }, "Never", "At risk"],
      ["clear", { drain_eta_seconds: 0, backlog: 0 }, "Clear", "On time"],
    ]);
    for (const [kind, change, words, badge] of states) {
      stand.scene.alter = (policy) => ({ ...policy, ...change });
      stand.tell();
      await reads(page.locator(`.deadline-${kind} .figure`), words);
      await reads(page.locator(".top .badge"), badge);
      if (kind === "over") {
        await reads(page.locator(".late"), "About 40 jobs will be late");
        const box = await page.locator(".fill-over").boundingBox();
        assert(box && box.width > 20, "the overrun is visible");
      }
    }
  });
});

test("states and decisions come in live, and nothing above the log moves", async () => {
  await open({ seconds: LAUNCHING - 5 }, async (page, stand) => {
    const place = () => page.locator("#log").boundingBox();
    const entries = await page.locator(".entry").count();
    const before = await place();
    stand.advance(10);
    const [policy] = stand.scene.state().policies;
    await reads(figure(page, "backlog"), (policy?.backlog ?? 0).toLocaleString("en-US"));
    await reads(page.locator(".entry").first(), stand.scene.decisions[0]?.sentence ?? "");
    assert((await page.locator(".entry").count()) > entries, "the log has grown");
    assert.deepEqual(await place(), before);
  });
});

test("a lost connection is shown with the age of what is shown, and found again", async () => {
  await open({ seconds: DRAINING, quiet: false }, async (page, stand) => {
    stand.fail();
    await reads(page.locator(".connection"), "Connection lost");
    await reads(page.locator(".notice"), /What is shown is \d+s old/);
    await reads(page.getByRole("status").first(), "Connection lost");
    stand.scene.run(30); // a decision or two are made in between
    stand.recover();
    await page.getByText("Live", { exact: true }).waitFor();
    await page.locator(".notice").waitFor({ state: "detached" });
    await page.locator(`#decision-${stand.scene.decisions[0]?.id}`).waitFor();
    assert.equal(stand.streams, 1, "one stream, not two");
  });
});

test("the log unfolds and filters by keyboard, and an entry has an address", async () => {
  await open({ seconds: LAUNCHING + 10 }, async (page) => {
    await page.locator("#log button", { hasText: "Actions" }).focus();
    await page.keyboard.press("Enter");
    await page.locator("#log button[aria-pressed=true]", { hasText: "Actions" }).waitFor();
    assert.equal(await page.locator(".entry:not(:has(.chip-action))").count(), 0);
    // On from the filters: two more buttons, the list, the first entry.
    for (let i = 0; i < 4; i += 1) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    const first = page.locator(".entry").first();
    await reads(first.locator(".numbers"), "arrival rate");
    await reads(first.locator(".actions"), "Launch");
    const id = await first.getAttribute("id");
    await first.locator(".permalink a").press("Enter");
    await page.waitForURL(`**/#${id}`);
    await page.locator(`.entry.is-linked#${id}`).waitFor();
  });
});

test("an address with a decision opens it, and says when it is not there", async () => {
  await open({ seconds: LAUNCHING + 10, hash: "#decision-2" }, async (page) => {
    await page.locator("#decision-2 details[open] .numbers").waitFor();
    await page.evaluate(() => {
      location.hash = "decision-9999";
    });
    await reads(page.locator("#log [role=status]"), "#9999 is not among those kept here");
  });
});

test("the timeline is read by keyboard", async () => {
  await open({ seconds: DRAINING }, async (page) => {
    const lane = page.getByRole("slider");
    await lane.focus();
    await page.keyboard.press("Home");
    await page.locator(".lane[aria-valuetext*='Backlog jobs 0']").waitFor();
    await page.keyboard.press("PageDown");
    await page.keyboard.press("PageDown");
    await page.locator(".readout strong").waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(/#decision-\d+$/);
    await page.locator(".entry.is-linked details[open]").waitFor();
  });
});

test("a fleet of hundreds is shown in part, the lost ones first", async () => {
  await open({ seconds: DRAINING }, async (page, stand) => {
    stand.scene.alter = (policy) => ({
      ...policy,
      workers: Array.from({ length: 300 }, (_, i) => {
        const worker = policy.workers[0];
        assert(worker);
        return { ...worker, id: `base-${i}`, phase: i === 250 ? /** @type {const} */ ("lost") : worker.phase };
      }),
    });
    stand.tell();
    const rows = page.locator(".fleet tbody tr:not(.pool-row)");
    await reads(page.locator("#fleet .note"), "300 workers");
    assert.equal(await rows.count(), 100);
    await reads(rows.first(), "base-250");
    await page.getByRole("button", { name: "Show all 300 workers" }).click();
    await page.getByRole("button", { name: "Show 100 workers" }).waitFor();
    assert.equal(await rows.count(), 300);
  });
});

test("several policies are switched between, each with its address", async () => {
  await open({ seconds: DRAINING, names: ["recognition", "thumb <b>nails"] }, async (page) => {
    await page.getByRole("link", { name: /^thumb/ }).click();
    await reads(page.locator("h1"), "thumb <b>nails");
    assert.equal(new URL(page.url()).searchParams.get("policy"), "thumb <b>nails");
    await page.goBack();
    await reads(page.locator("h1"), "recognition");
  });
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  for (const [name, seconds] of /** @type {const} */ ([["blind", BLIND], ["launching", LAUNCHING], ["draining", DRAINING]])) {
    test(`axe finds nothing while ${name}, ${colorScheme}`, async () => {
      await open({ seconds, colorScheme, names: ["recognition", "thumbnails"] }, async (page) => {
        await page.locator(".entry summary").first().click();
        await page.locator(".log-details").waitFor();
        assert.deepEqual(await violations(page), []);
      });
    });
  }

  test(`axe finds nothing after the connection is lost, ${colorScheme}`, async () => {
    await open({ seconds: DRAINING, colorScheme, quiet: false }, async (page, stand) => {
      stand.fail();
      await page.locator(".notice").waitFor();
      assert.deepEqual(await violations(page), []);
    });
  });
}

for (const width of [320, 768, 1280]) {
  test(`nothing has to be scrolled sideways at ${width} px`, async () => {
    await open({ seconds: DRAINING, viewport: { width, height: 800 } }, async (page) => {
      await page.locator(".entry summary").first().click();
      await page.locator(".log-details").waitFor();
      assert.equal(await overflow(page), 0);
      const inner = await page.locator(".table-place, .entries, .now-body, .strips").evaluateAll((boxes) =>
        boxes.filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.className));
      assert.deepEqual(inner, []);
      if (width === 320) assert.deepEqual(await violations(page), []);
    });
  });
}

test("nothing moves for those who asked for that", async () => {
  await open({ seconds: DRAINING, reducedMotion: "reduce" }, async (page) => {
    assert.equal(await page.locator(".fill").evaluate((fill) => getComputedStyle(fill).transitionDuration), "0s");
  });
});
