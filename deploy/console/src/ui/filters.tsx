// The filter bar. What is typed goes into the address in place of what was there; what is submitted becomes a step to go back to.

import { useEffect, useRef, useState } from "react";

import { Button, cls, Field, useZone } from "./basics";
import css from "./list.module.css";
import { fits, type Filter } from "./search";
import { instant, local } from "../text/time";
import { spoken } from "../text/words";

interface Props {
  filters: readonly Filter[];
  values: Record<string, string | undefined>;
  onChange: (name: string, value: string | undefined, step: boolean) => void;
  onClear: () => void;
}

/** All filters of a list. */
export function FilterBar({ filters, values, onChange, onClear }: Props) {
  const given = filters.some((filter) => values[filter.name] !== undefined);
  return (
    <search className={css.bar} aria-label="Filters">
      {filters.map((filter) => (
        <div key={filter.name} className={cls(filter.kind === "id" && css.wide, filter.kind === "email" && css.wide)}>
          <One
            filter={filter}
            value={values[filter.name]}
            onChange={(value, step) => onChange(filter.name, value, step)}
          />
        </div>
      ))}
      {given && (
        <Button look="plain" onClick={onClear}>
          Clear filters
        </Button>
      )}
    </search>
  );
}

function One({
  filter,
  value,
  onChange,
}: {
  filter: Filter;
  value: string | undefined;
  onChange: (value: string | undefined, step: boolean) => void;
}) {
  const zone = useZone();
  if (filter.kind === "choice" || filter.kind === "yes_no") {
    const choices = filter.kind === "yes_no" ? ["true", "false"] : (filter.choices ?? []);
    return (
      <Field label={filter.label}>
        {(given) => (
          <select {...given} value={value ?? ""} onChange={(event) => onChange(event.target.value || undefined, true)}>
            <option value="">any</option>
            {choices.map((choice) => (
              <option key={choice} value={choice}>
                {filter.kind === "yes_no" ? (choice === "true" ? "yes" : "no") : spoken(choice)}
              </option>
            ))}
          </select>
        )}
      </Field>
    );
  }
  if (filter.kind === "time") {
    return (
      <Field label={`${filter.label} (${zone})`}>
        {(given) => (
          <input
            {...given}
            type="datetime-local"
            key={`${zone} ${value ?? ""}`}
            defaultValue={value === undefined ? "" : local(value, zone)}
            onBlur={(event) => {
              const next = instant(event.target.value, zone);
              if (event.target.value !== (value === undefined ? "" : local(value, zone))) onChange(next, true);
            }}
          />
        )}
      </Field>
    );
  }
  return <Typed filter={filter} value={value} onChange={onChange} />;
}

/** A field that is typed into: the address follows a moment later. */
function Typed({
  filter,
  value,
  onChange,
}: {
  filter: Filter;
  value: string | undefined;
  onChange: (value: string | undefined, step: boolean) => void;
}) {
  const [draft, setDraft] = useState(value ?? "");
  const [left, setLeft] = useState(true);
  const own = useRef(value);
  useEffect(() => {
    // The address changed by something else than this field: a link, the way back.
    if (value !== own.current) setDraft(value ?? "");
    own.current = value;
  }, [value]);
  const text = draft.trim();
  const fit = text === "" || fits(filter, text);
  const give = (step: boolean) => {
    const next = text === "" ? undefined : text;
    if (!fit || (next === value && !step)) return;
    own.current = next;
    onChange(next, step);
  };
  useEffect(() => {
    const timer = window.setTimeout(() => give(false), 400);
    return () => window.clearTimeout(timer);
    // What `give` closes over is of this draft.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [draft]);
  const wants = filter.kind === "id" ? "an id of 36 characters" : filter.kind === "email" ? "a whole address" : "text";
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setLeft(true);
        give(true);
      }}
    >
      <Field label={filter.label} hint={filter.hint} fault={!fit && left ? `This wants ${wants}.` : undefined}>
        {(given) => (
          <input
            {...given}
            type="text"
            value={draft}
            autoComplete="off"
            spellCheck={false}
            onFocus={() => setLeft(false)}
            onBlur={() => setLeft(true)}
            onChange={(event) => setDraft(event.target.value)}
          />
        )}
      </Field>
    </form>
  );
}
