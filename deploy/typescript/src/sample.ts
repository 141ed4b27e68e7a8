// What a front end does first: sign in by mailed code, apply to a game that takes players, read the report of a turn.

import { Client, type Schema } from "./client.js";

/** Sends the code to an address; answers what the user's typed code is confirmed with. */
export async function sendCode(client: Client, email: string): Promise<string> {
  const sent = await client.post("/api/v1/public/auth/send-email-code", {
    body: { email, preferred_language: navigator.language },
  });
  if (sent.ok) return sent.value.challenge_id;
  throw new Error(sent.problem.detail);
}

/** Signs in, or says in words what the user can do about it. */
export async function signIn(client: Client, challenge_id: string, code: string): Promise<Schema<"SignedIn"> | string> {
  const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const confirmed = await client.post("/api/v1/public/auth/confirm-email-code", {
    body: { challenge_id, code, time_zone },
  });
  if (confirmed.ok) return confirmed.value;
  switch (confirmed.problem.code) {
    case "code_incorrect":
      return "That is not the code from the mail.";
    case "challenge_expired":
      return "This code is no longer good. Ask for another one.";
    case "account_blocked":
      return "This account may not sign in.";
    case "rate_limited":
      return `Too fast: try again in ${confirmed.retryAfter ?? 60} s.`;
    default:
      return confirmed.problem.detail;
  }
}

/** Every game that the user may see, page by page, newest first. */
export async function* games(client: Client): AsyncGenerator<Schema<"Game">> {
  let cursor: string | null | undefined;
  do {
    const page = await client.get("/api/v1/user/lobby/games", { query: cursor ? { limit: 50, cursor } : { limit: 50 } });
    if (!page.ok) throw new Error(page.problem.detail);
    yield* page.value.items;
    cursor = page.value.next_cursor;
  } while (cursor);
}

/** Applies. The key makes a repetition after a lost answer the same application. */
export async function apply(client: Client, game_id: string, race_name: string): Promise<Schema<"Application"> | string> {
  const applied = await client.post("/api/v1/user/lobby/games/{game_id}/applications", {
    path: { game_id },
    headers: { "Idempotency-Key": `apply-${game_id}` },
    body: { race_name },
  });
  if (applied.ok) return applied.value;
  const { code, detail, errors } = applied.problem;
  switch (code) {
    case "race_name_taken":
    case "race_name_invalid":
      return errors?.[0]?.detail ?? detail;
    case "enrollment_closed":
      return "The game takes nobody any more.";
    default:
      return detail;
  }
}

/** The report of a turn: JSON in the engine's own language, undefined while there is none. */
export async function report(client: Client, game_id: string, turn: number): Promise<unknown> {
  const read = await client.get("/api/v1/user/games/{game_id}/reports/{turn}", { path: { game_id, turn } });
  if (read.ok) return read.value;
  if (read.problem.code === "report_not_found") return undefined;
  throw new Error(`${read.problem.code}: ${read.problem.detail} (${read.problem.request_id})`);
}

/** Leaves for good: an answer without a body. */
export async function leave(client: Client): Promise<void> {
  const left = await client.delete("/api/v1/user/account", {});
  if (!left.ok) throw new Error(left.problem.detail);
}

/** All of it, with the session's token as the gateway wants it. */
export async function play(gateway: string, email: string, askForCode: () => Promise<string>): Promise<void> {
  const guest = new Client(gateway);
  const signedIn = await signIn(guest, await sendCode(guest, email), await askForCode());
  if (typeof signedIn === "string") return console.log(signedIn);

  const client = new Client(gateway, () => ({ authorization: `Bearer ${signedIn.session_token}` }));
  for await (const game of games(client)) {
    if (game.status === "enrollment_open") console.log(await apply(client, game.game_id, "Lovelace"));
    if (game.status === "running") console.log(await report(client, game.game_id, game.current_turn));
  }
}
