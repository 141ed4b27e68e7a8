// One box for everything: what was found, each with the way to it.

import { Link, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Ago, Id } from "../ui/basics";
import { Found, Head, useLook } from "../ui/look";
import { Table } from "../ui/table";
import css from "../ui/list.module.css";
import ui from "../ui/ui.module.css";
import { spoken } from "../text/words";
import type { Hit } from "./kinds";

/** The shortest text that is looked for, and the longest. */
const LENGTH = { least: 2, most: 320 };

/** Reads the address. */
export const findSearch = (raw: Record<string, unknown>): { q?: string } =>
  typeof raw.q === "string" && raw.q.trim() !== "" ? { q: raw.q.trim() } : {};

/** The page. */
export function Find() {
  const { q = "" } = useSearch({ from: "/search" });
  const letters = [...q].length;
  const fits = letters >= LENGTH.least && letters <= LENGTH.most;
  const look = useLook(["search", q], (api, signal) => api.get("/api/v1/admin/search", { query: { q }, signal }), {
    every: false,
    on: fits,
  });
  return (
    <>
      <Head
        title={q === "" ? "Find" : `Found for “${q}”`}
        intro="By id, address, the beginning of a name, a container, or the id of a request."
        looks={fits ? [look] : []}
      />
      {fits ? (
        <Found look={look}>
          {({ hits }) => (
            <div className={`${ui.card} ${css.box}`}>
              {hits.length === 0 ? (
                <p className={ui.empty}>Nothing was found. A name is found by its beginning, an address by all of it.</p>
              ) : (
                <Table
                  label="Found"
                  rows={hits}
                  id={(hit) => hit.kind + hit.id}
                  columns={[
                    { title: "What", cell: (hit) => spoken(hit.kind) },
                    { title: "Name", cell: (hit) => <Way to={hit}>{hit.title || hit.id}</Way> },
                    { title: "Found by", cell: (hit) => spoken(hit.matched) },
                    { title: "Id", cell: (hit) => <Id>{hit.id}</Id> },
                    { title: "Made", cell: (hit) => <Ago at={hit.at} /> },
                  ]}
                />
              )}
            </div>
          )}
        </Found>
      ) : (
        <p className={ui.empty}>
          Type {LENGTH.least} to {LENGTH.most} characters into the box above.
        </p>
      )}
    </>
  );
}

/** The way to what was found: its own page, else that of its game or its account. */
function Way({ to: hit, children }: { to: Hit; children: ReactNode }) {
  const { kind, id, game_id, user_id } = hit;
  if (kind === "delivery")
    return (
      <Link to="/mail/$deliveryId" params={{ deliveryId: id }}>
        {children}
      </Link>
    );
  if (kind === "notification")
    return (
      <Link to="/notifications/$noticeId" params={{ noticeId: id }}>
        {children}
      </Link>
    );
  if (game_id)
    return (
      <Link
        to="/games/$gameId"
        params={{ gameId: game_id }}
        search={kind === "runtime" ? { tab: "runtime" } : kind === "application" ? { tab: "applications" } : {}}
      >
        {children}
      </Link>
    );
  if (user_id)
    return (
      <Link
        to="/users/$userId"
        params={{ userId: user_id }}
        search={
          kind === "session"
            ? { tab: "sessions" }
            : kind === "sanction"
              ? { tab: "sanctions" }
              : kind === "entitlement"
                ? { tab: "plan" }
                : {}
        }
      >
        {children}
      </Link>
    );
  if (kind === "audit_entry") return <Link to="/trail">{children}</Link>;
  return <>{children}</>;
}
