// A small installation after a bad night: what the mock answers from. Times are told from the start of the mock.

const NOW = Date.now();
/** An instant so many minutes from now. */
export const at = (minutes) => new Date(NOW + minutes * 60_000).toISOString().replace(/\.\d+Z$/, "Z");
let n = 0;
/** An id, each another one. */
export const id = () => `019cb4db-5900-7297-8ab7-${(++n).toString(16).padStart(12, "0")}`;

const NAMES = [
  "Ada Lovelace",
  "Grace Hopper",
  "Émilie du Châtelet",
  "Mary Somerville",
  "Hypatia",
  "Sofja Kowalewskaja",
  "王贞仪",
  "Lise Meitner",
];
const GAMES = [
  "Perseus Arm",
  "Crab Nebula, a slow one",
  "Thursday Table",
  "Sagittarius A*",
  "Lesser Magellan",
  "Barnard’s Loop",
  "The Long Dark",
  "Coal Sack",
];
const PLANS = ["free", "monthly", "free", "yearly", "free", "free", "permanent", "free"];

/** The password of every administrator. */
export const password = "correct horse battery staple";

export function world() {
  const users = NAMES.map((display_name, k) => ({
    user_id: id(),
    user_name: `player-${k + 1}`,
    display_name,
    email: `${
      display_name
        .split(" ")[0]
        .normalize("NFD")
        .replace(/[^a-zA-Z]/g, "")
        .toLowerCase() || "wang"
    }@example.org`,
    declared_country: k % 3 ? null : "DE",
    deleted_at: null,
    created_at: at(-60 * 24 * (3 + k * 11)),
    preferred_language: "en",
    time_zone: "Europe/Berlin",
    entitlement: {
      plan: PLANS[k],
      is_paid: PLANS[k] !== "free",
      source: "system",
      starts_at: at(-9000),
      ends_at: null,
    },
    sanctions: [],
  }));
  const sanction = {
    sanction_id: id(),
    kind: "login_block",
    reason: "Three accounts in one game",
    actor: "root",
    starts_at: at(-900),
    ends_at: at(60 * 24 * 6),
    lifted_at: null,
  };
  users[3].sanctions.push(sanction);

  const statuses = ["running", "paused", "paused", "enrollment_open", "start_failed", "paused", "draft", "finished"];
  const reasons = [null, "engine_unreachable", "engine_unreachable", null, null, "manual", null, null];
  const games = GAMES.map((name, k) => ({
    game_id: id(),
    name,
    description: "Six turns a week, mornings in Berlin.",
    status: statuses[k],
    pause_reason: reasons[k],
    end_reason: statuses[k] === "finished" ? "engine" : null,
    visibility: k === 2 ? "private" : "public",
    owner_user_id: k === 2 ? users[0].user_id : null,
    owner_display_name: k === 2 ? users[0].display_name : null,
    approved_count: Math.min(8, 3 + k),
    min_players: 2,
    max_players: 8,
    current_turn: [14, 31, 7, 0, 0, 52, 0, 120][k],
    next_turn_at: statuses[k] === "running" ? at(192) : null,
    enrollment_ends_at: at(60 * 24 * (k - 3)),
    created_at: at(-60 * 24 * (40 - k)),
    started_at: ["running", "paused", "finished"].includes(statuses[k]) ? at(-60 * 24 * (30 - k)) : null,
    finished_at: statuses[k] === "finished" ? at(-600) : null,
    runtime_status: { running: "running", paused: "engine_unreachable", start_failed: "removed" }[statuses[k]] ?? null,
    settings: { planets: 64, fog: true },
    target_engine_version: "1.4.2",
    time_zone: "Europe/Berlin",
    turn_schedule: "0 8 * * 1-6",
    winners: statuses[k] === "finished" ? ["Lovelace"] : [],
  }));

  const members = Object.fromEntries(
    games.map((game) => [
      game.game_id,
      users.slice(0, game.approved_count).map((user, k) => ({
        membership_id: id(),
        game_id: game.game_id,
        user_id: user.user_id,
        display_name: user.display_name,
        race_name: ["Lovelace", "Hopper", "Châtelet", "Somerville", "Alexandria", "Kowalewskaja", "Wang", "Meitner"][k],
        status: k === 5 ? "left" : "active",
        joined_at: at(-60 * 24 * 20 - k * 50),
      })),
    ]),
  );
  const applications = Object.fromEntries(
    games.map((game) => [
      game.game_id,
      game.status !== "enrollment_open"
        ? []
        : [
            {
              application_id: id(),
              game_id: game.game_id,
              user_id: users[6].user_id,
              display_name: users[6].display_name,
              race_name: "Wang",
              race_name_available: true,
              status: "submitted",
              created_at: at(-90),
              decided_at: null,
            },
            {
              application_id: id(),
              game_id: game.game_id,
              user_id: users[7].user_id,
              display_name: users[7].display_name,
              race_name: "Hopper",
              race_name_available: false,
              status: "submitted",
              created_at: at(-30),
              decided_at: null,
            },
          ],
    ]),
  );
  const runtimes = games
    .filter((game) => game.runtime_status)
    .map((game, k) => ({
      game_id: game.game_id,
      status: game.runtime_status,
      health: ["healthy", "unhealthy", "unserved", "unknown"][k % 4],
      engine_version: "1.4.2",
      image: "registry.example/galaxy-engine:1.4.2",
      image_digest: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
      container_id: game.runtime_status === "removed" ? null : "4f1b2b0b822cd15d",
      endpoint: "http://172.18.0.4:8080",
      current_turn: game.current_turn,
      next_turn_at: game.next_turn_at,
      created_at: game.created_at,
      updated_at: at(-k * 17 - 1),
      job:
        k === 1
          ? {
              job_id: id(),
              kind: "restart",
              status: "retrying",
              step: "wait for the engine",
              failures: 3,
              last_error: "connection refused",
              created_at: at(-22),
              finished_at: null,
            }
          : null,
      operations: [
        {
          operation_id: id(),
          job_id: null,
          op: "probe",
          outcome: k ? "failed" : "done",
          detail: k ? "connection refused" : null,
          times: k ? 214 : 1,
          at: at(-400),
          last_at: at(-1),
        },
        {
          operation_id: id(),
          job_id: null,
          op: "start",
          outcome: "done",
          detail: null,
          times: 1,
          at: at(-60 * 24 * 20),
          last_at: at(-60 * 24 * 20),
        },
      ],
    }));

  const causes = [
    "451 4.7.1 Greylisted, try again later",
    "connect to relay.example:587: connection refused",
    "550 5.1.1 No such user here",
  ];
  const templates = [
    "game.turn.ready",
    "game.turn.ready",
    "auth.login_code",
    "lobby.application.approved",
    "mail.dead_lettered",
  ];
  const mail = Array.from({ length: 340 }, (_, k) => {
    const dead = k % 8 !== 0;
    const user = users[k % users.length];
    const template_id = templates[k % templates.length];
    return {
      delivery_id: id(),
      idempotency_key: `turn-ready:${k}`,
      template_id,
      status: dead ? (k % 31 === 1 ? "quarantined" : "dead_lettered") : "sent",
      attempts: dead ? 12 : 1,
      failures: dead ? 12 : 0,
      created_at: at(-600 + k),
      failed_at: dead ? at(-480 + k) : null,
      sent_at: dead ? null : at(-599 + k),
      next_attempt_at: null,
      expires_at: template_id === "auth.login_code" ? at(-590 + k) : null,
      last_error: dead ? causes[k % 9 === 0 ? 2 : k % 3 === 0 ? 0 : 1] : null,
      request_id: null,
      wiped: template_id === "auth.login_code" && dead,
      recipients: [
        {
          address: user.email,
          status: dead ? "undecided" : "accepted",
          smtp_code: dead ? 451 : 250,
          detail: dead ? "Greylisted" : "OK",
        },
      ],
    };
  }).reverse();
  const attempts = [1, 2, 3].map((attempt_no) => ({
    attempt_no,
    outcome: "retry",
    smtp_code: 451,
    detail: "4.7.1 Greylisted, try again later",
    started_at: at(-480 - 30 * (3 - attempt_no)),
    finished_at: at(-479 - 30 * (3 - attempt_no)),
  }));

  const notices = Array.from({ length: 60 }, (_, k) => ({
    notification_id: id(),
    idempotency_key: `turn-ready:${k}`,
    kind: ["game.turn.ready", "lobby.application.submitted", "game.paused"][k % 3],
    audience: ["game_members", "administrators", "users"][k % 3],
    game_id: games[k % games.length].game_id,
    status: k % 11 === 2 ? "retrying" : "expanded",
    attempts: 1,
    last_error: null,
    created_at: at(-k * 13 - 1),
    payload: { game_id: games[k % games.length].game_id, turn: 14 + k },
    more_routes: false,
    request_id: null,
    routes: users.slice(0, 3).map((user, r) => ({
      route_id: id(),
      channel: r === 2 ? "push" : "email",
      status: r === 2 && k % 5 === 0 ? "dead_lettered" : "delivered",
      user_id: user.user_id,
      attempts: 1 + r,
      last_error: r === 2 && k % 5 === 0 ? "hub unavailable" : null,
    })),
  }));
  const deadNotices = notices.slice(0, 24).map((notice, k) => ({
    dead_letter_id: id(),
    queue: "notification_routes",
    route_id: notice.routes[2].route_id,
    notification_id: notice.notification_id,
    kind: notice.kind,
    channel: "push",
    user_id: notice.routes[2].user_id,
    game_id: notice.game_id,
    status: "dead_lettered",
    attempts: 9,
    created_at: notice.created_at,
    failed_at: at(-200 - k),
    last_error: "hub unavailable",
  }));
  const queues = [
    {
      name: "mail",
      paused: false,
      oldest_due_seconds: 0,
      depth: { pending: 3, retrying: 12, sending: 1, dead_lettered: 0, quarantined: 0 },
    },
    {
      name: "notifications",
      paused: false,
      oldest_due_seconds: 0,
      depth: { pending: 0, retrying: 5, dead_lettered: 0, quarantined: 0 },
    },
    {
      name: "notification_routes",
      paused: false,
      oldest_due_seconds: 0.4,
      depth: { pending: 9, retrying: 0, dead_lettered: 0, quarantined: 0 },
    },
    {
      name: "runtime_jobs",
      paused: false,
      oldest_due_seconds: 312,
      depth: { pending: 1, retrying: 1, failed: 2, quarantined: 0 },
    },
    {
      name: "runtime_turns",
      paused: false,
      oldest_due_seconds: 0,
      depth: { pending: 1, running: 0, dead_lettered: 0 },
    },
  ];
  const workers = ["mail-worker", "notify-worker", "runtime-controller", "runtime-controller"].map((process, k) => ({
    worker_id: id(),
    process,
    instance: `host-${k + 1}:${4000 + k}`,
    version: "1.0.0+cb76fd2",
    daemon_id: process === "runtime-controller" ? `docker-${k - 1}` : null,
    started_at: at(-60 * 30),
    expires_at: at(k === 3 ? -4 : 0.4),
  }));
  const versions = ["1.4.2", "1.4.1", "1.3.9", "2.0.0"].map((version, k) => ({
    version,
    title: k === 3 ? "The next one" : "Galaxy",
    description: null,
    image: `registry.example/galaxy-engine:${version}`,
    enabled: k !== 2,
    min_players: 2,
    max_players: k === 3 ? null : 8,
    created_at: at(-60 * 24 * (5 + k * 30)),
  }));
  const admins = [
    {
      user_name: "root",
      enabled: true,
      created_at: at(-60 * 24 * 200),
      last_used_at: at(-1),
      roles: ["owner"],
      email: null,
      has_second_factor: true,
      secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
      recovery_codes: Array.from({ length: 9 }, (_, k) => `code-${k}`),
    },
    {
      user_name: "vera",
      enabled: true,
      created_at: at(-60 * 24 * 90),
      last_used_at: at(-700),
      roles: ["viewer"],
      email: "vera@example.org",
      has_second_factor: false,
    },
    {
      user_name: "milo",
      enabled: false,
      created_at: at(-60 * 24 * 80),
      last_used_at: null,
      roles: ["support", "operator"],
      email: null,
      has_second_factor: false,
    },
  ].map((admin) => ({ ...admin, password }));
  const done = [
    ["queue.pause", "queue", "mail"],
    ["queue.resume", "queue", "mail"],
    ["game.pause", "game", games[5].game_id],
    ["user.sanction.create", "user", users[3].user_id],
    ["admin_account.reset_password", "admin_account", "milo"],
    ["game.create", "game", games[6].game_id],
  ];
  const trail = Array.from({ length: 130 }, (_, k) => done[k % done.length]).map(([action, target_type, target_id], k) => ({
    audit_id: id(),
    at: at(-k * 47 - 3),
    actor: k % 6 === 3 ? "vera" : "root",
    action,
    target_type,
    target_id,
    detail: action === "game.pause" ? { from: "running", to: "paused" } : {},
    before: action === "game.pause" ? { status: "running" } : null,
    after: action === "game.pause" ? { status: "paused", pause_reason: "manual" } : null,
    reason: action === "game.pause" ? "the engine hangs" : null,
    operation_id: null,
    request_id: id(),
    ip: "203.0.113.7",
    outcome: k % 6 === 3 ? "refused" : "done",
    via: "session",
    session_id: id(),
  }));
  const sanctions = { [users[3].user_id]: [sanction] };
  const notes = [
    { note_id: id(), user_id: users[3].user_id, game_id: null, author: "sam", text: "Wrote to us twice.", created_at: at(-2000) },
  ];
  const subscribers = ["gateway-b", "gateway-a", "gateway-old"].map((gateway_client_id, k) => ({
    gateway_client_id,
    connected_at: at(-60 * 30 - k),
    seen_at: at(k === 2 ? -300 : 0),
    behind: k === 2 ? null : k * 3,
  }));
  return {
    users,
    games,
    members,
    applications,
    runtimes,
    mail,
    attempts,
    notices,
    deadNotices,
    queues,
    workers,
    versions,
    admins,
    trail,
    sanctions,
    notes,
    subscribers,
  };
}
