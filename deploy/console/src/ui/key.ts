// Keys that make a repetition after a lost answer the same thing, and not a second one.

/** A new one. It is made when a form opens, and goes with each try of that form. */
export function idempotencyKey(): string {
  // `randomUUID` is there on secure pages only, as is signing in.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
