// What happened to an account or a game, as a tab of it; and an entry of the trail.

import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { paths } from "galaxy-typescript/contract";

import { Button, Facts, Id, Json, State, Text, Time } from "../ui/basics";
import { Found, useLook } from "../ui/look";
import { Table } from "../ui/table";
import css from "../ui/list.module.css";
import ui from "../ui/ui.module.css";
import { spoken } from "../text/words";
import type { Entry, Happened } from "./kinds";

type Timeline = paths["/api/v1/admin/games/{game_id}/timeline"]["get"];

/** Where an entry is from, for people. */
const SOURCES: Record<string, string> = { trail: "administrator", operation: "engine", job: "engine’s job" };

/** What happened to it, newest first: what administrators did, and what the platform did. */
export function History({ of, id }: { of: "user" | "game"; id: string }) {
  // Not in the address: where one is in a history that grows is nothing to share.
  const [pages, setPages] = useState<string[]>([]);
  const cursor = pages.at(-1);
  const look = useLook<Timeline>(["history", of, id, cursor], (api, signal) => {
    const query = { limit: 50, ...(cursor !== undefined && { cursor }) };
    return of === "game"
      ? api.get("/api/v1/admin/games/{game_id}/timeline", { path: { game_id: id }, query, signal })
      : // The same page; only the code of what is not found is another one.
        (api.get("/api/v1/admin/users/{user_id}/timeline", { path: { user_id: id }, query, signal }) as never);
  });
  return (
    <Found look={look}>
      {(page) => (
        <div className={ui.stack}>
          <div className={`${ui.card} ${css.box}`}>
            {page.items.length === 0 ? (
              <p className={ui.empty}>Nothing has happened yet.</p>
            ) : (
              <Table
                label="History"
                rows={page.items}
                id={(entry) => entry.entry_id}
                columns={[
                  { title: "When", cell: (entry) => <Time at={entry.at} ago /> },
                  { title: "Where", cell: (entry) => SOURCES[entry.source] ?? spoken(entry.source) },
                  { title: "What", cell: (entry) => <What of={entry} /> },
                  { title: "Outcome", cell: (entry) => (entry.outcome ? <State of={entry.outcome} /> : "–") },
                  { title: "Who", cell: (entry) => <Text>{entry.actor}</Text> },
                  { title: "Detail", cell: (entry) => <Text>{entry.detail}</Text> },
                ]}
              />
            )}
          </div>
          <div className={ui.row}>
            {pages.length > 0 && <Button onClick={() => setPages(pages.slice(0, -1))}>Later</Button>}
            {page.next_cursor && <Button onClick={() => setPages([...pages, page.next_cursor!])}>Earlier</Button>}
            <Link to="/trail" search={{ target_id: id }}>
              Only what administrators did
            </Link>
          </div>
        </div>
      )}
    </Found>
  );
}

function What({ of }: { of: Happened }) {
  const words = of.source === "operation" || of.source === "job" ? spoken(of.what) : <code>{of.what}</code>;
  if (of.source === "mail")
    return (
      <Link to="/mail/$deliveryId" params={{ deliveryId: of.entry_id }}>
        {words}
      </Link>
    );
  if (of.source === "notification")
    return (
      <Link to="/notifications/$noticeId" params={{ noticeId: of.entry_id }}>
        {words}
      </Link>
    );
  if (of.game_id)
    return (
      <Link to="/games/$gameId" params={{ gameId: of.game_id }}>
        {words}
      </Link>
    );
  if (of.user_id)
    return (
      <Link to="/users/$userId" params={{ userId: of.user_id }}>
        {words}
      </Link>
    );
  return <>{words}</>;
}

/** An entry with all that it has. */
export function EntryFacts({ entry }: { entry: Entry }) {
  return (
    <>
      <Facts
        of={[
          ["When", <Time at={entry.at} ago />],
          ["Who", entry.actor],
          ["From", <Id>{entry.ip}</Id>],
          ["Outcome", <State of={entry.outcome} />],
          entry.reason ? ["Why", entry.reason] : false,
          entry.via ? ["Came in by", entry.via] : false,
          entry.session_id ? ["Session", <Id>{entry.session_id}</Id>] : false,
          [spoken(entry.target_type), <Id>{entry.target_id}</Id>],
          entry.operation_id ? ["Part of", <Id>{entry.operation_id}</Id>] : false,
          ["Request", <Id>{entry.request_id}</Id>],
        ]}
      />
      {entry.before != null && <Json of={entry.before} label="Before" />}
      {entry.after != null && <Json of={entry.after} label="After" />}
      <Json of={entry.detail} label="Detail" />
    </>
  );
}
