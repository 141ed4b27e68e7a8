// Queues: what waits, for how long, and the way to stop and to go on.

import { Link } from "@tanstack/react-router";

import { asked, client } from "../api/client";
import { Action, type ActionOf } from "../ui/action";
import { State } from "../ui/basics";
import css from "../ui/list.module.css";
import { Found, Head, useLook } from "../ui/look";
import { SampleTable, Spark, type Sample } from "../ui/spark";
import { Table, type Column } from "../ui/table";
import ui from "../ui/ui.module.css";
import { duration } from "../text/time";
import { bounded, spoken } from "../text/words";
import type { Queue } from "./kinds";

/** Longer than this nothing should be due, in seconds. */
export const LATE = 60;
const SAMPLES = 360;

/** What was seen of each queue since the page was opened. */
const seen = new Map<string, Sample[]>();

/** Notes a look at the queues. The same look is noted once. */
export function sample(queues: readonly Queue[], at: number): void {
  for (const queue of queues) {
    const samples = seen.get(queue.name) ?? [];
    if (samples.at(-1)?.at === at) continue;
    seen.set(queue.name, [...samples, { at, value: waiting(queue) }].slice(-SAMPLES));
  }
}

const sum = (queue: Queue, states: readonly string[]) =>
  states.reduce((total, state) => total + ((queue.depth as Record<string, number>)[state] ?? 0), 0);
const DEAD = ["dead_lettered", "quarantined"];

/** What waits or is under way. */
export const waiting = (queue: Queue) =>
  sum(
    queue,
    Object.keys(queue.depth).filter((state) => !DEAD.includes(state)),
  );
/** What died. */
export const dead = (queue: Queue) => sum(queue, DEAD);

/** Where the dead of a queue are listed; jobs and turns have no such list. */
export function deadPage(name: string): "/dead-mail" | "/dead-notices" | undefined {
  if (name === "mail") return "/dead-mail";
  return name.startsWith("notification") ? "/dead-notices" : undefined;
}

/** A look at all of them. */
export function useQueues() {
  const look = useLook(["queues"], (api, signal) => api.get("/api/v1/admin/queues", { query: { limit: 50 }, signal }), {
    every: 5000,
  });
  if (look.data) sample(look.data.items, look.dataUpdatedAt);
  return look;
}

/** Pausing and resuming. */
export function queueActions(queue: Queue): ActionOf[] {
  const path = { name: queue.name };
  return [
    queue.paused
      ? {
          label: "Resume",
          op: "admin_resume_queue",
          grade: "none",
          main: true,
          run: () => asked(() => client.post("/api/v1/admin/queues/{name}/resume", { path })),
          done: `The queue ${spoken(queue.name)} goes on.`,
        }
      : {
          label: "Pause",
          op: "admin_pause_queue",
          grade: "none",
          run: () => asked(() => client.post("/api/v1/admin/queues/{name}/pause", { path })),
          done: `The queue ${spoken(queue.name)} is paused. Nothing is lost: rows pile up.`,
        },
  ];
}

const columns: Column<Queue>[] = [
  { title: "Queue", cell: (queue) => <strong>{spoken(queue.name)}</strong> },
  { title: "State", cell: (queue) => <State of={queue.paused ? "paused" : "running"} /> },
  { title: "Waiting", cell: (queue) => bounded(waiting(queue)), number: true },
  { title: "Oldest due", cell: (queue) => <Oldest queue={queue} /> },
  { title: "Dead", cell: (queue) => <Dead queue={queue} />, number: true },
  {
    title: "Lately",
    cell: (queue) => <Spark of={seen.get(queue.name) ?? []} what={`Waiting in ${spoken(queue.name)}`} />,
  },
];

function Oldest({ queue }: { queue: Queue }) {
  const seconds = queue.oldest_due_seconds;
  if (seconds <= 0) return <span className={ui.soft}>nothing is due</span>;
  return seconds > LATE ? <State of={duration(seconds)} tone="warn" /> : <>{duration(seconds)}</>;
}

function Dead({ queue }: { queue: Queue }) {
  const n = dead(queue);
  const to = deadPage(queue.name);
  if (n === 0) return <span className={ui.soft}>0</span>;
  return to ? <Link to={to}>{bounded(n)}</Link> : <>{bounded(n)}</>;
}

/** The table of queues, as on the overview too. */
export function QueueTable({ queues }: { queues: readonly Queue[] }) {
  return (
    <div className={`${ui.card} ${css.box}`}>
      <Table
        label="Queues"
        rows={queues}
        id={(queue) => queue.name}
        columns={columns}
        last={{
          title: "Actions",
          cell: (queue) => queueActions(queue).map((action) => <Action key={action.label} action={action} small />),
        }}
      />
    </div>
  );
}

/** The page. */
export function Queues() {
  const look = useQueues();
  return (
    <>
      <Head
        title="Queues"
        intro="What waits for mail, notices, jobs and turns. Counts end at 10 000 in each state."
        looks={[look]}
      />
      <Found look={look}>
        {(page) => (
          <>
            <QueueTable queues={page.items} />
            <h2>By state</h2>
            <div className={`${ui.card} ${css.box}`}>
              <Table
                label="Depth by state"
                rows={page.items}
                id={(queue) => queue.name}
                columns={[
                  { title: "Queue", cell: (queue) => spoken(queue.name) },
                  {
                    title: "States",
                    cell: (queue) => (
                      <div className={ui.row}>
                        {Object.entries(queue.depth as Record<string, number>).map(([state, n]) => (
                          <span key={state}>
                            <State of={state} {...(n === 0 && { tone: "quiet" as const })} /> {bounded(n)}
                          </span>
                        ))}
                      </div>
                    ),
                  },
                  {
                    title: "Samples",
                    cell: (queue) => <SampleTable of={seen.get(queue.name) ?? []}>Waiting, as a table</SampleTable>,
                  },
                ]}
              />
            </div>
          </>
        )}
      </Found>
    </>
  );
}
