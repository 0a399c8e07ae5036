// Every screen against a real controller: node test/against.mjs http://127.0.0.1:8080/ [folder for pictures]
//
// Says what is wrong with what it answers and how the page shows it; ends with 1 if anything is.
// Nothing is ordered: whoever runs it looks at a running system.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { launch } from "./browser.mjs";
import { overflow, ready, SCREENS, violations, visit } from "./open.mjs";

const [address = "http://127.0.0.1:8080/", folder] = process.argv.slice(2);
/** @type {string[]} */ const wrong = [];
let screen = "overview";
/** @param {string} what */
const note = (what) => {
  wrong.push(`${screen}: ${what}`);
  console.log(`${screen}: ${what}`);
};

const browser = await launch();
try {
  for (const [colorScheme, width] of /** @type {const} */ ([["light", 1280], ["dark", 320]])) {
    const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 }, reducedMotion: "reduce" });
    page.setDefaultTimeout(30_000);
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") note(message.text());
    });
    page.on("pageerror", (error) => note(String(error)));
    page.on("response", (response) => {
      if (response.status() >= 400) note(`${response.status()} of ${response.url()}`);
    });
    await page.goto(address);
    await ready(page);
    const [newest = ""] = await page.locator("#recent .entry").evaluateAll((all) => all.map((each) => each.getAttribute("href")?.slice(2) ?? ""));
    for (const name of [...SCREENS, ...(newest ? [newest] : [])]) {
      screen = `${name || "overview"}, ${width} px, ${colorScheme}`;
      await visit(page, name);
      for (const alert of await page.locator("main [role=alert]:not(:empty)").allInnerTexts()) if (alert.trim()) note(alert);
      // A field that the contract has and the controller leaves out comes to light as one of these.
      for (const word of ["undefined", "NaN", "[object", "Invalid Date"]) {
        if ((await page.locator("body").innerText()).includes(word)) note(`it shows "${word}"`);
      }
      for (const violation of await violations(page)) note(violation);
      const wide = await overflow(page);
      if (wide > 0) note(`${wide} px too wide`);
      if (folder) {
        await mkdir(folder, { recursive: true });
        await page.screenshot({ path: join(folder, `${(name || "overview").replaceAll("/", "-")}-${colorScheme}.png`), fullPage: true });
      }
    }
    await page.close();
  }
} finally {
  await browser.close();
}
console.log(wrong.length === 0 ? "every screen is as it should be" : `${wrong.length} things are wrong`);
process.exitCode = wrong.length === 0 ? 0 : 1;
