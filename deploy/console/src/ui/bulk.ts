// Doing something to many: chosen rows one by one, or all that match, piece by piece. Both can be stopped between two steps.

import { Refused } from "../api/client";

/** How far it is. */
export interface Progress {
  done: number;
  /** How many there are; `undefined` until it is known. */
  of: number | undefined;
  /** Refusals by their code. */
  refused: Record<string, number>;
  state: "running" | "stopped" | "done" | "failed";
  fault?: unknown;
}

/** What a piece of all that match answers. */
export interface Piece {
  /** How many matched, from where it began. */
  matched: number;
  changed: number;
  /** Those that were not changed; of a set that is walked. */
  refused?: readonly { code: string }[];
  /** Where the next one begins; null on the last one. Absent: what was changed no longer matches, so the next one begins anew. */
  next_cursor?: string | null;
}

/** The size of a piece: what the server takes at once. */
export const PIECE = 200;

type Tell = (progress: Progress) => void;

/** Calls for each row. A refusal is counted under its code, and the others go on. */
export async function each<Row>(
  rows: readonly Row[],
  call: (row: Row) => Promise<unknown>,
  stop: () => boolean,
  tell: Tell,
): Promise<void> {
  const progress: Progress = { done: 0, of: rows.length, refused: {}, state: "running" };
  tell({ ...progress });
  for (const row of rows) {
    if (stop()) return tell({ ...progress, state: "stopped" });
    try {
      await call(row);
      progress.done += 1;
    } catch (error) {
      if (!(error instanceof Refused) || error.status >= 500 || error.status === 401) {
        return tell({ ...progress, state: "failed", fault: error });
      }
      progress.refused = { ...progress.refused, [error.code]: (progress.refused[error.code] ?? 0) + 1 };
    }
    tell({ ...progress });
  }
  tell({ ...progress, state: "done" });
}

/** Calls for piece after piece, until the last. How many there are may grow meanwhile: the server does not count far. */
export async function all(
  call: (limit: number, cursor: string | undefined) => Promise<Piece>,
  stop: () => boolean,
  tell: Tell,
): Promise<void> {
  let cursor: string | undefined;
  const progress: Progress = { done: 0, of: undefined, refused: {}, state: "running" };
  tell({ ...progress });
  for (;;) {
    if (stop()) return tell({ ...progress, state: "stopped" });
    let piece: Piece;
    try {
      piece = await call(PIECE, cursor);
    } catch (error) {
      return tell({ ...progress, state: "failed", fault: error });
    }
    const before = Object.values(progress.refused).reduce((sum, n) => sum + n, progress.done);
    progress.of = Math.max(progress.of ?? 0, before + piece.matched);
    progress.done += piece.changed;
    progress.refused = { ...progress.refused };
    for (const { code } of piece.refused ?? []) progress.refused[code] = (progress.refused[code] ?? 0) + 1;
    const last =
      piece.next_cursor === undefined
        ? piece.changed === 0 || piece.changed >= piece.matched
        : piece.next_cursor === null;
    if (last) return tell({ ...progress, state: "done" });
    cursor = piece.next_cursor ?? undefined;
    tell({ ...progress });
  }
}
