// Makes the scene of the journeys on a stack that is up, through its public API, as operators, players and the gateway do:
//
//     node journeys/stack.mjs STACK.JSON SCENE.JSON
//
// The relay of the stack refuses `refused-1@console.example` to `refused-6@console.example` for good; the engines are child
// processes. What is made:
//
// | what | how |
// | --- | --- |
// | somebody whom a sanction keeps out, and somebody whom nothing does | accounts by the gateway, a sanction by an administrator |
// | a game that runs | two members, an engine |
// | a game that is paused, since its engine is dead and does not come back | it is killed, and its program ends at once |
// | dead mail | six people with refused addresses are rejected by three games |

import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { calls, until } from "./scene.mjs";

const [summaryFile, sceneFile] = process.argv.slice(2).map((file) => resolve(file));
const summary = JSON.parse(readFileSync(summaryFile, "utf8"));
const origin = summary.rest[0];
const root = { name: summary.admin_user, password: summary.admin_password };
const admin = calls(origin, root);
const REFUSED = 6;
const GAMES = 3;
/** Dead letters: one of each rejection. */
const DEAD = REFUSED * GAMES;
const REASON = "Three accounts in one game";
const TEMPLATE = "lobby.application.rejected";

/** A call of the gateway, on behalf of a user where one is named. */
async function gateway(path, body, user) {
  const answer = await fetch(`${origin}/api/v1${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${summary.gateway_token}`,
      "content-type": "application/json",
      ...(user && { "x-user-id": user }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

async function account(email) {
  const { user_id } = await gateway("/internal/identities/provision", { kind: "email", external_id: email });
  const { user_name, display_name } = await admin("GET", `/users/${user_id}`);
  return { user_id, email, name: display_name ?? user_name };
}

async function game(name, version) {
  const made = await admin("POST", "/games", {
    name,
    description: "A game of the console’s journeys.",
    min_players: 2,
    max_players: 4,
    enrollment_ends_at: new Date(Date.now() + 86_400_000).toISOString(),
    turn_schedule: "@every 1h",
    target_engine_version: version,
  });
  await admin("POST", `/games/${made.game_id}/open-enrollment`);
  return { game_id: made.game_id, name };
}

async function apply({ game_id }, { user_id }, race_name) {
  const { application_id } = await gateway(`/user/lobby/games/${game_id}/applications`, { race_name }, user_id);
  return (verb) => admin("POST", `/games/${game_id}/applications/${application_id}/${verb}`);
}

async function started(name, version, members) {
  const made = await game(name, version);
  for (const [k, member] of members.entries()) await (await apply(made, member, `${name} ${k + 1}`))("approve");
  await admin("POST", `/games/${made.game_id}/ready-to-start`);
  await admin("POST", `/games/${made.game_id}/start`);
  await until(`${name} runs`, async () => (await admin("GET", `/games/${made.game_id}`)).status === "running");
  return made;
}

/** Kills the engine of a game. */
function kill({ game_id }) {
  let killed = 0;
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    let environment = "";
    try {
      environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    } catch {
      continue; // It has ended meanwhile, or is not ours.
    }
    const state = environment.split("\0").find((line) => line.startsWith("GALAXY_STATE_DIR="));
    if (state?.includes(game_id)) killed += Number(process.kill(Number(pid), "SIGKILL"));
  }
  if (killed === 0) throw new Error("the game has no engine that could be killed");
}

/** A copy of the engine's program, registered: one that can be made bad, and good again. */
async function version(label) {
  const program = join(dirname(sceneFile), `engine-${label}`);
  // Another file, not the same one changed: the one that runs cannot be.
  const put = (fill) => (rmSync(program, { force: true }), fill(), chmodSync(program, 0o755));
  const good = () => put(() => copyFileSync(summary.engine_image, program));
  const bad = () => put(() => writeFileSync(program, "#!/bin/sh\necho 'no space left on device' >&2\nexit 3\n"));
  good();
  await admin("POST", "/engine-versions", { version: label, image: program, title: "The reference engine" });
  return { good, bad };
}

await version("1.0.0");
await version("1.0.1");
const frail = await version("1.1.0");

const [idle, barred, ...players] = await Promise.all(
  ["idle", "barred", "ada", "boris"].map((name) => account(`${name}@console.example`)),
);
await admin("POST", `/users/${barred.user_id}/sanctions`, { kind: "login_block", reason: REASON, ends_at: null });

const broken = await started("Crab Nebula", "1.1.0", players);
frail.bad();
kill(broken);
const running = await started("Perseus Arm", "1.0.0", players);

const refused = [];
for (let k = 1; k <= REFUSED; k += 1) refused.push(await account(`refused-${k}@console.example`));
for (let k = 1; k <= GAMES; k += 1) {
  const made = await game(`Full table ${k}`, "1.0.0");
  for (const person of refused) await (await apply(made, person, `Race ${k} ${person.email.slice(0, 9)}`))("reject");
}
await until("the relay has refused all of them", async () => {
  const { items } = await admin("GET", `/mail/dead-letters?template_id=${TEMPLATE}&limit=200`);
  return items.length >= DEAD;
});
await until("the game without an engine is paused", async () => {
  const { status, pause_reason } = await admin("GET", `/games/${broken.game_id}`);
  return status === "paused" && pause_reason === "engine_unreachable";
});
// Whoever looks after the machine has mended it: from now on Force start brings the game back.
frail.good();

writeFileSync(
  sceneFile,
  JSON.stringify({
    origin,
    root,
    idle,
    barred: { ...barred, reason: REASON },
    running,
    broken,
    version: "1.0.0",
    patch: "1.0.1",
    template: TEMPLATE,
  }),
);
console.log(`   the scene is set: ${DEAD} dead letters, ${broken.name} is paused, ${running.name} runs`);
