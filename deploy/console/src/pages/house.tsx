// The house: processes, the trail, engine versions.

import { Link } from "@tanstack/react-router";

import { asked, client } from "../api/client";
import { Action, Actions, type ActionOf, type FormField } from "../ui/action";
import { Ago, Facts, Id, Note, State, Text, Time } from "../ui/basics";
import { ListPage } from "../ui/ListPage";
import css from "../ui/list.module.css";
import { Found, Head, useLook } from "../ui/look";
import { listSearch, type Filter } from "../ui/search";
import { Table } from "../ui/table";
import ui from "../ui/ui.module.css";
import { EntryFacts } from "./history";
import type { Entry, Version, Worker } from "./kinds";

/** Processes that hold a lease. */
export function Workers() {
  const look = useLook(["workers"], (api, signal) =>
    api.get("/api/v1/admin/workers", { query: { limit: 200 }, signal }),
  );
  return (
    <>
      <Head
        title="Workers"
        intro="Who works the queues, as which version, and until when each lease lasts."
        looks={[look]}
      />
      <Found look={look}>{(page) => <WorkerTable workers={page.items} />}</Found>
    </>
  );
}

function WorkerTable({ workers }: { workers: readonly Worker[] }) {
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

/** A lease is renewed each second, and the page looks less often: a little over is nothing. */
const LEASE_SLACK = 30_000;

function Lease({ worker }: { worker: Worker }) {
  const over = Date.parse(worker.expires_at) + LEASE_SLACK < Date.now();
  return (
    <>
      <State of={over ? "expired" : "live"} tone={over ? "bad" : "good"} /> <Ago at={worker.expires_at} />
    </>
  );
}

const trailFilters = [
  { name: "actor", label: "Who", kind: "text" },
  { name: "action", label: "What", kind: "text", hint: "As in game.create." },
  { name: "target_type", label: "To what", kind: "text", hint: "As in game." },
  { name: "target_id", label: "Its id or name", kind: "text" },
  { name: "outcome", label: "Outcome", kind: "choice", choices: ["done", "refused"] },
  { name: "via", label: "Came in by", kind: "choice", choices: ["session", "token", "basic"] },
  { name: "operation_id", label: "Part of", kind: "id" },
  { name: "at_after", label: "After", kind: "time" },
  { name: "at_before", label: "Before", kind: "time" },
] as const satisfies readonly Filter[];

/** The address of the trail. */
export const trailSearch = listSearch(trailFilters);

/** What administrators did. */
export function Trail() {
  return (
    <ListPage
      title="Trail"
      intro="What administrators did, newest first."
      name="trail"
      filters={trailFilters}
      fetch={(api, query, signal) => api.get("/api/v1/admin/audit-log", { query, signal })}
      file={{
        op: "admin_export_audit_log",
        name: "audit-log",
        fetch: (query, signal) => client.get("/api/v1/admin/audit-log/export", { query, signal }),
      }}
      id={(entry: Entry) => entry.audit_id}
      empty="Nobody has done anything yet."
      columns={[
        { title: "When", cell: (entry) => <Time at={entry.at} /> },
        { title: "Who", cell: (entry) => entry.actor },
        { title: "What", cell: (entry) => <code>{entry.action}</code> },
        { title: "To", cell: (entry) => <Target entry={entry} /> },
        { title: "Outcome", cell: (entry) => <State of={entry.outcome} /> },
        { title: "From", cell: (entry) => <Id>{entry.ip}</Id> },
      ]}
      panel={(entry) => ({ title: <code>{entry.action}</code>, content: <EntryFacts entry={entry} /> })}
    />
  );
}

function Target({ entry }: { entry: Entry }) {
  const { target_type: type, target_id: id } = entry;
  const text = <Id>{id}</Id>;
  if (type === "game" || type === "runtime")
    return (
      <Link to="/games/$gameId" params={{ gameId: id }}>
        {text}
      </Link>
    );
  if (type === "user")
    return (
      <Link to="/users/$userId" params={{ userId: id }}>
        {text}
      </Link>
    );
  return (
    <>
      {type.replaceAll("_", " ")} {text}
    </>
  );
}

const versionFilters = [{ name: "enabled", label: "Enabled", kind: "yes_no" }] as const satisfies readonly Filter[];

/** The address of the list. */
export const versionsSearch = listSearch(versionFilters);

/** Engine versions. */
export function Versions() {
  return (
    <ListPage
      title="Engine versions"
      name="engine-versions"
      filters={versionFilters}
      fetch={(api, query, signal) => api.get("/api/v1/admin/engine-versions", { query, signal })}
      id={(version: Version) => version.version}
      empty="No engine version is registered: no game can be made."
      columns={[
        { title: "Version", cell: (version) => <strong>{version.version}</strong> },
        { title: "Title", cell: (version) => <Text>{version.title}</Text> },
        { title: "State", cell: (version) => <State of={version.enabled ? "enabled" : "disabled"} /> },
        { title: "Image", cell: (version) => <Id>{version.image}</Id> },
        {
          title: "Players",
          cell: (version) => `${version.min_players ?? "any"} to ${version.max_players ?? "any"}`,
          nowrap: true,
        },
        { title: "Since", cell: (version) => <Ago at={version.created_at} /> },
      ]}
      panel={(version) => ({
        title: version.version,
        content: (
          <>
            <Facts
              of={[
                ["Title", version.title],
                ["Description", version.description],
                ["Image", <Id>{version.image}</Id>],
                ["Players at least", version.min_players?.toString()],
                ["Players at most", version.max_players?.toString()],
                ["Since", <Time at={version.created_at} ago />],
              ]}
            />
            <Actions of={versionActions(version)} />
          </>
        ),
      })}
    >
      <Register />
    </ListPage>
  );
}

const players = (text: string | undefined) => (text?.trim() ? Number(text) : null);

function versionActions(version: Version): ActionOf[] {
  const path = { version: version.version };
  const patch = (body: {
    enabled?: boolean;
    title?: string | null;
    description?: string | null;
    min_players?: number | null;
    max_players?: number | null;
  }) => asked(() => client.patch("/api/v1/admin/engine-versions/{version}", { path, body }));
  const fields: FormField[] = [
    { name: "title", label: "Title", initial: version.title ?? "" },
    { name: "description", label: "Description", kind: "long", initial: version.description ?? "" },
    {
      name: "min_players",
      label: "Players at least",
      kind: "number",
      initial: version.min_players?.toString() ?? "",
    },
    {
      name: "max_players",
      label: "Players at most",
      kind: "number",
      initial: version.max_players?.toString() ?? "",
    },
  ];
  return [
    {
      label: "Change",
      op: "admin_patch_engine_version",
      grade: "none",
      fields,
      run: (given) =>
        patch({
          title: given.title?.trim() || null,
          description: given.description?.trim() || null,
          min_players: players(given.min_players),
          max_players: players(given.max_players),
        }),
      done: `Version ${version.version} was changed.`,
    },
    version.enabled
      ? {
          label: "Disable",
          op: "admin_disable_engine_version",
          grade: "dialog",
          danger: true,
          effects: ["No new game is made with it, and no game starts on it.", "Games that run on it go on."],
          run: () => asked(() => client.post("/api/v1/admin/engine-versions/{version}/disable", { path })),
          done: `Version ${version.version} is disabled.`,
        }
      : {
          label: "Enable",
          op: "admin_patch_engine_version",
          grade: "none",
          run: () => patch({ enabled: true }),
          done: `Version ${version.version} is enabled.`,
        },
  ];
}

function Register() {
  return (
    <Action
      action={{
        label: "Register version",
        op: "admin_create_engine_version",
        grade: "none",
        main: true,
        fields: [
          { name: "version", label: "Version", required: true, hint: "Three numbers, such as 1.4.0." },
          {
            name: "image",
            label: "Image",
            required: true,
            hint: "As the daemon pulls it, such as registry.example/engine:1.4.0.",
          },
          { name: "title", label: "Title" },
          { name: "description", label: "Description", kind: "long" },
          { name: "min_players", label: "Players at least", kind: "number" },
          { name: "max_players", label: "Players at most", kind: "number" },
        ],
        run: ({ version = "", image = "", title, description, min_players, max_players }, key) => {
          const body = {
            version,
            image,
            title: title?.trim() || null,
            description: description?.trim() || null,
            min_players: players(min_players),
            max_players: players(max_players),
          };
          const headers = { "Idempotency-Key": key };
          return asked(() => client.post("/api/v1/admin/engine-versions", { headers, body }));
        },
        done: "The version is registered.",
      }}
    />
  );
}
