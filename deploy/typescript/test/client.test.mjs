// What the client makes of whatever answers it: ours, a proxy's, nobody's. Against a small server that answers as told.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { Client } from "../build/client.js";

const ACCOUNT = "/api/v1/user/account";
const GAMES = "/api/v1/user/lobby/games";
const GAME = "/api/v1/user/lobby/games/{game_id}";

let server;
let origin;
/** The requests since the last answer was told. */
let seen = [];
let told;

before(async () => {
  server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts).toString();
      seen.push({ method: request.method, url: request.url, headers: request.headers, body });
      told(response);
    });
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  origin = `http://127.0.0.1:${server.address().port}`;
});
after(() => server.close());

/** The next answers. */
function answers(status, headers, body) {
  seen = [];
  told = (response) => response.writeHead(status, headers).end(body);
}

const json = { "content-type": "application/json; charset=utf-8", "x-request-id": "r1" };

test("deletes, and takes an answer without a body", async () => {
  answers(204, { "x-request-id": "r1" });
  const left = await new Client(origin).delete(ACCOUNT, {});
  assert.deepEqual(left, { ok: true, value: undefined, requestId: "r1" });
  assert.equal(seen[0].method, "DELETE");
  assert.equal(seen[0].body, "");
  assert.equal(seen[0].headers["content-type"], undefined);
});

test("keeps the path of its base, with and without a slash at the end", async () => {
  for (const [base, at] of [
    ["", ""],
    ["/", ""],
    ["/edge", "/edge"],
    ["/edge/v2/", "/edge/v2"],
    ["/edge//", "/edge"],
  ]) {
    answers(200, json, "{}");
    assert.equal((await new Client(origin + base).get(ACCOUNT, {})).ok, true);
    assert.equal(seen[0].url, `${at}${ACCOUNT}`, base);
  }
  assert.throws(() => new Client("no address"), TypeError);
});

test("writes parameters so that they stay what they are", async () => {
  answers(200, json, "{}");
  const client = new Client(origin);
  await client.get(GAME, { path: { game_id: "a/b?c#d é" } });
  assert.equal(seen[0].url, "/api/v1/user/lobby/games/a%2Fb%3Fc%23d%20%C3%A9");
  for (const game_id of ["", ".", "..", undefined]) {
    seen = [];
    await assert.rejects(client.get(GAME, { path: { game_id } }), TypeError);
    assert.deepEqual(seen, [], "nothing is sent to another path");
  }
});

test("writes a list as many parameters, and leaves out what is not given", async () => {
  answers(200, json, "{}");
  await new Client(origin).get(GAMES, { query: { status: ["a b", "c&d"], limit: 0, cursor: undefined, more: null } });
  assert.equal(seen[0].url, `${GAMES}?status=a+b&status=c%26d&limit=0`);
});

test("sends credentials, and a call's own headers before them", async () => {
  answers(200, json, "{}");
  const client = new Client(origin, () => ({ authorization: "Bearer one", "idempotency-key": "shared" }));
  await client.post(GAMES, { body: { name: "Orion" }, headers: { "Idempotency-Key": "own", "X-None": undefined } });
  const { headers, body } = seen[0];
  assert.equal(headers.authorization, "Bearer one");
  assert.equal(headers["idempotency-key"], "own");
  assert.equal(headers["x-none"], undefined);
  assert.equal(headers["content-type"], "application/json");
  assert.equal(headers.accept, "application/json, application/problem+json, text/csv");
  assert.deepEqual(JSON.parse(body), { name: "Orion" });
});

test("takes a file as its text, and one that was cut off as nothing", async () => {
  const csv = { "content-type": "text/csv; charset=utf-8", "x-request-id": "r1" };
  answers(200, csv, "user_id,name\r\n1,Ada\r\n");
  const client = new Client(origin);
  const exported = () => client.get("/api/v1/admin/users/export", {});
  assert.deepEqual(await exported(), { ok: true, value: "user_id,name\r\n1,Ada\r\n", requestId: "r1" });
  answers(503, csv, "user_id,name\r\n");
  assert.equal((await exported()).problem.code, "unexpected_answer");
  told = (response) => {
    response.writeHead(200, csv);
    response.write("user_id,name\r\n", () => response.destroy());
  };
  await assert.rejects(exported());
});

test("answers a problem with its code", async () => {
  const problem = { type: "urn:x", title: "Not Found", status: 404, detail: "No.", code: "game_not_found", request_id: "r1" };
  answers(404, { "content-type": "application/problem+json", "x-request-id": "r1" }, JSON.stringify(problem));
  const outcome = await new Client(origin).get(GAME, { path: { game_id: "x" } });
  assert.deepEqual(outcome, { ok: false, problem, retryAfter: undefined, requestId: "r1" });
});

test("answers what is not of the contract as a problem of its own", async () => {
  const html = { "content-type": "text/html" };
  for (const [status, headers, body] of [
    [502, html, "<html><h1>Bad Gateway</h1></html>"],
    [503, {}, "no healthy upstream"],
    [504, {}, ""],
    [404, { "content-type": "application/json" }, '{"message":"no route"}'],
    [500, { "content-type": "application/problem+json" }, "{"],
    [401, { "content-type": "application/json" }, "null"],
    // The page of a hotel's network, and an answer that was cut off.
    [200, html, "<html>Welcome</html>"],
    [200, json, '{"items": ['],
  ]) {
    answers(status, headers, body);
    const outcome = await new Client(origin).get(ACCOUNT, {});
    assert.equal(outcome.ok, false, `${status} ${body}`);
    assert.equal(outcome.problem.code, "unexpected_answer");
    assert.equal(outcome.problem.status, status);
    assert.match(outcome.problem.detail, new RegExp(String(status)));
    assert.ok(!outcome.problem.detail.includes("<"), "a stranger's words are not shown as ours");
  }
});

test("takes an empty answer that is well", async () => {
  answers(200, { "content-length": "0" });
  assert.deepEqual(await new Client(origin).get(ACCOUNT, {}), { ok: true, value: undefined, requestId: "" });
});

test("tells when to try again, in seconds or by a time", async () => {
  const inAnHour = new Date(Date.now() + 3_600_000).toUTCString();
  for (const [said, least, most] of [
    ["7", 7, 7],
    [" 0 ", 0, 0],
    [inAnHour, 3_000, 3_601],
    ["Wed, 21 Oct 2015 07:28:00 GMT", 0, 0],
  ]) {
    answers(429, { "content-type": "text/plain", "retry-after": said }, "slow");
    const { retryAfter } = await new Client(origin).get(ACCOUNT, {});
    assert.ok(retryAfter >= least && retryAfter <= most, `${said}: ${retryAfter}`);
  }
  for (const said of ["soon", undefined]) {
    answers(429, said === undefined ? {} : { "retry-after": said }, "slow");
    assert.equal((await new Client(origin).get(ACCOUNT, {})).retryAfter, undefined);
  }
});

test("rejects as fetch does when there is no answer", async () => {
  const ended = new AbortController();
  seen = [];
  // The server never answers: the call ends by its signal alone.
  told = () => ended.abort();
  await assert.rejects(new Client(origin).get(ACCOUNT, { signal: ended.signal }), { name: "AbortError" });
  server.closeAllConnections();
  await assert.rejects(new Client("http://127.0.0.1:1").get(ACCOUNT, {}), TypeError);
});
