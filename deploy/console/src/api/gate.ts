// What a call may have to wait for: a sign-in over the page, or a code that confirms. Calls that run into the same gate at once
// wait for the same answer, and each is made again once.

import { Store } from "./store";

/** What is asked of the operator. */
export type Gate = "sign_in" | "confirm";

/** What is asked at the moment; the dialogs over the page follow it. */
export const gate = new Store<Gate | undefined>(undefined);

let waiting: { kind: Gate; answer: Promise<boolean>; settle: (passed: boolean) => void } | undefined;

/** Asks, and answers whether the operator did it. */
export function ask(kind: Gate): Promise<boolean> {
  if (waiting) {
    // Of two different gates one comes after the other: a confirmation needs a session.
    return waiting.kind === kind ? waiting.answer : waiting.answer.then((passed) => (passed ? ask(kind) : false));
  }
  let settle: (passed: boolean) => void = () => undefined;
  const answer = new Promise<boolean>((resolve) => {
    settle = (passed) => {
      waiting = undefined;
      gate.set(undefined);
      resolve(passed);
    };
  });
  waiting = { kind, answer, settle };
  gate.set(kind);
  return answer;
}

/** Says what became of it. */
export function settle(passed: boolean): void {
  waiting?.settle(passed);
}

/** The gate that a refusal means, if any. */
export function gateOf(status: number, code: string): Gate | undefined {
  if (code === "confirmation_required") return "confirm";
  return status === 401 ? "sign_in" : undefined;
}
