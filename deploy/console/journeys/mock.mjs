// A small stand-in for api-server: the operations that the console calls, over `data.mjs`, and the console as api-server serves
// it, with its policy. It keeps to the contract's shapes, not to its rules: journeys that need those run against the real stack.

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";

import { at, id, world } from "./data.mjs";
import { isDead, refuse, ROUTES } from "./operations.mjs";

const DIST = new URL("../dist/", import.meta.url).pathname;
const DOCUMENT = new URL("../../../api-server/openapi.json", import.meta.url).pathname;
const TYPES = { js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const PASSWORD = "correct horse battery staple";

/** Starts it on a free port. `prefix` stands before every path, as behind a proxy. */
export async function mock({ prefix = "" } = {}) {
  const state = { ...world(), sessions: new Map(), calls: [], down: false, confirmed: false, codes: true };
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
        response.end(body === undefined ? "" : JSON.stringify(body));
      };
      if (!url.pathname.startsWith(prefix)) return send(404, problem(404, "not_found", "No such path."));
      const path = url.pathname.slice(prefix.length);
      if (path === "/console" || path.startsWith("/console/")) return page(path, response);
      if (state.down) return response.destroy();
      const body = parts.length > 0 ? JSON.parse(Buffer.concat(parts).toString()) : undefined;
      state.calls.push({
        method: request.method,
        path: path.replace("/api/v1/admin", ""),
        body,
        said: Object.fromEntries(url.searchParams),
        background: "x-background" in request.headers,
      });
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
    /** Ends every session, as after a password that was changed. */
    endSessions: () => state.sessions.clear(),
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
  title: "",
  status,
  code,
  detail,
  request_id: id(),
});

/** What each role may call, as `rights.rs` has it, roughly: who only reads calls no write. */
const operations = Object.entries(JSON.parse(readFileSync(DOCUMENT, "utf8")).paths)
  .filter(([path]) => path.startsWith("/api/v1/admin/"))
  .flatMap(([, item]) =>
    Object.entries(item)
      .filter(([method]) => ["get", "post", "patch", "delete"].includes(method))
      .map(([method, { operationId }]) => [method, operationId]),
  );
const OWN = [
  "admin_change_password",
  "admin_confirm",
  "admin_begin_totp",
  "admin_confirm_totp",
  "admin_end_own_session",
  "admin_create_token",
  "admin_revoke_token",
  "admin_patch_admin_account",
  "admin_reset_admin_account_second_factor",
];
const permissions = (roles) =>
  roles.includes("owner")
    ? [...operations.map(([, name]) => name), ...OWN]
    : [...operations.filter(([method]) => method === "get").map(([, name]) => name), ...OWN.slice(0, 7)];

function api(state, request, path, query, body, send) {
  const method = request.method;
  const cookie = /galaxy-mock=(\w+)/.exec(request.headers.cookie ?? "")?.[1];
  const enter = (name) => {
    const token = randomBytes(8).toString("hex");
    state.sessions.set(token, {
      session_id: id(),
      user_name: name,
      current: true,
      created_at: at(0),
      last_seen_at: at(0),
      expires_at: at(720),
      ip: "203.0.113.7",
      user_agent: "Chromium 156",
    });
    return { "set-cookie": `galaxy-mock=${token}; Path=/; HttpOnly; SameSite=Strict` };
  };
  if (path === "/auth/sign-in") {
    const account = state.admins.find((admin) => admin.user_name === body.user_name && admin.enabled);
    if (!account || body.password !== PASSWORD)
      refuse(401, "sign_in_refused", "The administrator’s name or password is wrong, or the account is disabled.");
    if (account.has_second_factor && state.codes)
      return send(200, { session: null, ticket: `t-${account.user_name}`, second_factor: "totp" });
    return send(200, { session: {}, ticket: null, second_factor: null }, enter(account.user_name));
  }
  if (path === "/auth/second-factor") {
    if (body.code !== "123456") refuse(401, "sign_in_refused", "The code is wrong, or was used before.");
    return send(200, {}, enter(body.ticket.slice(2)));
  }
  const session = state.sessions.get(cookie);
  if (!session)
    refuse(401, "admin_session_required", "This path wants an administrator who has signed in, or a token.");
  const account = state.admins.find((admin) => admin.user_name === session.user_name);
  if (path === "/auth/me") {
    const factor = { enabled: account.has_second_factor, required: false, recovery_codes_left: 9 };
    return send(200, {
      user_name: account.user_name,
      email: account.email,
      roles: account.roles,
      permissions: permissions(account.roles),
      via: "session",
      factor,
      session,
      basic: false,
    });
  }
  if (path === "/auth/sign-out") return (state.sessions.delete(cookie), send(200, session));
  if (path === "/auth/confirm") {
    if (body.code !== "123456") refuse(422, "code_incorrect", "The code is wrong, or was used before.");
    state.confirmed = true;
    return send(200, { confirmed_until: at(10) });
  }
  if (path === "/auth/sessions") return send(200, { items: [session], next_cursor: null });
  if (path === "/auth/tokens" && method === "GET") return send(200, { items: state.tokens ?? [], next_cursor: null });
  if (path === "/auth/tokens") {
    const token = {
      token_id: id(),
      name: body.name,
      roles: body.roles,
      created_at: at(0),
      expires_at: at(body.expires_in_days * 1440),
      last_used_at: null,
      revoked_at: null,
    };
    state.tokens = [token, ...(state.tokens ?? [])];
    return send(201, { ...token, token: "gpt_9f86d081884c7d659a2feaa0c55ad015" });
  }
  if (path === "/auth/totp")
    return send(200, {
      secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
      otpauth_uri: "otpauth://totp/Galaxy:root?secret=JBSWY3DP",
    });
  if (path === "/auth/totp/confirm") {
    account.has_second_factor = true;
    return send(200, {
      recovery_codes: Array.from(
        { length: 10 },
        (_, k) => `ABCD-EFGH-IJKL-${(1000 + k).toString(36).toUpperCase().padStart(4, "M")}`,
      ),
    });
  }
  if (method !== "GET" && !account.roles.includes("owner"))
    refuse(403, "role_required", "The administrator has none of the roles that may do this.");
  if (path.startsWith("/admin-accounts") && method !== "GET" && !state.confirmed)
    refuse(403, "confirmation_required", "This wants a code of the second factor within the last ten minutes.");
  if (method === "GET" && path === "/queues") {
    const dead = { mail: state.mail.filter(isDead).length, notification_routes: state.deadNotices.length };
    return send(200, {
      items: state.queues.map((queue) => ({
        ...queue,
        depth: { ...queue.depth, ...(dead[queue.name] !== undefined && { dead_lettered: dead[queue.name] }) },
      })),
      next_cursor: null,
    });
  }
  if (method !== "GET" && query.get("dry_run") === "true" && path !== "/runtimes/reconcile")
    return send(200, { effects: [{ what: "memberships", count: 3 }] });
  for (const [pattern, verb, answer] of ROUTES) {
    const found = new RegExp(`^${pattern}$`).exec(path);
    if (found && verb === method) {
      const value = answer({ state, query, body, account }, ...found.slice(1).map(decodeURIComponent));
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
      return send(method === "POST" && value?.made ? 201 : 200, value?.made ?? value);
    }
  }
  refuse(404, "not_found", `The mock has no ${method} ${path}.`);
}

/** The password of the mock's administrators. */
export const password = PASSWORD;
