// The small parts that every page is made of.

import { useEffect, useId, useState, type ComponentProps, type ReactNode } from "react";

import { Refused } from "../api/client";
import { gameZone, zoneChoice } from "../api/settings";
import { useStore } from "../api/store";
import { distance, written } from "../text/time";
import { spoken, tone, type Tone } from "../text/words";
import { Icon } from "./icons";
import css from "./ui.module.css";

/** Class names, without those that are off. */
export function cls(...names: (string | false | undefined)[]): string {
  return names.filter(Boolean).join(" ");
}

interface ButtonProps extends Omit<ComponentProps<"button">, "disabled"> {
  look?: "main" | "danger" | "grave" | "plain" | undefined;
  small?: boolean;
  /** Why it cannot be pressed now: it stays in reach of the keyboard, and says so. */
  why?: string | undefined;
}

/** A button. One that cannot be pressed says why. */
export function Button({ look, small, why, className, onClick, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      className={cls(css.button, look && css[look], small && css.small, className)}
      aria-disabled={why === undefined ? undefined : true}
      title={why}
      onClick={why === undefined ? onClick : (event) => event.preventDefault()}
      {...rest}
    >
      {children}
      {why !== undefined && <span className="hidden"> (not now: {why})</span>}
    </button>
  );
}

/** A state: icon, word and colour. */
export function State({ of, tone: given, children }: { of: string; tone?: Tone; children?: ReactNode }) {
  const shown = given ?? tone(of);
  return (
    <span className={cls(css.state, css[shown])}>
      <Icon of={shown} />
      {children ?? spoken(of)}
    </span>
  );
}

/** The zone that times are shown in. */
export function useZone(): string {
  const [choice, game] = [useStore(zoneChoice), useStore(gameZone)];
  if (choice === "game" && game !== undefined) return game;
  return choice === "utc" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

const beat = { followers: new Set<() => void>(), now: Date.now(), timer: 0 };

/** The present time, every ten seconds: what says "3 min ago" must not stand still. */
export function useNow(): number {
  const [now, set] = useState(beat.now);
  useEffect(() => {
    const follow = () => set(beat.now);
    beat.followers.add(follow);
    if (beat.followers.size === 1) {
      beat.timer = window.setInterval(() => {
        beat.now = Date.now();
        for (const follower of beat.followers) follower();
      }, 10_000);
    }
    return () => {
      beat.followers.delete(follow);
      if (beat.followers.size === 0) window.clearInterval(beat.timer);
    };
  }, []);
  return Math.max(now, beat.now);
}

/** A time, with its zone; copied it is RFC 3339. */
export function Time({ at, ago }: { at: string | null | undefined; ago?: boolean }) {
  const zone = useZone();
  const now = useNow();
  if (at === null || at === undefined) return <span className={css.soft}>–</span>;
  return (
    <time className={css.time} dateTime={at} title={at}>
      {written(at, zone)}
      {ago && <span className={css.ago}> ({distance(at, now)})</span>}
    </time>
  );
}

/** How long ago, or until; the time itself is beside it for whoever asks. */
export function Ago({ at }: { at: string | null | undefined }) {
  const zone = useZone();
  const now = useNow();
  if (at === null || at === undefined) return <span className={css.soft}>–</span>;
  return (
    <time className={css.time} dateTime={at} title={`${written(at, zone)} = ${at}`}>
      {distance(at, now)}
    </time>
  );
}

/** An id or another text for machines. */
export function Id({ children }: { children: string | null | undefined }) {
  return children ? <span className={css.id}>{children}</span> : <span className={css.soft}>–</span>;
}

/** A text, or a dash where there is none. */
export function Text({ children }: { children: ReactNode }) {
  const none = children === null || children === undefined || children === "";
  return none ? <span className={css.soft}>–</span> : <>{children}</>;
}

/** Something to be known: good, bad, or in between. */
export function Note({
  tone,
  title,
  children,
  role,
}: {
  tone: Tone;
  title?: ReactNode;
  children?: ReactNode;
  role?: "alert" | "status";
}) {
  return (
    <div className={cls(css.note, css[tone])} role={role}>
      <Icon of={tone} />
      <div>
        {title && <strong>{title} </strong>}
        {children}
      </div>
    </div>
  );
}

/** What went wrong, in the server's words, with the request's id for whoever looks into the log. */
export function Fault({ error }: { error: unknown }) {
  if (error === null || error === undefined) return null;
  const known = error instanceof Refused ? error : undefined;
  return (
    <Note tone="bad" role="alert">
      {error instanceof Error ? error.message : String(error)}
      {known?.errors.map((fault) => (
        <div key={fault.pointer}>
          <code>{fault.pointer}</code> {fault.detail}
        </div>
      ))}
      {known?.retryAfter !== undefined && <div>Try again in {known.retryAfter} s.</div>}
      {known?.requestId && (
        <div>
          <small>
            {known.code}, request <code>{known.requestId}</code>
          </small>
        </div>
      )}
    </Note>
  );
}

interface FieldProps {
  label: string;
  hint?: ReactNode;
  fault?: string | undefined;
  children: (given: { id: string; className: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}

/** A labelled field. */
export function Field({ label, hint, fault, children }: FieldProps) {
  const id = useId();
  const said = hint || fault ? `${id}-said` : undefined;
  return (
    <div className={css.field}>
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        className: css.input!,
        ...(said && { "aria-describedby": said }),
        ...(fault && { "aria-invalid": true as const }),
      })}
      {said && <small id={said}>{fault ?? hint}</small>}
    </div>
  );
}

/** Names and values. */
export function Facts({ of }: { of: readonly (readonly [string, ReactNode] | false)[] }) {
  return (
    <dl className={css.facts}>
      {of.map(
        (fact) =>
          fact && (
            <div key={fact[0]}>
              <dt>{fact[0]}</dt>
              <dd>{typeof fact[1] === "object" && fact[1] !== null ? fact[1] : <Text>{fact[1]}</Text>}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

/** JSON as it was sent. */
export function Json({ of, label }: { of: unknown; label: string }) {
  return (
    <pre className={css.json} tabIndex={0} role="region" aria-label={label}>
      {JSON.stringify(of, null, 2)}
    </pre>
  );
}
