// The built page in a browser: the first screen, what is around all of them, and how it stays up to date.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { becomes, BLIND, counts, DRAINING, LAUNCHING, open, reads, settled, shut, visit } from "./open.mjs";

/** @import { Page } from "playwright-core" */

after(shut);

/** @param {Page} page @param {string} name */
const figure = (page, name) => page.locator(`.figure-${name} .figure-value`);

test("a running burst is shown, without a complaint and from this host alone", async () => {
  await open({}, async (page, stand) => {
    const [policy] = stand.scene.state().policies;
    assert(policy);
    await reads(figure(page, "backlog"), (policy.backlog ?? 0).toLocaleString("en-US"));
    await reads(page.locator("h1"), "recognition");
    await reads(page.locator(".top .badge"), "On time");
    await becomes(() => page.title(), "On time · recognition · Overview · Spillway");
    await reads(page.locator(".now .sentence"), policy.sentence);
    await reads(figure(page, "spend"), `$${(policy.budget.spent_today ?? 0).toFixed(2)}`);
    await reads(page.locator(".figure-spend .figure-note"), "of $25.00 a day");
    await counts(page.locator(".plot canvas"), 2);
    await counts(page.locator("#recent .entry"), 5);
    await counts(page.locator("#pools-table tbody tr"), policy.pools.length);
  });
});

test("unknown is shown as unknown", async () => {
  await open({ seconds: BLIND }, async (page, stand) => {
    for (const name of ["backlog", "oldest", "rates"]) await reads(figure(page, name), "unknown");
    await reads(page.locator(".top .badge"), "Unknown");
    await reads(page.locator(".deadline .figure"), "Unknown");
    await page.locator(".bar[aria-label*='Unknown']").waitFor();
    const canvas = page.locator(".plot-canvas").first();
    await becomes(() => canvas.getAttribute("aria-label"), (label) => /now unknown/.test(label ?? ""), "the chart says so");
    stand.scene.alter = (policy) => ({ ...policy, budget: { ...policy.budget, spent_today: null, used_day_share: null } });
    stand.tell();
    await reads(figure(page, "spend"), "unknown");
    await page.locator(".figure-spend .meter-unknown").waitFor();
  });
});

test("the bar says within, over, never and clear", async () => {
  await open({}, async (page, stand) => {
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
        await becomes(() => page.locator(".fill-over").boundingBox(), (box) => box !== null && box.width > 20, "the overrun is visible");
      }
    }
  });
});

test("states and decisions come in live, and nothing jumps on any screen", async () => {
  await open({ seconds: LAUNCHING - 5 }, async (page, stand) => {
    await page.evaluate(() => {
      const seen = /** @type {any} */ (window);
      seen.moved = [];
      new PerformanceObserver((list) => {
        for (const { sources } of /** @type {any[]} */ (list.getEntries())) {
          // Lists and tables that grow move their entries and rows, time its marks, a sentence its words; nothing else moves.
          for (const { node } of sources) {
            if (node?.matches?.("tbody, tr") || node?.parentElement?.closest(".entries, .lane, .now-body, .headline")) continue;
            seen.moved.push((node?.outerHTML ?? node?.parentElement?.outerHTML ?? String(node)).slice(0, 120));
          }
        }
      }).observe({ type: "layout-shift" });
    });
    for (const screen of ["", "timeline", "fleet", "partitions", "health"]) {
      await visit(page, screen);
      await settled(page); // what the screen itself moved while it came is told late
      await page.evaluate(() => {
        /** @type {any} */ (window).moved = [];
      });
      stand.advance(4);
      if (screen === "") {
        const [policy] = stand.scene.state().policies;
        await reads(figure(page, "backlog"), (policy?.backlog ?? 0).toLocaleString("en-US"));
        await reads(page.locator("#recent .entry"), stand.scene.decisions[0]?.sentence ?? "");
      } else await reads(page.locator(".connection-age"), "as of now");
      await settled(page);
      assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).moved), [], screen);
    }
  });
});

test("a lost connection is shown with the age of what is shown, and found again", async () => {
  await open({ isQuiet: false }, async (page, stand) => {
    stand.fail();
    await reads(page.locator(".connection"), "Connection lost");
    await reads(page.locator(".notice"), /What is shown is \d+s old/);
    await reads(page.getByRole("status"), "Connection lost");
    stand.scene.run(30); // a decision or two are made in between
    stand.recover();
    await page.getByText("Live", { exact: true }).waitFor();
    await page.locator(".notice").waitFor({ state: "detached" });
    await page.locator(`[href="#/decisions/${stand.scene.decisions[0]?.id}"].entry`).waitFor();
    await becomes(() => stand.streams, 1, "one stream, not two");
  });
});

test("a controller without a policy says what to do", async () => {
  await open({ names: [] , isQuiet: true, hash: "", set: (stand) => { stand.scene.state = () => ({ at: stand.scene.at, version: "0.1.0", policies: [] }); } }, async (page) => {
    await reads(page.locator("main .empty"), "no policy yet");
  });
});

test("what people ordered is seen from every screen", async () => {
  await open({ hash: "#/health" }, async (page, stand) => {
    const by = { pool: null, shape: null, workers: null, by: "ada", reason: "a broker is replaced", at: stand.scene.at, until: "2026-05-12T10:30:00Z" };
    stand.scene.pause = { id: 90, kind: "pause", ...by };
    stand.scene.overrides = [{ ...by, id: 91, kind: "override", pool: "cloud-a10", shape: "floor", workers: 2 }];
    stand.scene.alter = (policy) => ({ ...policy, mode: "Recommend" });
    stand.tell();
    for (const words of ["Recommends only", "Paused until", "cloud-a10 overridden until"]) await reads(page.locator(".top"), words);
    await page.getByRole("link", { name: /^Paused until/ }).click();
    await reads(page.locator("#pause"), "a broker is replaced");
  });
});

test("several policies are switched between, each with its address", async () => {
  await open({ names: ["recognition", "thumb <b>nails"] }, async (page) => {
    await page.getByRole("link", { name: /^thumb/ }).click();
    await reads(page.locator("h1"), "thumb <b>nails");
    await becomes(() => new URL(page.url()).searchParams.get("policy"), "thumb <b>nails");
    await page.goBack();
    await reads(page.locator("h1"), "recognition");
  });
});

test("who may not read is asked for a token, who may not order is told so", async () => {
  const nobody = { user: null, known_by: "open", may_read: false, may_operate: false, wants_token: true, auth: "token" };
  await open({ isQuiet: false, set: (stand) => { stand.session = nobody; } }, async (page, stand) => {
    const field = page.getByLabel("Token");
    await field.fill("wrong");
    await field.press("Enter");
    await reads(page.locator(".failure"), "this token is not known");
    assert.equal(stand.streams, 0, "nothing is read before");
    await reads(page.locator(".connection"), "Not signed in");
    await field.fill(stand.token);
    await field.press("Enter");
    await reads(page.locator("h1"), "recognition");
    await reads(page.locator("footer"), "ada, may read and order");
    assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length), 0);
  });
  await open({ seconds: DRAINING, hash: "#/control", set: (stand) => { stand.session = { ...nobody, may_read: true }; } }, async (page) => {
    await reads(page.locator("#sign-in"), "To order something, sign in");
    await page.getByRole("button", { name: "Pause", disabled: true }).waitFor();
    await visit(page, "fleet");
    await counts(page.getByRole("button", { name: /^Drain/ }), 0);
  });
});

test("a screen that cannot be drawn says so, and the others go on", async () => {
  await open({ isQuiet: false }, async (page, stand) => {
    stand.scene.alter = (policy) => ({ ...policy, budget: /** @type {any} */ (undefined) });
    stand.tell();
    await reads(page.getByRole("alert"), "This screen cannot be drawn");
    await visit(page, "fleet");
    await reads(page.locator("#fleet-table"), "base-1");
    stand.scene.alter = (policy) => policy;
    stand.tell();
    // The news may come after the screen was opened, which then stays as it is until it is opened again.
    await becomes(async () => {
      await visit(page, "fleet");
      await visit(page, "");
      return page.getByRole("alert").filter({ hasText: "This screen cannot be drawn" }).count();
    }, 0);
    await reads(figure(page, "spend"), "$");
  });
});

test("a controller that does not answer at first is waited for, and said to be", async () => {
  const nobody = { user: null, known_by: "open", may_read: false, may_operate: false, wants_token: false, auth: "open" };
  await open({ isQuiet: false, set: (stand) => { stand.broken.add("session"); stand.session = nobody; } }, async (page, stand) => {
    await reads(page.locator("main .empty"), "The controller does not answer; trying again.");
    stand.broken.clear();
    stand.session = { ...nobody, may_read: true };
    await reads(page.locator("h1"), "recognition");
  });
});
