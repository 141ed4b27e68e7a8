// What was done, said once: shown for a while, and read out.

import { Store } from "../api/store";

/** The newest words; the number makes the same words said twice two things. */
export const said = new Store<{ text: string; n: number } | undefined>(undefined);

let n = 0;

/** Says that something was done. */
export function say(text: string): void {
  n += 1;
  said.set({ text, n });
}
