// A stand-in for the controller: serves dist/ with the headers that the controller sends, and a scene.
//
//   node test/server.mjs [speed] [seconds gone by]    for development, on http://127.0.0.1:8787

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { cost, health, manifest, market, OPERATOR, partitions, timeline, whatIf } from "./answers.mjs";
import { Scene } from "./scene.mjs";

/** @import { IncomingMessage, ServerResponse } from "node:http" */
/** @import { Order, Session } from "../src/contract.ts" */

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));

export const CSP =
  "default-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const TYPES = /** @type {Record<string, string>} */ ({
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
});

/** An answer that is no success, by RFC 9457. */
class Trouble extends Error {
  /** @param {number} status @param {string} code @param {string} detail @param {unknown} [problems] */
  constructor(status, code, detail, problems = null) {
    super(detail);
    this.status = status;
    this.body = { type: "about:blank", title: code, status, detail, code, field: null, problems };
  }
}

export class Stand {
  /** While it is set, events are answered with 503 and streams are cut. */
  isDown = false;
  /** Paths below api/v1/ that are answered with 503. @type {Set<string>} */ broken = new Set();
  /** Who asks. @type {Session} */ session = OPERATOR;
  /** The token that makes an operator of whoever sends it. */ token = "let-me-in";
  /** Set to change what is answered. @type {(path: string, body: any) => any} */ alter = (_, body) => body;
  /** Everything that was ordered. @type {{ path: string, body: any }[]} */ ordered = [];
  /** @type {Set<ServerResponse>} */ #streams = new Set();
  #server = createServer((request, response) => {
    this.#answer(request, response).catch((error) => {
      if (error instanceof Trouble) response.writeHead(error.status, { "content-type": "application/problem+json" }).end(JSON.stringify(error.body));
      else response.writeHead(404).end();
    });
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

  /** @param {IncomingMessage} request @param {ServerResponse} response */
  async #answer(request, response) {
    const url = new URL(request.url ?? "/", "http://stand");
    const [, path] = /^\/api\/v1\/(.*)$/.exec(url.pathname) ?? [];
    if (path === undefined) return this.#file(url.pathname, response);
    if (this.isDown || this.broken.has(path)) throw new Trouble(503, "NOTHING_OBSERVED", "nothing has been observed yet");
    if (path !== "session" && !this.session.may_read) throw new Trouble(401, "UNAUTHENTICATED", "who are you?");
    if (path === "events") return this.#stream(request, response);
    const body = request.method === "GET" ? this.#read(path, url.searchParams) : await this.#order(path, request);
    if (body === null) return response.writeHead(204).end();
    return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(this.alter(path, body)));
  }

  /** @param {string} pathname @param {ServerResponse} response */
  async #file(pathname, response) {
    const name = normalize(pathname === "/" ? "/index.html" : pathname);
    const bytes = await readFile(join(DIST, name));
    return response
      .writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream", "content-security-policy": CSP })
      .end(bytes);
  }

  /** @param {IncomingMessage} request @param {ServerResponse} response */
  #stream(request, response) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(": connected\n\n");
    this.#streams.add(response);
    response.on("close", () => this.#streams.delete(response));
    const seen = Number(request.headers["last-event-id"] ?? Number.NaN);
    for (const decision of [...this.scene.decisions].reverse()) {
      if (decision.id > seen) response.write(`id: ${decision.id}\nevent: decision\ndata: ${JSON.stringify(decision)}\n\n`);
    }
    response.write(`event: state\ndata: ${JSON.stringify(this.scene.state())}\n\n`);
  }

  /** @param {string} path @param {URLSearchParams} asked */
  #read(path, asked) {
    const { scene } = this;
    const policy = asked.get("policy");
    const [first, name, what] = path.split("/").map(decodeURIComponent);
    switch (first) {
      case "session":
        return this.session;
      case "state":
        return scene.state();
      case "timeline":
        return timeline(scene, asked.get("from") ?? "-1h", asked.get("to"), Number(asked.get("points") ?? 600));
      case "decisions": {
        if (name !== undefined) {
          const found = scene.decisions.find(({ id }) => id === Number(name));
          if (!found) throw new Trouble(404, "UNKNOWN_DECISION", `no decision has the number ${name}`);
          return found;
        }
        const before = Number(asked.get("before") ?? Infinity);
        const own = scene.decisions.filter((each) => each.policy === (policy ?? each.policy) && each.id < before);
        return own.slice(0, Number(asked.get("limit") ?? 200));
      }
      case "partitions":
        return partitions(scene);
      case "market":
        return market(scene);
      case "cost":
        return cost(scene);
      case "health":
        return health(scene);
      case "orders":
        return scene.orders;
      case "policies":
        if (what === "manifest") return manifest(name ?? "");
    }
    throw new Trouble(404, "NO_SUCH_PATH", "there is nothing here");
  }

  /** @param {string} path @param {IncomingMessage} request */
  async #order(path, request) {
    const { scene } = this;
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    if (request.headers["x-spillway-request"] !== "1" || request.headers["content-type"] !== "application/json") {
      throw new Trouble(403, "CROSS_SITE", "not asked for by a page of ours");
    }
    if (path === "session") {
      if (body.token !== this.token) throw new Trouble(401, "UNAUTHENTICATED", "this token is not known");
      return (this.session = { ...OPERATOR, known_by: "token", auth: "token" });
    }
    const [, , what, intent] = path.split("/").map(decodeURIComponent);
    this.ordered.push({ path, body });
    if (what === "what-if") {
      const line = String(body.yaml).split("\n").findIndex((text) => text.includes("drainWithinX"));
      if (line < 0) return whatIf(scene, body.yaml, body.hours);
      throw new Trouble(422, "INVALID_POLICY", "the policy has 1 problem", [
        { path: "spec.objective", line: line + 1, column: 15, message: "unknown field `drainWithinX`", help: "did you mean `drainWithin`?" },
      ]);
    }
    if (!this.session.may_operate) throw new Trouble(403, "FORBIDDEN", "you may read, not order");
    const kind = /** @type {Order["kind"]} */ (what === "instances" ? "drain" : what);
    const seconds = body.expires_in_seconds;
    const until = seconds === undefined ? null : new Date(Date.parse(scene.at) + seconds * 1000).toISOString();
    const fields = { pool: body.pool ?? null, shape: body.shape ?? null, workers: body.workers ?? null, reason: body.reason, at: scene.at, until };
    const order = { id: scene.nextId(), kind, by: this.session.user ?? "nobody", ...fields };
    if (what === "pause") scene.pause = order;
    if (what === "resume") scene.pause = null;
    if (what === "override" || what === "release") scene.overrides = scene.overrides.filter(({ pool }) => pool !== body.pool);
    if (what === "override") scene.overrides.push(order);
    const entry = { ...order, known_by: this.session.known_by, from: "127.0.0.1", accepted: true, refusal: null, policy: scene.names[0] ?? "", intent: intent ?? null };
    scene.orders.unshift(entry);
    this.#send("order", entry, entry.id);
    this.tell();
    return order;
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
