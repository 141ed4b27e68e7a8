// The operator's own page: password, second factor, sessions, tokens.

import { useState } from "react";

import * as auth from "../api/auth";
import { asked, client } from "../api/client";
import { useMe } from "../shell/me";
import { Action, type ActionOf } from "../ui/action";
import { Button, cls, Facts, Id, Note, State, Time } from "../ui/basics";
import { Dialog } from "../ui/dialog";
import css from "../ui/list.module.css";
import { Found, Head, useLook } from "../ui/look";
import { Table } from "../ui/table";
import ui from "../ui/ui.module.css";
import { spoken } from "../text/words";
import { roleFields } from "./roles";
import { SetUp } from "./set_up";

/** The page. */
export function Me() {
  const me = useMe();
  const mine = me.data;
  return (
    <>
      <Head title="Me" looks={[me]} />
      {mine && (
        <section className={ui.card} aria-label="Facts">
          <Facts
            of={[
              ["Name", mine.user_name],
              ["Roles", mine.roles.map(spoken).join(", ")],
              [
                "Second factor",
                <State of={mine.factor.enabled ? "enabled" : "disabled"}>
                  {mine.factor.enabled ? "set up" : "not set up"}
                </State>,
              ],
              mine.factor.enabled && ["Recovery codes left", String(mine.factor.recovery_codes_left)],
              ["Told at", mine.email],
              mine.session ? ["Session ends", <Time at={mine.session.expires_at} ago />] : false,
            ]}
          />
        </section>
      )}
      <section aria-label="Actions" className={ui.actions}>
        <Action action={passwordAction} />
        <SetUp has={mine?.factor.enabled === true} />
      </section>
      <h2>Sessions</h2>
      <Sessions />
      <h2>Tokens for programs</h2>
      {mine && <Tokens roles={mine.roles} />}
    </>
  );
}

const passwordAction: ActionOf = {
  label: "Change password",
  op: "admin_change_password",
  grade: "dialog",
  effects: ["All your sessions end, this one too: sign in with the new password."],
  fields: [
    { name: "password", label: "Present password", kind: "password", required: true },
    {
      name: "new_password",
      label: "New password",
      kind: "password",
      required: true,
      hint: "15 characters at least, and none of the commonest.",
    },
  ],
  run: ({ password = "", new_password = "" }) => auth.changePassword(password, new_password),
  done: "Your password was changed.",
};

function Sessions() {
  const look = useLook(["own", "sessions"], (api, signal) =>
    api.get("/api/v1/admin/auth/sessions", { query: { limit: 50 }, signal }),
  );
  const end = (session: auth.AdminSession): ActionOf => ({
    label: "End",
    op: "admin_end_own_session",
    grade: "none",
    run: () =>
      asked(() =>
        client.post("/api/v1/admin/auth/sessions/{session_id}/end", { path: { session_id: session.session_id } }),
      ),
    done: "The session has ended.",
  });
  return (
    <Found look={look}>
      {(page) => (
        <div className={cls(ui.card, css.box)}>
          <Table
            label="Sessions"
            rows={page.items}
            id={(session) => session.session_id}
            columns={[
              { title: "From", cell: (session) => <Id>{session.ip}</Id> },
              { title: "Browser", cell: (session) => session.user_agent },
              { title: "Since", cell: (session) => <Time at={session.created_at} ago /> },
              { title: "Last seen", cell: (session) => <Time at={session.last_seen_at} ago /> },
              {
                title: "State",
                cell: (session) =>
                  session.ended_at ? (
                    <State of="closed">{spoken(session.end_reason ?? "ended")}</State>
                  ) : (
                    <State of="active">{session.current ? "this one" : "active"}</State>
                  ),
              },
            ]}
            last={{
              title: "Actions",
              cell: (session) => !session.ended_at && !session.current && <Action action={end(session)} small />,
            }}
          />
        </div>
      )}
    </Found>
  );
}

function Tokens({ roles }: { roles: readonly auth.Role[] }) {
  // An owner hands on any role.
  const may = auth.ROLES.filter((role) => roles.includes("owner") || roles.includes(role));
  const look = useLook(["own", "tokens"], (api, signal) =>
    api.get("/api/v1/admin/auth/tokens", { query: { limit: 200 }, signal }),
  );
  const [shown, setShown] = useState<string>();
  const create: ActionOf = {
    label: "New token",
    op: "admin_create_token",
    grade: "dialog",
    effects: ["A program that has it may do what these roles may, and no more than you may yourself."],
    fields: [
      { name: "name", label: "Name", required: true, hint: "What it is for." },
      ...roleFields(may, may.slice(0, 1)),
      {
        name: "days",
        label: "Days that it is good for",
        kind: "number",
        required: true,
        initial: "90",
        hint: "365 at most.",
      },
    ],
    run: ({ name = "", days, ...given }) => {
      const roles = may.filter((role) => given[role] === "yes");
      return asked(() =>
        client.post("/api/v1/admin/auth/tokens", { body: { name, roles, expires_in_days: Number(days) } }),
      );
    },
    done: "The token was made.",
    answered: (answer) => setShown((answer as { token: string }).token),
  };
  const revoke = (token: auth.AdminToken): ActionOf => ({
    label: "Revoke",
    op: "admin_revoke_token",
    grade: "dialog",
    danger: true,
    effects: [`Whatever uses ${token.name} is refused from now on.`],
    run: () =>
      asked(() => client.post("/api/v1/admin/auth/tokens/{token_id}/revoke", { path: { token_id: token.token_id } })),
    done: `${token.name} was revoked.`,
  });
  return (
    <div className={ui.stack}>
      <div>
        <Action action={create} />
      </div>
      <Found look={look}>
        {(page) => (
          <div className={cls(ui.card, css.box)}>
            {page.items.length === 0 ? (
              <p className={ui.empty}>You have no tokens.</p>
            ) : (
              <Table
                label="Tokens"
                rows={page.items}
                id={(token) => token.token_id}
                columns={[
                  { title: "Name", cell: (token) => token.name },
                  { title: "Roles", cell: (token) => token.roles.map(spoken).join(", ") },
                  { title: "Last used", cell: (token) => <Time at={token.last_used_at} ago /> },
                  {
                    title: "Until",
                    cell: (token) => <Time at={token.revoked_at ?? token.expires_at} ago />,
                  },
                ]}
                last={{
                  title: "Actions",
                  cell: (token) => !token.revoked_at && <Action action={revoke(token)} small />,
                }}
              />
            )}
          </div>
        )}
      </Found>
      {shown !== undefined && (
        <Dialog title="Your token" onClose={() => setShown(undefined)}>
          <p>It is shown this once.</p>
          <Note tone="good">
            <code>{shown}</code>
          </Note>
          <div className={ui.ends}>
            <Button look="main" autoFocus onClick={() => setShown(undefined)}>
              I have it
            </Button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
