// Reads the payload of a `ClientEvent` (docs/events.md), in whichever encoding it comes, into the types of `catalogue.ts`.

import { FIELDS, type Form, type Payloads } from "./catalogue.js";
import { Table } from "./flatbuffer.js";

/** The kinds that this file knows. */
export type Kind = keyof Payloads;

/** An event: `kind` tells what `payload` has. */
export type CatalogueEvent = { [K in Kind]: { kind: K; payload: Payloads[K] } }[Kind];

type Value = string | string[] | number;

/** Reads the field of that name, which is the nth of its table. */
type Read = (name: string, form: Form, nth: number) => Value;

/**
 * `kind`, `encoding` and `payload` are those of the `ClientEvent`. `undefined` where the kind or the encoding is newer than this
 * file: then all that is known is that something has changed.
 *
 * Throws where the payload does not hold what its kind says.
 */
export function decode(kind: string, encoding: string, payload: Uint8Array): CatalogueEvent | undefined {
  if (!isKnown(kind)) return undefined;
  const read = encoding === "flatbuffers" ? table(payload) : encoding === "json" ? json(payload) : undefined;
  if (read === undefined) return undefined;
  const fields: readonly (readonly [string, Form])[] = FIELDS[kind];
  const said = Object.fromEntries(fields.map(([name, form], nth) => [name, read(name, form, nth)]));
  return { kind, payload: said } as unknown as CatalogueEvent;
}

function isKnown(kind: string): kind is Kind {
  return Object.hasOwn(FIELDS, kind);
}

function table(payload: Uint8Array): Read {
  const table = new Table(payload);
  return (_, form, nth) => {
    switch (form) {
      case "number":
        return table.uint32(nth);
      case "texts":
        return table.texts(nth);
      case "time":
        return new Date(Number(table.int64(nth))).toISOString();
      default:
        return table.text(nth);
    }
  };
}

function json(payload: Uint8Array): Read {
  const said: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  if (typeof said !== "object" || said === null) throw new TypeError("a payload is an object");
  return (name, form) => {
    const value: unknown = Object.hasOwn(said, name) ? (said as Record<string, unknown>)[name] : undefined;
    if (!fits(value, form)) throw new TypeError(`a payload lacks its ${name}`);
    return value;
  };
}

function fits(value: unknown, form: Form): value is Value {
  switch (form) {
    case "number":
      return typeof value === "number";
    case "texts":
      return Array.isArray(value) && value.every((text) => typeof text === "string");
    default:
      return typeof value === "string";
  }
}
