// Administrators: the list, a new one, their passwords.

import { useState } from "react";

import { asked, client } from "../api/client";
import { Action, Actions, type ActionOf } from "../ui/action";
import { Ago, Button, Facts, Note, State, Time } from "../ui/basics";
import { Dialog } from "../ui/dialog";
import { ListPage } from "../ui/ListPage";
import { idempotencyKey } from "../ui/key";
import { listSearch, type Filter } from "../ui/search";
import ui from "../ui/ui.module.css";
import type { AdminAccount } from "./kinds";

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
  return [
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
  const headers = { "Idempotency-Key": idempotencyKey() };
  return (
    <Action
      action={{
        label: "New administrator",
        op: "admin_create_admin_account",
        grade: "none",
        main: true,
        fields: [
          { name: "user_name", label: "Name", required: true },
          { name: "password", label: "Password", kind: "password", required: true, hint: "15 characters at least, and none of the commonest." },
        ],
        run: ({ user_name = "", password = "" }) => asked(() => client.post("/api/v1/admin/admin-accounts", { headers, body: { user_name, password } })),
        done: "The administrator may sign in.",
      }}
    />
  );
}
