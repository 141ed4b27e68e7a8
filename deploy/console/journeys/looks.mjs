// What the mock answers to who looks at the whole: overview, figures, search, histories, notes, push.

import { at, id } from "./data.mjs";

const DEAD = ["dead_lettered", "quarantined"];
const all = (items) => ({ items, next_cursor: null });

function queues(state) {
  const dead = {
    mail: state.mail.filter(({ status }) => DEAD.includes(status)).length,
    notification_routes: state.deadNotices.length,
  };
  return state.queues.map((queue) => ({
    ...queue,
    depth: { ...queue.depth, ...(dead[queue.name] !== undefined && { dead_lettered: dead[queue.name] }) },
  }));
}

const counted = (words) => {
  const found = {};
  for (const word of words) found[word] = (found[word] ?? 0) + 1;
  return found;
};

function overview(state) {
  const paused = state.games.filter(({ status }) => status === "paused");
  const unwell = state.runtimes.map(({ status }) => status).filter((status) => /unreachable|failed/.test(status));
  const kinds = [...new Set(state.workers.map(({ process }) => process))];
  return {
    as_of: new Date().toISOString(),
    queues: queues(state),
    paused_games: counted(paused.map(({ pause_reason }) => pause_reason)),
    start_failed_games: state.games.filter(({ status }) => status === "start_failed").length,
    late_turns: 2,
    latest_turn_seconds: 312.4,
    unwell_runtimes: counted(unwell),
    unserved_runtimes: state.runtimes.filter(({ health }) => health === "unserved").length,
    push_subscribers: 2,
    push_behind: 3,
    processes: kinds.map((process) => {
      const own = state.workers.filter((worker) => worker.process === process);
      const lost = own.filter(({ daemon_id }) => daemon_id === "docker-2").length;
      return { process, alive: own.length - lost, lost, versions: [own[0].version] };
    }),
  };
}

/** Lines with a bad night in them. */
const SHAPES = {
  games_paused: (k) => (k > 0.6 ? 3 : 1),
  games_running: (k) => (k > 0.6 ? 38 : 40),
  jobs_dead: (k) => (k > 0.7 ? 2 : 0),
  jobs_waiting: (k) => Math.round(2 * Math.abs(Math.sin(k * 20))),
  mails_dead: (k) => Math.round(Math.max(0, k - 0.5) * 590),
  mails_sent: (k) => (k > 0.5 ? 0 : Math.round(14 + 6 * Math.sin(k * 40))),
  mails_waiting: (k) => (k > 0.5 ? Math.round(16 + 60 * Math.sin((k - 0.5) * 6) ** 2) : 3),
  notifications_dead: () => 0,
  notifications_waiting: (k) => Math.round(5 + 3 * Math.sin(k * 30)),
  push_sequence: (k) => Math.round(48_000 + 2400 * k + 160 * Math.sin(k * 9)),
  routes_dead: (k) => (k > 0.8 ? 24 : 0),
  routes_delivered: (k) => Math.round(30 + 12 * Math.sin(k * 25)),
  routes_waiting: (k) => Math.round(9 + 7 * Math.sin(k * 18)),
  turns_generated: (k) => Math.round(12 + 4 * Math.sin(k * 50)),
  turns_late: (k) => (k > 0.85 ? 2 : 0),
};

function stats(_state, query) {
  const to = Date.now();
  const from = Date.parse(query.get("from") ?? new Date(to - 3_600_000).toISOString());
  const step = to - from > 5 * 3_600_000 ? 5 : 1;
  const wanted = query.get("series") ? [query.get("series")] : Object.keys(SHAPES);
  const times = [];
  for (let when = Math.ceil(from / (step * 60_000)) * step * 60_000; when < to; when += step * 60_000) times.push(when);
  const point = (name, when) => {
    const value = SHAPES[name]((when - from) / (to - from));
    return { at: new Date(when).toISOString(), mean: value, max: value };
  };
  return {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    step,
    series: wanted.map((name) => ({ name, points: times.map((when) => point(name, when)) })),
  };
}

function search(state, query) {
  const text = (query.get("q") ?? "").toLowerCase();
  const hit = (kind, made, key, title, matched, more) => ({
    kind,
    id: made[key],
    title,
    matched,
    user_id: null,
    game_id: null,
    at: made.created_at,
    ...more,
  });
  const begins = (name) => name?.toLowerCase().startsWith(text);
  return {
    hits: [
      ...state.users
        .filter(({ user_id, email, user_name, display_name }) =>
          user_id === text || email === text || begins(user_name) || begins(display_name))
        .map((user) => {
          const by = user.email === text ? "address" : "name";
          return hit("user", user, "user_id", user.display_name, by, { user_id: user.user_id });
        }),
      ...state.games
        .filter((game) => game.game_id === text || begins(game.name))
        .map((game) => hit("game", game, "game_id", game.name, "name", { game_id: game.game_id })),
      ...state.mail
        .filter((mail) => mail.delivery_id === text || mail.recipients.some(({ address }) => address === text))
        .slice(0, 10)
        .map((mail) => hit("delivery", mail, "delivery_id", mail.template_id, "address")),
    ],
  };
}

const happened = (minutes, source, what, more = {}) => ({
  entry_id: id(),
  at: at(minutes),
  source,
  what,
  outcome: null,
  actor: null,
  detail: null,
  user_id: null,
  game_id: null,
  ...more,
});

const ofGame = () =>
  all([
    happened(-3, "trail", "game.pause", { actor: "root", detail: "The engine does not answer" }),
    happened(-9, "job", "restart", { outcome: "retrying", detail: "connection refused" }),
    happened(-12, "notification", "game.paused", { outcome: "expanded" }),
    happened(-14, "operation", "turn", { outcome: "failed", detail: "connection refused" }),
    happened(-200, "operation", "turn", { outcome: "done", detail: "turn 31" }),
    happened(-4000, "membership", "Lovelace", { outcome: "active" }),
  ]);

const ofUser = ({ state }) =>
  all([
    happened(-900, "trail", "user.sanction.create", { actor: "root", detail: "Three accounts in one game" }),
    happened(-1400, "session", "session", { outcome: "active" }),
    happened(-1401, "mail", "auth.login_code", { outcome: "sent" }),
    happened(-2000, "note", "note", { actor: "sam", detail: "Wrote to us twice." }),
    happened(-5000, "membership", "Somerville", { outcome: "active", game_id: state.games[0].game_id }),
  ]);

const notes = (key) => [
  [
    `/${key}s/([^/]+)/notes`,
    "GET",
    ({ state }, about) => all(state.notes.filter((note) => note[`${key}_id`] === about)),
  ],
  [
    `/${key}s/([^/]+)/notes`,
    "POST",
    ({ state, body, account }, about) => {
      const note = { note_id: id(), user_id: null, game_id: null, author: account.user_name, created_at: at(0), ...body };
      state.notes.unshift({ ...note, [`${key}_id`]: about });
      return { made: state.notes[0] };
    },
  ],
];

const MAIL = (subject) => `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${subject}</title>
<style>.card { padding: 28px }</style></head>
<body style="margin:0;padding:24px;background:#f3f4f8;font-family:sans-serif">
<div class="card" style="max-width:560px;margin:0 auto;background:#fff;border-radius:10px"><p>Turn 31 is ready.</p>
<p><a href="https://galaxy.example/games/1" style="display:inline-block;padding:12px 22px;background:#2450b8;color:#fff"
>Give your orders</a></p><img src="https://tracker.example/pixel.gif" alt=""></div></body></html>`;

/** Path, method, and what is answered. */
export const LOOKS = [
  ["/overview", "GET", ({ state }) => overview(state)],
  ["/queues", "GET", ({ state }) => all(queues(state))],
  ["/stats", "GET", ({ state, query }) => stats(state, query)],
  ["/search", "GET", ({ state, query }) => search(state, query)],
  ["/push/subscribers", "GET", ({ state }) => all(state.subscribers)],
  ["/games/([^/]+)/timeline", "GET", ofGame],
  ["/users/([^/]+)/timeline", "GET", ofUser],
  ...notes("user"),
  ...notes("game"),
  [
    "/mail/deliveries/([^/]+)/content",
    "GET",
    (_, delivery_id) => ({
      delivery_id,
      subject: "Turn 31 of Crab Nebula",
      text: "Turn 31 is ready.\n\nhttps://galaxy.example/games/1\n",
      html: MAIL("Turn 31 of Crab Nebula"),
    }),
  ],
];
