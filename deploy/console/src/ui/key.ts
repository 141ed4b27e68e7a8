// Keys that make a repetition after a lost answer the same thing, and not a second one.

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A new one. It is made when a form opens, and goes with each try of that form. */
export function idempotencyKey(): string {
  // `randomUUID` is there on secure pages only, as is signing in.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${hex(bytes)}`;
}

/** An id for what is done in many calls (UUID version 4, RFC 9562). */
export function operationId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
