// The set-up of a second factor: the secret, a code that proves it, the recovery codes.

import { useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import * as auth from "../api/auth";
import { Button, Fault, Field, Note } from "../ui/basics";
import { Dialog } from "../ui/dialog";
import { say } from "../ui/say";
import ui from "../ui/ui.module.css";

/** A button, and the dialogs behind it. */
export function SetUp({ has }: { has: boolean }) {
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
    } catch (error) {
      setFault(error);
    }
  }
  function had(): void {
    setCodes(undefined);
    // Only now: the page that asked for a second factor goes, and the codes would go with it.
    void queries.invalidateQueries();
  }
  return (
    <>
      <Button look={has ? undefined : "main"} onClick={() => void begin()}>
        {has ? "Set up another second factor" : "Set up a second factor"}
      </Button>
      {!open && <Fault error={fault} />}
      {open && (
        <Dialog title="Set up a second factor" onClose={() => setOpen(undefined)}>
          <p>
            Give this secret to your authenticator, or <a href={open.otpauth_uri}>open it there</a>. Then type the six
            digits that it shows.
          </p>
          <Note tone="quiet">
            <code>{open.secret.replace(/(.{4})/g, "$1 ").trim()}</code>
          </Note>
          <form onSubmit={(event) => void submit(event)}>
            <Field label="Code">
              {(given) => (
                <input
                  {...given}
                  autoFocus
                  required
                  inputMode="numeric"
                  autoComplete="one-time-code"
                  value={code}
                  onChange={(event) => setCode(event.target.value)}
                />
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
        <Dialog title="Your recovery codes" onClose={had}>
          <p>
            Each is good once, in place of the six digits. They are shown this once: print them, or write them down.
          </p>
          <pre className={ui.json} aria-label="Recovery codes" role="region" tabIndex={0}>
            {codes.join("\n")}
          </pre>
          <div className={ui.ends}>
            <Button onClick={() => window.print()}>Print</Button>
            <Button look="main" autoFocus onClick={had}>
              I have them
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
