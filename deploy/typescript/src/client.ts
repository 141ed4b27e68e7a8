// A client of the contract in a page of code: `fetch`, and the generated types. Nothing is needed at run time.
//
// Paths, parameters, bodies and answers are checked by the compiler against `contract.ts`, and so are the error codes: a
// front end that handles a code which an operation cannot answer does not compile.

import type { components, paths } from "./contract.js";

type Method = "get" | "post" | "patch" | "put" | "delete";

/** The paths that have this method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];

type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;

type Content<R> = R extends { content: infer C } ? C[keyof C] : undefined;

type Responses<O> = O extends { responses: infer R } ? R : never;

/** What a call answers when all is well. */
export type Answer<O> = Content<Responses<O>[keyof Responses<O> & (200 | 201 | 202)]>;

/** What it answers when it is not: each with the codes of this very operation. */
export type Problem<O> = Content<Responses<O>[Exclude<keyof Responses<O>, 200 | 201 | 202>]>;

type Optional<T> = [T] extends [never] ? undefined : T | undefined;

type PathParameters<O> = O extends { parameters: { path: infer T extends object } } ? T : undefined;
type Query<O> = O extends { parameters: { query?: infer T } } ? Optional<NonNullable<T>> : undefined;
type Headers<O> = O extends { parameters: { header?: infer T } } ? Optional<NonNullable<T>> : undefined;
type Body<O> = O extends { requestBody: { content: infer C } } ? C[keyof C] : undefined;

/** The members that may not be left out are those that the operation demands. */
type Given<O> = (PathParameters<O> extends undefined ? { path?: undefined } : { path: PathParameters<O> }) &
  (Body<O> extends undefined ? { body?: undefined } : { body: Body<O> }) & {
    query?: Query<O>;
    headers?: Headers<O>;
  };

/** An answer, or a problem: which one, `ok` tells. */
export type Outcome<O> =
  | { ok: true; value: Answer<O>; requestId: string }
  | { ok: false; problem: Problem<O>; retryAfter: number | undefined };

/** Calls the gateway, which adds its own credential and the user of the session (docs/security.md). */
export class Client {
  constructor(
    private readonly base: string,
    private readonly credentials: () => Record<string, string> = () => ({}),
  ) {}

  get<P extends PathOf<"get">>(path: P, given: Given<Operation<P, "get">>): Promise<Outcome<Operation<P, "get">>> {
    return this.call("get", path, given);
  }

  post<P extends PathOf<"post">>(path: P, given: Given<Operation<P, "post">>): Promise<Outcome<Operation<P, "post">>> {
    return this.call("post", path, given);
  }

  patch<P extends PathOf<"patch">>(
    path: P,
    given: Given<Operation<P, "patch">>,
  ): Promise<Outcome<Operation<P, "patch">>> {
    return this.call("patch", path, given);
  }

  private async call<P extends keyof paths, M extends Method>(
    method: M,
    template: P,
    given: Given<Operation<P, M>>,
  ): Promise<Outcome<Operation<P, M>>> {
    const parts = (given.path ?? {}) as Record<string, string | number>;
    const path = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(parts[name])));
    const url = new URL(path, this.base);
    for (const [name, value] of Object.entries((given.query ?? {}) as Record<string, unknown>)) {
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value));
    }
    const headers: Record<string, string> = { ...this.credentials(), ...((given.headers ?? {}) as object) };
    if (given.body !== undefined) headers["content-type"] = "application/json";
    const answer = await fetch(url, {
      method: method.toUpperCase(),
      headers,
      ...(given.body === undefined ? {} : { body: JSON.stringify(given.body) }),
    });
    const content: unknown = await answer.json();
    if (answer.ok) {
      const requestId = answer.headers.get("x-request-id") ?? "";
      return { ok: true, value: content as Answer<Operation<P, M>>, requestId };
    }
    const after = answer.headers.get("retry-after");
    return {
      ok: false,
      problem: content as Problem<Operation<P, M>>,
      retryAfter: after === null ? undefined : Number(after),
    };
  }
}

/** Objects of the contract by their own names. */
export type Schema<N extends keyof components["schemas"]> = components["schemas"][N];
