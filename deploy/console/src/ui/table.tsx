// A plain table of the document, which on a narrow screen becomes cards. Roles are written out: they would be lost with
// `display: block`.

import type { ReactNode } from "react";

import { cls } from "./basics";
import css from "./list.module.css";

/** A column. */
export interface Column<Row> {
  title: string;
  cell: (row: Row) => ReactNode;
  number?: boolean;
  nowrap?: boolean;
}

interface Props<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  id: (row: Row) => string;
  open?: string | undefined;
  /** A first cell and a first head: the choice of rows. */
  choose?: { head: ReactNode; cell: (row: Row) => ReactNode } | undefined;
  /** A last cell, without a head for the eye. */
  last?: { title: string; cell: (row: Row) => ReactNode } | undefined;
}

/** Rows under heads. */
export function Table<Row>({ label, columns, rows, id, open, choose, last }: Props<Row>) {
  return (
    <table role="table" aria-label={label} className={css.table}>
      <thead role="rowgroup">
        <tr role="row">
          {choose && (
            <th role="columnheader" scope="col">
              {choose.head}
            </th>
          )}
          {columns.map((column) => (
            <th role="columnheader" scope="col" key={column.title} className={cls(column.number && css.number)}>
              {column.title}
            </th>
          ))}
          {last && (
            <th role="columnheader" scope="col">
              <span className="hidden">{last.title}</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr role="row" key={id(row)} data-open={open === id(row) ? "" : undefined} data-row={id(row)}>
            {choose && <td role="cell">{choose.cell(row)}</td>}
            {columns.map((column) => (
              <td
                role="cell"
                key={column.title}
                data-label={column.title}
                className={cls(column.number && css.number, column.nowrap && css.nowrap)}
              >
                {column.cell(row)}
              </td>
            ))}
            {last && <td role="cell">{last.cell(row)}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
