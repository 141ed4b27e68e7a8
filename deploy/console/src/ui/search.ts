// Filters in the address, which is their only store. What an address says that is not known is dropped, and said.

/** A filter of a list. */
export interface Filter<N extends string = string> {
  name: N;
  label: string;
  kind: "choice" | "text" | "id" | "email" | "time" | "yes_no";
  choices?: readonly string[];
  hint?: string;
}

/** What the address of a list can say. */
export type ListSearch<N extends string = string> = { [K in N]?: string } & {
  /** Where the page begins: the server's `next_cursor`. */
  cursor?: string;
  /** The row whose panel is open. */
  row?: string;
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a filter may have a value: what would only be refused is not sent. */
export function fits(filter: Filter, value: string): boolean {
  switch (filter.kind) {
    case "choice":
      return filter.choices?.includes(value) ?? false;
    case "yes_no":
      return value === "true" || value === "false";
    case "id":
      return UUID.test(value);
    case "email":
      return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value);
    case "time":
      return !Number.isNaN(Date.parse(value)) && /[zZ]|[+-]\d\d:\d\d$/.test(value);
    case "text":
      return value.trim() !== "" && value.length <= 200;
  }
}

/** Reads an address: what is known and fits stays. */
export function listSearch<const N extends string>(
  filters: readonly Filter<N>[],
): (raw: Record<string, unknown>) => ListSearch<N> {
  return (raw) => {
    const kept: Record<string, string> = {};
    for (const filter of filters) {
      const value = raw[filter.name];
      if (typeof value === "string" && fits(filter, value)) kept[filter.name] = value;
    }
    for (const name of ["cursor", "row"]) {
      const value = raw[name];
      if (typeof value === "string" && value !== "") kept[name] = value;
    }
    return kept as ListSearch<N>;
  };
}

/** What an address says beyond what was kept of it. */
export function dropped(address: string, kept: Record<string, unknown>): [string, string][] {
  return [...new URLSearchParams(address)].filter(([name, value]) => value !== "" && kept[name] === undefined);
}

/** The filters of a list's address, without where the page begins and which row is open. */
export function filtersOf(search: Record<string, string | undefined>): Record<string, string> {
  const { cursor: _cursor, row: _row, ...filters } = search;
  return Object.fromEntries(Object.entries(filters).filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/** Addresses are plain: `?status=paused&cursor=…`, each value a text. */
export function parseSearch(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text));
}

/** And back. */
export function stringifySearch(search: Record<string, unknown>): string {
  const pairs = Object.entries(search).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}
