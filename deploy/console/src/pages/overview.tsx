// The first page: what burns first, each with the way to it; the last hour; who works.

import { Link, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Id, Note, State } from "../ui/basics";
import css from "../ui/list.module.css";
import { Found, Head, useLook } from "../ui/look";
import { Table } from "../ui/table";
import ui from "../ui/ui.module.css";
import { duration } from "../text/time";
import { bounded, spoken, type Tone } from "../text/words";
import { RUNTIME_STATUSES, type Overview as Seen } from "./kinds";
import { dead, deadPage, LATE, QueueTable } from "./queues";
import { Charts } from "./stats";

/** So many events that a push stream lags want somebody. */
const PUSH_LAG = 1000;

/** Something that wants somebody. */
export interface Fire {
  key: string;
  tone: Tone;
  text: string;
  link: ReactNode;
}

const many = (n: number, one: string) => `${bounded(n)} ${n === 1 ? one : `${one}s`}`;

/** What burns, the worst first. A game that somebody paused by hand burns nothing. */
export function fires(seen: Seen): Fire[] {
  const found: Fire[] = [];
  const fire = (tone: Tone, key: string, text: string, link: ReactNode) => found.push({ key, tone, text, link });
  for (const queue of seen.queues) {
    const name = spoken(queue.name);
    const to = deadPage(queue.name);
    if (dead(queue) > 0) fire("bad", `dead ${name}`, `${bounded(dead(queue))} dead in ${name}`, <Link to={to}>Look at them</Link>);
    const queues = <Link to="/queues">Queues</Link>;
    if (queue.paused) fire("warn", `paused ${name}`, `The queue ${name} is paused`, queues);
    else if (queue.oldest_due_seconds > LATE) {
      const text = `${name}: the oldest has been due for ${duration(queue.oldest_due_seconds)}`;
      fire("warn", `late ${name}`, text, queues);
    }
  }
  for (const [reason, n] of Object.entries(seen.paused_games)) {
    if (reason === "manual" || n === 0) continue;
    const paused = (
      <Link to="/games" search={{ status: "paused" }}>
        Paused games
      </Link>
    );
    fire("bad", `games ${reason}`, `${many(n, "game")} paused: ${spoken(reason)}`, paused);
  }
  if (seen.start_failed_games > 0) {
    const failed = (
      <Link to="/games" search={{ status: "start_failed" }}>
        Failed starts
      </Link>
    );
    fire("bad", "start_failed", `${many(seen.start_failed_games, "game")} could not be started`, failed);
  }
  if (seen.late_turns > 0) {
    const text = `${many(seen.late_turns, "turn")} late, the latest by ${duration(seen.latest_turn_seconds)}`;
    fire("warn", "late turns", text, <Link to="/runtimes">Runtimes</Link>);
  }
  for (const [status, n] of Object.entries(seen.unwell_runtimes)) {
    const known = RUNTIME_STATUSES.find((word) => word === status);
    const unwell = (
      <Link to="/runtimes" search={known ? { status: known } : {}}>
        Runtimes
      </Link>
    );
    if (n > 0) fire("bad", `unwell ${status}`, `${many(n, "engine")}: ${spoken(status)}`, unwell);
  }
  if (seen.unserved_runtimes > 0) {
    const text = `${many(seen.unserved_runtimes, "engine")} that no live controller serves`;
    fire("bad", "unserved", text, <Link to="/workers">Workers</Link>);
  }
  if (seen.push_behind >= PUSH_LAG)
    fire("warn", "push", `A push stream lags ${bounded(seen.push_behind)} events`, <Link to="/push">Push</Link>);
  for (const { process, alive } of seen.processes) {
    if (alive === 0) fire("bad", `gone ${process}`, `No ${process} is alive`, <Link to="/workers">Workers</Link>);
  }
  const order: Tone[] = ["bad", "warn"];
  return found.sort((a, b) => order.indexOf(a.tone) - order.indexOf(b.tone));
}

/** The page. */
export function Overview() {
  const { range = "hour" } = useSearch({ from: "/overview" });
  const look = useLook(["overview"], (api, signal) => api.get("/api/v1/admin/overview", { signal }), { every: 5000 });
  return (
    <>
      <Head title="Overview" looks={[look]} />
      <Found look={look}>
        {(seen) => (
          <section aria-labelledby="fires" className={ui.stack}>
            <h2 id="fires">What wants somebody</h2>
            <Fires of={fires(seen)} />
          </section>
        )}
      </Found>
      <Charts range={range} />
      {look.data && (
        <>
          <h2>Queues</h2>
          <QueueTable queues={look.data.queues} />
          <h2>Processes</h2>
          <Processes of={look.data} />
        </>
      )}
    </>
  );
}

function Fires({ of }: { of: readonly Fire[] }) {
  if (of.length === 0)
    return (
      <Note tone="good" title="Nothing burns.">
        No dead letters, nothing is late, no game rests that should not.
      </Note>
    );
  return (
    <div className={ui.fires}>
      {of.map((fire) => (
        <Note key={fire.key} tone={fire.tone}>
          <strong>{fire.text}</strong>. {fire.link}
        </Note>
      ))}
    </div>
  );
}

function Processes({ of }: { of: Seen }) {
  return (
    <div className={`${ui.card} ${css.box}`}>
      {of.processes.length === 0 ? (
        <p className={ui.empty}>Nobody works the queues: no process has ever registered.</p>
      ) : (
        <Table
          label="Processes"
          rows={of.processes}
          id={(kind) => kind.process}
          columns={[
            { title: "Process", cell: (kind) => <strong>{kind.process}</strong> },
            {
              title: "Alive",
              cell: (kind) => <State of={kind.alive > 0 ? "live" : "failed"}>{String(kind.alive)}</State>,
            },
            {
              title: "Lost",
              cell: (kind) =>
                kind.lost > 0 ? <State of="expired" tone="warn">{`${kind.lost} lost`}</State> : <span className={ui.soft}>none</span>,
            },
            { title: "Version", cell: (kind) => <Id>{kind.versions.join(", ")}</Id> },
          ]}
        />
      )}
      <p className={css.foot}>
        <Link to="/workers">Each with its lease</Link> · {bounded(of.push_subscribers)}{" "}
        <Link to="/push">push {of.push_subscribers === 1 ? "stream" : "streams"}</Link>
      </p>
    </div>
  );
}
