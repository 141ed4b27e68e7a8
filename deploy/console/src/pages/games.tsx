// Games: the list, and a game with its members, applications, runtime and history.

import { Link, useParams, useSearch } from "@tanstack/react-router";
import { useEffect } from "react";
import type { Schema } from "galaxy-typescript/client";

import { asked, client } from "../api/client";
import { gameZone } from "../api/settings";
import { Action, Actions, type ActionOf, type FormField } from "../ui/action";
import { Ago, Facts, Id, Json, State, Text, Time, useZone } from "../ui/basics";
import type { Wanted } from "../ui/BulkBar";
import { ListPage } from "../ui/ListPage";
import css from "../ui/list.module.css";
import { Found, Head, useLook } from "../ui/look";
import { ObjectTabs, tabSearch } from "../ui/ObjectTabs";
import { listSearch, type Filter } from "../ui/search";
import { Table } from "../ui/table";
import ui from "../ui/ui.module.css";
import { instant } from "../text/time";
import { spoken } from "../text/words";
import { gameActions } from "./game_actions";
import { History } from "./history";
import { GAME_STATUSES, type Application, type Game, type Membership } from "./kinds";
import { Notes } from "./notes";
import { RuntimeOfGame } from "./runtime";

const filters = [
  { name: "status", label: "Status", kind: "choice", choices: GAME_STATUSES },
  { name: "visibility", label: "Visibility", kind: "choice", choices: ["public", "private"] },
  { name: "owner_user_id", label: "Owner’s id", kind: "id" },
  { name: "member_user_id", label: "Plays in it: user’s id", kind: "id" },
] as const satisfies readonly Filter[];

/** The address of the list. */
export const gamesSearch = listSearch(filters);

/** The list. */
export function Games() {
  return (
    <ListPage
      title="Games"
      name="games"
      filters={filters}
      fetch={(api, query, signal) => api.get("/api/v1/admin/games", { query, signal })}
      file={{
        op: "admin_export_games",
        name: "games",
        fetch: (query, signal) => client.get("/api/v1/admin/games/export", { query, signal }),
      }}
      id={(game: Game) => game.game_id}
      empty="There are no games yet."
      columns={[
        {
          title: "Game",
          cell: (game) => (
            <Link to="/games/$gameId" params={{ gameId: game.game_id }}>
              {game.name}
            </Link>
          ),
        },
        { title: "Status", cell: (game) => <GameState game={game} /> },
        { title: "Visibility", cell: (game) => game.visibility },
        { title: "Players", cell: (game) => `${game.approved_count} of ${game.max_players}`, nowrap: true },
        { title: "Turn", cell: (game) => game.current_turn, number: true },
        { title: "Next turn", cell: (game) => <Ago at={game.next_turn_at} /> },
        { title: "Engine", cell: (game) => <Id>{game.target_engine_version}</Id> },
      ]}
      panel={(game) => ({
        title: (
          <Link to="/games/$gameId" params={{ gameId: game.game_id }}>
            {game.name}
          </Link>
        ),
        content: (
          <>
            <GameState game={game} />
            <GameFacts game={game} />
            <Actions of={gameActions(game).filter((action) => action.why === undefined)} />
          </>
        ),
      })}
      bulk={[
        {
          label: "Resume",
          effects: [
            "Turns go on: the next one is due by each game’s schedule from now.",
            "An engine that still does not answer has its game paused again.",
          ],
          one: {
            op: "admin_resume_game",
            call: (game) =>
              asked(() =>
                client.post("/api/v1/admin/games/{game_id}/resume", {
                  path: { game_id: game.game_id },
                }),
              ),
          },
          many: {
            op: "admin_resume_games",
            call: (wanted) => asked(() => client.post("/api/v1/admin/games/resume", { body: chosenGames(wanted) })),
            why: (given) => unfit(given, "paused"),
          },
        },
        {
          label: "Pause",
          effects: ["No turn is generated until a game is resumed; one that is under way is finished."],
          one: {
            op: "admin_pause_game",
            call: (game) =>
              asked(() => client.post("/api/v1/admin/games/{game_id}/pause", { path: { game_id: game.game_id } })),
          },
          many: {
            op: "admin_pause_games",
            call: (wanted) => asked(() => client.post("/api/v1/admin/games/pause", { body: chosenGames(wanted) })),
            why: (given) => unfit(given, "running"),
          },
        },
      ]}
    >
      <NewGame />
    </ListPage>
  );
}

/** Why the filters of the list do not go with what is done to all games in one status. */
function unfit(given: Record<string, string>, status: string): string | undefined {
  if (given.member_user_id !== undefined) return "it does not go by who plays: choose the rows";
  if (given.status !== undefined && given.status !== status) return `only ${spoken(status)} games can be`;
  return undefined;
}

/** All games that match; which status they are in, the operation says. */
function chosenGames({ filters: { visibility, owner_user_id }, piece }: Wanted) {
  const filter = { visibility: visibility ?? null, owner_user_id: owner_user_id ?? null };
  return { ...piece, filter: filter as Schema<"RunningGameChoice"> };
}

/** A game's state, with why it rests. */
export function GameState({ game }: { game: Game }) {
  return (
    <>
      <State of={game.status} />
      {game.status === "paused" && game.pause_reason && <span className={ui.soft}> {spoken(game.pause_reason)}</span>}
      {game.status === "finished" && game.end_reason && <span className={ui.soft}> {game.end_reason}</span>}
    </>
  );
}

function GameFacts({ game }: { game: Game }) {
  return (
    <Facts
      of={[
        ["Turn", String(game.current_turn)],
        ["Next turn", <Time at={game.next_turn_at} ago />],
        ["Schedule", <Id>{`${game.turn_schedule} (${game.time_zone})`}</Id>],
        ["Players", `${game.approved_count} of ${game.min_players} to ${game.max_players}`],
        ["Engine version", <Id>{game.target_engine_version}</Id>],
        ["Runtime", game.runtime_status ? <State of={game.runtime_status} /> : "–"],
        ["Visibility", game.visibility],
        [
          "Owner",
          game.owner_user_id ? (
            <Link to="/users/$userId" params={{ userId: game.owner_user_id }}>
              {game.owner_display_name ?? game.owner_user_id}
            </Link>
          ) : (
            "the house"
          ),
        ],
        ["Enrolment ends", <Time at={game.enrollment_ends_at} ago />],
        ["Created", <Time at={game.created_at} ago />],
        ["Started", <Time at={game.started_at} ago />],
        game.finished_at !== null && ["Finished", <Time at={game.finished_at} ago />],
        game.winners.length > 0 && ["Winners", game.winners.join(", ")],
        ["Id", <Id>{game.game_id}</Id>],
      ]}
    />
  );
}

const tabs = [
  ["members", "Members"],
  ["applications", "Applications"],
  ["runtime", "Runtime"],
  ["settings", "Settings"],
  ["notes", "Notes"],
  ["history", "History"],
] as const;

/** The address of a game. */
export const gameSearch = tabSearch(tabs);

/** A game. */
export function GamePage() {
  const { gameId } = useParams({ from: "/games/$gameId" });
  const { tab = "members" } = useSearch({ from: "/games/$gameId" });
  const look = useLook(["games", gameId], (api, signal) =>
    api.get("/api/v1/admin/games/{game_id}", { path: { game_id: gameId }, signal }),
  );
  const zone = look.data?.time_zone;
  useEffect(() => {
    gameZone.set(zone);
    return () => gameZone.set(undefined);
  }, [zone]);
  return (
    <>
      <Head title={look.data?.name ?? "Game"} intro={look.data && <GameState game={look.data} />} looks={[look]} />
      <Found look={look}>
        {(game) => (
          <>
            <section className={ui.card} aria-label="Facts">
              <GameFacts game={game} />
              {game.description && <p className={ui.about}>{game.description}</p>}
            </section>
            <section aria-label="Actions">
              <Actions of={gameActions(game)} />
            </section>
            <ObjectTabs tabs={tabs} at={tab} />
            {tab === "members" && <Members game={game} />}
            {tab === "applications" && <Applications game={game} />}
            {tab === "runtime" && <RuntimeOfGame gameId={gameId} />}
            {tab === "settings" && <Json of={game.settings} label="Settings" />}
            {tab === "notes" && <Notes of="game" id={gameId} />}
            {tab === "history" && <History of="game" id={gameId} />}
          </>
        )}
      </Found>
    </>
  );
}

function Members({ game }: { game: Game }) {
  const path = { game_id: game.game_id };
  const look = useLook(["games", game.game_id, "members"], (api, signal) =>
    api.get("/api/v1/admin/games/{game_id}/memberships", { path, query: { limit: 200 }, signal }),
  );
  const over = game.status === "finished" || game.status === "cancelled" ? "the game is over" : undefined;
  const who = (member: Membership) => member.display_name ?? member.race_name;
  const actions = (member: Membership): ActionOf[] => [
    {
      label: "Remove",
      op: "admin_remove_membership",
      grade: "dialog",
      reason: "asked",
      preview: true,
      danger: true,
      why: over ?? (member.status === "active" ? undefined : "they are no member now"),
      effects: [
        `${who(member)} is no member any more, and is told.`,
        "The race name is free again; in a game that has started the race is banished.",
        "They may apply again.",
      ],
      run: () =>
        asked(() =>
          client.post("/api/v1/admin/games/{game_id}/memberships/{membership_id}/remove", {
            path: { ...path, membership_id: member.membership_id },
          }),
        ),
      done: `${who(member)} was removed.`,
    },
    {
      label: "Ban",
      op: "admin_ban_member",
      grade: "dialog",
      preview: true,
      danger: true,
      why: over ?? (member.status === "blocked" ? "they are blocked already" : undefined),
      effects: [`${who(member)} is removed, and cannot come back.`, "In a game that has started the race is banished."],
      fields: [{ name: "reason", label: "Reason", required: true, max: 500 }],
      run: ({ reason = "" }) =>
        asked(() =>
          client.post("/api/v1/admin/games/{game_id}/members/{user_id}/ban", {
            path: { ...path, user_id: member.user_id },
            body: { reason },
          }),
        ),
      done: `${who(member)} was banned.`,
    },
  ];
  return (
    <Found look={look}>
      {(page) =>
        page.items.length === 0 ? (
          <p className={ui.empty}>Nobody is a member yet.</p>
        ) : (
          <div className={`${ui.card} ${css.box}`}>
            <Table
              label="Members"
              rows={page.items}
              id={(member) => member.membership_id}
              columns={[
                {
                  title: "Member",
                  cell: (member) => (
                    <Link to="/users/$userId" params={{ userId: member.user_id }}>
                      {member.display_name ?? member.user_id}
                    </Link>
                  ),
                },
                { title: "Race", cell: (member) => member.race_name },
                { title: "Status", cell: (member) => <State of={member.status} /> },
                { title: "Since", cell: (member) => <Time at={member.joined_at} /> },
              ]}
              last={{
                title: "Actions",
                cell: (member) => (
                  <div className={ui.actions}>
                    {actions(member).map((action) => (
                      <Action key={action.label} action={action} small />
                    ))}
                  </div>
                ),
              }}
            />
          </div>
        )
      }
    </Found>
  );
}

function Applications({ game }: { game: Game }) {
  const path = { game_id: game.game_id };
  const look = useLook(["games", game.game_id, "applications"], (api, signal) =>
    api.get("/api/v1/admin/games/{game_id}/applications", { path, query: { limit: 200 }, signal }),
  );
  const decide = (application: Application): ActionOf[] =>
    (["approve", "reject"] as const).map((verb) => ({
      label: verb === "approve" ? "Approve" : "Reject",
      op: `admin_${verb}_application`,
      grade: verb === "approve" ? "none" : "dialog",
      why: application.status === "submitted" ? undefined : "it is decided",
      effects: ["They are told, and may apply anew."],
      run: () =>
        asked(() =>
          client.post(`/api/v1/admin/games/{game_id}/applications/{application_id}/${verb}`, {
            path: { ...path, application_id: application.application_id },
          }),
        ),
      done: `The application of ${application.display_name ?? application.race_name} was ${verb === "approve" ? "approved" : "rejected"}.`,
    }));
  return (
    <Found look={look}>
      {(page) =>
        page.items.length === 0 ? (
          <p className={ui.empty}>Nobody has applied.</p>
        ) : (
          <div className={`${ui.card} ${css.box}`}>
            <Table
              label="Applications"
              rows={page.items}
              id={(application) => application.application_id}
              columns={[
                {
                  title: "Applicant",
                  cell: (application) => (
                    <Link to="/users/$userId" params={{ userId: application.user_id }}>
                      {application.display_name ?? application.user_id}
                    </Link>
                  ),
                },
                { title: "Race", cell: (application) => <Text>{application.race_name}</Text> },
                {
                  title: "Name free",
                  cell: (a) =>
                    a.race_name_available === null || a.race_name_available === undefined
                      ? "–"
                      : a.race_name_available
                        ? "yes"
                        : "no",
                },
                { title: "Status", cell: (application) => <State of={application.status} /> },
                { title: "Since", cell: (application) => <Time at={application.created_at} /> },
              ]}
              last={{
                title: "Actions",
                cell: (application) =>
                  application.status === "submitted" && (
                    <div className={ui.actions}>
                      {decide(application).map((action) => (
                        <Action key={action.label} action={action} small />
                      ))}
                    </div>
                  ),
              }}
            />
          </div>
        )
      }
    </Found>
  );
}

function NewGame() {
  const zone = useZone();
  const fields: FormField[] = [
    { name: "name", label: "Name", required: true, max: 64 },
    {
      name: "target_engine_version",
      label: "Engine version",
      required: true,
      hint: "As registered, such as 1.4.0.",
    },
    {
      name: "turn_schedule",
      label: "Turn schedule",
      required: true,
      initial: "0 18 * * *",
      hint: "Five fields of cron: 0 18 * * * is every day at six in the evening.",
    },
    {
      name: "time_zone",
      label: "Time zone of the schedule",
      initial: Intl.DateTimeFormat().resolvedOptions().timeZone,
    },
    { name: "min_players", label: "Players at least", kind: "number", required: true, initial: "2" },
    { name: "max_players", label: "Players at most", kind: "number", required: true, initial: "8" },
    { name: "enrollment_ends_at", label: `Enrolment ends (${zone})`, kind: "time", required: true },
    { name: "description", label: "Description", kind: "long" },
  ];
  return (
    <Action
      action={{
        label: "New public game",
        op: "admin_create_game",
        grade: "none",
        main: true,
        fields,
        run: (given, key) => {
          const headers = { "Idempotency-Key": key };
          const body = {
            name: given.name ?? "",
            target_engine_version: given.target_engine_version ?? "",
            turn_schedule: given.turn_schedule ?? "",
            ...(given.time_zone && { time_zone: given.time_zone }),
            min_players: Number(given.min_players),
            max_players: Number(given.max_players),
            enrollment_ends_at: instant(given.enrollment_ends_at ?? "", zone) ?? "",
            ...(given.description && { description: given.description }),
          };
          return asked(() => client.post("/api/v1/admin/games", { headers, body }));
        },
        done: "The game was made, as a draft.",
      }}
    />
  );
}
