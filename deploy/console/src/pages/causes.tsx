// Dead letters by what killed them: an incident has few causes and many victims.

import { Link } from "@tanstack/react-router";

import ui from "../ui/ui.module.css";
import { count } from "../text/words";

interface Group {
  cause: string;
  n: number;
  kinds: string[];
}

/** Groups, the largest first. Numbers in an error are of the single letter, and make no group of their own. */
export function groups<Row>(
  rows: readonly Row[],
  cause: (row: Row) => string | null | undefined,
  kind: (row: Row) => string,
): Group[] {
  const found = new Map<string, { n: number; kinds: Set<string> }>();
  for (const row of rows) {
    const text = (cause(row) ?? "no error was kept").replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\d{4,}/g, "…");
    const group = found.get(text) ?? { n: 0, kinds: new Set() };
    group.n += 1;
    group.kinds.add(kind(row));
    found.set(text, group);
  }
  return [...found].map(([text, { n, kinds }]) => ({ cause: text, n, kinds: [...kinds] })).sort((a, b) => b.n - a.n);
}

interface Props<Row> {
  of: readonly Row[];
  cause: (row: Row) => string | null | undefined;
  kind: (row: Row) => string;
  /** The filter that a kind is. */
  filter?: string;
}

/** The groups of a page, each kind a link to itself. */
export function ByCause<Row>({ of, cause, kind, filter = "template_id" }: Props<Row>) {
  const found = groups(of, cause, kind);
  if (found.length === 0) return null;
  return (
    <section className={ui.card} aria-label="By cause, on this page">
      <h2>By cause, on this page</h2>
      <ul className={ui.effects}>
        {found.slice(0, 6).map((group) => (
          <li key={group.cause}>
            {count(group.n, "letter")}: {group.cause}{" "}
            <span className={ui.soft}>
              (
              {group.kinds.map((each, at) => (
                <span key={each}>
                  {at > 0 && ", "}
                  <Link
                    to="."
                    search={
                      ((before: Record<string, string>) => ({
                        ...before,
                        cursor: undefined,
                        [filter]: each,
                      })) as never
                    }
                  >
                    {each}
                  </Link>
                </span>
              ))}
              )
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
