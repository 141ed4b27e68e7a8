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
  matched: number;
  changed: number;
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

/**
 * Calls for piece after piece, until one changes all that matched or nothing. How many there are may grow meanwhile: the server
 * does not count far.
 */
export async function all(call: (limit: number) => Promise<Piece>, stop: () => boolean, tell: Tell): Promise<void> {
  const progress: Progress = { done: 0, of: undefined, refused: {}, state: "running" };
  tell({ ...progress });
  for (;;) {
    if (stop()) return tell({ ...progress, state: "stopped" });
    let piece: Piece;
    try {
      piece = await call(PIECE);
    } catch (error) {
      return tell({ ...progress, state: "failed", fault: error });
    }
    progress.of = Math.max(progress.of ?? 0, progress.done + piece.matched);
    progress.done += piece.changed;
    if (piece.changed === 0 || piece.changed >= piece.matched) return tell({ ...progress, state: "done" });
    tell({ ...progress });
  }
}
