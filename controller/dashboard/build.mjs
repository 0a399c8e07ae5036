// Bundles the dashboard into dist/, which is committed so that building the controller needs no Node.
//
//   node build.mjs           writes dist/
//   node build.mjs --check   builds into a temporary folder and fails if dist/ differs

import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const DIST = join(HERE, "dist");

/** All of dist/ together, each file gzipped on its own as it travels. */
const GZIP_BYTES_MAX = 60_000;

/** Everything that ends up in app.js and app.css beside our own code. */
const LIBRARIES = ["preact", "htm", "@preact/signals", "@preact/signals-core"];

/** @param {string} out */
async function bundle(out) {
  await mkdir(out, { recursive: true });
  await build({
    absWorkingDir: HERE,
    entryPoints: { app: "src/main.ts" },
    outdir: out,
    bundle: true,
    minify: true,
    format: "iife",
    target: ["chrome111", "firefox115", "safari16.4"],
    charset: "utf8",
    legalComments: "none", // licences.txt has them all
    logLevel: "warning",
  });
  await copyFile(join(HERE, "src/index.html"), join(out, "index.html"));
  await copyFile(join(HERE, "src/icon.svg"), join(out, "icon.svg"));
  await writeFile(join(out, "licences.txt"), await licences());
}

async function licences() {
  const texts = await Promise.all(
    LIBRARIES.map(async (name) => {
      const folder = join(HERE, "node_modules", name);
      const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
      const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file ? (await readFile(join(folder, file), "utf8")).trim() : license;
      return `${name} ${version} (${license})\n\n${text}\n`;
    }),
  );
  return texts.join(`\n${"-".repeat(72)}\n\n`);
}

/** @param {string} folder @returns {Promise<Map<string, Buffer>>} */
async function contents(folder) {
  const names = (await readdir(folder)).sort();
  return new Map(
    await Promise.all(
      names.map(async (name) => /** @type {const} */ ([name, await readFile(join(folder, name))])),
    ),
  );
}

/** @param {Map<string, Buffer>} files */
function weigh(files) {
  let total = 0;
  for (const [name, bytes] of files) {
    const size = gzipSync(bytes, { level: 9 }).length;
    total += size;
    console.log(`${name.padEnd(14)} ${(bytes.length / 1000).toFixed(1).padStart(7)} kB  ${(size / 1000).toFixed(1).padStart(6)} kB gzip`);
  }
  console.log(`${"in all".padEnd(14)} ${"".padStart(10)}  ${(total / 1000).toFixed(1).padStart(6)} kB gzip`);
  if (total > GZIP_BYTES_MAX) {
    throw new Error(`dist/ is ${total} bytes gzipped, more than the ${GZIP_BYTES_MAX} it may be`);
  }
}

async function check() {
  const out = await mkdtemp(join(tmpdir(), "dashboard-"));
  try {
    await bundle(out);
    const fresh = await contents(out);
    const committed = await contents(DIST);
    const names = new Set([...fresh.keys(), ...committed.keys()]);
    const differing = [...names].filter((name) => {
      const a = fresh.get(name);
      const b = committed.get(name);
      return !a || !b || !a.equals(b);
    });
    weigh(fresh);
    if (differing.length > 0) {
      throw new Error(`dist/ is not what the sources give (${differing.join(", ")}): run \`npm run build\` and commit it`);
    }
    console.log("dist/ is fresh");
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

if (process.argv.includes("--check")) {
  await check();
} else {
  await rm(DIST, { recursive: true, force: true });
  await bundle(DIST);
  weigh(await contents(DIST));
}
