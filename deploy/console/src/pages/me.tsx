// The operator's own page: password, second factor, sessions, tokens.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import * as auth from "../api/auth";
import { useMe } from "../shell/Shell";
import { Action, type ActionOf } from "../ui/action";
import { Button, cls, Facts, Fault, Field, Id, Note, State, Time, useZone } from "../ui/basics";
import { Dialog } from "../ui/dialog";
import css from "../ui/list.module.css";
import { Found, Head } from "../ui/look";
import { say } from "../ui/say";
import { Table } from "../ui/table";
import ui from "../ui/ui.module.css";
import { instant } from "../text/time";
import { spoken } from "../text/words";

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
              mine.second_factor !== undefined && ["Second factor", <State of={mine.second_factor ? "enabled" : "disabled"} />],
              mine.session ? ["Session ends", <Time at={mine.session.expires_at} ago />] : false,
            ]}
          />
        </section>
      )}
      <section aria-label="Actions" className={ui.actions}>
        <Action action={passwordAction} />
        <SetUp has={mine?.second_factor === true} />
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
  op: "admin_auth_password",
  grade: "dialog",
  effects: ["All your other sessions end."],
  fields: [
    { name: "password", label: "Present password", kind: "password", required: true },
    { name: "new_password", label: "New password", kind: "password", required: true, hint: "15 characters at least, and none of the commonest." },
  ],
  run: ({ password = "", new_password = "" }) => auth.changePassword(password, new_password),
  done: "Your password was changed.",
};

/** The set-up of a second factor: the secret, a code that proves it, the recovery codes. */
function SetUp({ has }: { has: boolean }) {
  const [open, setOpen] = useState<{ secret: string; otpauth_uri: string }>();
  const [codes, setCodes] = useState<string[]>();
  const [code, setCode] = useState("");
  const [fault, setFault] = useState<unknown>();
  const queries = useQueryClient();

  async function begin(): Promise<void> {
    setFault(undefined);
    setCode("");
    try {
      setOpen(await auth.beginTotp());
    } catch (error) {
      setFault(error);
    }
  }
  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    setFault(undefined);
    try {
      const { recovery_codes } = await auth.confirmTotp(code.trim());
      setOpen(undefined);
      setCodes(recovery_codes);
      say("The second factor is set up.");
      await queries.invalidateQueries({ queryKey: ["me"] });
    } catch (error) {
      setFault(error);
    }
  }
  return (
    <>
      <Button onClick={() => void begin()}>{has ? "Set up another second factor" : "Set up a second factor"}</Button>
      {!open && <Fault error={fault} />}
      {open && (
        <Dialog title="Set up a second factor" onClose={() => setOpen(undefined)}>
          <p>
            Give this secret to your authenticator, or <a href={open.otpauth_uri}>open it there</a>. Then type the six digits that it shows.
          </p>
          <Note tone="quiet">
            <code>{open.secret.replace(/(.{4})/g, "$1 ").trim()}</code>
          </Note>
          <form onSubmit={(event) => void submit(event)}>
            <Field label="Code">
              {(given) => (
                <input {...given} autoFocus required inputMode="numeric" autoComplete="one-time-code" value={code} onChange={(event) => setCode(event.target.value)} />
              )}
            </Field>
            <Fault error={fault} />
            <div className={ui.ends}>
              <Button onClick={() => setOpen(undefined)}>Cancel</Button>
              <Button type="submit" look="main">
                Confirm
              </Button>
            </div>
          </form>
        </Dialog>
      )}
      {codes && (
        <Dialog title="Your recovery codes" onClose={() => setCodes(undefined)}>
          <p>Each is good once, in place of the six digits. They are shown this once: print them, or write them down.</p>
          <pre className={ui.json} aria-label="Recovery codes" role="region" tabIndex={0}>
            {codes.join("\n")}
          </pre>
          <div className={ui.ends}>
            <Button onClick={() => window.print()}>Print</Button>
            <Button look="main" autoFocus onClick={() => setCodes(undefined)}>
              I have them
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

function Sessions() {
  const look = useQuery({ queryKey: ["own", "sessions"], queryFn: auth.sessions });
  const end = (session: auth.AdminSession): ActionOf => ({
    label: "End",
    op: "admin_auth_end_session",
    grade: "none",
    run: () => auth.endSession(session.session_id),
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
                  session.ended_at ? <State of="closed">{spoken(session.end_reason ?? "ended")}</State> : <State of="active">{session.current ? "this one" : "active"}</State>,
              },
            ]}
            last={{ title: "Actions", cell: (session) => !session.ended_at && !session.current && <Action action={end(session)} small /> }}
          />
        </div>
      )}
    </Found>
  );
}

function Tokens({ roles }: { roles: readonly auth.Role[] }) {
  const look = useQuery({ queryKey: ["own", "tokens"], queryFn: auth.tokens });
  const zone = useZone();
  const [shown, setShown] = useState<string>();
  const create: ActionOf = {
    label: "New token",
    op: "admin_auth_create_token",
    grade: "dialog",
    effects: ["A program that has it may do what the role may."],
    fields: [
      { name: "name", label: "Name", required: true, hint: "What it is for." },
      { name: "role", label: "Role", kind: "choice", required: true, choices: roles, initial: roles[0] ?? "viewer" },
      { name: "expires_at", label: `Until (${zone})`, kind: "time", required: true, hint: "A year at most." },
    ],
    run: ({ name = "", role, expires_at = "" }) => auth.createToken({ name, roles: [role as auth.Role], expires_at: instant(expires_at, zone) ?? "" }),
    done: "The token was made.",
    answered: (answer) => setShown((answer as { token: string }).token),
  };
  const revoke = (token: auth.AdminToken): ActionOf => ({
    label: "Revoke",
    op: "admin_auth_revoke_token",
    grade: "dialog",
    danger: true,
    effects: [`Whatever uses ${token.name} is refused from now on.`],
    run: () => auth.revokeToken(token.token_id),
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
                  { title: "Until", cell: (token) => <Time at={token.revoked_at ?? token.expires_at} ago /> },
                ]}
                last={{ title: "Actions", cell: (token) => !token.revoked_at && <Action action={revoke(token)} small /> }}
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
