// The bar for many rows: what it will do, how far it is, Stop, and what came of it.

import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";

import type { Me } from "../api/auth";
import { clock } from "../text/time";
import { bounded, count, number, spoken } from "../text/words";
import { because } from "../api/purpose";
import { forbidden, Input, Previewed, WHY, type Effects, type FormField, type Preview } from "./action";
import { Button, Fault, Note, useZone } from "./basics";
import { all, each, PIECE, type Piece, type Progress } from "./bulk";
import { Dialog } from "./dialog";
import { operationId } from "./key";
import css from "./list.module.css";
import ui from "./ui.module.css";

/** A piece of all that match. */
export interface Wanted {
  filters: Record<string, string>;
  /** What was asked before. */
  values: Record<string, string>;
  /** Which piece, as a body says it: what came later than `as_of` is not touched. */
  piece: { as_of: string; limit: number; cursor: string | null };
}

/** Something that can be done to many. */
export interface BulkAction<Row> {
  label: string;
  danger?: boolean;
  effects: readonly string[];
  /** What is asked before, once for all of them. */
  fields?: readonly FormField[];
  /** For chosen rows. */
  one: { op: string; call: (row: Row, values: Record<string, string>) => Promise<unknown> };
  /** For all that match the filters, as of a time. Absent: chosen rows only. */
  many?: {
    op: string;
    call: (wanted: Wanted) => Promise<Piece>;
    /** Why the filters of the list do not go with it. */
    why?: (filters: Record<string, string>) => string | undefined;
  };
}

interface Props<Row> {
  actions: readonly BulkAction<Row>[];
  chosen: readonly Row[];
  filters: Record<string, string>;
  /** As of when the list is, in milliseconds. */
  asOf: number;
  onDone: () => void;
}

type Asked<Row> = { action: BulkAction<Row>; of: "chosen" | "all"; asOf: number };

/** The bar. */
export function BulkBar<Row>({ actions, chosen, filters, asOf, onDone }: Props<Row>) {
  const [asked, setAsked] = useState<Asked<Row>>();
  const me = useQueryClient().getQueryData<Me>(["me"]);
  const zone = useZone();
  return (
    <div className={css.bulk} role="group" aria-label="Many at once">
      <div className={css.group}>
        <span>{chosen.length === 0 ? "None chosen" : `${chosen.length} chosen`}</span>
        {actions.map((action) => (
          <Button
            key={action.label}
            small
            look={action.danger ? "grave" : undefined}
            why={forbidden(me, action.one.op) ?? (chosen.length === 0 ? "no row is chosen" : undefined)}
            onClick={() => setAsked({ action, of: "chosen", asOf })}
          >
            {action.label}
          </Button>
        ))}
      </div>
      {actions.some((action) => action.many) && (
        <div className={css.group}>
          <span>All that match, as of {clock(asOf, zone)}</span>
          {actions.map(
            (action) =>
              action.many && (
                <Button
                  key={action.label}
                  small
                  look={action.danger ? "grave" : undefined}
                  why={forbidden(me, action.many.op) ?? action.many.why?.(filters)}
                  onClick={() => setAsked({ action, of: "all", asOf })}
                >
                  {action.label} all…
                </Button>
              ),
          )}
        </div>
      )}
      {asked && (
        <Run
          asked={asked}
          chosen={chosen}
          filters={filters}
          onClose={(did) => {
            setAsked(undefined);
            if (did) onDone();
          }}
        />
      )}
    </div>
  );
}

interface RunProps<Row> {
  asked: Asked<Row>;
  chosen: readonly Row[];
  filters: Record<string, string>;
  onClose: (did: boolean) => void;
}

function Run<Row>({ asked, chosen, filters, onClose }: RunProps<Row>) {
  const { action, of, asOf } = asked;
  const [progress, setProgress] = useState<Progress>();
  const [reason, setReason] = useState("");
  const [preview, setPreview] = useState<Preview>();
  const stopped = useRef(false);
  const fields = action.fields ?? [];
  const [values, setValues] = useState(() => Object.fromEntries(fields.map((f) => [f.name, f.initial ?? ""])));
  const missing = fields.filter((field) => field.required && values[field.name]?.trim() === "");
  const unready = missing.length > 0 ? `${missing.map(({ label }) => label).join(", ")} missing` : undefined;
  if (of === "all" && reason.trim() === "") missing.push(WHY);
  const queries = useQueryClient();
  const zone = useZone();
  const running = progress?.state === "running";
  const rows = useRef(chosen).current;

  const piece = (limit: number, cursor?: string): Wanted => ({
    filters,
    values,
    piece: { as_of: new Date(asOf).toISOString(), limit, cursor: cursor ?? null },
  });

  async function look(): Promise<void> {
    try {
      const call = () => action.many?.call(piece(PIECE));
      setPreview((await because({ dry_run: "true" }, call)) as unknown as Effects);
    } catch (error) {
      setPreview({ error });
    }
  }

  async function begin(): Promise<void> {
    stopped.current = false;
    const stop = () => stopped.current;
    // All of it has one id in the trail, however many pieces it takes.
    const why = { reason, operation_id: operationId() };
    if (of === "chosen") {
      await each(rows, (row) => because(why, () => action.one.call(row, values)), stop, setProgress);
    } else if (action.many) {
      const { call } = action.many;
      await all((limit, cursor) => because(why, () => call(piece(limit, cursor))), stop, setProgress);
    }
    await queries.invalidateQueries({ predicate: (query) => query.queryKey[0] !== "me" });
  }

  const said = Object.entries(filters).map(([name, value]) => `${spoken(name)}: ${value}`);
  const close = () => {
    if (running) stopped.current = true;
    else onClose(progress !== undefined);
  };
  return (
    <Dialog
      title={of === "chosen" ? `${action.label}: ${rows.length} chosen` : `${action.label} all that match`}
      alert
      onClose={close}
    >
      {of === "all" && (
        <p>
          {said.length === 0 ? "Without a filter: everything in this list" : `What matches ${said.join(", ")}`}, as of{" "}
          {clock(asOf, zone)}. What comes later is not touched. It goes in pieces of {PIECE}, and can be stopped in
          between.
        </p>
      )}
      <ul className={ui.effects}>
        {action.effects.map((effect) => (
          <li key={effect}>{effect}</li>
        ))}
      </ul>
      {!progress &&
        fields.map((field) => (
          <Input
            key={field.name}
            field={field}
            value={values[field.name] ?? ""}
            onChange={(value) => setValues((before) => ({ ...before, [field.name]: value }))}
          />
        ))}
      {!progress && <Input field={{ ...WHY, required: of === "all" }} value={reason} onChange={setReason} />}
      {!progress && preview && (
        <>
          <p className={ui.soft}>The first {PIECE} of them:</p>
          <Previewed of={preview} />
        </>
      )}
      {progress && <Result progress={progress} />}
      <div className={ui.ends}>
        {!progress && (
          <Button onClick={close} autoFocus>
            Cancel
          </Button>
        )}
        {!progress && of === "all" && (
          <Button why={unready} onClick={() => void look()}>
            What would it change?
          </Button>
        )}
        {!progress && (
          <Button
            look={action.danger ? "danger" : "main"}
            why={missing.length > 0 ? `${missing.map(({ label }) => label).join(", ")} missing` : undefined}
            onClick={() => void begin()}
          >
            {action.label}
          </Button>
        )}
        {running && (
          <Button look="danger" onClick={() => (stopped.current = true)}>
            Stop
          </Button>
        )}
        {progress && !running && (
          <Button look="main" autoFocus onClick={close}>
            Close
          </Button>
        )}
      </div>
    </Dialog>
  );
}

function Result({ progress }: { progress: Progress }) {
  const { done, of, refused, state } = progress;
  const total = Object.values(refused).reduce((sum, n) => sum + n, 0);
  const words = { running: "Under way", stopped: "Stopped", done: "Done", failed: "Broken off" }[state];
  return (
    <div className={ui.stack}>
      <progress
        className={ui.progress}
        aria-label="Progress"
        max={Math.max(1, of ?? 1)}
        {...(of !== undefined && { value: done + total })}
      />
      <p role="status">
        {words}: {number(done)} changed{of !== undefined && ` of ${bounded(of)}`}
        {total > 0 && `, ${count(total, "refusal")}`}.
      </p>
      {total > 0 && (
        <Note tone="warn">
          {Object.entries(refused).map(([code, n]) => (
            <div key={code}>
              {number(n)} × <code>{code}</code>
            </div>
          ))}
        </Note>
      )}
      <Fault error={progress.fault} />
    </div>
  );
}
