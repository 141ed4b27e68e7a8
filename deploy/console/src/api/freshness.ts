// Whether what is shown is still true: when the server was last heard, and how many looks in a row found nobody.

import { Store } from "./store";

/** What is known of the server. */
export interface Freshness {
  /** When it last answered, in milliseconds. */
  heard: number | undefined;
  /** Looks in a row that nobody answered, or that a proxy did. */
  missed: number;
}

/** Looks that may fail before anybody is told: one lost answer is no news. */
export const PATIENCE = 2;

/** The one of this page. */
export const freshness = new Store<Freshness>({ heard: undefined, missed: 0 });

/** Notes what became of a look. */
export function looked(answered: boolean, now: number): void {
  const before = freshness.get();
  freshness.set(answered ? { heard: now, missed: 0 } : { heard: before.heard, missed: before.missed + 1 });
}

/** Whether the figures on the page may be old. */
export function isStale(state: Freshness): boolean {
  return state.missed >= PATIENCE;
}
