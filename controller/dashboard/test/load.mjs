// Sources for unit tests: Node 20 reads no TypeScript, and a second build folder would go stale.

import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** @param {string} path below src/ @returns {Promise<any>} */
export async function load(path) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../src/${path}`, import.meta.url))],
    bundle: true,
    logLevel: "warning",
    write: false,
    format: "esm",
  });
  const text = outputFiles[0]?.text ?? "";
  return import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
}
