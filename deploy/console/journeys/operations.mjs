// The operations of the mock: which there are, and what each answers.

import { at, id } from "./data.mjs";
import { LOOKS } from "./looks.mjs";

/** Refuses a call. */
export function refuse(status, code, detail) {
  throw Object.assign(new Error(detail), { status, code });
}

/** Whether a mail is given up. */
export const isDead = (delivery) => delivery.status === "dead_lettered" || delivery.status === "quarantined";

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

/** The same of a set that is walked by its keys. */
function walked(items, body, key, tests, change) {
  const query = new URLSearchParams(Object.entries(body.filter).filter(([, value]) => value));
  query.set("limit", "100000");
  const found = paged(items, query, key, tests).items.filter((item) => !body.cursor || item[key] > body.cursor);
  found.sort((one, other) => (one[key] < other[key] ? -1 : 1));
  const piece = found.slice(0, body.limit ?? 200);
  piece.forEach(change);
  return {
    matched: found.length,
    changed: piece.length,
    refused: [],
    next_cursor: piece.length < found.length ? piece.at(-1)[key] : null,
  };
}

const gameTests = { visibility: same("visibility"), owner_user_id: same("owner_user_id") };

const sent = (delivery) =>
  Object.assign(delivery, { status: "sent", failed_at: null, last_error: null, sent_at: at(0), failures: 0 });
const without = (state, letters) =>
  (state.deadNotices = state.deadNotices.filter((letter) => !letters.includes(letter)));

const account = ({ secret: _s, password: _p, pending: _n, last_step: _l, recovery_codes: _c, ...shown }) => shown;

/** Path, method, and what is answered: from the state, the query, the body, and the path's parts. */
export const ROUTES = [
  ...LOOKS,
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
    "/games/pause",
    "POST",
    ({ state, body }) => {
      const games = state.games.filter((game) => game.status === "running");
      return walked(games, body, "game_id", gameTests, (game) =>
        Object.assign(game, { status: "paused", pause_reason: "manual" }),
      );
    },
  ],
  [
    "/games/resume",
    "POST",
    ({ state, body }) => {
      const games = state.games.filter((game) => game.status === "paused" && game.pause_reason !== "manual");
      return walked(games, body, "game_id", gameTests, (game) =>
        Object.assign(game, { status: "running", pause_reason: null }),
      );
    },
  ],
  [
    "/games/([^/]+)/pause",
    "POST",
    ({ state }, game) => Object.assign(one(state.games, "game_id", game), { status: "paused", pause_reason: "manual" }),
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
          }[verb] ?? "running",
        pause_reason: null,
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
  [
    "/runtimes/(?:restart|patch)",
    "POST",
    ({ state, body }) =>
      walked(state.runtimes, body, "game_id", { status: same("status") }, (runtime) =>
        Object.assign(runtime, body.version && { engine_version: body.version }),
      ),
  ],
  ["/runtimes/([^/]+)", "GET", ({ state }, game) => one(state.runtimes, "game_id", game, "runtime_not_found")],
  [
    "/runtimes/([^/]+)/log",
    "GET",
    (_, game) => ({ game_id: game, lines: ["turn 14 generated in 812 ms", "listening on 0.0.0.0:8080"] }),
  ],
  [
    "/runtimes/([^/]+)/(restart|force-next-turn|accept-turn|release)",
    "POST",
    ({ state }, game) => one(state.runtimes, "game_id", game, "runtime_not_found"),
  ],
  [
    "/runtimes/([^/]+)/patch",
    "POST",
    ({ state, body }, game) =>
      Object.assign(one(state.runtimes, "game_id", game, "runtime_not_found"), {
        engine_version: body.version,
        job: null,
      }),
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
  [
    "/users/sessions/revoke",
    "POST",
    ({ state, body }) => walked(state.users, { ...body, filter: {} }, "user_id", {}, () => undefined),
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
    ({ state, query }) => paged(state.admins.map(account), query, "user_name", { enabled: same("enabled") }),
  ],
  [
    "/admin-accounts",
    "POST",
    ({ state, body: { user_name, password, roles = ["owner"], email = null } }) => {
      const made = { user_name, enabled: true, created_at: at(0), last_used_at: null, roles, email };
      state.admins.push({ ...made, has_second_factor: false, password });
      return { made: account(state.admins.at(-1)) };
    },
  ],
  [
    "/admin-accounts/([^/]+)",
    "PATCH",
    ({ state, body }, name) => account(Object.assign(one(state.admins, "user_name", name), body)),
  ],
  [
    "/admin-accounts/([^/]+)/(enable|disable)",
    "POST",
    ({ state }, name, verb) =>
      account(Object.assign(one(state.admins, "user_name", name), { enabled: verb === "enable" })),
  ],
  [
    "/admin-accounts/([^/]+)/reset-password",
    "POST",
    ({ state }, name) => {
      const { user_name, enabled, created_at, last_used_at } = one(state.admins, "user_name", name);
      return { user_name, enabled, created_at, last_used_at, password: "q7Qx2vN0m1Zt5Lr8Yb3Wc6Hd" };
    },
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
