// A small stand-in for api-server: the operations that the console calls, over `data.mjs`, and the console as api-server serves
// it, with its policy. It keeps to the contract's shapes, not to its rules: journeys that need those run against the real stack.

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";

import { at, id, world } from "./data.mjs";

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
    const policy = `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
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

function refuse(status, code, detail) {
    throw Object.assign(new Error(detail), { status, code });
}

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
            refuse(
                401,
                "sign_in_refused",
                "The administrator’s name or password is wrong, or the account is disabled.",
            );
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

const isDead = (delivery) => delivery.status === "dead_lettered" || delivery.status === "quarantined";

/** A page of a list, by keyset: the cursor is the last id. */
function paged(items, query, key, tests = {}) {
    const wanted = items.filter((item) =>
        Object.entries(tests).every(([name, test]) => !query.get(name) || test(item, query.get(name))),
    );
    const from = query.get("cursor") ? wanted.findIndex((item) => item[key] === query.get("cursor")) + 1 : 0;
    const limit = Number(query.get("limit") ?? 50);
    const slice = wanted.slice(from, from + limit);
    return { items: slice, next_cursor: from + limit < wanted.length ? slice.at(-1)[key] : null };
}

const one = (items, key, value, code) =>
    items.find((item) => item[key] === value) ?? refuse(404, code, "There is no such thing.");
const same = (name) => (item, value) => String(item[name]) === value;
const mailTests = {
    status: same("status"),
    template_id: same("template_id"),
    recipient: (delivery, value) => delivery.recipients.some((recipient) => recipient.address === value),
    failed_after: (delivery, value) => delivery.failed_at >= value,
    failed_before: (delivery, value) => delivery.failed_at < value,
};
const noticeTests = {
    status: same("status"),
    kind: same("kind"),
    game_id: same("game_id"),
    user_id: same("user_id"),
    channel: same("channel"),
    queue: same("queue"),
    notification_id: same("notification_id"),
    failed_before: (letter, value) => letter.failed_at < value,
};

function bulk(items, body, tests, change) {
    const query = new URLSearchParams(Object.entries(body.filter).filter(([, value]) => value));
    const found = paged(items, new URLSearchParams([...query, ["limit", "100000"]]), "x", tests).items;
    const piece = found.slice(0, body.limit ?? 50);
    piece.forEach(change);
    return { matched: found.length, changed: piece.length };
}

const sent = (delivery) =>
    Object.assign(delivery, { status: "sent", failed_at: null, last_error: null, sent_at: at(0), failures: 0 });
const without = (state, letters) =>
    (state.deadNotices = state.deadNotices.filter((letter) => !letters.includes(letter)));

const ROUTES = [
    [
        "/games",
        "GET",
        ({ state, query }) =>
            paged(state.games, query, "game_id", {
                status: same("status"),
                visibility: same("visibility"),
                owner_user_id: same("owner_user_id"),
                member_user_id: (game, user) =>
                    state.members[game.game_id].some((m) => m.user_id === user && m.status === "active"),
            }),
    ],
    [
        "/games",
        "POST",
        ({ state, body }) => ({
            made:
                (state.games.unshift({ ...state.games[6], ...body, game_id: id(), status: "draft", created_at: at(0) }),
                state.games[0]),
        }),
    ],
    ["/games/([^/]+)", "GET", ({ state }, game) => one(state.games, "game_id", game, "game_not_found")],
    [
        "/games/([^/]+)/memberships",
        "GET",
        ({ state, query }, game) => paged(state.members[game] ?? [], query, "membership_id"),
    ],
    [
        "/games/([^/]+)/applications",
        "GET",
        ({ state, query }, game) => paged(state.applications[game] ?? [], query, "application_id"),
    ],
    [
        "/games/([^/]+)/applications/([^/]+)/(approve|reject)",
        "POST",
        ({ state }, game, application, verb) =>
            Object.assign(one(state.applications[game], "application_id", application, "application_not_found"), {
                status: verb === "approve" ? "approved" : "rejected",
            }),
    ],
    [
        "/games/([^/]+)/pause",
        "POST",
        ({ state }, game) =>
            Object.assign(one(state.games, "game_id", game), { status: "paused", pause_reason: "manual" }),
    ],
    [
        "/games/([^/]+)/resume",
        "POST",
        ({ state }, game) => {
            const found = one(state.games, "game_id", game);
            if (found.status !== "paused") refuse(409, "game_state_conflict", "The game is not paused.");
            return Object.assign(found, { status: "running", pause_reason: null });
        },
    ],
    [
        "/games/([^/]+)/end",
        "POST",
        ({ state, body }, game) =>
            Object.assign(one(state.games, "game_id", game), { status: "finished", end_reason: body.reason }),
    ],
    [
        "/games/([^/]+)/(open-enrollment|ready-to-start|start|retry-start|cancel|force-start|force-stop)",
        "POST",
        ({ state }, game, verb) =>
            Object.assign(one(state.games, "game_id", game), {
                status:
                    {
                        "open-enrollment": "enrollment_open",
                        "ready-to-start": "ready_to_start",
                        cancel: "cancelled",
                        "force-stop": "paused",
                    }[verb] ?? "starting",
            }),
    ],
    ["/runtimes", "GET", ({ state, query }) => paged(state.runtimes, query, "game_id", { status: same("status") })],
    [
        "/runtimes/reconcile",
        "POST",
        ({ state, query }) => ({
            dry_run: query.get("dry_run") === "true",
            daemons: [
                {
                    daemon_id: "docker-1",
                    finished: true,
                    error: null,
                    actions: [
                        {
                            action: "restart",
                            game_id: state.games[1].game_id,
                            detail: "its container has exited",
                            due_at: null,
                            container_id: null,
                        },
                    ],
                },
            ],
        }),
    ],
    ["/runtimes/([^/]+)", "GET", ({ state }, game) => one(state.runtimes, "game_id", game, "runtime_not_found")],
    [
        "/runtimes/([^/]+)/log",
        "GET",
        (_, game) => ({ game_id: game, lines: ["turn 14 generated in 812 ms", "listening on 0.0.0.0:8080"] }),
    ],
    [
        "/runtimes/([^/]+)/(restart|patch|force-next-turn|accept-turn|release)",
        "POST",
        ({ state }, game) => one(state.runtimes, "game_id", game, "runtime_not_found"),
    ],
    [
        "/users",
        "GET",
        ({ state, query }) =>
            paged(state.users, query, "user_id", {
                email: same("email"),
                plan: (user, plan) => user.entitlement.plan === plan,
                sanction: (user, kind) => user.sanctions.some((s) => s.kind === kind),
                name: (user, name) =>
                    name.endsWith("*") ? user.user_name.startsWith(name.slice(0, -1)) : user.user_name === name,
            }),
    ],
    ["/users/([^/]+)", "GET", ({ state }, user) => one(state.users, "user_id", user, "user_not_found")],
    [
        "/users/([^/]+)",
        "DELETE",
        ({ state }, user) =>
            void Object.assign(one(state.users, "user_id", user, "user_not_found"), { deleted_at: at(0), email: null }),
    ],
    [
        "/users/([^/]+)/sessions",
        "GET",
        ({ query }, user) =>
            paged(
                [
                    {
                        device_session_id: id(),
                        user_id: user,
                        status: "active",
                        created_at: at(-400),
                        revoked_at: null,
                        revoke_reason: null,
                        client_public_key: null,
                    },
                ],
                query,
                "device_session_id",
            ),
    ],
    ["/users/([^/]+)/sessions/revoke-all", "POST", () => ({ device_session_ids: [id()] })],
    [
        "/users/([^/]+)/sanctions",
        "GET",
        ({ state, query }, user) => paged(state.sanctions[user] ?? [], query, "sanction_id"),
    ],
    [
        "/users/([^/]+)/sanctions",
        "POST",
        ({ state, body, account }, user) => {
            const sanction = {
                sanction_id: id(),
                actor: account.user_name,
                starts_at: at(0),
                lifted_at: null,
                ...body,
            };
            state.sanctions[user] = [sanction, ...(state.sanctions[user] ?? [])];
            one(state.users, "user_id", user).sanctions.push(sanction);
            return { made: sanction };
        },
    ],
    [
        "/users/([^/]+)/sanctions/([^/]+)/lift",
        "POST",
        ({ state }, user, sanction) => (
            one(state.users, "user_id", user).sanctions.splice(0),
            Object.assign(one(state.sanctions[user], "sanction_id", sanction), { lifted_at: at(0) })
        ),
    ],
    ["/users/([^/]+)/entitlements", "GET", ({ query }) => paged([], query, "entitlement_id")],
    ["/users/([^/]+)/limits", "GET", () => ({ memberships: null, private_games: 4, race_names: null })],
    ["/users/([^/]+)/limits", "POST", ({ body }) => body],
    [
        "/users/([^/]+)/countries",
        "GET",
        () => ({
            items: [
                { country: "DE", count: 812 },
                { country: "AT", count: 14 },
            ],
        }),
    ],
    ["/mail/deliveries", "GET", ({ state, query }) => paged(state.mail, query, "delivery_id", mailTests)],
    [
        "/mail/deliveries/resend",
        "POST",
        ({ state, body }) =>
            bulk(
                state.mail.filter((d) => isDead(d) && !d.wiped && d.template_id !== "mail.dead_lettered"),
                body,
                mailTests,
                sent,
            ),
    ],
    [
        "/mail/deliveries/([^/]+)",
        "GET",
        ({ state }, delivery) => one(state.mail, "delivery_id", delivery, "delivery_not_found"),
    ],
    ["/mail/deliveries/([^/]+)/attempts", "GET", ({ state, query }) => paged(state.attempts, query, "attempt_no")],
    [
        "/mail/deliveries/([^/]+)/resend",
        "POST",
        ({ state }, delivery) => {
            const found = one(state.mail, "delivery_id", delivery, "delivery_not_found");
            if (found.wiped) refuse(409, "delivery_wiped", "The delivery’s contents are gone.");
            return sent(found);
        },
    ],
    [
        "/mail/dead-letters",
        "GET",
        ({ state, query }) => paged(state.mail.filter(isDead), query, "delivery_id", mailTests),
    ],
    [
        "/mail/dead-letters/dismiss",
        "POST",
        ({ state, body }) => bulk(state.mail.filter(isDead), body, mailTests, (d) => (d.status = "dismissed")),
    ],
    [
        "/mail/dead-letters/([^/]+)/dismiss",
        "POST",
        ({ state }, delivery) => Object.assign(one(state.mail, "delivery_id", delivery), { status: "dismissed" }),
    ],
    ["/notifications", "GET", ({ state, query }) => paged(state.notices, query, "notification_id", noticeTests)],
    [
        "/notifications/dead-letters",
        "GET",
        ({ state, query }) => paged(state.deadNotices, query, "dead_letter_id", noticeTests),
    ],
    [
        "/notifications/dead-letters/(?:redrive|dismiss)",
        "POST",
        ({ state, body }) => {
            const gone = [];
            const result = bulk(state.deadNotices, body, noticeTests, (l) => gone.push(l));
            without(state, gone);
            return result;
        },
    ],
    [
        "/notifications/dead-letters/([^/]+)/(?:redrive|dismiss)",
        "POST",
        ({ state }, letter) => {
            const found = one(state.deadNotices, "dead_letter_id", letter, "dead_letter_not_found");
            without(state, [found]);
            return found;
        },
    ],
    [
        "/notifications/([^/]+)",
        "GET",
        ({ state }, notice) => one(state.notices, "notification_id", notice, "notification_not_found"),
    ],
    [
        "/queues/([^/]+)/(pause|resume)",
        "POST",
        ({ state }, name, verb) => Object.assign(one(state.queues, "name", name), { paused: verb === "pause" }),
    ],
    [
        "/workers",
        "GET",
        ({ state, query }) =>
            paged(
                state.workers.map((worker, k) =>
                    k === 3 ? worker : { ...worker, expires_at: new Date(Date.now() + 25_000).toISOString() },
                ),
                query,
                "worker_id",
            ),
    ],
    [
        "/engine-versions",
        "GET",
        ({ state, query }) => paged(state.versions, query, "version", { enabled: same("enabled") }),
    ],
    [
        "/engine-versions",
        "POST",
        ({ state, body }) => ({
            made: (state.versions.unshift({ ...body, enabled: true, created_at: at(0) }), state.versions[0]),
        }),
    ],
    [
        "/engine-versions/([^/]+)",
        "PATCH",
        ({ state, body }, version) => Object.assign(one(state.versions, "version", version), body),
    ],
    [
        "/engine-versions/([^/]+)/disable",
        "POST",
        ({ state }, version) => Object.assign(one(state.versions, "version", version), { enabled: false }),
    ],
    [
        "/admin-accounts",
        "GET",
        ({ state, query }) => paged(state.admins, query, "user_name", { enabled: same("enabled") }),
    ],
    [
        "/admin-accounts",
        "POST",
        ({ state, body }) => ({
            made:
                (state.admins.push({
                    user_name: body.user_name,
                    enabled: true,
                    created_at: at(0),
                    last_used_at: null,
                    roles: ["owner"],
                    email: null,
                    has_second_factor: false,
                }),
                state.admins.at(-1)),
        }),
    ],
    [
        "/admin-accounts/([^/]+)",
        "PATCH",
        ({ state, body }, name) => Object.assign(one(state.admins, "user_name", name), body),
    ],
    [
        "/admin-accounts/([^/]+)/(enable|disable)",
        "POST",
        ({ state }, name, verb) => Object.assign(one(state.admins, "user_name", name), { enabled: verb === "enable" }),
    ],
    [
        "/admin-accounts/([^/]+)/reset-password",
        "POST",
        ({ state }, name) => ({ ...one(state.admins, "user_name", name), password: "q7Qx2vN0m1Zt5Lr8Yb3Wc6Hd" }),
    ],
    [
        "/audit-log",
        "GET",
        ({ state, query }) =>
            paged(state.trail, query, "audit_id", {
                actor: same("actor"),
                action: same("action"),
                target_type: same("target_type"),
                target_id: same("target_id"),
            }),
    ],
];

/** The password of the mock's administrators. */
export const password = PASSWORD;
