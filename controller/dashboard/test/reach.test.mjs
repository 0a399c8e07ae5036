// The built page in a browser: for everybody. Screen readers, keyboards, narrow screens, dark rooms, hostile names.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { becomes, BLIND, DRAINING, focused, open, overflow, ready, reads, SCREENS, shut, violations, visit } from "./open.mjs";

after(shut);

const SCHEMES = /** @type {const} */ (["light", "dark"]);

for (const colorScheme of SCHEMES) {
  test(`axe finds nothing on any screen, ${colorScheme}`, async () => {
    await open({ colorScheme, names: ["recognition", "thumbnails"] }, async (page) => {
      for (const screen of [...SCREENS, "decisions/7", "nowhere"]) {
        if (screen === "nowhere") await page.evaluate(() => { location.hash = "/nowhere"; });
        else await visit(page, screen);
        assert.deepEqual(await violations(page), [], screen);
      }
    });
  });

  test(`axe finds nothing in any state, ${colorScheme}`, async () => {
    await open({ colorScheme, seconds: BLIND, isQuiet: false }, async (page, stand) => {
      assert.deepEqual(await violations(page), [], "unknown");
      const order = { id: 90, pool: "cloud-a10", shape: /** @type {const} */ ("floor"), workers: 2, by: "ada", reason: "why not", at: stand.scene.at, until: null };
      stand.scene.pause = { ...order, kind: "pause" };
      stand.scene.overrides = [{ ...order, kind: "override" }];
      stand.scene.alter = (policy) => ({ ...policy, mode: "Recommend", orphans: 2, oldest_age_seconds: 400, budget: { ...policy.budget, used_day_share: 1.1 } });
      stand.tell();
      await reads(page.locator(".top .badge"), "Late");
      assert.deepEqual(await violations(page), [], "late, paused, overridden");
      await visit(page, "control");
      await page.getByRole("button", { name: "Resume" }).click();
      await focused(page.getByRole("dialog").getByLabel("Reason"));
      assert.deepEqual(await violations(page), [], "a dialog");
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      await visit(page, "what-if");
      const editor = page.getByLabel("Policy as YAML");
      await becomes(() => editor.inputValue(), (text) => text.includes("drainWithin"), "the policy in force is there");
      await editor.fill((await editor.inputValue()).replace("3m", "10m"));
      await page.getByRole("button", { name: "Play" }).click();
      await page.locator("#outcome").waitFor();
      assert.deepEqual(await violations(page), [], "what if, played");
      await editor.fill("drainWithinX");
      await page.getByRole("button", { name: "Play" }).click();
      await page.locator(".problems").waitFor();
      assert.deepEqual(await violations(page), [], "what if, refused");
      stand.broken.add("cost");
      await page.evaluate(() => { location.hash = "/cost"; });
      await page.getByRole("button", { name: "Try again" }).waitFor();
      assert.deepEqual(await violations(page), [], "refused");
      stand.fail();
      await page.locator(".notice").waitFor();
      assert.deepEqual(await violations(page), [], "lost");
      stand.session = { ...stand.session, may_read: false, may_operate: false, wants_token: true };
      stand.recover();
      await page.reload();
      await page.locator("#sign-in").waitFor();
      assert.deepEqual(await violations(page), [], "sign in");
    });
  });
}

for (const width of [320, 768, 1280]) {
  test(`nothing has to be scrolled sideways at ${width} px`, async () => {
    await open({ viewport: { width, height: 800 } }, async (page) => {
      for (const screen of [...SCREENS, "decisions/7"]) {
        await visit(page, screen);
        assert.equal(await overflow(page), 0, screen);
        const inner = await page.locator(".table-place, .now-body, .segments, .card").evaluateAll((boxes) =>
          boxes.filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => `${box.className} ${box.id}`));
        assert.deepEqual(inner, [], screen);
        if (width === 320) assert.deepEqual(await violations(page), [], screen);
      }
    });
  });
}

test("at 320 px the menu opens and closes by keyboard, and goes to a screen", async () => {
  await open({ viewport: { width: 320, height: 800 } }, async (page) => {
    const menu = page.getByRole("button", { name: /^Overview.*menu/ });
    await menu.press("Enter");
    await page.getByRole("link", { name: "Market", exact: true }).press("Enter");
    await page.locator("main.screen-market").waitFor();
    await page.locator("#menu").waitFor({ state: "hidden" });
    await focused(page.locator("#main"));
  });
});

test("everything that can be pressed is reached by Tab alone, in order, and seen", async () => {
  await open({}, async (page) => {
    await page.keyboard.press("Tab");
    await focused(page.locator(".skip"));
    await page.keyboard.press("Enter");
    await focused(page.locator("#main"));
    assert.equal(await page.evaluate(() => location.hash), "", "the address still says which screen it is");
    for (const screen of [...SCREENS, "decisions/7"]) {
      await visit(page, screen);
      await page.evaluate(() => /** @type {HTMLElement} */ (document.querySelector(".skip")).focus());
      const wanted = await page.locator("a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea, [tabindex='0']").evaluateAll((all) =>
        all.filter((each) => each.checkVisibility() && !each.closest("dialog") && !each.closest("fieldset:disabled")).length);
      const reached = new Set();
      for (let i = 0; i <= wanted; i += 1) {
        const [key, isSeen, isBody] = await page.evaluate(() => {
          const at = /** @type {HTMLElement} */ (document.activeElement);
          const all = [...document.querySelectorAll("*")];
          const style = getComputedStyle(at);
          return [all.indexOf(at), style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2, at === document.body];
        });
        if (isBody) break;
        if (reached.has(key)) break;
        reached.add(key);
        assert(isSeen, `${screen}: focus number ${i} is not seen`);
        await page.keyboard.press("Tab");
      }
      assert(reached.size >= wanted, `${screen}: ${reached.size} of ${wanted} reached`);
    }
  });
});

test("nothing moves for those who asked for that", async () => {
  await open({ reducedMotion: "reduce" }, async (page) => {
    for (const screen of SCREENS) {
      await visit(page, screen);
      const moving = await page.locator("*").evaluateAll((all) =>
        all.filter((each) => {
          const { transitionDuration, animationName } = getComputedStyle(each);
          return transitionDuration !== "0s" || animationName !== "none";
        }).map((each) => each.className));
      assert.deepEqual(moving, [], screen);
    }
  });
});

/** Of the Big List of Naughty Strings: what has broken pages. */
const NAUGHTY = [
  "<script>alert(1)</script>",
  "\"><img src=x onerror=alert(2)>",
  "javascript:alert(3)//",
  "'`\"><svg/onload=alert(4)>",
  "</title><script>alert(5)</script>",
  "{{7*7}} ${7*7} <%= 7*7 %>",
  "../../../etc/passwd%00?policy=x#/fleet",
  "‮txet desrever​⁦",
  "Z̮̞̠͙͔ͅḀ̗̞͈̻̗Ḷ͙͎̯̹̞͓G̻O̭̗̮",
  "田中さんにあげて下さい 👩‍👩‍👧‍👧",
];

test("whatever names are, they are text", async () => {
  /** Each text of an answer with something naughty after it, what pages decide by excepted. */
  const KEPT = /(^|_)(at|to|from|since|until|day|oldest|kind|phase|mode|status|verb|code|shape|verdict|outcome|auth|known_by|fault|href)$/;
  let n = 0;
  /** @param {any} value @param {string} key @returns {any} */
  const soil = (value, key = "") => {
    if (typeof value === "string") return KEPT.test(key) ? value : `${value}${NAUGHTY[(n += 1) % NAUGHTY.length]}`;
    if (Array.isArray(value)) return value.map((each) => soil(each, key));
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, soil(each, name)]));
    return value;
  };
  const name = `recognition${NAUGHTY[0]}${NAUGHTY[1]}`;
  await open({ names: [name], seconds: DRAINING, isQuiet: true, set: (stand) => {
    const { scene } = stand;
    const state = scene.state.bind(scene);
    scene.state = () => ({ ...state(), policies: state().policies.map((policy) => ({ ...soil(policy), name })) });
    scene.decisions = scene.decisions.map((each) => ({ ...soil(each), policy: name }));
    stand.alter = (path, body) => (path === "session" || path === "state" || path.startsWith("decisions") ? body : soil(body));
    const order = { id: 99, at: scene.at, kind: "pause", by: "ada", known_by: "loopback", from: "127.0.0.1", accepted: false, refusal: "FORBIDDEN", policy: name, pool: null, shape: null, workers: null, intent: null, reason: NAUGHTY[1] ?? "", until: null };
    scene.orders = [order];
  } }, async (page) => {
    await reads(page.locator("h1"), name);
    for (const screen of [...SCREENS, "decisions/7"]) {
      await visit(page, screen);
      const strangers = await page.evaluate(() => [
        ...document.querySelectorAll("main script, main img, main svg[onload], main iframe, [onerror], [onload], a[href^='javascript' i]"),
      ].map((each) => each.outerHTML));
      assert.deepEqual(strangers, [], screen);
      assert.equal(await overflow(page), 0, screen);
    }
    await visit(page, "what-if");
    await page.getByRole("button", { name: "Play" }).click();
    await page.locator("#outcome").waitFor();
    await ready(page);
  });
});
