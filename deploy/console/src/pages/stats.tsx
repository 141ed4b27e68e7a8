// Figures of each minute, as lines; each can be read as a table too.

import { Link } from "@tanstack/react-router";

import { Time } from "../ui/basics";
import { Found, useLook } from "../ui/look";
import { Spark, type Sample } from "../ui/spark";
import { Table } from "../ui/table";
import ui from "../ui/ui.module.css";
import { bounded, number } from "../text/words";
import type { Stats } from "./kinds";

/** How far back the lines go. */
export type Range = "hour" | "day";
const HOURS: Record<Range, number> = { hour: 1, day: 24 };

/** Reads the range of an address. */
export const rangeSearch = (raw: Record<string, unknown>): { range?: "day" } =>
  raw.range === "day" ? { range: "day" } : {};

/** A look at all series. One point a minute is written: more often there is nothing new. */
export function useStats(range: Range) {
  return useLook(
    ["stats", range],
    (api, signal) => {
      const from = new Date(Date.now() - HOURS[range] * 3_600_000).toISOString();
      return api.get("/api/v1/admin/stats", { query: { from }, signal });
    },
    { every: 30_000 },
  );
}

/** A series, by its name, in the greatest of each step or the mean. */
export function samples(stats: Stats | undefined, name: string, of: "max" | "mean" = "max"): Sample[] {
  const found = stats?.series.find((series) => series.name === name);
  return (found?.points ?? []).map((point) => ({ at: Date.parse(point.at), value: point[of] }));
}

/** Several series added up, step by step. */
export function added(stats: Stats | undefined, names: readonly string[]): Sample[] {
  const sums = new Map<number, number>();
  for (const name of names)
    for (const { at, value } of samples(stats, name)) sums.set(at, (sums.get(at) ?? 0) + value);
  return [...sums].map(([at, value]) => ({ at, value })).sort((a, b) => a.at - b.at);
}

/** What a counter grew by in each minute. It begins anew with each epoch of the push log: then its value is what came. */
export function growth(counted: readonly Sample[]): Sample[] {
  return counted.slice(1).map(({ at, value }, place) => {
    const before = counted[place]!;
    const minutes = Math.max(1, (at - before.at) / 60_000);
    return { at, value: (value >= before.value ? value - before.value : value) / minutes };
  });
}

interface Chart {
  title: string;
  of: (stats: Stats) => Sample[];
}

const CHARTS: readonly Chart[] = [
  {
    title: "Dead letters",
    of: (stats) => added(stats, ["mails_dead", "notifications_dead", "routes_dead", "jobs_dead"]),
  },
  { title: "Turns late", of: (stats) => samples(stats, "turns_late") },
  { title: "Turns a minute", of: (stats) => samples(stats, "turns_generated", "mean") },
  { title: "Games running", of: (stats) => samples(stats, "games_running") },
  { title: "Mail waiting", of: (stats) => samples(stats, "mails_waiting") },
  { title: "Mails a minute", of: (stats) => samples(stats, "mails_sent", "mean") },
  { title: "Notices waiting", of: (stats) => added(stats, ["notifications_waiting", "routes_waiting"]) },
  { title: "Push events a minute", of: (stats) => growth(samples(stats, "push_sequence")) },
];

const shown = (value: number) => (Number.isInteger(value) ? bounded(value) : number(Math.round(value * 10) / 10));

/** The lines, for an hour or a day. */
export function Charts({ range }: { range: Range }) {
  const look = useStats(range);
  return (
    <section className={ui.stack} aria-labelledby="lately">
      <div className={ui.row}>
        <h2 id="lately">The last {range}</h2>
        <Link to="." search={(range === "hour" ? { range: "day" } : {}) as never} replace resetScroll={false}>
          {range === "hour" ? "Show a day" : "Show an hour"}
        </Link>
      </div>
      <Found look={look}>
        {(stats) => (
          <div className={ui.tiles}>
            {CHARTS.map(({ title, of }) => (
              <Tile key={title} title={title} of={of(stats)} range={range} />
            ))}
          </div>
        )}
      </Found>
    </section>
  );
}

function Tile({ title, of, range }: { title: string; of: Sample[]; range: Range }) {
  const last = of.at(-1);
  return (
    <div className={ui.tile}>
      <h3>{title}</h3>
      <div className={ui.figure}>{last === undefined ? "–" : shown(last.value)}</div>
      <Spark of={of} what={title} over={`in the last ${range}`} />
      <SampleTable of={of} title={title} />
    </div>
  );
}

/** A line's samples as a table, the newest first. */
export function SampleTable({ of, title }: { of: readonly Sample[]; title: string }) {
  if (of.length === 0) return <small className={ui.soft}>Nothing was written down yet.</small>;
  return (
    <details>
      <summary>
        As a table<span className="hidden">: {title}</span>
      </summary>
      <div className={ui.samples} tabIndex={0} role="region" aria-label={`${title}, as a table`}>
        <Table
          label={title}
          rows={[...of].reverse()}
          id={(sample) => String(sample.at)}
          columns={[
            { title: "When", cell: (sample) => <Time at={new Date(sample.at).toISOString()} /> },
            { title: "How many", cell: (sample) => shown(sample.value), number: true },
          ]}
        />
      </div>
    </details>
  );
}
