// Why something is done, and what it is a part of: the writes that are made for it say so, for the trail.

let said: Record<string, string> = {};

/** What a write says now. */
export const purpose = (): Record<string, string> => said;

/**
 * Makes calls that say this; what is empty is not said. It is said only until `make` returns its promise: a sign-in over the page,
 * or anything else that is called while an answer is awaited, says nothing of it.
 */
export function because<T>(why: Record<string, string>, make: () => T): T {
  const before = said;
  said = Object.fromEntries(
    Object.entries(why)
      .map(([name, value]) => [name, value.trim()] as const)
      .filter(([, value]) => value !== ""),
  );
  try {
    return make();
  } finally {
    said = before;
  }
}
