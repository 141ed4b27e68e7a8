// Whom the session cache of docs/gateway.md lets in: against a backend that revokes while looks are under way.

import assert from "node:assert/strict";
import { test } from "node:test";

import { SessionCache } from "../build/session_cache.js";

const cursor = (n) => String(n).padStart(20, "0");

/** A backend whose answers come when the test says so, and its log. */
class Backend {
  constructor() {
    this.revoked = new Set();
    this.looks = 0;
    this.waiting = [];
    this.position = 0;
    this.clock = 0;
    this.held = false;
    this.cache = new SessionCache((id) => this.look(id), { now: () => this.clock });
  }

  look(id) {
    this.looks += 1;
    // Read now; answered later.
    const status = this.revoked.has(id) ? "revoked" : "active";
    const session = { device_session_id: id, user_id: id.split("/")[0], status };
    if (!this.held) return Promise.resolve(session);
    return new Promise((resolve) => this.waiting.push(() => resolve(session)));
  }

  answer() {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  subscribe(behind = 0) {
    const head = cursor(this.position);
    this.cache.frame({ kind: "hello", cursor: cursor(this.position - behind), head });
  }

  tell(frame) {
    this.position += 1;
    this.cache.frame({ cursor: cursor(this.position), ...frame });
  }

  revoke(id) {
    this.revoked.add(id);
    this.tell({ kind: "session_invalidation", user_id: id.split("/")[0], device_session_ids: [id] });
  }
}

const settle = () => new Promise((next) => setImmediate(next));

test("keeps an answer while a stream that has caught up lives, and no longer", async () => {
  const backend = new Backend();
  assert.equal((await backend.cache.active("ada/1")).user_id, "ada");
  await backend.cache.active("ada/1");
  assert.equal(backend.looks, 2, "no stream: asked each time");
  backend.subscribe();
  await backend.cache.active("ada/1");
  await backend.cache.active("ada/1");
  assert.equal(backend.looks, 3);
  backend.clock += 5_001;
  await backend.cache.active("ada/1");
  await backend.cache.active("ada/1");
  assert.equal(backend.looks, 5, "a silent stream is dead");
  backend.tell({ kind: "bookmark" });
  await backend.cache.active("ada/1");
  await backend.cache.active("ada/1");
  assert.equal(backend.looks, 6);
  backend.cache.ended();
  await backend.cache.active("ada/1");
  assert.equal(backend.looks, 7);
});

test("keeps nothing before it has caught up, nor over a gap", async () => {
  const backend = new Backend();
  backend.position = 10;
  backend.subscribe(3);
  await backend.cache.active("ada/1");
  await backend.cache.active("ada/1");
  assert.equal(backend.looks, 2);
  for (const n of [8, 9, 10]) backend.cache.frame({ kind: "other", cursor: cursor(n) });
  await backend.cache.active("ada/1");
  await backend.cache.active("ada/1");
  assert.equal(backend.looks, 3);
  backend.cache.frame({ kind: "resume_gap", cursor: cursor(40) });
  await backend.cache.active("ada/1");
  await backend.cache.active("ada/1");
  assert.equal(backend.looks, 5);
});

test("an answer ends with its time to live, counted from the question", async () => {
  const backend = new Backend();
  backend.subscribe();
  backend.held = true;
  const asked = backend.cache.active("ada/1");
  for (let n = 0; n < 30; n += 1) {
    backend.clock += 1_000;
    backend.tell({ kind: "bookmark" });
  }
  backend.answer();
  await asked;
  backend.held = false;
  for (let n = 0; n < 29; n += 1) {
    backend.clock += 1_000;
    backend.tell({ kind: "bookmark" });
  }
  await backend.cache.active("ada/1");
  assert.equal(backend.looks, 1);
  backend.clock += 1_001;
  await backend.cache.active("ada/1");
  assert.equal(backend.looks, 2);
});

test("an answer that a revocation overtook is asked for again", async () => {
  const backend = new Backend();
  backend.subscribe();
  backend.held = true;
  const asked = [];
  for (let n = 0; n < 30; n += 1) asked.push(backend.cache.active(`user${n}/1`));
  // Read as active, all of them; then revoked, and told, before the answers come.
  for (let n = 0; n < 30; n += 1) backend.revoke(`user${n}/1`);
  backend.answer();
  await settle();
  backend.held = false;
  backend.answer();
  assert.deepEqual(await Promise.all(asked), Array(30).fill(undefined));
  for (let n = 0; n < 30; n += 1) assert.equal(await backend.cache.active(`user${n}/1`), undefined);
});

test("an invalidation without ids ends all of the user's sessions, and nobody else's", async () => {
  const backend = new Backend();
  backend.subscribe();
  for (const id of ["ada/1", "ada/2", "bob/1"]) await backend.cache.active(id);
  for (const id of ["ada/1", "ada/2"]) backend.revoked.add(id);
  backend.tell({ kind: "session_invalidation", user_id: "ada", device_session_ids: [] });
  assert.equal(await backend.cache.active("ada/1"), undefined);
  assert.equal(await backend.cache.active("ada/2"), undefined);
  assert.equal((await backend.cache.active("bob/1")).user_id, "bob");
  assert.equal(backend.looks, 5);
});

test("the oldest answer gives way", async () => {
  const looked = [];
  const look = async (id) => {
    looked.push(id);
    return { device_session_id: id, user_id: id, status: "active" };
  };
  const cache = new SessionCache(look, { capacity: 2, now: () => 0 });
  cache.frame({ kind: "hello", cursor: cursor(0), head: cursor(0) });
  for (const id of ["a", "b", "c", "c", "b", "a"]) await cache.active(id);
  assert.deepEqual(looked, ["a", "b", "c", "a"]);
});

test("whatever comes between, nobody is let in whose revocation was told", async () => {
  // A seed each, so that a failure can be repeated.
  for (let seed = 1; seed <= 200; seed += 1) {
    let state = seed;
    const below = (n) => (state = (state * 48_271) % 2_147_483_647) % n;
    const backend = new Backend();
    const told = new Set();
    const open = [];
    backend.subscribe();
    for (let step = 0; step < 120; step += 1) {
      const id = `user${below(4)}/${below(3)}`;
      switch (below(8)) {
        case 0:
          backend.held = below(2) === 0;
          break;
        case 1:
          backend.answer();
          await settle();
          break;
        case 2:
          backend.revoke(id);
          told.add(id);
          break;
        case 3:
          backend.tell({ kind: below(3) === 0 ? "resume_gap" : "bookmark" });
          break;
        case 4:
          backend.clock += below(3_000);
          break;
        case 5:
          if (below(4) === 0) {
            backend.cache.ended();
            backend.subscribe();
          }
          break;
        default: {
          const known = told.has(id);
          open.push(
            backend.cache.active(id).then((session) => {
              assert.ok(!(known && session), `seed ${seed}, step ${step}: ${id} was let in after its revocation was told`);
            }),
          );
        }
      }
    }
    backend.held = false;
    for (let n = 0; n < 4; n += 1) {
      backend.answer();
      await settle();
    }
    await Promise.all(open);
  }
});
