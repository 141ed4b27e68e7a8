// Signing in, and who is signed in (`/api/v1/admin/auth/*`).

import type { Answer, Outcome, Schema } from "galaxy-typescript/client";

import { asked, client, reached, refused } from "./client";

/** An administrator's session. */
export type AdminSession = Schema<"AdminSession">;
/** A token for a program. */
export type AdminToken = Schema<"AdminToken">;
/** Who is signed in, and what they may do. */
export type Me = Schema<"AdminMe">;
/** What an administrator looks after. */
export type Role = AdminToken["roles"][number];

/** Every role, the one that may least first. */
export const ROLES = ["viewer", "support", "game_master", "operator", "owner"] as const satisfies readonly Role[];

/** Whether they set up a second factor before they do anything else. */
export const wantsFactor = (me: Me) => me.factor.required && !me.factor.enabled;

/** Without a gate: it is the gate. */
async function plainly<O>(make: () => Promise<Outcome<O>>): Promise<Answer<O>> {
  const outcome = await reached(make);
  if (outcome.ok) return outcome.value;
  throw refused(outcome.problem as never, outcome.retryAfter);
}

/** What a sign-in answers while the second step is to come. */
export interface Ticket {
  ticket: string;
}

/** Name and password. `undefined`: signed in. */
export async function signIn(user_name: string, password: string): Promise<Ticket | undefined> {
  const body = { user_name, password };
  const { ticket } = await plainly(() => client.post("/api/v1/admin/auth/sign-in", { body }));
  return ticket ? { ticket } : undefined;
}

/** The six digits, or a recovery code. */
export const secondFactor = (ticket: string, code: string) =>
  plainly(() => client.post("/api/v1/admin/auth/second-factor", { body: { ticket, code } }));
/** Ends this session. */
export const signOut = () => plainly(() => client.post("/api/v1/admin/auth/sign-out", {}));
/** Who is signed in. */
export const me = () => plainly(() => client.get("/api/v1/admin/auth/me", {}));
/** A code, so that sensitive operations go for ten minutes. */
export const confirm = (code: string) => plainly(() => client.post("/api/v1/admin/auth/confirm", { body: { code } }));
/** Another password. */
export const changePassword = (password: string, new_password: string) =>
  asked(() => client.post("/api/v1/admin/auth/password", { body: { password, new_password } }));
/** Begins the set-up of a second factor. */
export const beginTotp = () => asked(() => client.post("/api/v1/admin/auth/totp", {}));
/** Ends it with a code; answers the recovery codes, once. */
export const confirmTotp = (code: string) =>
  asked(() => client.post("/api/v1/admin/auth/totp/confirm", { body: { code } }));
