// A small stand-in for api-server: the operations that the console calls, over `data.mjs`, and the console as api-server serves
// it, with its policy. It is held to the document's shapes (`contract.mjs`); its rules are the real stack's.

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";

import { codesOf, faultsOfAnswer, faultsOfCall, operationOf, permissions } from "./contract.mjs";
import { id, password, world } from "./data.mjs";
import { refuse, ROUTES } from "./operations.mjs";
import { caller, confirmed, door, own } from "./sign_in.mjs";
import { Device } from "./totp.mjs";

const DIST = new URL("../dist/", import.meta.url).pathname;
const TYPES = { js: "text/javascript", css: "text/css", svg: "image/svg+xml" };

/** Starts it on a free port. `prefix` stands before every path, as behind a proxy. */
export async function mock({ prefix = "" } = {}) {
  const state = { ...world(), sessions: new Map(), tickets: new Map(), tokens: [] };
  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const url = new URL(request.url, "http://mock");
      const send = (status, body, headers = {}) => {
        const problem = status >= 400;
        response.writeHead(status, {
          "content-type": problem ? "application/problem+json" : "application/json",
          "cache-control": "no-store",
          ...headers,
        });
        response.end(body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body));
      };
      if (!url.pathname.startsWith(prefix)) return send(404, problem(404, "not_found", "No such path."));
      const path = url.pathname.slice(prefix.length);
      if (path === "/console" || path.startsWith("/console/")) return page(path, response);
      const body = parts.length > 0 ? JSON.parse(Buffer.concat(parts).toString()) : undefined;
      try {
        api(state, request, path.replace("/api/v1/admin", ""), url.searchParams, body, send);
      } catch (error) {
        send(error.status ?? 500, problem(error.status ?? 500, error.code ?? "internal", error.message));
      }
    });
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    state,
    origin: `http://127.0.0.1:${server.address().port}${prefix}`,
    /** As when the last code was given more than ten minutes ago. */
    unconfirm: () => state.sessions.forEach((session) => (session.confirmed_until = null)),
    close: () => new Promise((closed) => (server.closeAllConnections(), server.close(closed))),
  };
}

function page(path, response) {
  if (path === "/console") return response.writeHead(308, { location: "console/" }).end();
  const rest = path.slice("/console/".length);
  const file = DIST + rest;
  const kind = TYPES[rest.split(".").pop()];
  if (kind && !rest.includes("..") && existsSync(file)) {
    return response
      .writeHead(200, {
        "content-type": kind,
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
      })
      .end(readFileSync(file));
  }
  const pages = readFileSync(`${DIST}pages.txt`, "utf8").split("\n").filter(Boolean);
  if (rest !== "" && !pages.includes(rest.split("/")[0]))
    return response.writeHead(404, { "content-type": "text/plain" }).end("No such page.");
  const nonce = randomBytes(16).toString("base64");
  const up = "../".repeat(rest.split("/").length - 1) || "./";
  const html = readFileSync(`${DIST}index.html`, "utf8").replaceAll("__NONCE__", nonce).replaceAll('="./', `="${up}`);
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  response
    .writeHead(200, {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policy,
      "cache-control": "no-store",
    })
    .end(html);
}

const problem = (status, code, detail) => ({
  type: `urn:galaxy:problem:${code}`,
  title: code,
  status,
  code,
  detail,
  request_id: id(),
});

/** What is no viewer's to read: they see that there is an address, and its host. */
const masked = (roles, value) =>
  roles.some((role) => role !== "viewer")
    ? value
    : JSON.parse(JSON.stringify(value ?? null).replace(/"([^"@\s])[^"@\s]*@([^"\s]+)"/g, '"$1***@$2"'));

/** A list as a file, with the columns that the document shows. */
function file(operation, items) {
  const columns = operation.responses[200].content["text/csv"].example.trim().split(",");
  const cell = (item, column) => column.split(".").reduce((value, name) => value?.[name], item) ?? "";
  const quoted = (value) => `"${(typeof value === "object" ? JSON.stringify(value) : `${value}`).replaceAll('"', '""')}"`;
  const lines = items.map((item) => columns.map((column) => quoted(cell(item, column))));
  return [columns, ...lines].map((line) => `${line.join(",")}\r\n`).join("");
}

function api(state, request, path, query, body, send) {
  const method = request.method;
  const operation = operationOf(method, path) ?? refuse(404, "not_found", `The contract has no ${method} ${path}.`);
  const wrong = faultsOfCall(operation, query, body);
  if (wrong.length > 0) refuse(400, "invalid_request", `${method} ${path}: ${wrong.join("; ")}`);
  const answer = (status, value, headers) => {
    const strange = faultsOfAnswer(operation, status, value);
    if (strange.length > 0) throw new Error(`the mock’s own answer to ${operation.id}: ${strange.join("; ")}`);
    send(status, value, headers);
  };
  const entered = door(state, path, body);
  if (entered) return answer(...entered);
  const who = caller(state, request);
  const { account } = who;
  if (operation.roles && !operation.roles.some((role) => account.roles.includes(role)))
    refuse(403, "role_required", "The administrator has none of the roles that may do this.");
  const of_own = own(state, method, path, body, who, permissions(account.roles));
  if (of_own) return answer(...of_own);
  const exported = path.endsWith("/export");
  const hurts = exported || (path.startsWith("/admin-accounts") && method !== "GET");
  if (hurts && codesOf(operation, 403).includes("confirmation_required") && !confirmed(who))
    refuse(403, "confirmation_required", "This wants a code of the second factor within the last ten minutes.");
  if (method !== "GET" && query.get("dry_run") === "true" && path !== "/runtimes/reconcile")
    return send(200, { effects: [{ what: "memberships", count: 3 }] });
  if (exported) query.set("limit", "100000");
  for (const [pattern, verb, reply] of ROUTES) {
    const found = new RegExp(`^${pattern}$`).exec(path.replace(/\/export$/, ""));
    if (!found || verb !== method) continue;
    const value = reply({ state, query, body, account }, ...found.slice(1).map(decodeURIComponent));
    if (method !== "GET")
      state.trail.unshift({
        ...state.trail[0],
        audit_id: id(),
        at: new Date().toISOString(),
        actor: account.user_name,
        outcome: "done",
        action: path.slice(1).replaceAll("/", "."),
        target_type: path.split("/")[1].replace(/s$/, ""),
        target_id: found[1] ?? "",
      });
    if (exported) {
      const lines = file(operation, masked(account.roles, value).items);
      return answer(200, lines, { "content-type": "text/csv; charset=utf-8" });
    }
    const status = value?.made ? 201 : value === undefined ? 204 : 200;
    return answer(status, masked(account.roles, value?.made ?? value));
  }
  throw new Error(`the mock has no ${method} ${path}`);
}

/** The administrators of the mock: each with the same password, `root` with a device. */
export const people = (state) => ({
  root: { name: "root", password, device: new Device(state.admins[0].secret) },
});
