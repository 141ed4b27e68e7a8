// Why something is done, and what it is a part of: the writes that are made meanwhile say so, for the trail.

let said: Record<string, string> = {};

/** What a write says now. */
export const purpose = (): Record<string, string> => said;

/**
 * Does something whose writes say this; what is empty is not said. It is asked for in a dialog over everything else, so there is one
 * at a time.
 */
export async function because<T>(why: Record<string, string>, run: () => Promise<T>): Promise<T> {
  said = Object.fromEntries(
    Object.entries(why)
      .map(([name, value]) => [name, value.trim()] as const)
      .filter(([, value]) => value !== ""),
  );
  try {
    return await run();
  } finally {
    said = {};
  }
}
