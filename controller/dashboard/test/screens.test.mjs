// The built page in a browser: each screen does what it is for.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { AFTER, becomes, BLIND, counts, DRAINING, focused, LAUNCHING, open, reads, shut, visit } from "./open.mjs";

after(shut);

test("the log filters and finds, and an entry has an address", async () => {
  await open({ seconds: LAUNCHING + 10, hash: "#/decisions" }, async (page, stand) => {
    const entries = page.locator("#log .entry");
    await counts(entries, stand.scene.decisions.length);
    await page.getByRole("button", { name: /^Actions/ }).press("Enter");
    await page.locator("#log button[aria-pressed=true]", { hasText: "Actions" }).waitFor();
    await counts(page.locator("#log .entry:not(:has(.chip-action))"), 0);
    await page.getByRole("button", { name: /^All/ }).click();
    const find = page.getByLabel("Find in decisions");
    await find.fill("backlogunknown");
    await reads(entries, "Holding");
    await counts(entries, 1);
    await find.fill("no such thing");
    await reads(page.locator("#log .empty"), "among those read so far");
    await find.fill("launching");
    await entries.first().press("Enter");
    await page.waitForURL(/#\/decisions\/\d+$/);
    const detail = page.locator("#decision");
    await reads(detail.locator(".numbers"), "arrival rate");
    await reads(detail.locator(".actions"), "Launch");
    await reads(detail.locator("#alternatives"), "NoCapacity in us-east-1b");
    await reads(detail.locator("#alternatives"), "chosen × 1");
    await reads(detail.locator("code"), "DeadlineEndangered");
    await page.locator(".entry[aria-current=true]").waitFor();
    const [, number = ""] = /(\d+)$/.exec(page.url()) ?? [];
    await page.getByRole("link", { name: /^Before:/ }).press("Enter");
    await page.waitForURL(`**/#/decisions/${Number(number) - 1}`);
  });
});

test("a decision that is not kept any more says so, and one that was refused by the checker too", async () => {
  await open({ seconds: LAUNCHING, hash: "#/decisions/9999", isQuiet: false }, async (page, stand) => {
    await reads(page.locator("#decision [role=status]"), "#9999 is not kept any more");
    const [newest] = stand.scene.decisions;
    assert(newest);
    newest.violations = ["burst would cost $21.00 an hour, $20.00 are allowed"];
    newest.id = 777; // as if it had come in just now
    stand.advance(1);
    await visit(page, "decisions/777");
    await reads(page.locator("#decision"), "nothing was carried out");
    await reads(page.locator("#decision"), "$21.00 an hour");
  });
});

test("older decisions are read in pages", async () => {
  const many = (/** @type {import("./server.mjs").Stand} */ stand) => {
    const [one] = stand.scene.decisions;
    assert(one);
    stand.scene.decisions = Array.from({ length: 430 }, (_, i) => ({ ...one, id: 430 - i, sentence: `Decision number ${430 - i}.` }));
  };
  await open({ hash: "#/decisions", set: many }, async (page) => {
    const entries = page.locator("#log .entry");
    const more = page.getByRole("button", { name: "Older decisions" });
    // The stream repeats what the scene has; the pages are asked for all the same.
    await more.click();
    await reads(entries, "Decision number 31.");
    await more.click();
    await reads(entries, /number 1\./);
    await more.waitFor({ state: "detached" });
  });
});

test("the timeline is read by keyboard, and its range changed", async () => {
  await open({ hash: "#/timeline" }, async (page) => {
    await counts(page.locator(".plot canvas"), 5);
    const lane = page.getByRole("slider");
    await lane.focus();
    await page.keyboard.press("Home");
    await page.locator(".lane[aria-valuetext*='Backlog jobs 0']").waitFor();
    await counts(page.locator(".cursor:not([hidden])"), 5, "one cursor in every chart");
    await page.keyboard.press("PageDown");
    await page.keyboard.press("PageDown");
    await page.locator(".readout strong").waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(/#\/decisions\/\d+$/);
    await page.locator("#decision .numbers").first().waitFor();
    await visit(page, "timeline");
    const [asked] = await Promise.all([
      page.waitForRequest((request) => request.url().includes("timeline?from=-86400s")),
      page.getByRole("button", { name: "24h" }).click(),
    ]);
    assert.match(asked.url(), /points=720/);
    await reads(page.locator("#timeline .note"), "are kept, a point each 2m");
  });
});

test("the timeline goes back to other hours, and to those of a decision", async () => {
  // As if it had been kept for a day.
  const old = (/** @type {import("./server.mjs").Stand} */ stand) => {
    stand.alter = (path, body) => (path === "timeline" ? { ...body, oldest: new Date(stand.scene.begin - 86_400_000).toISOString() } : body);
  };
  await open({ seconds: AFTER, hash: "#/timeline", set: old }, async (page, stand) => {
    const note = page.locator("#timeline .note");
    await page.getByRole("button", { name: "15m" }).click();
    await page.getByRole("button", { name: "Earlier" }).click();
    await reads(note, /12 May 08:4\d:\d\d to .*12 May 08:5\d/);
    await counts(page.locator(".mark"), 0, "nothing was decided then");
    await page.getByRole("button", { name: "Later" }).click();
    await reads(note, "are kept");
    await page.locator(".mark").first().waitFor();
    const launch = stand.scene.decisions.find(({ actions }) => actions.some(({ verb }) => verb === "Launch"));
    assert(launch);
    await page.getByRole("button", { name: "1h" }).click();
    await visit(page, `decisions/${launch.id}`);
    await page.getByRole("link", { name: "In the timeline" }).click();
    await page.locator("main.screen-timeline .mark").first().waitFor();
  });
});

test("workers are drawn by kind, and by pool", async () => {
  await open({ hash: "#/timeline" }, async (page) => {
    const legend = page.locator(".plot", { hasText: "Workers" }).locator(".legend");
    await reads(legend, "booting");
    await page.getByRole("button", { name: "by pool" }).click();
    await reads(legend, /base\s*2\s*cloud-a10\s*3\s*aws-g6-spot\s*0\s*wanted\s*5/);
    await counts(page.locator(".plot canvas"), 5);
    await page.getByRole("button", { name: "Workers by kind" }).click();
    await reads(legend, "booting");
  });
});

test("the pointer moves one cursor over all charts", async () => {
  await open({ seconds: AFTER, hash: "#/timeline" }, async (page) => {
    await page.locator(".plot-canvas").nth(2).hover({ position: { x: 500, y: 30 } });
    await page.locator(".cursor:not([hidden])").nth(4).waitFor();
    const lefts = () => page.locator(".cursor").evaluateAll((all) => all.map((each) => Math.round(each.getBoundingClientRect().left)));
    await becomes(lefts, (at) => new Set(at).size === 1, "all cursors are at one place");
    await reads(page.locator(".readout"), /\ds ago/);
    await page.mouse.move(5, 5);
    await page.locator(".readout .legend").waitFor();
  });
});

test("the fleet is sorted, found in and shown in part", async () => {
  await open({ hash: "#/fleet" }, async (page, stand) => {
    const rows = page.locator("#fleet-table tbody tr:not(.group-row)");
    const workers = stand.scene.state().policies[0]?.workers ?? [];
    await counts(rows, workers.length);
    for (const words of ["NVIDIA A10", "VM.GPU.A10.1", "$2.00/h", "98% busy", "paid for"]) await reads(page.locator("#fleet-table"), words);
    stand.scene.alter = (policy) => ({
      ...policy,
      workers: Array.from({ length: 300 }, (_, i) => {
        const worker = policy.workers[0];
        assert(worker);
        return { ...worker, id: `base-${i}`, age_seconds: 1_000 + i, rate: i === 250 ? null : i, phase: i === 250 ? "booting" : worker.phase, gpu: i === 250 ? null : worker.gpu };
      }),
    });
    stand.tell();
    await reads(page.locator("#fleet .note"), "300 workers");
    await counts(rows, 100);
    await reads(rows.first(), "base-299");
    await page.getByRole("button", { name: "Images/s" }).click();
    await page.locator("#fleet-table th[aria-sort=descending]").waitFor(); // the next press turns what is drawn
    await reads(rows.first(), "base-299");
    await page.getByRole("button", { name: "Images/s" }).click();
    await reads(rows.first(), "base-0");
    await reads(page.locator("#fleet-table th[aria-sort=ascending]"), "Images/s ↑");
    await page.getByRole("button", { name: "Show all 300 rows" }).click();
    await page.getByRole("button", { name: "Show the first 100" }).waitFor();
    await counts(rows, 300);
    await reads(rows.last(), "base-250"); // unknown comes last
    await page.getByRole("button", { name: /^booting/ }).click();
    await reads(rows.first(), "base-250");
    await counts(rows, 1);
    await page.getByLabel("Find in the fleet").fill("nowhere");
    await reads(page.locator("#fleet .empty"), "No worker is like this");
  });
});

test("a worker is drained by keyboard, with a reason that is kept", async () => {
  await open({ hash: "#/fleet" }, async (page, stand) => {
    const button = page.getByRole("button", { name: "Drain cloud-a10-002" });
    await button.press("Enter");
    const dialog = page.getByRole("dialog");
    const reason = dialog.getByLabel("Reason");
    await reads(dialog, "Drain cloud-a10-002?");
    await focused(reason); // the dialog draws first and takes the focus then
    await page.keyboard.press("Enter"); // without a reason nothing is ordered
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await focused(button); // it is back
    assert.deepEqual(stand.ordered, []);
    await button.press("Enter");
    await focused(reason);
    await page.keyboard.type("it is the slow one");
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "hidden" });
    assert.deepEqual(stand.ordered, [{ path: "policies/recognition/instances/cloud-a10-002/drain", body: { reason: "it is the slow one" } }]);
    await visit(page, "control");
    await reads(page.locator("#audit-table"), "it is the slow one");
  });
});

test("a refused order says why, where it was given", async () => {
  await open({ hash: "#/fleet", isQuiet: false }, async (page, stand) => {
    await page.getByRole("button", { name: "Drain cloud-a10-001" }).click();
    stand.session = { ...stand.session, may_operate: false };
    await page.getByLabel("Reason").fill("because");
    await page.getByRole("dialog").getByRole("button", { name: "Drain" }).click();
    await reads(page.locator("dialog .failure"), "you may read, not order");
  });
});

test("pause, resume, override and release", async () => {
  await open({ hash: "#/control" }, async (page, stand) => {
    const pause = page.locator("#pause");
    const reason = page.getByRole("dialog").getByLabel("Reason");
    await pause.getByLabel("For").selectOption("4 hours");
    await pause.getByLabel("Reason").fill("a broker is replaced");
    await pause.getByRole("button", { name: "Pause" }).click();
    await reads(pause, "“a broker is replaced”");
    await reads(pause, "ends in 4h");
    await pause.getByRole("button", { name: "Resume" }).click();
    await reason.fill("it is back");
    await reason.press("Enter");
    await pause.getByRole("button", { name: "Pause" }).waitFor();
    const override = page.locator("#override");
    await override.getByLabel("Pool").selectOption("cloud-a10");
    await override.getByLabel("Shape").selectOption("exactly");
    await override.getByLabel("Machines").fill("2");
    await override.getByLabel("Reason").fill("a launch is coming");
    await override.getByRole("button", { name: "Override" }).click();
    await reads(override, "cloud-a10: exactly 2");
    await override.getByRole("button", { name: "Release" }).click();
    await reason.fill("it is over");
    await reason.press("Enter");
    await reads(override.locator(".note"), "none");
    assert.deepEqual(stand.ordered.map(({ path, body }) => [path.split("/").at(-1), body]), [
      ["pause", { reason: "a broker is replaced", expires_in_seconds: 14_400 }],
      ["resume", { reason: "it is back" }],
      ["override", { pool: "cloud-a10", shape: "fixed", workers: 2, reason: "a launch is coming", expires_in_seconds: 3_600 }],
      ["release", { pool: "cloud-a10", reason: "it is over" }],
    ]);
    await reads(page.locator("#audit-table"), "override cloud-a10 exactly 2");
  });
});

test("partitions over time: unknown is hatched, a stuck one stands out", async () => {
  await open({ hash: "#/partitions" }, async (page, stand) => {
    const rows = page.locator("#partitions-table tbody tr");
    await counts(rows, 12);
    await reads(rows.nth(3), "stuck");
    await reads(rows.nth(7), "nobody says so");
    await becomes(() => rows.first().locator(".heat-strip").evaluate((strip) => strip.style.getPropertyValue("--stops")), (stops) => /--heat-unknown/.test(stops), "its strip is hatched");
    await counts(page.locator(".strip td.heat"), stand.scene.state().policies[0]?.partitions ?? -1);
  });
  await open({ seconds: BLIND, hash: "#/partitions" }, async (page) => {
    await counts(page.locator(".heat-unknown[title*='lag unknown']"), 4);
    await reads(page.locator("#partitions .note"), "4 unknown");
  });
});

test("market, cost and health tell numbers with where they come from, and unknown as unknown", async () => {
  await open({ hash: "#/market" }, async (page) => {
    const market = page.locator("#market-table tbody tr");
    await reads(market.nth(0), "NoCapacity");
    await reads(market.nth(0), "asked again in 4m");
    await reads(market.nth(1), "measured, 12s ago");
    await reads(market.nth(2), "unknown");
    await visit(page, "cost");
    await reads(page.locator("#versus"), /Hybrid costs \d+% less today/);
    await reads(page.locator("#today"), "of $25.00");
    await reads(page.locator("#cost-pools"), "unknown");
    const days = page.locator("#cost-days tbody tr");
    await counts(days, 7);
    // Of the fifth day the burst is unknown, and so is the total.
    await becomes(() => days.nth(4).locator("td").allInnerTexts(), (cells) => cells.includes("$30.72") && cells.filter((each) => each.trim() === "unknown").length === 4, "no part of it is taken for nothing");
    await days.nth(4).locator(".slots.meter-unknown .swatch-base").waitFor();
    await counts(page.locator("#cost-days .slots.meter-unknown"), 1);
    await visit(page, "health");
    await reads(page.locator("#checks .note"), "2 of 9 need a look");
    await reads(page.locator("#checks-table tbody tr").first(), "provider/aws-g6-spot");
    await reads(page.locator("#now"), "token 7");
  });
});

test("what cannot be read says so, is tried again on demand, and what was read stays", async () => {
  await open({ hash: "#/market", isQuiet: false, set: (stand) => stand.broken.add("market") }, async (page, stand) => {
    await reads(page.getByRole("alert"), "nothing has been observed yet");
    stand.broken.clear();
    await page.getByRole("button", { name: "Try again" }).click();
    await reads(page.locator("#market-table"), "cloud-a10");
    stand.broken.add("market");
    stand.advance(1);
    await page.evaluate(() => dispatchEvent(new Event("focus")));
    await page.locator("#market-table").waitFor();
  });
});

test("what if: problems with their lines, both policies side by side, the change as a diff", async () => {
  await open({ seconds: DRAINING, hash: "#/what-if", isQuiet: false }, async (page, stand) => {
    const editor = page.getByLabel("Policy as YAML");
    await becomes(() => editor.inputValue(), (text) => text.includes("drainWithin"), "the policy in force is there");
    const yaml = await editor.inputValue();
    await editor.fill(yaml.replace("drainWithin", "drainWithinX"));
    await page.getByRole("button", { name: "Play" }).click();
    await reads(page.locator(".problems"), "line 10, column 15");
    await reads(page.locator(".problems"), "did you mean `drainWithin`?");
    await page.getByRole("button", { name: "24h" }).click();
    await editor.fill(yaml.replace("3m", "10m"));
    await page.getByRole("button", { name: "Play" }).click();
    await reads(page.locator("#outcome"), "It would have cost $1.20 less, and 240 jobs would have been late, against 0.");
    await reads(page.locator("#what-if-table"), "▼ 39%");
    await counts(page.locator("#outcome canvas"), 3);
    await counts(page.locator("#outcome .cursor:not([hidden])"), 0);
    await page.locator("#outcome .plot-root").first().hover({ position: { x: 400, y: 40 } });
    await page.mouse.move(0, 0); // and once more: the first time may have been before its size was known
    await page.locator("#outcome .plot-root").first().hover({ position: { x: 400, y: 40 } });
    await counts(page.locator("#outcome .cursor:not([hidden])"), 3);
    await reads(page.locator("#diff .line-added").nth(1), "drainWithin: 10m");
    await reads(page.locator("#differences"), "120 of 21,600 plans");
    assert.equal(stand.ordered.at(-1)?.body.hours, 24);
    // It survives a look at another screen.
    await visit(page, "market");
    await visit(page, "what-if");
    await becomes(() => editor.inputValue(), (text) => /10m/.test(text), "it survives");
    await page.getByRole("button", { name: "Back to the policy in force" }).click();
    await becomes(() => editor.inputValue(), yaml);
    await page.getByRole("button", { name: "Play" }).click();
    await reads(page.locator("#diff"), "Nothing was changed");
  });
});
