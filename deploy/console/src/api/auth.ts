// Signing in, and who is signed in (`/api/v1/admin/auth/*`). Written by hand until the document has these operations; then the
// types come from the contract, as all others do.

import type { Outcome } from "galaxy-typescript/client";

import { asked, reached, refused } from "./client";
import { base } from "./place";

const AUTH = "/api/v1/admin/auth";

/** What an administrator looks after. */
export type Role = "viewer" | "support" | "game_master" | "operator" | "owner";

/** An administrator's session. */
export interface AdminSession {
  session_id: string;
  /** Whether it is the one that asks. */
  current: boolean;
  created_at: string;
  last_seen_at: string;
  expires_at: string;
  confirmed_until?: string | null;
  ip: string;
  user_agent: string;
  ended_at?: string | null;
  end_reason?: string | null;
}

/** Who is signed in, and what they may do. */
export interface Me {
  user_name: string;
  email?: string | null;
  roles: Role[];
  /** The ids of the operations that they may call. */
  permissions: string[];
  factor: {
    enabled: boolean;
    /** Nothing else goes before there is one. */
    required: boolean;
    recovery_codes_left: number;
  };
  session?: AdminSession | null;
  /** Whether name and password with each request are taken here. */
  basic: boolean;
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

/** What an administrator's account says beside what the document has. */
export interface AccountRights {
  roles?: Role[];
  email?: string | null;
  has_second_factor?: boolean;
}

interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

/** An operation that the document does not have yet, answering `T`. */
type Unwritten<T> = { responses: { 200: { content: { "application/json": T } } } };
type Answered<T> = Outcome<Unwritten<T>>;

async function call<T>(method: "GET" | "POST" | "PATCH", path: string, body?: unknown): Promise<Answered<T>> {
  const answer = await fetch(base.api + path, {
    method,
    headers: {
      accept: "application/json, application/problem+json",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const requestId = answer.headers.get("x-request-id") ?? "";
  const value: unknown = parsed(await answer.text());
  if (answer.ok && value !== unreadable) return { ok: true, value: value as never, requestId };
  const known = typeof value === "object" && value !== null && "code" in value && "detail" in value;
  const wait = answer.headers.get("retry-after");
  const retryAfter = wait === null ? undefined : Number(wait);
  return { ok: false, problem: (known ? value : unexpected(answer.status, requestId)) as never, retryAfter, requestId };
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

/** Without a gate: it is the gate. */
async function plainly<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T> {
  const outcome = await reached<Unwritten<T>>(() => call<T>(method, AUTH + path, body));
  if (outcome.ok) return outcome.value as T;
  throw refused(outcome.problem as never, outcome.retryAfter);
}

/** As every other call. */
async function gated<T>(method: "GET" | "POST" | "PATCH", path: string, body?: unknown): Promise<T> {
  return (await asked<Unwritten<T>>(() => call<T>(method, path, body))) as T;
}

/** What a sign-in answers while the second step is to come. */
export interface Ticket {
  ticket: string;
}

/** Name and password. `undefined`: signed in. */
export async function signIn(user_name: string, password: string): Promise<Ticket | undefined> {
  const { ticket } = await plainly<{ ticket?: string | null }>("POST", "/sign-in", { user_name, password });
  return ticket ? { ticket } : undefined;
}

/** The six digits, or a recovery code. */
export const secondFactor = (ticket: string, code: string) =>
  plainly<AdminSession>("POST", "/second-factor", { ticket, code });
/** Ends this session. */
export const signOut = () => plainly<AdminSession>("POST", "/sign-out");
/** Who is signed in. */
export const me = () => plainly<Me>("GET", "/me");
/** A code, so that sensitive operations go for ten minutes. */
export const confirm = (code: string) => plainly<unknown>("POST", "/confirm", { code });
/** Another password. */
export const changePassword = (password: string, new_password: string) =>
  gated<unknown>("POST", `${AUTH}/password`, { password, new_password });
/** Begins the set-up of a second factor. */
export const beginTotp = () => gated<{ secret: string; otpauth_uri: string }>("POST", `${AUTH}/totp`);
/** Ends it with a code; answers the recovery codes, once. */
export const confirmTotp = (code: string) =>
  gated<{ recovery_codes: string[] }>("POST", `${AUTH}/totp/confirm`, { code });
/** The administrator's own sessions. */
export const sessions = () => gated<Page<AdminSession>>("GET", `${AUTH}/sessions`);
/** Ends one of them. */
export const endSession = (id: string) => gated<AdminSession>("POST", `${AUTH}/sessions/${encodeURIComponent(id)}/end`);
/** The administrator's tokens for programs. */
export const tokens = () => gated<Page<AdminToken>>("GET", `${AUTH}/tokens`);
/** A new one, whose text is shown this once. */
export const createToken = (wanted: { name: string; roles: Role[]; expires_in_days: number }) =>
  gated<AdminToken & { token: string }>("POST", `${AUTH}/tokens`, wanted);
/** Takes one back. */
export const revokeToken = (id: string) => gated<AdminToken>("POST", `${AUTH}/tokens/${encodeURIComponent(id)}/revoke`);

const account = (name: string) => `/api/v1/admin/admin-accounts/${encodeURIComponent(name)}`;
/** Another administrator's roles and address. */
export const patchAccount = (name: string, body: { roles?: Role[]; email?: string }) =>
  gated<unknown>("PATCH", account(name), body);
/** Takes somebody's second factor, who has lost it. */
export const resetSecondFactor = (name: string, reason: string) =>
  gated<unknown>("POST", `${account(name)}/reset-second-factor`, { reason });
