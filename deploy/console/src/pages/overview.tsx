// The first page: what burns first, each with the way to it.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Ago, Id, Note, State } from "../ui/basics";
import css from "../ui/list.module.css";
import { Found, Head, useLook } from "../ui/look";
import { Table } from "../ui/table";
import ui from "../ui/ui.module.css";
import { duration } from "../text/time";
import { bounded, count, spoken, type Tone } from "../text/words";
import type { Game, Queue, Runtime, Worker } from "./kinds";
import { dead, deadPage, LATE, QueueTable, useQueues } from "./queues";

/** Something that wants somebody. */
export interface Fire {
  key: string;
  tone: Tone;
  text: string;
  link: ReactNode;
}

/** What burns, the worst first. A game that somebody paused by hand burns nothing. */
export function fires(
  queues: readonly Queue[],
  paused: readonly Game[],
  failed: readonly Game[],
  runtimes: readonly Runtime[],
): Fire[] {
  const found: Fire[] = [];
  for (const queue of queues) {
    const name = spoken(queue.name);
    const to = deadPage(queue.name) ?? "/queues";
    if (dead(queue) > 0)
      found.push({
        key: `dead ${name}`,
        tone: "bad",
        text: `${bounded(dead(queue))} dead in ${name}`,
        link: <Link to={to}>Look at them</Link>,
      });
    if (queue.paused)
      found.push({
        key: `paused ${name}`,
        tone: "warn",
        text: `The queue ${name} is paused`,
        link: <Link to="/queues">Queues</Link>,
      });
    else if (queue.oldest_due_seconds > LATE) {
      const text = `${name}: the oldest has been due for ${duration(queue.oldest_due_seconds)}`;
      found.push({ key: `late ${name}`, tone: "warn", text, link: <Link to="/queues">Queues</Link> });
    }
  }
  const reasons = new Map<string, number>();
  for (const game of paused)
    reasons.set(game.pause_reason ?? "unknown", (reasons.get(game.pause_reason ?? "unknown") ?? 0) + 1);
  for (const [reason, n] of reasons) {
    if (reason === "manual") continue;
    const text = `${count(n, "game")} paused: ${spoken(reason)}`;
    found.push({
      key: `games ${reason}`,
      tone: "bad",
      text,
      link: (
        <Link to="/games" search={{ status: "paused" }}>
          Paused games
        </Link>
      ),
    });
  }
  if (failed.length > 0) {
    const text = `${count(failed.length, "game")} could not be started`;
    found.push({
      key: "start_failed",
      tone: "bad",
      text,
      link: (
        <Link to="/games" search={{ status: "start_failed" }}>
          Failed starts
        </Link>
      ),
    });
  }
  const unserved = runtimes.filter((runtime) => runtime.health === "unserved").length;
  if (unserved > 0) {
    found.push({
      key: "unserved",
      tone: "bad",
      text: `${count(unserved, "engine")} that no live controller serves`,
      link: <Link to="/runtimes">Runtimes</Link>,
    });
  }
  const order: Tone[] = ["bad", "warn"];
  return found.sort((a, b) => order.indexOf(a.tone) - order.indexOf(b.tone));
}

/** The page. */
export function Overview() {
  const queues = useQueues();
  const paused = useLook(["games", "paused"], (api, signal) =>
    api.get("/api/v1/admin/games", { query: { status: "paused", limit: 200 }, signal }),
  );
  const failed = useLook(["games", "failed"], (api, signal) =>
    api.get("/api/v1/admin/games", { query: { status: "start_failed", limit: 200 }, signal }),
  );
  const runtimes = useLook(["runtimes", "running"], (api, signal) =>
    api.get("/api/v1/admin/runtimes", { query: { limit: 200 }, signal }),
  );
  const workers = useLook(["workers"], (api, signal) =>
    api.get("/api/v1/admin/workers", { query: { limit: 200 }, signal }),
  );
  const looks = [queues, paused, failed, runtimes, workers];
  const known = queues.data && paused.data && failed.data && runtimes.data;
  const found = known ? fires(queues.data.items, paused.data.items, failed.data.items, runtimes.data.items) : undefined;
  return (
    <>
      <Head title="Overview" looks={looks} />
      <section aria-labelledby="fires" className={ui.stack}>
        <h2 id="fires">What wants somebody</h2>
        {found?.length === 0 && (
          <Note tone="good" title="Nothing burns.">
            No dead letters, nothing is late, no game rests that should not.
          </Note>
        )}
        {found?.map((fire) => (
          <Note key={fire.key} tone={fire.tone}>
            <strong>{fire.text}</strong>. {fire.link}
          </Note>
        ))}
        {!found && <Found look={queues}>{() => <p className={ui.soft}>Looking…</p>}</Found>}
      </section>
      <h2>Queues</h2>
      <Found look={queues}>{(page) => <QueueTable queues={page.items} />}</Found>
      <h2>Processes</h2>
      <Found look={workers}>{(page) => <WorkerTable workers={page.items} />}</Found>
    </>
  );
}

/** Who works, as which version. */
export function WorkerTable({ workers }: { workers: readonly Worker[] }) {
  if (workers.length === 0) return <Note tone="bad">Nobody works the queues: no process holds a lease.</Note>;
  return (
    <div className={`${ui.card} ${css.box}`}>
      <Table
        label="Processes"
        rows={workers}
        id={(worker) => worker.worker_id}
        columns={[
          { title: "Process", cell: (worker) => <strong>{worker.process}</strong> },
          { title: "Lease", cell: (worker) => <Lease worker={worker} /> },
          { title: "Version", cell: (worker) => <Id>{worker.version}</Id> },
          { title: "Instance", cell: (worker) => <Id>{worker.instance}</Id> },
          { title: "Daemon", cell: (worker) => <Id>{worker.daemon_id}</Id> },
          { title: "Started", cell: (worker) => <Ago at={worker.started_at} /> },
        ]}
      />
    </div>
  );
}

function Lease({ worker }: { worker: Worker }) {
  const over = Date.parse(worker.expires_at) < Date.now();
  return (
    <>
      <State of={over ? "expired" : "live"} tone={over ? "bad" : "good"} /> <Ago at={worker.expires_at} />
    </>
  );
}
