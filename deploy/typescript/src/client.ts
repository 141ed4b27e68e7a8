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

/** What an answer holds; that of a call which is only tried (`dry_run`) is left out. */
type Content<R> = R extends { content: infer C }
  ? C extends { "application/json": infer J }
    ? J
    : C extends { "application/vnd.galaxy.effects+json": unknown }
      ? never
      : C[keyof C]
  : undefined;

type Responses<O> = O extends { responses: infer R } ? R : never;

type Success = 200 | 201 | 202 | 204;

/** What a call answers when all is well: `undefined` where the answer has no body (204). */
export type Answer<O> = Content<Responses<O>[keyof Responses<O> & Success]>;

/** What it answers when it is not: each with the codes of this very operation. */
export type Problem<O> = Content<Responses<O>[Exclude<keyof Responses<O>, Success>]>;

/**
 * An answer that is not of the contract: the page of a proxy that cannot reach the backend, a body that was cut off. It has
 * the form of a problem, so that one way of telling users serves both.
 */
export interface Unexpected {
  type: "about:blank";
  title: string;
  /** The HTTP status, whatever its meaning: a proxy's page may come with 200. */
  status: number;
  detail: string;
  code: "unexpected_answer";
  request_id: string;
  errors?: undefined;
}

type Optional<T> = [T] extends [never] ? undefined : T | undefined;

type PathParameters<O> = O extends { parameters: { path: infer T extends object } } ? T : undefined;
type Query<O> = O extends { parameters: { query?: infer T } } ? Optional<NonNullable<T>> : undefined;
type Header<O> = O extends { parameters: { header?: infer T } } ? Optional<NonNullable<T>> : undefined;
type Body<O> = O extends { requestBody: { content: infer C } } ? C[keyof C] : undefined;

/** The members that may not be left out are those that the operation demands. */
type Given<O> = (PathParameters<O> extends undefined ? { path?: undefined } : { path: PathParameters<O> }) &
  (Body<O> extends undefined ? { body?: undefined } : { body: Body<O> }) & {
    query?: Query<O>;
    headers?: Header<O>;
    /** Ends the call early, which then rejects as `fetch` does. */
    signal?: AbortSignal;
  };

/** An answer, or a problem: which one, `ok` tells. */
export type Outcome<O> =
  | { ok: true; value: Answer<O>; requestId: string }
  | {
      ok: false;
      problem: Problem<O> | Unexpected;
      /** Seconds after which trying again makes sense, where the server said so. */
      retryAfter: number | undefined;
      requestId: string;
    };

/**
 * Calls the gateway, which adds its own credential and the user of the session (docs/security.md).
 *
 * A call that gets no answer at all (no network, aborted) rejects as `fetch` does; everything that was answered is an outcome.
 */
export class Client {
  private readonly base: string;

  /**
   * `base` may have a path of its own, with or without a slash at its end: the operations' paths come after it. `said` is what every
   * write has in its query beside its own: why an administrator does it.
   */
  constructor(
    base: string,
    private readonly credentials: () => Record<string, string> = () => ({}),
    private readonly said: () => Record<string, string> = () => ({}),
  ) {
    const url = new URL(base);
    this.base = url.origin + url.pathname.replace(/\/+$/, "");
  }

  get<P extends PathOf<"get">>(path: P, given: Given<Operation<P, "get">>): Promise<Outcome<Operation<P, "get">>> {
    return this.call("get", path, given);
  }

  post<P extends PathOf<"post">>(path: P, given: Given<Operation<P, "post">>): Promise<Outcome<Operation<P, "post">>> {
    return this.call("post", path, given);
  }

  put<P extends PathOf<"put">>(path: P, given: Given<Operation<P, "put">>): Promise<Outcome<Operation<P, "put">>> {
    return this.call("put", path, given);
  }

  patch<P extends PathOf<"patch">>(
    path: P,
    given: Given<Operation<P, "patch">>,
  ): Promise<Outcome<Operation<P, "patch">>> {
    return this.call("patch", path, given);
  }

  delete<P extends PathOf<"delete">>(
    path: P,
    given: Given<Operation<P, "delete">>,
  ): Promise<Outcome<Operation<P, "delete">>> {
    return this.call("delete", path, given);
  }

  private async call<P extends keyof paths, M extends Method>(
    method: M,
    template: P,
    given: Given<Operation<P, M>>,
  ): Promise<Outcome<Operation<P, M>>> {
    const url = new URL(this.base + filled(template, (given.path ?? {}) as Record<string, unknown>));
    for (const [name, value] of Object.entries((given.query ?? {}) as Record<string, unknown>)) {
      for (const item of Array.isArray(value) ? value : [value]) {
        if (item !== undefined && item !== null) url.searchParams.append(name, String(item));
      }
    }
    for (const [name, value] of Object.entries(method === "get" ? {} : this.said())) url.searchParams.set(name, value);
    const headers = new Headers({ accept: "application/json, application/problem+json, text/csv" });
    for (const more of [this.credentials(), (given.headers ?? {}) as Record<string, unknown>]) {
      for (const [name, value] of Object.entries(more)) {
        if (value !== undefined && value !== null) headers.set(name, String(value));
      }
    }
    if (given.body !== undefined) headers.set("content-type", "application/json");
    const answer = await fetch(url, {
      method: method.toUpperCase(),
      headers,
      ...(given.body === undefined ? {} : { body: JSON.stringify(given.body) }),
      ...(given.signal === undefined ? {} : { signal: given.signal }),
    });
    const requestId = answer.headers.get("x-request-id") ?? "";
    const content = await read(answer);
    if (answer.ok && content.known) return { ok: true, value: content.value as Answer<Operation<P, M>>, requestId };
    const problem =
      content.known && isProblem(content.value) ? (content.value as Problem<Operation<P, M>>) : unexpected(answer, requestId);
    return { ok: false, problem, retryAfter: retryAfter(answer), requestId };
  }
}

/** The path with its parameters in it. One that would make it another path is a mistake of the caller's. */
function filled(template: string, parts: Record<string, unknown>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const part = String(parts[name] ?? "");
    // URLs drop such segments, in whatever way they are escaped.
    if (part === "" || part === "." || part === "..") throw new TypeError(`${name} may not be "${part}" in ${template}`);
    return encodeURIComponent(part);
  });
}

/** The body: nothing where there is none, JSON where it is JSON, the text of a file. Anything else is not of the contract. */
async function read(answer: Response): Promise<{ known: true; value: unknown } | { known: false }> {
  const text = await answer.text();
  if (text === "") return answer.ok ? { known: true, value: undefined } : { known: false };
  const kind = (answer.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (kind === "text/csv") return { known: answer.ok, value: text };
  if (kind !== "application/json" && !kind.endsWith("+json")) return { known: false };
  try {
    return { known: true, value: JSON.parse(text) };
  } catch {
    return { known: false };
  }
}

function isProblem(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { code, detail } = value as { code?: unknown; detail?: unknown };
  return typeof code === "string" && typeof detail === "string";
}

function unexpected(answer: Response, requestId: string): Unexpected {
  const title = answer.statusText || "Unexpected answer";
  const detail = `The service answered ${answer.status} with something that is not its own.`;
  return { type: "about:blank", title, status: answer.status, detail, code: "unexpected_answer", request_id: requestId };
}

/** `Retry-After` in seconds: ours says seconds, a proxy may name a time. */
function retryAfter(answer: Response): number | undefined {
  const said = answer.headers.get("retry-after")?.trim();
  if (!said) return undefined;
  if (/^\d+$/.test(said)) return Number(said);
  const at = Date.parse(said);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}

/** Objects of the contract by their own names. */
export type Schema<N extends keyof components["schemas"]> = components["schemas"][N];
