// A list as a file: all that matches its filters, not only the page that is shown.

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { Outcome } from "galaxy-typescript/client";

import type { Me } from "../api/auth";
import { asked } from "../api/client";
import { number } from "../text/words";
import { forbidden } from "./action";
import { Button, Fault } from "./basics";
import { cutAt, fileName, keep } from "./csv";
import { Dialog } from "./dialog";
import { say } from "./say";
import ui from "./ui.module.css";

/** How a list is had as a file. */
export interface FileOf<O> {
  /** The operation's id in the document. */
  op: string;
  /** What its files are called. */
  name: string;
  fetch: (query: never, signal: AbortSignal) => Promise<Outcome<O>>;
}

/** The button, and what is said where it is refused or where there is more than a file may have. */
export function Download<O>({ file, query }: { file: FileOf<O>; query: Record<string, unknown> }) {
  const me = useQueryClient().getQueryData<Me>(["me"]);
  const under = useRef<AbortController>(undefined);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<unknown>();
  const [more, setMore] = useState<{ rows: number; cursor: string }>();
  useEffect(() => () => under.current?.abort(), []);

  async function take(cursor?: string): Promise<void> {
    const own = new AbortController();
    under.current = own;
    setBusy(true);
    setMore(undefined);
    try {
      const from = { ...query, ...(cursor !== undefined && { cursor }) };
      const text = String(await asked(() => file.fetch(from as never, own.signal)));
      const name = fileName(file.name, new Date());
      keep(name, text);
      setMore(cutAt(text));
      say(`${name} is with your downloads.`);
    } catch (error) {
      if (!own.signal.aborted) setFault(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <>
      {busy ? (
        <Button onClick={() => under.current?.abort()}>Stop the download</Button>
      ) : (
        <Button why={forbidden(me, file.op)} onClick={() => void take()}>
          Download as CSV
        </Button>
      )}
      {fault !== undefined && (
        <Dialog title="No file came" onClose={() => setFault(undefined)}>
          <Fault error={fault} />
          <div className={ui.ends}>
            <Button autoFocus onClick={() => setFault(undefined)}>
              Close
            </Button>
          </div>
        </Dialog>
      )}
      {more && (
        <Dialog title="There is more" onClose={() => setMore(undefined)}>
          <p>A file has {number(more.rows)} rows at most. Another one has what comes after them.</p>
          <div className={ui.ends}>
            <Button autoFocus onClick={() => setMore(undefined)}>
              Close
            </Button>
            <Button look="main" onClick={() => void take(more.cursor)}>
              Download the next file
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
