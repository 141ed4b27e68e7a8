// The codes of a second factor (RFC 6238: SHA-1, six digits, 30 s), as a device shows them.

import { createHmac } from "node:crypto";

const STEP = 30_000;
/** How long a code must still be good: one that is about to end may be over when it arrives. */
const GOOD = 10_000;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The present step. */
export const step = () => Math.floor(Date.now() / STEP);

/** The code of a step. */
export function codeAt(secret, at) {
  const bits = [...secret.replace(/[\s=]/g, "")].map((letter) => LETTERS.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(at));
  const hash = createHmac("sha1", key).update(counter).digest();
  const from = hash[19] & 15;
  return String((hash.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** A device. Each code counts once, and only within a step of now: the next one is of the first step that is still good. */
export class Device {
  #last = 0;

  constructor(secret) {
    this.secret = secret;
  }

  /** The next code that the server can take; waits where all of the present steps are used. */
  async next() {
    const deadline = Date.now() + 3 * STEP;
    for (;;) {
      const at = Math.max(this.#last + 1, Math.floor((Date.now() + GOOD) / STEP) - 1);
      // The server's clock may be a little behind: a step that has just begun here is the next one there.
      if (at <= step() + 1) {
        this.#last = at;
        return codeAt(this.secret, at);
      }
      if (Date.now() > deadline) throw new Error("no step of the device became good");
      await new Promise((soon) => setTimeout(soon, 250));
    }
  }
}
