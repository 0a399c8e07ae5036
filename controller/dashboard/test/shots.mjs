// Pictures of the page in its states, to be looked at: node test/shots.mjs FOLDER

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { launch } from "./browser.mjs";
import { Scene } from "./scene.mjs";
import { Stand } from "./server.mjs";

const folder = process.argv[2] ?? "shots";
await mkdir(folder, { recursive: true });

const SHOTS = ([
  { name: "burst-light", seconds: 76, width: 1360, dark: false },
  { name: "burst-dark", seconds: 76, width: 1360, dark: true },
  { name: "over-light", seconds: 60, width: 1360, dark: false, eta: 262 },
  { name: "never-dark", seconds: 44, width: 1360, dark: true },
  { name: "unknown-dark", seconds: 25, width: 1360, dark: true },
  { name: "after-light", seconds: 178, width: 1360, dark: false },
  { name: "narrow-light", seconds: 76, width: 320, dark: false },
  { name: "tablet-dark", seconds: 60, width: 820, dark: true },
]);

const browser = await launch();
for (const { name, seconds, width, dark, ...rest } of SHOTS) {
  const scene = new Scene({ names: ["recognition", "thumbnails"] }).run(seconds);
  const { eta } = rest;
  if (eta !== undefined) scene.alter = (policy) => ({ ...policy, drain_eta_seconds: eta, late_jobs: 1_240 });
  const stand = new Stand(scene);
  const address = await stand.listen();
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: dark ? "dark" : "light", reducedMotion: "reduce" });
  page.on("console", (message) => console.log(name, message.text()));
  page.on("pageerror", (error) => console.log(name, error));
  await page.goto(address);
  await page.getByText("Live", { exact: true }).waitFor();
  await page.locator(".entry").first().waitFor();
  if (name === "burst-light") {
    await page.locator(".entry summary").nth(1).click();
    await page.locator(".plot-canvas").first().hover({ position: { x: 520, y: 40 } });
  }
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  await page.close();
  await stand.close();
}
await browser.close();
