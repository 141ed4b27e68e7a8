// What is given to and taken from a user: sanctions, plans, limits, sessions.

import type { Schema } from "galaxy-typescript/client";

import { asked, client } from "../api/client";
import type { ActionOf } from "../ui/action";
import type { BulkAction } from "../ui/BulkBar";
import { instant } from "../text/time";
import { PLANS, SANCTIONS, type Account } from "./kinds";

/** A new sanction. */
export function sanctionAction(user_id: string, zone: string): ActionOf {
  return {
    label: "Sanction",
    op: "admin_create_sanction",
    preview: true,
    grade: "dialog",
    danger: true,
    effects: [
      "It holds at once.",
      "A login block and a permanent block end all their sessions; a permanent block takes them out of their games.",
    ],
    fields: [
      { name: "kind", label: "Kind", kind: "choice", choices: SANCTIONS, required: true, initial: "login_block" },
      { name: "reason", label: "Reason", required: true, max: 500 },
      { name: "ends_at", label: `Until (${zone})`, kind: "time", hint: "Empty: until it is lifted." },
    ],
    run: ({ kind, reason = "", ends_at = "" }, key) => {
      const headers = { "Idempotency-Key": key };
      const body = { kind: kind as (typeof SANCTIONS)[number], reason, ends_at: instant(ends_at, zone) ?? null };
      return asked(() => client.post("/api/v1/admin/users/{user_id}/sanctions", { path: { user_id }, headers, body }));
    },
    done: "The sanction holds.",
  };
}

/** A plan that is granted. */
export function grantAction(user_id: string, zone: string): ActionOf {
  return {
    label: "Grant plan",
    op: "admin_create_entitlement",
    grade: "dialog",
    effects: ["It takes the place of the present plan."],
    fields: [
      { name: "plan", label: "Plan", kind: "choice", choices: PLANS, required: true, initial: "monthly" },
      { name: "source", label: "Source", required: true, initial: "support" },
      { name: "reason", label: "Reason", required: true, max: 500 },
      { name: "ends_at", label: `Until (${zone})`, kind: "time", hint: "Needed for monthly and yearly." },
    ],
    run: ({ plan, source = "", reason = "", ends_at = "" }, key) => {
      const headers = { "Idempotency-Key": key };
      const body = { plan: plan as (typeof PLANS)[number], source, reason, ends_at: instant(ends_at, zone) ?? null };
      return asked(() =>
        client.post("/api/v1/admin/users/{user_id}/entitlements", { path: { user_id }, headers, body }),
      );
    },
    done: "The plan was granted.",
  };
}

/** The account's own limits. */
export function limitsAction(user_id: string): ActionOf {
  const number = (text: string | undefined) => (text?.trim() ? Number(text) : null);
  return {
    label: "Set limits",
    op: "admin_set_limits",
    grade: "dialog",
    effects: ["Each that is left empty is by plan again."],
    fields: [
      { name: "memberships", label: "Memberships", kind: "number" },
      { name: "private_games", label: "Private games", kind: "number" },
      { name: "race_names", label: "Race names", kind: "number" },
    ],
    run: ({ memberships, private_games, race_names }) => {
      const body = {
        memberships: number(memberships),
        private_games: number(private_games),
        race_names: number(race_names),
      };
      return asked(() => client.post("/api/v1/admin/users/{user_id}/limits", { path: { user_id }, body }));
    },
    done: "The limits hold.",
  };
}

/** Signs people out, chosen ones or all that match. */
export const endSessions: BulkAction<Account> = {
  label: "End sessions",
  danger: true,
  effects: ["They are signed out everywhere, and may sign in again."],
  one: {
    op: "admin_revoke_all_sessions",
    call: (user) =>
      asked(() =>
        client.post("/api/v1/admin/users/{user_id}/sessions/revoke-all", { path: { user_id: user.user_id } }),
      ),
  },
  many: {
    op: "admin_revoke_sessions",
    call: ({ filters, piece }) =>
      asked(() =>
        client.post("/api/v1/admin/users/sessions/revoke", {
          body: { ...piece, filter: filters as Schema<"SessionChoice"> },
        }),
      ),
    why: ({ email, name }) =>
      email !== undefined || name !== undefined
        ? "it does not go by name or address: choose the rows"
        : undefined,
  },
};
