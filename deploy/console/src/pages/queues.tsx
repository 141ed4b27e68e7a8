// Queues: what waits, for how long, and the way to stop and to go on.

import { Link } from "@tanstack/react-router";

import { asked, client } from "../api/client";
import { Action, type ActionOf } from "../ui/action";
import { State } from "../ui/basics";
import css from "../ui/list.module.css";
import { Found, Head, useLook } from "../ui/look";
import { Spark } from "../ui/spark";
import { Table, type Column } from "../ui/table";
import ui from "../ui/ui.module.css";
import { duration } from "../text/time";
import { bounded, spoken } from "../text/words";
import type { Queue, Stats } from "./kinds";
import { samples, SampleTable, useStats } from "./stats";

/** Longer than this nothing should be due, in seconds. */
export const LATE = 60;
const sum = (queue: Queue, states: readonly string[]) =>
  states.reduce((total, state) => total + ((queue.depth as Record<string, number>)[state] ?? 0), 0);
// Mail and notices die as dead letters, jobs and turns as failed.
const DEAD = ["dead_lettered", "quarantined", "failed"];

/** What waits or is under way. */
export const waiting = (queue: Queue) =>
  sum(
    queue,
    Object.keys(queue.depth).filter((state) => !DEAD.includes(state)),
  );
/** What died. */
export const dead = (queue: Queue) => sum(queue, DEAD);

/** Where the dead of a queue are listed; those of jobs and turns stand at their engines. */
export function deadPage(name: string): "/dead-mail" | "/dead-notices" | "/runtimes" {
  if (name === "mail") return "/dead-mail";
  return name.startsWith("notification") ? "/dead-notices" : "/runtimes";
}

/** The series of what waits in a queue; of turns, those that are late. */
const SERIES: Record<string, string> = {
  mail: "mails_waiting",
  notifications: "notifications_waiting",
  notification_routes: "routes_waiting",
  runtime_jobs: "jobs_waiting",
  runtime_turns: "turns_late",
};
const seriesOf = (queue: Queue) => (queue.name === "runtime_turns" ? "Late" : "Waiting");

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
  return <Link to={to}>{bounded(n)}</Link>;
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

const line = (stats: Stats | undefined, queue: Queue) => samples(stats, SERIES[queue.name] ?? "");

/** The page. */
export function Queues() {
  const look = useLook(["queues"], (api, signal) => api.get("/api/v1/admin/queues", { query: { limit: 50 }, signal }), {
    every: 5000,
  });
  const stats = useStats("hour").data;
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
                    title: "The last hour",
                    cell: (queue) => {
                      const [what, of] = [`${seriesOf(queue)} in ${spoken(queue.name)}`, line(stats, queue)];
                      return (
                        <>
                          <Spark of={of} what={what} over="in the last hour" />
                          <SampleTable of={of} title={what} />
                        </>
                      );
                    },
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
