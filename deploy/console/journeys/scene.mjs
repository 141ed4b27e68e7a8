// What a journey finds: who there is, which games, what is dead. Over the mock it is made by hand, over a stack by `stack.mjs`;
// the journeys see no difference.

import { randomBytes } from "node:crypto";

import { people } from "./mock.mjs";
import { Device } from "./totp.mjs";

const SOON = 90_000;

/** Calls of an administrator, by name and password. */
export function calls(origin, { name, password }) {
  const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
  return async (method, path, body) => {
    const answer = await fetch(`${origin}/api/v1/admin${path}`, {
      method,
      headers: { authorization, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
}

/** Asks again until `wanted` is there. */
export async function until(what, wanted, soon = SOON) {
  const deadline = Date.now() + soon;
  for (;;) {
    const found = await wanted();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${soon / 1000} s`);
    await new Promise((next) => setTimeout(next, 100));
  }
}

/** What every scene can do. */
function scene(given) {
  const call = calls(given.origin, given.root);
  return {
    ...given,
    call,
    until,
    /** A new administrator with these roles. */
    async person(roles) {
      const made = { name: `${roles[0]}-${randomBytes(4).toString("hex")}`, password: randomBytes(12).toString("hex") };
      await call("POST", "/admin-accounts", { user_name: made.name, password: made.password, roles });
      return made;
    },
    /** Sets up a second factor for somebody. */
    async device(person) {
      const theirs = calls(given.origin, person);
      const { secret } = await theirs("POST", "/auth/totp");
      const device = new Device(secret);
      await theirs("POST", "/auth/totp/confirm", { code: await device.next() });
      return device;
    },
    dead: async () => (await call("GET", "/mail/dead-letters?limit=200")).items,
  };
}

/** That of a mock. */
export function ofMock(server) {
  const { state } = server;
  const user = ({ user_id, email, user_name, display_name }) => ({ user_id, email, name: display_name ?? user_name });
  const game = ({ game_id, name }) => ({ game_id, name });
  return scene({
    origin: server.origin,
    mock: server,
    root: people(state).root,
    idle: user(state.users[0]),
    barred: { ...user(state.users[3]), reason: state.users[3].sanctions[0].reason },
    running: game(state.games[0]),
    broken: game(state.games[1]),
    version: "1.4.2",
    patch: "1.4.3",
    template: "game.turn.ready",
  });
}

/** That which `stack.mjs` has left in a file. */
export const ofStack = (facts) => scene(facts);
