// Notifications: all of them, what died of them, and one with its routes.

import { Link, useParams } from "@tanstack/react-router";

import { asked, client } from "../api/client";
import { Ago, Facts, Id, Json, State, Text, Time } from "../ui/basics";
import { ListPage } from "../ui/ListPage";
import css from "../ui/list.module.css";
import { Found, Head, useLook } from "../ui/look";
import { listSearch, type Filter } from "../ui/search";
import { Table } from "../ui/table";
import ui from "../ui/ui.module.css";
import { spoken } from "../text/words";
import { ByCause } from "./causes";
import { frozen } from "./frozen";
import { DEAD_STATUSES, NOTICE_STATUSES, type DeadNotice, type Notice } from "./kinds";

const filters = [
  { name: "status", label: "Status", kind: "choice", choices: NOTICE_STATUSES },
  { name: "kind", label: "Kind", kind: "text", hint: "As in game.turn.ready." },
  { name: "game_id", label: "Game’s id", kind: "id" },
  { name: "created_after", label: "Created after", kind: "time" },
  { name: "created_before", label: "Created before", kind: "time" },
] as const satisfies readonly Filter[];

const deadFilters = [
  { name: "channel", label: "Channel", kind: "choice", choices: ["push", "email", "admin_email"] },
  { name: "status", label: "Status", kind: "choice", choices: DEAD_STATUSES },
  { name: "queue", label: "Queue", kind: "choice", choices: ["notifications", "notification_routes"] },
  { name: "kind", label: "Kind", kind: "text" },
  { name: "user_id", label: "User’s id", kind: "id" },
  { name: "game_id", label: "Game’s id", kind: "id" },
  { name: "notification_id", label: "Notification’s id", kind: "id" },
  { name: "failed_after", label: "Died after", kind: "time" },
  { name: "failed_before", label: "Died before", kind: "time" },
] as const satisfies readonly Filter[];

/** The addresses of both lists. */
export const noticesSearch = listSearch(filters);
export const deadNoticesSearch = listSearch(deadFilters);

/** All of them. */
export function Notices() {
  return (
    <ListPage
      title="Notifications"
      name="notifications"
      filters={filters}
      fetch={(api, query, signal) => api.get("/api/v1/admin/notifications", { query, signal })}
      file={{
        op: "admin_export_notifications",
        name: "notifications",
        fetch: (query, signal) => client.get("/api/v1/admin/notifications/export", { query, signal }),
      }}
      id={(notice: Notice) => notice.notification_id}
      empty="Nothing was told yet."
      columns={[
        {
          title: "Kind",
          cell: (notice) => (
            <Link to="/notifications/$noticeId" params={{ noticeId: notice.notification_id }}>
              {notice.kind}
            </Link>
          ),
        },
        { title: "Status", cell: (notice) => <State of={notice.status} /> },
        { title: "To", cell: (notice) => spoken(notice.audience) },
        {
          title: "Routes",
          cell: (notice) => `${notice.routes.length}${notice.more_routes ? "+" : ""}`,
          number: true,
        },
        { title: "Game", cell: (notice) => <GameLink id={notice.game_id} /> },
        { title: "Created", cell: (notice) => <Ago at={notice.created_at} /> },
      ]}
      panel={(notice) => ({
        title: (
          <Link to="/notifications/$noticeId" params={{ noticeId: notice.notification_id }}>
            {notice.kind}
          </Link>
        ),
        content: (
          <>
            <NoticeFacts notice={notice} />
            <Json of={notice.payload} label="Payload" />
          </>
        ),
      })}
    />
  );
}

function GameLink({ id }: { id: string | null | undefined }) {
  if (!id) return <span className={ui.soft}>–</span>;
  return (
    <Link to="/games/$gameId" params={{ gameId: id }}>
      <Id>{id}</Id>
    </Link>
  );
}

function NoticeFacts({ notice }: { notice: Notice }) {
  return (
    <Facts
      of={[
        ["Status", <State of={notice.status} />],
        ["To", spoken(notice.audience)],
        ["Game", <GameLink id={notice.game_id} />],
        ["Attempts", String(notice.attempts)],
        ["Created", <Time at={notice.created_at} ago />],
        notice.last_error ? ["Last error", notice.last_error] : false,
        ["Key", <Id>{notice.idempotency_key}</Id>],
        ["Id", <Id>{notice.notification_id}</Id>],
      ]}
    />
  );
}

/** One of them. */
export function NoticePage() {
  const { noticeId } = useParams({ from: "/notifications/$noticeId" });
  const look = useLook(["notifications", noticeId], (api, signal) =>
    api.get("/api/v1/admin/notifications/{notification_id}", { path: { notification_id: noticeId }, signal }),
  );
  return (
    <>
      <Head title={look.data?.kind ?? "Notification"} looks={[look]} />
      <Found look={look}>
        {(notice) => (
          <>
            <section className={ui.card} aria-label="Facts">
              <NoticeFacts notice={notice} />
            </section>
            <h2>Routes{notice.more_routes && " (the first of them)"}</h2>
            <div className={`${ui.card} ${css.box}`}>
              {notice.routes.length === 0 ? (
                <p className={ui.empty}>It has no routes yet.</p>
              ) : (
                <Table
                  label="Routes"
                  rows={notice.routes}
                  id={(route) => route.route_id}
                  columns={[
                    { title: "Channel", cell: (route) => spoken(route.channel) },
                    { title: "Status", cell: (route) => <State of={route.status} /> },
                    {
                      title: "User",
                      cell: (route) =>
                        route.user_id ? (
                          <Link to="/users/$userId" params={{ userId: route.user_id }}>
                            <Id>{route.user_id}</Id>
                          </Link>
                        ) : (
                          "–"
                        ),
                    },
                    { title: "Attempts", cell: (route) => route.attempts, number: true },
                    { title: "Error", cell: (route) => <Text>{route.last_error}</Text> },
                  ]}
                />
              )}
            </div>
            <h2>Payload</h2>
            <Json of={notice.payload} label="Payload" />
          </>
        )}
      </Found>
    </>
  );
}

const path = (letter: DeadNotice) => ({ path: { route_id: letter.dead_letter_id } });

/** What died. */
export function DeadNotices() {
  return (
    <ListPage
      title="Dead notices"
      intro="Notifications and routes that were given up. Mend the cause, try one, then set the rest going."
      name="dead-notices"
      filters={deadFilters}
      fetch={(api, query, signal) => api.get("/api/v1/admin/notifications/dead-letters", { query, signal })}
      file={{
        op: "admin_export_notification_dead_letters",
        name: "notification-dead-letters",
        fetch: (query, signal) => client.get("/api/v1/admin/notifications/dead-letters/export", { query, signal }),
      }}
      id={(letter: DeadNotice) => letter.dead_letter_id}
      empty="No notice is dead."
      above={(rows) => <ByCause of={rows} cause={(row) => row.last_error} kind={(row) => row.kind} filter="kind" />}
      columns={[
        {
          title: "Kind",
          cell: (letter) => (
            <Link to="/notifications/$noticeId" params={{ noticeId: letter.notification_id }}>
              {letter.kind}
            </Link>
          ),
        },
        { title: "Channel", cell: (letter) => <Text>{letter.channel && spoken(letter.channel)}</Text> },
        { title: "Status", cell: (letter) => <State of={letter.status} /> },
        { title: "Died", cell: (letter) => <Ago at={letter.failed_at} /> },
        { title: "Error", cell: (letter) => <Text>{letter.last_error}</Text> },
      ]}
      panel={(letter) => ({
        title: letter.kind,
        content: (
          <Facts
            of={[
              ["Status", <State of={letter.status} />],
              ["Queue", spoken(letter.queue)],
              ["Attempts", String(letter.attempts)],
              ["Created", <Time at={letter.created_at} ago />],
              ["Died", <Time at={letter.failed_at} ago />],
              ["Error", letter.last_error],
              ["Game", <GameLink id={letter.game_id} />],
              [
                "User",
                letter.user_id ? (
                  <Link to="/users/$userId" params={{ userId: letter.user_id }}>
                    <Id>{letter.user_id}</Id>
                  </Link>
                ) : (
                  "–"
                ),
              ],
              ["Id", <Id>{letter.dead_letter_id}</Id>],
            ]}
          />
        ),
      })}
      bulk={[
        {
          label: "Redrive",
          effects: [
            "Each is due at once, with its whole budget of attempts.",
            "The other side sees the same event id: what it has already it can tell.",
            "Each gives up its place in its game’s order.",
          ],
          one: {
            op: "admin_redrive_notification_dead_letter",
            call: (letter) =>
              asked(() => client.post("/api/v1/admin/notifications/dead-letters/{route_id}/redrive", path(letter))),
          },
          many: {
            op: "admin_redrive_notification_dead_letters",
            call: ({ filters: given, piece: { as_of, limit } }) =>
              asked(() =>
                client.post("/api/v1/admin/notifications/dead-letters/redrive", {
                  body: { filter: frozen(given, as_of), limit },
                }),
              ),
          },
        },
        {
          label: "Put away",
          danger: true,
          effects: ["Each is no dead letter any more, and is removed by age."],
          one: {
            op: "admin_dismiss_notification_dead_letter",
            call: (letter) =>
              asked(() => client.post("/api/v1/admin/notifications/dead-letters/{route_id}/dismiss", path(letter))),
          },
          many: {
            op: "admin_dismiss_notification_dead_letters",
            call: ({ filters: given, piece: { as_of, limit } }) =>
              asked(() =>
                client.post("/api/v1/admin/notifications/dead-letters/dismiss", {
                  body: { filter: frozen(given, as_of), limit },
                }),
              ),
          },
        },
      ]}
    />
  );
}
