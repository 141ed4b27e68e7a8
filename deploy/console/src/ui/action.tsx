// What an operator can do to something, and how much is asked before it is done.
//
// | grade | asked |
// | --- | --- |
// | `none` | nothing: it can be taken back |
// | `dialog` | a dialog that says the effects; Cancel has the focus |
// | `typed` | the same, and the thing's name typed |
//
// A second factor is asked by the server, where it wants one (`api/gate.ts`).

import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState, type FormEvent } from "react";

import type { Me } from "../api/auth";
import { because } from "../api/purpose";
import { number, spoken } from "../text/words";
import { Button, Fault, Field } from "./basics";
import { Dialog } from "./dialog";
import { idempotencyKey } from "./key";
import { say } from "./say";
import css from "./ui.module.css";

/** A field of an action's form. */
export interface FormField {
  name: string;
  label: string;
  hint?: string;
  kind?: "text" | "long" | "number" | "password" | "choice" | "time" | "email" | "yes";
  choices?: readonly (string | readonly [string, string])[];
  required?: boolean;
  initial?: string;
  max?: number;
}

/** Something that can be done. */
export interface ActionOf {
  /** Two or three words: `Pause`. */
  label: string;
  /** The operation's id in the document: who may not call it sees why. */
  op: string;
  /** Why not now; `undefined`: it can be done. */
  why?: string | undefined;
  grade: "none" | "dialog" | "typed";
  /** What it will do, sentence by sentence. */
  effects?: readonly string[];
  /** What is typed where the grade is `typed`. */
  name?: string;
  fields?: readonly FormField[];
  /** Whether it is asked why, for the trail, or may not be done without. Absent: no, or by a field of its own. */
  reason?: "asked" | "wanted";
  /** Whether it can be tried, to see what it would change: by the same call. */
  preview?: boolean;
  danger?: boolean;
  main?: boolean;
  /** Does it. The fields' values come in their names; `key` is the same for each try of one question (`Idempotency-Key`). */
  run: (values: Record<string, string>, key: string) => Promise<unknown>;
  /** What is said when it is done. */
  done: string;
  /** Takes what was answered, where it is to be shown. */
  answered?: (answer: unknown) => void;
}

/** Why an operator may not call an operation, if so. */
export function forbidden(me: Me | undefined, op: string): string | undefined {
  if (me === undefined || me.permissions.includes(op)) return undefined;
  return `your ${me.roles.length === 1 ? "role" : "roles"} (${me.roles.join(", ").replaceAll("_", " ")}) may not do this`;
}

/** A button that does it, after the question that its grade demands. */
export function Action({ action, small }: { action: ActionOf; small?: boolean }) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const queries = useQueryClient();
  const me = queries.getQueryData<Me>(["me"]);
  const why = forbidden(me, action.op) ?? action.why ?? (busy ? "it is under way" : undefined);
  const asks = action.grade !== "none" || (action.fields?.length ?? 0) > 0 || action.reason !== undefined;

  async function run(values: Record<string, string>, key: string, reason = ""): Promise<void> {
    setBusy(true);
    setFault(undefined);
    try {
      const answer = await because({ reason }, () => action.run(values, key));
      setOpen(false);
      say(action.done);
      action.answered?.(answer);
      await queries.invalidateQueries({ predicate: (query) => query.queryKey[0] !== "me" });
    } catch (error) {
      setFault(error);
    } finally {
      setBusy(false);
    }
  }

  const look = action.main ? "main" : action.danger ? "grave" : undefined;
  return (
    <>
      <Button {...(small && { small })} look={look} why={why} onClick={() => (asks ? setOpen(true) : void run({}, idempotencyKey()))}>
        {action.label}
      </Button>
      {!asks && fault !== undefined && (
        <Dialog title={`${action.label}: refused`} onClose={() => setFault(undefined)}>
          <Fault error={fault} />
          <div className={css.ends}>
            <Button autoFocus onClick={() => setFault(undefined)}>
              Close
            </Button>
          </div>
        </Dialog>
      )}
      {open && <Question action={action} busy={busy} fault={fault} onCancel={() => setOpen(false)} onDo={run} />}
    </>
  );
}

/** The field that asks why. */
export const WHY: FormField = { name: "reason", label: "Why", hint: "For the trail: no names, no addresses.", max: 500 };

interface QuestionProps {
  action: ActionOf;
  busy: boolean;
  fault: unknown;
  onCancel: () => void;
  onDo: (values: Record<string, string>, key: string, reason: string) => Promise<void>;
}

function Question({ action, busy, fault, onCancel, onDo }: QuestionProps) {
  const fields = action.fields ?? [];
  const [values, setValues] = useState(() => Object.fromEntries(fields.map((f) => [f.name, f.initial ?? ""])));
  const [typed, setTyped] = useState("");
  const [reason, setReason] = useState("");
  const [preview, setPreview] = useState<Preview>();
  const tried = useRef(false);
  const key = useRef(idempotencyKey());
  const missing = fields
    .filter((field) => field.required && values[field.name]?.trim() === "")
    .map((field) => field.label);
  const unready = missing.length > 0 ? `${missing.join(", ")} missing` : busy ? "it is under way" : undefined;
  if (action.reason === "wanted" && reason.trim() === "") missing.push(WHY.label);
  const wrong = action.grade === "typed" && typed.trim() !== action.name;
  const why =
    missing.length > 0
      ? `${missing.join(", ")} missing`
      : wrong
        ? "the name is not typed"
        : busy
          ? "it is under way"
          : undefined;

  async function look(): Promise<void> {
    try {
      setPreview((await because({ dry_run: "true" }, () => action.run(values, idempotencyKey()))) as Effects);
    } catch (error) {
      setPreview({ error });
    }
  }

  function submit(event: FormEvent): void {
    event.preventDefault();
    tried.current = true;
    if (why === undefined) void onDo(values, key.current, reason);
  }

  return (
    <Dialog title={action.label} alert onClose={onCancel}>
      <form onSubmit={submit} noValidate>
        {action.effects && (
          <ul className={css.effects}>
            {action.effects.map((effect) => (
              <li key={effect}>{effect}</li>
            ))}
          </ul>
        )}
        {fields.map((field, at) => (
          <Input
            key={field.name}
            field={field}
            focus={at === 0 && action.grade !== "typed"}
            value={values[field.name] ?? ""}
            onChange={(value) => setValues((before) => ({ ...before, [field.name]: value }))}
          />
        ))}
        {action.reason !== undefined && (
          <Input field={{ ...WHY, required: action.reason === "wanted" }} value={reason} onChange={setReason} />
        )}
        {action.grade === "typed" && (
          <Field label={`Type “${action.name}”`}>
            {(given) => (
              <input
                {...given}
                autoComplete="off"
                spellCheck={false}
                value={typed}
                onChange={(e) => setTyped(e.target.value)}
              />
            )}
          </Field>
        )}
        {preview && <Previewed of={preview} />}
        <Fault error={fault} />
        <div className={css.ends}>
          <Button onClick={onCancel} autoFocus={fields.length === 0}>
            Cancel
          </Button>
          {action.preview && (
            <Button why={unready} onClick={() => void look()}>
              What would it change?
            </Button>
          )}
          <Button type="submit" look={action.danger ? "danger" : "main"} why={why} onClick={() => undefined}>
            {action.label}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** What a call would write. */
export interface Effects {
  effects: readonly { what: string; count: number }[];
}

/** What it would change, or why nobody knows. */
export type Preview = Effects | { error: unknown };

/** A preview. */
export function Previewed({ of }: { of: Preview }) {
  if ("error" in of) return <Fault error={of.error} />;
  if (of.effects.length === 0) return <p role="status">It would change nothing.</p>;
  return (
    <div role="status">
      It would write
      <ul className={css.effects}>
        {of.effects.map(({ what, count }) => (
          <li key={what}>
            {number(count)} × {spoken(what)}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** One field of a form. */
export function Input({
  field,
  value,
  onChange,
  focus,
}: {
  field: FormField;
  value: string;
  onChange: (value: string) => void;
  focus?: boolean;
}) {
  if (field.kind === "yes") {
    return (
      <label className={css.yes}>
        <input type="checkbox" checked={value === "yes"} onChange={(e) => onChange(e.target.checked ? "yes" : "")} />
        <span>
          {field.label}
          {field.hint && <small>{field.hint}</small>}
        </span>
      </label>
    );
  }
  return (
    <Field label={field.required ? field.label : `${field.label} (optional)`} hint={field.hint}>
      {(given) => {
        const common = { ...given, value, autoFocus: focus, maxLength: field.max };
        switch (field.kind) {
          case "long":
            return <textarea {...common} onChange={(e) => onChange(e.target.value)} />;
          case "choice":
            return (
              <select {...given} value={value} autoFocus={focus} onChange={(e) => onChange(e.target.value)}>
                {!field.required && <option value="">–</option>}
                {field.choices?.map((choice) => {
                  const [word, text] = typeof choice === "string" ? [choice, choice.replaceAll("_", " ")] : choice;
                  return (
                    <option key={word} value={word}>
                      {text}
                    </option>
                  );
                })}
              </select>
            );
          default: {
            const type = field.kind === "time" ? "datetime-local" : (field.kind ?? "text");
            const complete = field.kind === "password" ? "new-password" : "off";
            return <input {...common} type={type} autoComplete={complete} onChange={(e) => onChange(e.target.value)} />;
          }
        }
      }}
    </Field>
  );
}

/** The actions of an object: those that cannot be done now say why, in words that need no pointer. */
export function Actions({ of }: { of: readonly ActionOf[] }) {
  const me = useQueryClient().getQueryData<Me>(["me"]);
  const can = (action: ActionOf) => (forbidden(me, action.op) ?? action.why) === undefined;
  const not = of.map((a) => [a.label, forbidden(me, a.op) ?? a.why] as const).filter(([, why]) => why !== undefined);
  return (
    <div>
      <div className={css.actions}>
        {[...of.filter(can), ...of.filter((action) => !can(action))].map((action) => (
          <Action key={action.label} action={action} />
        ))}
      </div>
      {not.length > 0 && (
        <details className={css.why}>
          <summary>
            {not.length === 1 ? "One of them cannot" : `${not.length} of them cannot`} be done now: why?
          </summary>
          <ul>
            {not.map(([label, why]) => (
              <li key={label}>
                {label}: {why}.
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
