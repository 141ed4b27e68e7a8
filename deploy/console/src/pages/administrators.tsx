// Administrators: the list, a new one, their passwords.

import { useState } from "react";

import { ROLES } from "../api/auth";
import { asked, client } from "../api/client";
import { Action, Actions, type ActionOf } from "../ui/action";
import { Ago, Button, Facts, Note, State, Text, Time } from "../ui/basics";
import { Dialog } from "../ui/dialog";
import { ListPage } from "../ui/ListPage";
import { listSearch, type Filter } from "../ui/search";
import ui from "../ui/ui.module.css";
import { spoken } from "../text/words";
import type { AdminAccount } from "./kinds";
import { roleFields } from "./roles";

const rolesOf = (account: AdminAccount) => account.roles.map(spoken).join(", ");

const filters = [{ name: "enabled", label: "Enabled", kind: "yes_no" }] as const satisfies readonly Filter[];

/** The address of the list. */
export const administratorsSearch = listSearch(filters);

/** The list. */
export function Administrators() {
  const [shown, setShown] = useState<{ user_name: string; password: string }>();
  return (
    <>
      <ListPage
        title="Administrators"
        name="administrators"
        filters={filters}
        fetch={(api, query, signal) => api.get("/api/v1/admin/admin-accounts", { query, signal })}
        id={(account: AdminAccount) => account.user_name}
        empty="There are none."
        columns={[
          { title: "Name", cell: (account) => <strong>{account.user_name}</strong> },
          { title: "State", cell: (account) => <State of={account.enabled ? "enabled" : "disabled"} /> },
          { title: "Roles", cell: (account) => <Text>{rolesOf(account)}</Text> },
          {
            title: "Second factor",
            cell: (account) => (account.has_second_factor ? "yes" : "no"),
          },
          { title: "Last used", cell: (account) => <Ago at={account.last_used_at} /> },
          { title: "Since", cell: (account) => <Ago at={account.created_at} /> },
        ]}
        panel={(account) => ({
          title: account.user_name,
          content: (
            <>
              <Facts
                of={[
                  ["State", <State of={account.enabled ? "enabled" : "disabled"} />],
                  ["Roles", rolesOf(account)],
                  ["Second factor", account.has_second_factor ? "set up" : "not set up"],
                  ["Told at", account.email],
                  ["Last used", <Time at={account.last_used_at} ago />],
                  ["Since", <Time at={account.created_at} ago />],
                ]}
              />
              <Actions of={actions(account, setShown)} />
            </>
          ),
        })}
      >
        <NewAdministrator />
      </ListPage>
      {shown && (
        <Dialog title={`The new password of ${shown.user_name}`} onClose={() => setShown(undefined)}>
          <p>It is shown this once. Hand it over on a way that nobody else reads.</p>
          <Note tone="good">
            <code>{shown.password}</code>
          </Note>
          <div className={ui.ends}>
            <Button look="main" autoFocus onClick={() => setShown(undefined)}>
              I have it
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

function actions(account: AdminAccount, show: (shown: { user_name: string; password: string }) => void): ActionOf[] {
  const path = { user_name: account.user_name };
  const name = account.user_name;
  const patch = (body: { roles?: AdminAccount["roles"]; email?: string }) =>
    asked(() => client.patch("/api/v1/admin/admin-accounts/{user_name}", { path, body }));
  return [
    {
      label: "Change roles",
      op: "admin_patch_admin_account",
      grade: "dialog",
      effects: ["The new roles hold from the next request on.", "All their sessions end."],
      fields: roleFields(ROLES, account.roles),
      run: (given) => patch({ roles: ROLES.filter((role) => given[role] === "yes") }),
      done: `${name} has other roles.`,
    },
    {
      label: "Change address",
      op: "admin_patch_admin_account",
      grade: "none",
      fields: [
        {
          name: "email",
          label: "Address",
          kind: "email",
          required: true,
          initial: account.email ?? "",
          hint: "Where they are told that their second factor was reset.",
        },
      ],
      run: ({ email = "" }) => patch({ email }),
      done: `${name} is told at another address.`,
    },
    {
      label: "Reset second factor",
      op: "admin_reset_admin_account_second_factor",
      grade: "typed",
      danger: true,
      name,
      why: account.has_second_factor ? undefined : "they have none",
      effects: [
        "Their second factor and recovery codes are good no more, and all their sessions end.",
        account.email ? "They are told by mail." : "They have no address: nobody tells them but you.",
      ],
      fields: [{ name: "reason", label: "Reason", required: true, max: 500 }],
      run: ({ reason = "" }) =>
        asked(() =>
          client.post("/api/v1/admin/admin-accounts/{user_name}/reset-second-factor", { path, body: { reason } }),
        ),
      done: `${name} signs in without a second factor, and sets up another one.`,
    },
    {
      label: "Reset password",
      op: "admin_reset_admin_account_password",
      grade: "typed",
      danger: true,
      name,
      effects: ["The old password is good no more, and all their sessions end.", "A new one is made, and shown once."],
      run: () => asked(() => client.post("/api/v1/admin/admin-accounts/{user_name}/reset-password", { path })),
      done: `${name} has a new password.`,
      answered: (answer) => show(answer as { user_name: string; password: string }),
    },
    account.enabled
      ? {
          label: "Disable",
          op: "admin_disable_admin_account",
          grade: "typed",
          danger: true,
          name,
          effects: ["They are refused from the next request on, everywhere."],
          run: () => asked(() => client.post("/api/v1/admin/admin-accounts/{user_name}/disable", { path })),
          done: `${name} is disabled.`,
        }
      : {
          label: "Enable",
          op: "admin_enable_admin_account",
          grade: "dialog",
          effects: ["They may sign in again, with the password that they had."],
          run: () => asked(() => client.post("/api/v1/admin/admin-accounts/{user_name}/enable", { path })),
          done: `${name} is enabled.`,
        },
  ];
}

function NewAdministrator() {
  return (
    <Action
      action={{
        label: "New administrator",
        op: "admin_create_admin_account",
        grade: "none",
        main: true,
        fields: [
          { name: "user_name", label: "Name", required: true },
          {
            name: "password",
            label: "Password",
            kind: "password",
            required: true,
            hint: "15 characters at least, and none of the commonest.",
          },
          {
            name: "email",
            label: "Address",
            kind: "email",
            hint: "Where they are told that their second factor was reset.",
          },
          ...roleFields(ROLES, ["viewer"]),
        ],
        run: ({ user_name = "", password = "", email = "", ...given }, key) => {
          const headers = { "Idempotency-Key": key };
          const roles = ROLES.filter((role) => given[role] === "yes");
          const body = { user_name, password, roles, ...(email.trim() && { email: email.trim() }) };
          return asked(() => client.post("/api/v1/admin/admin-accounts", { headers, body }));
        },
        done: "The administrator may sign in.",
      }}
    />
  );
}
