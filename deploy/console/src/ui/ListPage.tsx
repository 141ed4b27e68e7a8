// A list: filters, rows page by page, the panel of a row, and what can be done to many. Its whole state is the address.

import type { UseQueryResult } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import type { Outcome } from "galaxy-typescript/client";

import type { background } from "../api/client";
import { BulkBar, type BulkAction } from "./BulkBar";
import { Button, Note } from "./basics";
import { Download, type FileOf } from "./Download";
import { FilterBar } from "./filters";
import { Icon } from "./icons";
import { Found, Head, useLook } from "./look";
import css from "./list.module.css";
import { dropped, filtersOf, listSearch, type Filter, type ListSearch } from "./search";
import { Table, type Column } from "./table";
import ui from "./ui.module.css";

/** How many rows a page has. */
export const PAGE = 50;

/** A page of the contract. */
interface PageOf<Row> {
  items: Row[];
  next_cursor?: string | null;
}

interface Props<Row, O, F> {
  title: string;
  intro?: ReactNode;
  /** What its looks are kept under. */
  name: string;
  filters?: readonly Filter[];
  columns: readonly Column<Row>[];
  id: (row: Row) => string;
  /** A page of it. The query has the filters as they stand in the address, a limit and a cursor. */
  fetch: (client: typeof background, query: never, signal: AbortSignal) => Promise<Outcome<O>>;
  /** The panel of a row, with a name for it. */
  panel?: (row: Row) => { title: ReactNode; content: ReactNode };
  bulk?: readonly BulkAction<Row>[];
  /** All of it as a file, with the same filters. */
  file?: FileOf<F>;
  /** What is said where nothing is found. */
  empty: ReactNode;
  /** What stands beside the title: a way to make a new one. */
  children?: ReactNode;
  /** Between filters and rows. */
  above?: (rows: readonly Row[]) => ReactNode;
}

const ARRIVED =
  typeof location === "undefined" ? { path: "", search: "" } : { path: location.pathname, search: location.search };

const NONE: readonly Filter[] = [];

/** The page. */
export function ListPage<Row, O, F = never>(props: Props<Row, O, F>) {
  const { name, filters = NONE, columns, id, panel, bulk } = props;
  const raw = useSearch({ strict: false }) as Record<string, unknown>;
  // The router hands on what the address says beyond what the route knows, until it has taken it out.
  const search: ListSearch = useMemo(() => listSearch(filters)(raw), [filters, raw]);
  const navigate = useNavigate();
  const go = (next: Record<string, string | undefined>, replace: boolean) =>
    void navigate({ to: ".", search: next as never, replace, resetScroll: false });
  const given = filtersOf(search);
  const look = useLook<O>([name, "list", given, search.cursor], (client, signal) => {
    const query = { ...typed(given), limit: PAGE, ...(search.cursor && { cursor: search.cursor }) };
    return props.fetch(client, query as never, signal);
  });
  const page = look.data as unknown as PageOf<Row> | undefined;
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const rows = useMemo<readonly Row[]>(() => page?.items ?? [], [page]);
  const picked = rows.filter((row) => chosen.has(id(row)));
  const open = rows.find((row) => id(row) === search.row);
  const lost = useDropped(search);
  const head = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (head.current) head.current.indeterminate = picked.length > 0 && picked.length < rows.length;
  });

  const change = (filter: string, value: string | undefined, step: boolean) => go({ ...given, [filter]: value }, !step);
  const pick = (row: string, on: boolean) =>
    setChosen((before) => {
      const next = new Set(before);
      if (on) next.add(row);
      else next.delete(row);
      return next;
    });
  const close = () => {
    const from = search.row;
    go({ ...search, row: undefined }, true);
    document.querySelector<HTMLElement>(`[data-row="${CSS.escape(from ?? "")}"] button`)?.focus();
  };

  return (
    <>
      <Head title={props.title} intro={props.intro} looks={[look]}>
        {props.file && <Download file={props.file} query={typed(given)} />}
        {props.children}
      </Head>
      {lost.length > 0 && (
        <Note tone="warn" role="status">
          The address had what this list does not know, and it was left out:{" "}
          {lost.map(([key, value]) => `${key} = ${value}`).join(", ")}.
        </Note>
      )}
      {filters.length > 0 && (
        <FilterBar filters={filters} values={given} onChange={change} onClear={() => go({}, false)} />
      )}
      {props.above?.(rows)}
      {bulk && (
        <BulkBar
          actions={bulk}
          chosen={picked}
          filters={given}
          asOf={look.dataUpdatedAt || Date.now()}
          onDone={() => setChosen(new Set())}
        />
      )}
      <div className={css.split} data-panel={open && panel ? "" : undefined}>
        <div className={ui.stack}>
          <div className={`${ui.card} ${css.box}`}>
            <Found look={look as UseQueryResult<unknown, Error>}>
              {() =>
                rows.length === 0 ? (
                  <div className={ui.empty}>
                    {Object.keys(given).length > 0
                      ? "Nothing matches these filters."
                      : search.cursor
                        ? "Nothing comes after this page."
                        : props.empty}
                  </div>
                ) : (
                  <Table<Row>
                    label={props.title}
                    columns={columns}
                    rows={rows}
                    id={id}
                    open={open && id(open)}
                    choose={
                      bulk && {
                        head: (
                          <input
                            ref={head}
                            className={css.check}
                            type="checkbox"
                            aria-label="Choose all rows of this page"
                            checked={picked.length === rows.length}
                            onChange={(event) => setChosen(new Set(event.target.checked ? rows.map(id) : []))}
                          />
                        ),
                        cell: (row) => (
                          <input
                            className={css.check}
                            type="checkbox"
                            aria-label={`Choose ${id(row)}`}
                            checked={chosen.has(id(row))}
                            onChange={(event) => pick(id(row), event.target.checked)}
                          />
                        ),
                      }
                    }
                    last={
                      panel && {
                        title: "Panel",
                        cell: (row) => (
                          <Button
                            small
                            look="plain"
                            aria-expanded={search.row === id(row)}
                            onClick={() =>
                              go(
                                {
                                  ...search,
                                  row: search.row === id(row) ? undefined : id(row),
                                },
                                true,
                              )
                            }
                          >
                            <Icon of="side" />
                            <span className="hidden">Look at {id(row)}</span>
                          </Button>
                        ),
                      }
                    }
                  />
                )
              }
            </Found>
          </div>
          <div className={ui.row}>
            {search.cursor && <Button onClick={() => go({ ...given }, false)}>First page</Button>}
            {page?.next_cursor && (
              <Button onClick={() => go({ ...given, cursor: page.next_cursor ?? undefined }, false)}>Next page</Button>
            )}
          </div>
        </div>
        {open && panel && <Panel {...panel(open)} onClose={close} />}
      </div>
    </>
  );
}

function Panel({ title, content, onClose }: { title: ReactNode; content: ReactNode; onClose: () => void }) {
  return (
    <aside
      className={`${ui.card} ${css.panel}`}
      aria-label="Row"
      tabIndex={0}
      onKeyDown={(event) => event.key === "Escape" && onClose()}
    >
      <header>
        <h2>{title}</h2>
        <Button small look="plain" aria-label="Close the panel" onClick={onClose}>
          <Icon of="close" />
        </Button>
      </header>
      {content}
    </aside>
  );
}

/** What the address had on arrival that the list does not know. */
function useDropped(search: Record<string, unknown>): [string, string][] {
  const [lost] = useState(() => (location.pathname === ARRIVED.path ? dropped(ARRIVED.search, search) : []));
  useEffect(() => {
    // Said once: the way back to this page has nothing to say.
    ARRIVED.search = "";
  }, []);
  return lost;
}

/** Filters as the contract wants them: yes and no are no texts there. */
function typed(filters: Record<string, string>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(filters).map(([name, value]) => [name, value === "true" ? true : value === "false" ? false : value]),
  );
}
