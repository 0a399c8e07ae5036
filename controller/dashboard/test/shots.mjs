// Pictures of the screens in their states, to be looked at: node test/shots.mjs FOLDER [part of a name]
// Those that the documents show, as WebP: node test/shots.mjs FOLDER --docs

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { launch } from "./browser.mjs";
import { Scene } from "./scene.mjs";
import { Stand } from "./server.mjs";

/** @import { Page } from "playwright-core" */

const [folder = "shots", part = ""] = process.argv.slice(2);
const isForDocs = part === "--docs";
await mkdir(folder, { recursive: true });

/**
 * @typedef {{ name: string, hash?: string, seconds?: number, width?: number, dark?: boolean, scene?: (scene: Scene) => void,
 *   stand?: (stand: Stand) => void, after?: (page: Page, stand: Stand) => Promise<void> }} Shot
 */

/** Which of them the documents show, and as what. @type {Record<string, string>} */
const DOCS = {
  "overview-light": "overview",
  "timeline-dark": "timeline",
  "decision-light": "decision",
  "fleet-dark": "fleet",
  "partitions-light": "partitions",
  "market-dark": "market",
  "cost-light": "cost",
  "what-if-dark": "what-if",
  "control-light": "control",
  "health-dark": "health",
  "overview-narrow": "narrow",
};

/** Sharp enough for a dense screen, small enough for a repository. */
const WEBP_QUALITY = 72;

/** @param {Page} page @param {string} path */
async function keep(page, path) {
  const { width, height } = await page.evaluate(() => ({ width: innerWidth, height: document.documentElement.scrollHeight }));
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send("Page.captureScreenshot", {
    format: "webp",
    quality: WEBP_QUALITY,
    captureBeyondViewport: true,
    clip: { x: 0, y: 0, width, height: Math.min(height, 1_300), scale: 1 },
  });
  await writeFile(path, Buffer.from(data, "base64"));
}

/** @param {string} reason */
const order = (reason) => ({ id: 90, kind: /** @type {const} */ ("pause"), pool: null, shape: null, workers: null, by: "ada", reason, at: "2026-05-12T09:00:10Z", until: "2026-05-12T10:00:10Z" });

/** @param {Page} page */
const played = async (page) => {
  const editor = page.locator(".editor");
  await editor.waitFor();
  await editor.fill((await editor.inputValue()).replace("3m", "10m"));
  await page.getByRole("button", { name: "Play" }).click();
  await page.locator("#outcome").waitFor();
};

/** @type {Shot[]} */
const SHOTS = [
  { name: "overview-light" },
  { name: "overview-dark", dark: true },
  { name: "overview-over", seconds: 60, scene: (scene) => (scene.alter = (policy) => ({ ...policy, drain_eta_seconds: 262, late_jobs: 1_240 })) },
  { name: "overview-never-dark", seconds: 44, dark: true },
  { name: "overview-unknown-dark", seconds: 25, dark: true },
  { name: "overview-narrow", width: 320 },
  { name: "overview-lost", after: async (page, stand) => { stand.fail(); await page.locator(".notice").waitFor(); } },
  { name: "timeline-light", hash: "#/timeline", seconds: 178, after: (page) => page.locator(".plot-canvas").nth(1).hover({ position: { x: 520, y: 40 } }) },
  { name: "timeline-dark", hash: "#/timeline", seconds: 178, dark: true },
  { name: "timeline-pools-light", hash: "#/timeline", seconds: 178, after: (page) => page.getByRole("button", { name: "by pool" }).click() },
  { name: "timeline-narrow", hash: "#/timeline", seconds: 178, width: 320 },
  { name: "decisions-light", hash: "#/decisions" },
  { name: "decision-dark", hash: "#/decisions/7", dark: true },
  { name: "decision-light", hash: "#/decisions/8" },
  { name: "decision-narrow", hash: "#/decisions/7", width: 320 },
  { name: "fleet-light", hash: "#/fleet" },
  { name: "fleet-dark", hash: "#/fleet", dark: true },
  { name: "fleet-narrow", hash: "#/fleet", width: 320 },
  { name: "fleet-drain-dark", hash: "#/fleet", dark: true, after: (page) => page.getByRole("button", { name: "Drain cloud-a10-002" }).click() },
  { name: "partitions-light", hash: "#/partitions" },
  { name: "partitions-dark", hash: "#/partitions", dark: true },
  { name: "partitions-narrow", hash: "#/partitions", width: 320 },
  { name: "market-light", hash: "#/market" },
  { name: "market-dark", hash: "#/market", dark: true },
  { name: "market-narrow", hash: "#/market", width: 320 },
  { name: "cost-light", hash: "#/cost" },
  { name: "cost-dark", hash: "#/cost", dark: true },
  { name: "cost-narrow", hash: "#/cost", width: 320 },
  { name: "what-if-light", hash: "#/what-if", after: played },
  { name: "what-if-dark", hash: "#/what-if", dark: true, after: played },
  { name: "control-light", hash: "#/control" },
  { name: "control-paused-dark", hash: "#/control", dark: true, scene: (scene) => (scene.pause = order("a broker is being replaced")) },
  { name: "control-reader", hash: "#/control", stand: (stand) => (stand.session = { ...stand.session, may_operate: false, wants_token: true, auth: "token", user: null }) },
  { name: "control-narrow", hash: "#/control", width: 320 },
  { name: "sign-in", stand: (stand) => (stand.session = { ...stand.session, may_read: false, may_operate: false, wants_token: true, auth: "token", user: null }) },
  { name: "health-light", hash: "#/health" },
  { name: "health-dark", hash: "#/health", dark: true },
  { name: "market-broken", hash: "#/market", stand: (stand) => stand.broken.add("market") },
];

const browser = await launch();
for (const { name, hash = "", seconds = 76, width = 1360, dark = false, scene: change, stand: set, after } of SHOTS) {
  const kept = DOCS[name];
  if (isForDocs ? !kept : !name.includes(part)) continue;
  const scene = new Scene({ names: ["recognition"] }).run(seconds);
  change?.(scene);
  const stand = new Stand(scene);
  set?.(stand);
  const address = await stand.listen();
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: dark ? "dark" : "light", reducedMotion: "reduce", deviceScaleFactor: isForDocs ? 1.5 : 1 });
  page.on("console", (message) => console.log(name, message.text()));
  page.on("pageerror", (error) => console.log(name, error));
  await page.goto(address + hash);
  if (stand.session.may_read) {
    await page.getByText("Live", { exact: true }).waitFor();
    await page.locator("main .card, main .empty").first().waitFor();
    await page.waitForFunction(() => !document.querySelector(".loading"));
  } else await page.locator("#sign-in").waitFor();
  await after?.(page, stand);
  await page.waitForTimeout(150);
  if (isForDocs) await keep(page, join(folder, `${kept}.webp`));
  else await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  await page.close();
  await stand.close();
}
await browser.close();
