// What must not compile: a mistake against the contract is found before anything is sent. `tsc` fails where one of these
// is no error any more.

import { Client } from "./client.js";
import type { CatalogueEvent } from "./events.js";

export async function refusals(client: Client): Promise<void> {
  // @ts-expect-error no such path
  await client.get("/api/v1/user/lobby/game", {});
  // @ts-expect-error nothing can be deleted there
  await client.delete("/api/v1/user/lobby/games", {});
  // @ts-expect-error no such method on this path
  await client.patch("/api/v1/user/lobby/games", { body: {} });
  // @ts-expect-error the path's parameter is missing
  await client.get("/api/v1/user/lobby/games/{game_id}", {});
  // @ts-expect-error a required field of the body is missing
  await client.post("/api/v1/public/auth/send-email-code", { body: {} });
  // @ts-expect-error an unknown field in the body
  await client.post("/api/v1/public/auth/send-email-code", { body: { email: "a@example.org", mail: "a@example.org" } });
  // @ts-expect-error a query parameter of the wrong type
  await client.get("/api/v1/user/lobby/games", { query: { limit: "many" } });

  const account = await client.get("/api/v1/user/account", {});
  // @ts-expect-error nobody knows yet whether it is an answer or a problem
  console.log(account.value);
  if (account.ok) {
    // @ts-expect-error an account has no such field
    console.log(account.value.password);
    // @ts-expect-error the address may be null
    console.log(account.value.email.length);
  } else {
    // @ts-expect-error this operation cannot answer this code
    console.log(account.problem.code === "game_full");
  }

  const deleted = await client.delete("/api/v1/user/account", {});
  // @ts-expect-error an answer without a body has no members
  if (deleted.ok) console.log(deleted.value.user_id);
}

export function events(event: CatalogueEvent): void {
  // @ts-expect-error nobody knows yet whether it is of a kind that has a turn
  console.log(event.payload.turn);
  // @ts-expect-error there is no such kind
  if (event.kind === "game.weather") return;
  if (event.kind === "game.turn.ready") {
    console.log(event.payload.turn.toFixed());
    // @ts-expect-error its payload has no such field
    console.log(event.payload.reason);
  }
}
