// Files of lists, as the server makes them: their names, where one was cut, and how one is kept.

/** What a file of this list is called: as the server would call it. */
export function fileName(list: string, at: Date): string {
  const minute = at.toISOString().slice(0, 16).replaceAll(/[-:]/g, "");
  return `${list}-${minute}Z.csv`;
}

/**
 * Where a file goes on, if it was cut at the most rows that one may have. Only a last line that is no part of a cell says so: a cell
 * with ends of lines stands in quotes.
 */
export function cutAt(file: string): { rows: number; cursor: string } | undefined {
  const found = /\r\ncut at (\d+) rows; cursor=([\w-]+),*\r\n$/.exec(file.slice(-4096));
  return found ? { rows: Number(found[1]), cursor: found[2] ?? "" } : undefined;
}

/** Gives a text to the browser as a file to keep. */
export function keep(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  window.setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
