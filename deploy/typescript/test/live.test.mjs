// The sample against a live replica, through a gateway of this file's that stands under a path of its own.
// `api-server/tests/it/generated.rs` starts the replica and says in the environment where it is.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { Client } from "../build/client.js";
import { apply, games, leave, report } from "../build/sample.js";

const env = (name) => process.env[name] ?? assert.fail(`${name} is not set`);
const GAME = "/api/v1/user/lobby/games/{game_id}";

let gateway;
let client;

before(async () => {
  gateway = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", async () => {
      if (!request.url.startsWith("/edge/api/v1/")) return response.writeHead(404).end("<html>no such site</html>");
      const { host, connection, "transfer-encoding": _, "content-length": __, ...headers } = request.headers;
      const answer = await fetch(env("GALAXY_URL") + request.url.slice("/edge".length), {
        method: request.method,
        headers: { ...headers, authorization: `Bearer ${env("GALAXY_GATEWAY_TOKEN")}`, "x-user-id": env("GALAXY_USER_ID") },
        ...(parts.length === 0 ? {} : { body: Buffer.concat(parts) }),
      });
      const passed = ["content-type", "x-request-id", "retry-after"].filter((name) => answer.headers.has(name));
      response.writeHead(answer.status, Object.fromEntries(passed.map((name) => [name, answer.headers.get(name)])));
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
  });
  await new Promise((ready) => gateway.listen(0, "127.0.0.1", ready));
  client = new Client(`http://127.0.0.1:${gateway.address().port}/edge/`);
});
after(() => gateway.close());

test("the sample plays against a replica", async () => {
  const account = await client.get("/api/v1/user/account", {});
  assert.equal(account.value.user_id, env("GALAXY_USER_ID"));
  assert.notEqual(account.requestId, "");
  const renamed = await client.patch("/api/v1/user/account", { body: { display_name: "Ada L." } });
  assert.equal(renamed.value.display_name, "Ada L.");

  const found = [];
  for await (const game of games(client)) found.push(game.game_id);
  assert.ok(found.includes(env("GALAXY_GAME_ID")), `${found}`);

  const application = await apply(client, env("GALAXY_GAME_ID"), "Lovelace");
  assert.equal(application.status, "submitted");
  const again = await apply(client, env("GALAXY_GAME_ID"), "Lovelace");
  assert.equal(again.application_id, application.application_id, "the key makes it the same application");

  const unknown = await client.get(GAME, { path: { game_id: "019cb4db-5900-7297-8ab7-7e702c787b4c" } });
  assert.equal(unknown.problem.code, "game_not_found");
  const refused = await client.get("/api/v1/user/lobby/games", { query: { limit: 0 } });
  assert.equal(refused.problem.code, "invalid_request");
  await assert.rejects(report(client, env("GALAXY_GAME_ID"), 1), /:/);

  await leave(client);
  const gone = await client.get("/api/v1/user/account", {});
  assert.equal(gone.problem.code, "user_unknown");
});
