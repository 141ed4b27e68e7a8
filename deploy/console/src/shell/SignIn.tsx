// The door: name and password, then the six digits or a recovery code. As a page, and as a dialog over one.

import { useState, type FormEvent } from "react";

import * as auth from "../api/auth";
import { Refused } from "../api/client";
import { Button, Fault, Field, Note } from "../ui/basics";
import { cls } from "../ui/basics";
import ui from "../ui/ui.module.css";
import css from "./shell.module.css";

/** The form. `name` is who was signed in, where a session ended. */
export function SignInForm({
  name,
  onDone,
  onCancel,
}: {
  name?: string | undefined;
  onDone: () => void;
  onCancel?: () => void;
}) {
  const [user, setUser] = useState(name ?? "");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [ticket, setTicket] = useState<auth.Ticket>();
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setFault(undefined);
    try {
      if (ticket) {
        await auth.secondFactor(ticket.ticket, code.trim());
        onDone();
      } else {
        const next = await auth.signIn(user.trim(), password);
        if (!next) return onDone();
        setTicket(next);
      }
    } catch (error) {
      // A ticket that is used up or too old: the password is asked again.
      if (ticket && error instanceof Refused && /ticket/.test(error.code)) setTicket(undefined);
      setFault(error);
      setCode("");
    } finally {
      setBusy(false);
    }
  }

  return (
    <form className={css.form} onSubmit={(event) => void submit(event)}>
      {ticket ? (
        <Field label="Code" hint="The six digits of your authenticator, or a recovery code.">
          {(given) => (
            <input
              {...given}
              className={cls(given.className, css.code)}
              key="code"
              autoFocus
              required
              autoComplete="one-time-code"
              spellCheck={false}
              value={code}
              onChange={(event) => setCode(event.target.value)}
            />
          )}
        </Field>
      ) : (
        <>
          <Field label="Name">
            {(given) => (
              <input
                {...given}
                name="username"
                required
                autoFocus={!name}
                autoComplete="username"
                autoCapitalize="none"
                spellCheck={false}
                value={user}
                onChange={(event) => setUser(event.target.value)}
              />
            )}
          </Field>
          <Field label="Password">
            {(given) => (
              <input
                {...given}
                name="password"
                type="password"
                required
                autoFocus={Boolean(name)}
                autoComplete="current-password"
                value={password}
                onChange={(event) => setPassword(event.target.value)}
              />
            )}
          </Field>
        </>
      )}
      <Fault error={fault} />
      <Button type="submit" look="main" aria-busy={busy}>
        {ticket ? "Confirm" : "Sign in"}
      </Button>
      {ticket && (
        <Button look="plain" onClick={() => setTicket(undefined)}>
          Back to name and password
        </Button>
      )}
      {onCancel && (
        <Button look="plain" onClick={onCancel}>
          Not now
        </Button>
      )}
    </form>
  );
}

/** The door as a page. The address stays: it opens what was asked for. */
export function SignInPage({ onDone }: { onDone: () => void }) {
  return (
    <div className={css.door}>
      <main>
        <div className={css.brand}>
          <Brand />
        </div>
        <h1>Sign in</h1>
        <SignInForm onDone={onDone} />
        {location.protocol === "http:" && !/^(localhost|127\.|\[::1\])/.test(location.hostname) && (
          <Note tone="warn">This page came over plain HTTP: the server refuses to sign anybody in here.</Note>
        )}
      </main>
    </div>
  );
}

/** The product's sign. */
export function Brand() {
  return (
    <>
      <svg width="24" height="24" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="7" fill="#4338ca" />
        <ellipse
          cx="16"
          cy="16"
          rx="11"
          ry="4.2"
          fill="none"
          stroke="#c7d2fe"
          strokeWidth="2"
          transform="rotate(-28 16 16)"
        />
        <circle cx="16" cy="16" r="4" fill="#fff" />
      </svg>
      <span>Galaxy console</span>
    </>
  );
}

/** A code that confirms, for what hurts. */
export function ConfirmForm({ onDone, onCancel }: { onDone: () => void; onCancel: () => void }) {
  const [code, setCode] = useState("");
  const [fault, setFault] = useState<unknown>();
  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    setFault(undefined);
    try {
      await auth.confirm(code.trim());
      onDone();
    } catch (error) {
      setFault(error);
      setCode("");
    }
  }
  return (
    <form className={css.form} onSubmit={(event) => void submit(event)}>
      <p>What you are about to do wants a code. After it, such things go without one for ten minutes.</p>
      <Field label="Code">
        {(given) => (
          <input
            {...given}
            className={cls(given.className, css.code)}
            autoFocus
            required
            autoComplete="one-time-code"
            value={code}
            onChange={(event) => setCode(event.target.value)}
          />
        )}
      </Field>
      <Fault error={fault} />
      <div className={ui.ends}>
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" look="main">
          Confirm
        </Button>
      </div>
    </form>
  );
}
