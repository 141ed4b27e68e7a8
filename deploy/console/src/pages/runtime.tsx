// Runtimes: the list, reconciliation, and a game's runtime with its job, operations and log.

import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { asked, client } from "../api/client";
import { Action, Actions, type ActionOf } from "../ui/action";
import { Ago, Button, Facts, Id, Note, State, Text, Time } from "../ui/basics";
import { Dialog } from "../ui/dialog";
import type { Wanted } from "../ui/BulkBar";
import { ListPage } from "../ui/ListPage";
import css from "../ui/list.module.css";
import { Found, useLook } from "../ui/look";
import { listSearch, type Filter } from "../ui/search";
import { Table } from "../ui/table";
import ui from "../ui/ui.module.css";
import { spoken } from "../text/words";
import { RUNTIME_STATUSES, type Runtime } from "./kinds";
import type { Schema } from "galaxy-typescript/client";

const filters = [
  { name: "status", label: "Status", kind: "choice", choices: RUNTIME_STATUSES },
] as const satisfies readonly Filter[];

/** The address of the list. */
export const runtimesSearch = listSearch(filters);

/** The list. */
export function Runtimes() {
  return (
    <ListPage
      title="Runtimes"
      name="runtimes"
      filters={filters}
      fetch={(api, query, signal) => api.get("/api/v1/admin/runtimes", { query, signal })}
      file={{
        op: "admin_export_runtimes",
        name: "runtimes",
        fetch: (query, signal) => client.get("/api/v1/admin/runtimes/export", { query, signal }),
      }}
      id={(runtime: Runtime) => runtime.game_id}
      empty="No game has an engine yet."
      columns={[
        {
          title: "Game",
          cell: (runtime) => (
            <Link to="/games/$gameId" params={{ gameId: runtime.game_id }} search={{ tab: "runtime" }}>
              <Id>{runtime.game_id}</Id>
            </Link>
          ),
        },
        { title: "Status", cell: (runtime) => <State of={runtime.status} /> },
        { title: "Health", cell: (runtime) => <State of={runtime.health} /> },
        { title: "Turn", cell: (runtime) => runtime.current_turn, number: true },
        { title: "Version", cell: (runtime) => <Id>{runtime.engine_version}</Id> },
        {
          title: "Job",
          cell: (runtime) => (runtime.job ? `${spoken(runtime.job.kind)}: ${spoken(runtime.job.status)}` : "–"),
        },
        { title: "Changed", cell: (runtime) => <Ago at={runtime.updated_at} /> },
      ]}
      panel={(runtime) => ({
        title: (
          <Link to="/games/$gameId" params={{ gameId: runtime.game_id }} search={{ tab: "runtime" }}>
            Runtime
          </Link>
        ),
        content: <RuntimeFacts runtime={runtime} />,
      })}
      bulk={[
        {
          label: "Restart",
          effects: [
            "Each engine is replaced on the same state, between two turns. While it is away, orders are refused.",
          ],
          one: {
            op: "admin_restart_runtime",
            call: (runtime) =>
              asked(() =>
                client.post("/api/v1/admin/runtimes/{game_id}/restart", {
                  path: { game_id: runtime.game_id },
                }),
              ),
          },
          many: {
            op: "admin_restart_runtimes",
            call: (wanted) =>
              asked(() => client.post("/api/v1/admin/runtimes/restart", { body: chosenRuntimes(wanted) })),
          },
        },
        {
          label: "Patch",
          effects: [
            "Each engine is replaced by a higher patch of the same version, on the same state, between two turns.",
            "If the new one does not come up, the former one is put back.",
            "Patch one first, and the rest when it is well.",
          ],
          fields: [{ name: "version", label: "Version", required: true, hint: "A higher patch, as it is registered." }],
          one: {
            op: "admin_patch_runtime",
            call: (runtime, { version = "" }) =>
              asked(() =>
                client.post("/api/v1/admin/runtimes/{game_id}/patch", {
                  path: { game_id: runtime.game_id },
                  body: { version },
                }),
              ),
          },
          many: {
            op: "admin_patch_runtimes",
            call: (wanted) => {
              const body = { ...chosenRuntimes(wanted), version: wanted.values.version ?? "" };
              return asked(() => client.post("/api/v1/admin/runtimes/patch", { body }));
            },
          },
        },
      ]}
    >
      <Reconcile />
    </ListPage>
  );
}

/** All runtimes that match. */
function chosenRuntimes({ filters, piece }: Wanted) {
  return { ...piece, filter: filters as Schema<"RuntimeChoice"> };
}

function Reconcile() {
  const [found, setFound] = useState<Schema<"Reconciliation">>();
  const run = (dry_run: boolean) => () =>
    asked(() => client.post("/api/v1/admin/runtimes/reconcile", { query: { dry_run } }));
  return (
    <>
      <Action
        action={{
          label: "Compare with the daemons",
          op: "admin_reconcile_runtimes",
          grade: "none",
          run: run(true),
          done: "The daemons have answered.",
          answered: (answer) => setFound(answer as Schema<"Reconciliation">),
        }}
      />
      {found && (
        <Dialog title={found.dry_run ? "What would be done" : "What was done"} onClose={() => setFound(undefined)}>
          {found.daemons.map((daemon) => (
            <section key={daemon.daemon_id}>
              <h3>
                <Id>{daemon.daemon_id}</Id>
              </h3>
              {daemon.error && <Note tone="bad">{daemon.error}</Note>}
              {daemon.actions.length === 0 && !daemon.error && <p>Records and containers agree.</p>}
              <ul className={ui.effects}>
                {daemon.actions.map((action) => (
                  <li key={action.action + action.game_id}>
                    <strong>{spoken(action.action)}</strong> <Id>{action.game_id}</Id> {action.detail}
                  </li>
                ))}
              </ul>
            </section>
          ))}
          <div className={ui.ends}>
            <Button autoFocus onClick={() => setFound(undefined)}>
              Close
            </Button>
            {found.dry_run && found.daemons.some((daemon) => daemon.actions.length > 0) && (
              <Action
                action={{
                  label: "Do it",
                  op: "admin_reconcile_runtimes",
                  grade: "none",
                  main: true,
                  run: run(false),
                  done: "It is done.",
                  answered: (answer) => setFound(answer as Schema<"Reconciliation">),
                }}
              />
            )}
          </div>
        </Dialog>
      )}
    </>
  );
}

function RuntimeFacts({ runtime }: { runtime: Runtime }) {
  const job = runtime.job;
  return (
    <>
      <Facts
        of={[
          ["Status", <State of={runtime.status} />],
          ["Health", <State of={runtime.health} />],
          ["Turn", String(runtime.current_turn)],
          ["Next turn", <Time at={runtime.next_turn_at} ago />],
          ["Engine version", <Id>{runtime.engine_version}</Id>],
          ["Image", <Id>{runtime.image}</Id>],
          ["Digest", <Id>{runtime.image_digest}</Id>],
          ["Container", <Id>{runtime.container_id}</Id>],
          ["Endpoint", <Id>{runtime.endpoint}</Id>],
          ["Changed", <Time at={runtime.updated_at} ago />],
        ]}
      />
      {job && (
        <Note
          tone={job.status === "failed" || job.status === "quarantined" ? "bad" : "busy"}
          title={`Job ${spoken(job.kind)}: ${spoken(job.status)}`}
        >
          {job.step && <div>At: {job.step}</div>}
          {job.failures > 0 && <div>Failed {job.failures} times so far.</div>}
          {job.last_error && <div>{job.last_error}</div>}
        </Note>
      )}
    </>
  );
}

/** The runtime of a game, as a tab of it. */
export function RuntimeOfGame({ gameId }: { gameId: string }) {
  const path = { game_id: gameId };
  const look = useLook(["runtimes", gameId], (api, signal) =>
    api.get("/api/v1/admin/runtimes/{game_id}", { path, signal }),
  );
  const [log, setLog] = useState(false);
  return (
    <Found look={look}>
      {(runtime) => (
        <div className={ui.stack}>
          <section className={ui.card} aria-label="Runtime">
            <div className={ui.stack}>
              <RuntimeFacts runtime={runtime} />
              <Actions of={runtimeActions(runtime)} />
            </div>
          </section>
          <h2>What was done with it</h2>
          <div className={`${ui.card} ${css.box}`}>
            {runtime.operations.length === 0 ? (
              <p className={ui.empty}>Nothing yet.</p>
            ) : (
              <Table
                label="Operations"
                rows={runtime.operations}
                id={(operation) => operation.operation_id}
                columns={[
                  { title: "When", cell: (operation) => <Time at={operation.last_at} ago /> },
                  { title: "What", cell: (operation) => spoken(operation.op) },
                  { title: "Outcome", cell: (operation) => <State of={operation.outcome} /> },
                  { title: "Times", cell: (operation) => operation.times, number: true },
                  { title: "Detail", cell: (operation) => <Text>{operation.detail}</Text> },
                ]}
              />
            )}
          </div>
          <div>
            <Button aria-expanded={log} onClick={() => setLog(!log)}>
              {log ? "Hide the log" : "Show the engine’s log"}
            </Button>
          </div>
          {log && <Log gameId={gameId} />}
        </div>
      )}
    </Found>
  );
}

function Log({ gameId }: { gameId: string }) {
  const look = useLook(["runtimes", gameId, "log"], (api, signal) =>
    api.get("/api/v1/admin/runtimes/{game_id}/log", { path: { game_id: gameId }, query: { tail: 200 }, signal }),
  );
  return (
    <Found look={look}>
      {(found) => (
        <pre className={ui.json} tabIndex={0} role="region" aria-label="The engine’s log">
          {found.lines.length === 0 ? "The engine has said nothing." : found.lines.join("\n")}
        </pre>
      )}
    </Found>
  );
}

function runtimeActions(runtime: Runtime): ActionOf[] {
  const path = { game_id: runtime.game_id };
  const job = runtime.job;
  const busy = job && ["pending", "running", "retrying"].includes(job.status) ? "a job is under way" : undefined;
  const gone = ["stopped", "removed", "finished"].includes(runtime.status)
    ? `it is ${spoken(runtime.status)}`
    : undefined;
  return [
    {
      label: "Next turn now",
      op: "admin_force_next_turn",
      reason: "wanted",
      grade: "dialog",
      why: gone,
      effects: ["The next turn is generated now, and the next scheduled one is skipped once."],
      run: () => asked(() => client.post("/api/v1/admin/runtimes/{game_id}/force-next-turn", { path })),
      done: "The turn is due.",
    },
    {
      label: "Restart engine",
      op: "admin_restart_runtime",
      reason: "asked",
      grade: "dialog",
      why: busy ?? gone,
      effects: [
        "The container is replaced on the same state, between two turns.",
        "While the engine is away, orders are refused.",
      ],
      run: () => asked(() => client.post("/api/v1/admin/runtimes/{game_id}/restart", { path })),
      done: "The engine is being restarted.",
    },
    {
      label: "Patch engine",
      op: "admin_patch_runtime",
      grade: "dialog",
      why: busy ?? gone,
      effects: [
        "The engine is replaced by a higher patch of the same version, on the same state.",
        "If the new one does not come up, the former one is put back.",
      ],
      fields: [
        {
          name: "version",
          label: "Version",
          required: true,
          hint: `A higher patch than ${runtime.engine_version}.`,
        },
      ],
      run: ({ version = "" }) =>
        asked(() => client.post("/api/v1/admin/runtimes/{game_id}/patch", { path, body: { version } })),
      done: "The engine is being patched.",
    },
    {
      label: "Cancel job",
      op: "admin_cancel_runtime_job",
      reason: "asked",
      grade: "dialog",
      danger: true,
      why: busy ? undefined : "no job is under way",
      effects: [
        "The job ends, if no live controller serves its daemon.",
        "A start that is cancelled leaves the game with a failed start.",
      ],
      run: () => asked(() => client.delete("/api/v1/admin/runtimes/{game_id}/job", { path })),
      done: "The job was cancelled.",
    },
    {
      label: "Accept the engine’s turn",
      op: "admin_accept_turn",
      grade: "dialog",
      danger: true,
      effects: [
        "The game stands at this turn from now on, whichever way it differs.",
        "The game must be paused, or its start have failed.",
      ],
      fields: [
        {
          name: "turn",
          label: "Turn",
          kind: "number",
          required: true,
          hint: `The record stands at ${runtime.current_turn}.`,
        },
      ],
      run: ({ turn }) =>
        asked(() =>
          client.post("/api/v1/admin/runtimes/{game_id}/accept-turn", { path, body: { turn: Number(turn) } }),
        ),
      done: "The turn was accepted.",
    },
    {
      label: "Release to another daemon",
      op: "admin_release_runtime",
      preview: true,
      reason: "asked",
      grade: "typed",
      danger: true,
      name: runtime.engine_version,
      why: busy,
      effects: [
        "The record is no daemon’s any more; Force start then makes the engine wherever the job is taken.",
        "Its state directory must be brought there before. An engine without it is refused.",
      ],
      run: () => asked(() => client.post("/api/v1/admin/runtimes/{game_id}/release", { path })),
      done: "The runtime was released.",
    },
  ];
}
