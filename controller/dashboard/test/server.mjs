// A stand-in for the controller: serves dist/ with the headers that the controller sends, and a scene.
//
//   node test/server.mjs [speed] [seconds gone by]    for development, on http://127.0.0.1:8787

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { Scene } from "./scene.mjs";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));

export const CSP =
  "default-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

const TYPES = /** @type {Record<string, string>} */ ({
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
});

export class Stand {
  /** While it is set, events are answered with 503 and streams are cut. */
  isDown = false;
  /** @type {Set<import("node:http").ServerResponse>} */ #streams = new Set();
  #server = createServer((request, response) => {
    this.#answer(request, response).catch(() => response.writeHead(404).end());
  });

  /** @param {Scene} scene */
  constructor(scene) {
    this.scene = scene;
  }

  get streams() {
    return this.#streams.size;
  }

  /** @returns {Promise<string>} where it listens */
  listen(port = 0) {
    return new Promise((resolve) => {
      this.#server.listen(port, "127.0.0.1", () => {
        const address = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
        resolve(`http://127.0.0.1:${address.port}/`);
      });
    });
  }

  close() {
    for (const stream of this.#streams) stream.destroy();
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  /** Goes on and tells everyone. */
  advance(seconds = 1) {
    for (let i = 0; i < seconds; i += 1) {
      const decision = this.scene.step();
      if (decision) this.#send("decision", decision, decision.id);
      this.tell();
    }
  }

  tell() {
    this.#send("state", this.scene.state());
  }

  fail() {
    this.isDown = true;
    for (const stream of this.#streams) stream.destroy();
  }

  recover() {
    this.isDown = false;
  }

  /** @param {string} event @param {unknown} data @param {number} [id] */
  #send(event, data, id) {
    const text = `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    for (const stream of this.#streams) stream.write(text);
  }

  /** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
  async #answer(request, response) {
    const url = new URL(request.url ?? "/", "http://stand");
    const policy = url.searchParams.get("policy");
    /** @param {unknown} body */
    const json = (body) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
    switch (url.pathname) {
      case "/api/v1/state":
        return this.isDown ? response.writeHead(503).end() : json(this.scene.state());
      case "/api/v1/history":
        return json(policy === this.scene.names[0] ? this.scene.history : []);
      case "/api/v1/decisions":
        return json(this.scene.decisions.filter((each) => each.policy === policy).slice(0, Number(url.searchParams.get("limit") ?? 200)));
      case "/api/v1/events": {
        if (this.isDown) return response.writeHead(503).end();
        response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
        response.write(": connected\n\n");
        this.#streams.add(response);
        response.on("close", () => this.#streams.delete(response));
        const seen = Number(request.headers["last-event-id"] ?? Number.NaN);
        for (const decision of [...this.scene.decisions].reverse()) {
          if (decision.id > seen) response.write(`id: ${decision.id}\nevent: decision\ndata: ${JSON.stringify(decision)}\n\n`);
        }
        return response.write(`event: state\ndata: ${JSON.stringify(this.scene.state())}\n\n`);
      }
    }
    const name = normalize(url.pathname === "/" ? "/index.html" : url.pathname);
    const bytes = await readFile(join(DIST, name));
    return response
      .writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream", "content-security-policy": CSP })
      .end(bytes);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const speed = Number(process.argv[2] ?? 1);
  const gone = Number(process.argv[3] ?? 0);
  const begin = () => new Scene({ begin: Date.now() - gone * 1000, names: ["recognition", "thumbnails"] }).run(gone);
  const stand = new Stand(begin());
  console.log(await stand.listen(8787));
  setInterval(() => stand.advance(), 1000 / speed);
}
