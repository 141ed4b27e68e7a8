// Signing in, and who is signed in (`/api/v1/admin/auth/*`). Written by hand until the document has these operations; then the
// types come from the contract, as all others do.

import { base } from "./place";
import { reached, refused } from "./client";

const AUTH = "/api/v1/admin/auth";

/** What an administrator looks after. */
export type Role = "viewer" | "support" | "game_master" | "operator" | "owner";

/** Who is signed in, and what they may do. */
export interface Me {
  user_name: string;
  roles: Role[];
  /** The ids of the operations that they may call; absent: the server does not say. */
  permissions?: string[];
  second_factor?: boolean;
  session?: { session_id: string; created_at: string; expires_at: string; ip?: string } | null;
}

/** A session of an administrator's. */
export interface AdminSession {
  session_id: string;
  created_at: string;
  last_seen_at: string;
  expires_at: string;
  ip: string;
  user_agent: string;
  ended_at?: string | null;
  end_reason?: string | null;
  current?: boolean;
}

/** A token for a program. */
export interface AdminToken {
  token_id: string;
  name: string;
  roles: Role[];
  created_at: string;
  expires_at: string;
  last_used_at?: string | null;
  revoked_at?: string | null;
}

interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

type Answered<T> = { ok: true; value: T } | { ok: false; problem: Parameters<typeof refused>[0]; retryAfter: number | undefined };

async function call<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<Answered<T>> {
  const outcome = await reached<unknown>(async () => {
    const answer = await fetch(base.api + AUTH + path, {
      method,
      headers: {
        accept: "application/json, application/problem+json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const requestId = answer.headers.get("x-request-id") ?? "";
    const text = await answer.text();
    const value: unknown = parsed(text);
    if (answer.ok && value !== unreadable) return { ok: true, value, requestId } as never;
    const known = typeof value === "object" && value !== null && "code" in value && "detail" in value;
    const problem = known ? value : unexpected(answer.status, requestId);
    const wait = Number(answer.headers.get("retry-after") ?? Number.NaN);
    return { ok: false, problem, retryAfter: Number.isNaN(wait) ? undefined : wait, requestId } as never;
  });
  return outcome as unknown as Answered<T>;
}

const unreadable = Symbol("unreadable");

function parsed(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return unreadable;
  }
}

function unexpected(status: number, request_id: string): unknown {
  const detail = `The service answered ${status} with something that is not its own.`;
  return { status, detail, code: "unexpected_answer", request_id };
}

/** The value of an answer. */
export async function must<T>(answered: Promise<Answered<T>>): Promise<T> {
  const outcome = await answered;
  if (outcome.ok) return outcome.value;
  throw refused(outcome.problem, outcome.retryAfter);
}

/** What a sign-in answers while the second step is to come. */
export interface Ticket {
  ticket: string;
  second_factor: "totp";
}

/** Name and password. `undefined`: signed in. */
export async function signIn(user_name: string, password: string): Promise<Ticket | undefined> {
  const value = await must(call<Partial<Ticket>>("POST", "/sign-in", { user_name, password }));
  return typeof value?.ticket === "string" ? (value as Ticket) : undefined;
}

/** The six digits, or a recovery code. */
export const secondFactor = (ticket: string, code: string) => must(call<unknown>("POST", "/second-factor", { ticket, code }));
/** Ends this session. */
export const signOut = () => must(call<unknown>("POST", "/sign-out"));
/** Who is signed in. */
export const me = () => must(call<Me>("GET", "/me"));
/** A code, so that sensitive operations go for ten minutes. */
export const confirm = (code: string) => must(call<unknown>("POST", "/confirm", { code }));
/** Another password. */
export const changePassword = (password: string, new_password: string) =>
  must(call<unknown>("POST", "/password", { password, new_password }));
/** Begins the set-up of a second factor. */
export const beginTotp = () => must(call<{ secret: string; otpauth_uri: string }>("POST", "/totp"));
/** Ends it with a code; answers the recovery codes, once. */
export const confirmTotp = (code: string) => must(call<{ recovery_codes: string[] }>("POST", "/totp/confirm", { code }));
/** The administrator's own sessions. */
export const sessions = () => must(call<Page<AdminSession>>("GET", "/sessions"));
/** Ends one of them. */
export const endSession = (id: string) => must(call<unknown>("POST", `/sessions/${encodeURIComponent(id)}/end`));
/** The administrator's tokens for programs. */
export const tokens = () => must(call<Page<AdminToken>>("GET", "/tokens"));
/** A new one, whose text is shown this once. */
export const createToken = (wanted: { name: string; roles: Role[]; expires_at: string }) =>
  must(call<AdminToken & { token: string }>("POST", "/tokens", wanted));
/** Takes one back. */
export const revokeToken = (id: string) => must(call<unknown>("POST", `/tokens/${encodeURIComponent(id)}/revoke`));
