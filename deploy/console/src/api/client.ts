// Every call of the console. A session that has ended is opened again over the page, and the call is made again once; what the
// operator had typed stays where it is.

import { Client, type Answer, type Outcome } from "galaxy-typescript/client";

import { ask, gateOf, type Gate } from "./gate";
import { looked } from "./freshness";
import { base } from "./place";
import { because, purpose } from "./purpose";

/** For what a person does. */
export const client = new Client(base.api, () => ({}), purpose);
/** For what the page does by itself: it does not keep a session alive. */
export const background = new Client(base.api, () => ({ "x-background": "1" }));

/** A refusal, in the server's words. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly requestId: string,
    readonly retryAfter: number | undefined,
    readonly errors: readonly { pointer: string; detail: string }[],
  ) {
    super(detail);
  }
}

/** Nobody answered. */
export class Unreachable extends Error {
  constructor() {
    super("The server cannot be reached.");
  }
}

interface AnyProblem {
  status: number;
  code: string;
  detail: string;
  request_id: string;
  errors?: readonly { pointer: string; detail: string }[] | undefined;
}

/**
 * Makes a call, and answers what it answers.
 *
 * `make` is called again, once, after the operator has signed in or confirmed; it says again why.
 */
export async function asked<O>(make: () => Promise<Outcome<O>>): Promise<Answer<O>> {
  const why = purpose();
  let outcome = await reached(make);
  if (!outcome.ok) {
    const problem = outcome.problem as AnyProblem;
    const wanted = gateOf(problem.status, problem.code);
    if (wanted !== undefined && (await open(wanted))) outcome = await reached(() => because(why, make));
  }
  if (outcome.ok) return outcome.value;
  throw refused(outcome.problem as AnyProblem, outcome.retryAfter);
}

/** Asks the operator; but for a session that came meanwhile, in another tab or with a second factor that was set up. */
async function open(wanted: Gate): Promise<boolean> {
  if (wanted === "sign_in") {
    const present = await reached(() => client.get("/api/v1/admin/auth/me", {}));
    if (present.ok) return true;
  }
  return ask(wanted);
}

/** A refusal as an error. */
export function refused(problem: AnyProblem, retryAfter: number | undefined): Refused {
  return new Refused(
    problem.status,
    problem.code,
    problem.detail,
    problem.request_id,
    retryAfter,
    problem.errors ?? [],
  );
}

/** Makes a call, and notes whether the server answered. */
export async function reached<O>(make: () => Promise<Outcome<O>>): Promise<Outcome<O>> {
  let outcome: Outcome<O>;
  try {
    outcome = await make();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    looked(false, Date.now());
    throw new Unreachable();
  }
  const strange = !outcome.ok && (outcome.problem as AnyProblem).code === "unexpected_answer";
  looked(!strange, Date.now());
  return outcome;
}
