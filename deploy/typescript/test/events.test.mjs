// Payloads as the backend writes them: `cargo xtask gen` made the buffers of events.json with the code that notify-worker runs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { ANEW, FIELDS } from "../build/catalogue.js";
import { decode } from "../build/events.js";

const examples = JSON.parse(readFileSync(new URL("events.json", import.meta.url), "utf8"));
const utf8 = (value) => new TextEncoder().encode(JSON.stringify(value));

/** As JSON has it; a time is the same moment, however many digits it is written with. */
const plain = (kind, payload) =>
  Object.fromEntries(FIELDS[kind].map(([name, form]) => [name, form === "time" ? Date.parse(payload[name]) : payload[name]]));

test("every kind is read from its table and from JSON", () => {
  assert.deepEqual([...new Set(examples.map(({ kind }) => kind))], Object.keys(FIELDS));
  for (const { kind, payload, flatbuffers } of examples) {
    const buffer = decode(kind, "flatbuffers", Buffer.from(flatbuffers, "hex"));
    assert.equal(buffer.kind, kind);
    assert.deepEqual(plain(kind, buffer.payload), plain(kind, payload), kind);
    assert.deepEqual(decode(kind, "json", utf8({ ...payload, weather: "fine" })), { kind, payload }, kind);
    assert.ok(ANEW[kind].length > 0, kind);
  }
});

test("bytes that are no payload are refused, and nothing beyond them is read", () => {
  for (const { kind, payload, flatbuffers } of examples) {
    const bytes = Buffer.from(flatbuffers, "hex");
    // What comes after the cut belongs to somebody else.
    const beside = Buffer.concat([bytes, Buffer.alloc(64, "x")]);
    for (let end = 0; end < bytes.length; end += 1) {
      try {
        assert.doesNotMatch(JSON.stringify(decode(kind, "flatbuffers", beside.subarray(0, end))), /x{8}/);
      } catch (error) {
        assert.ok(error instanceof RangeError || error instanceof TypeError, `${kind} cut at ${end}: ${error}`);
      }
    }
    assert.throws(() => decode(kind, "flatbuffers", new Uint8Array(0)), RangeError);
    assert.throws(() => decode(kind, "flatbuffers", new Uint8Array(64).fill(255)), RangeError);
    for (const name of Object.keys(payload)) {
      assert.throws(() => decode(kind, "json", utf8({ ...payload, [name]: undefined })), TypeError);
      assert.throws(() => decode(kind, "json", utf8({ ...payload, [name]: null })), TypeError);
    }
    assert.throws(() => decode(kind, "json", utf8(null)), TypeError);
  }
});

test("what is newer than this code is not known", () => {
  assert.equal(decode("game.weather", "json", utf8({})), undefined);
  assert.equal(decode("toString", "json", utf8({})), undefined);
  assert.equal(decode("game.started", "cbor", utf8({})), undefined);
});
