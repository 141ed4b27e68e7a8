// Users: the list, and a user with their games, sessions, sanctions, plan, mail and history.

import { Link, useParams, useSearch } from "@tanstack/react-router";

import { asked, client } from "../api/client";
import { Action, Actions, type ActionOf } from "../ui/action";
import { Ago, Facts, Id, Note, State, Text, Time, useZone } from "../ui/basics";
import { ListPage } from "../ui/ListPage";
import css from "../ui/list.module.css";
import { Found, Head, useLook } from "../ui/look";
import { ObjectTabs, tabSearch } from "../ui/ObjectTabs";
import { listSearch, type Filter } from "../ui/search";
import { Table } from "../ui/table";
import ui from "../ui/ui.module.css";
import { spoken } from "../text/words";
import { GameState } from "./games";
import { History } from "./history";
import { PLANS, SANCTIONS, type Account, type Sanction } from "./kinds";
import { Notes } from "./notes";
import { endSessions, grantAction, limitsAction, sanctionAction } from "./user_actions";

const filters = [
  { name: "email", label: "Address", kind: "email" },
  { name: "name", label: "Name", kind: "text", hint: "With a * at its end: the beginning." },
  { name: "sanction", label: "Sanction", kind: "choice", choices: SANCTIONS },
  { name: "plan", label: "Plan", kind: "choice", choices: PLANS },
] as const satisfies readonly Filter[];

/** The address of the list. */
export const usersSearch = listSearch(filters);

/** The list. */
export function Users() {
  return (
    <ListPage
      title="Users"
      name="users"
      filters={filters}
      fetch={(api, query, signal) => api.get("/api/v1/admin/users", { query, signal })}
      file={{
        op: "admin_export_users",
        name: "users",
        fetch: (query, signal) => client.get("/api/v1/admin/users/export", { query, signal }),
      }}
      id={(user: Account) => user.user_id}
      empty="Nobody has an account yet."
      columns={[
        {
          title: "User",
          cell: (user) => (
            <Link to="/users/$userId" params={{ userId: user.user_id }}>
              {user.display_name ?? user.user_name}
            </Link>
          ),
        },
        { title: "Name", cell: (user) => <Id>{user.user_name}</Id> },
        { title: "Address", cell: (user) => <Text>{user.email}</Text> },
        { title: "Plan", cell: (user) => user.entitlement.plan },
        { title: "Sanctions", cell: (user) => <InForce user={user} /> },
        { title: "Since", cell: (user) => <Ago at={user.created_at} /> },
      ]}
      panel={(user) => ({
        title: (
          <Link to="/users/$userId" params={{ userId: user.user_id }}>
            {user.display_name ?? user.user_name}
          </Link>
        ),
        content: (
          <>
            <UserFacts user={user} />
            <InForce user={user} />
          </>
        ),
      })}
      bulk={[endSessions]}
    />
  );
}

function InForce({ user }: { user: Account }) {
  if (user.deleted_at) return <State of="removed">deleted</State>;
  if (user.sanctions.length === 0) return <span className={ui.soft}>–</span>;
  return user.sanctions.map((sanction) => (
    <State key={sanction.sanction_id} of="blocked">
      {spoken(sanction.kind)}
    </State>
  ));
}

function UserFacts({ user }: { user: Account }) {
  return (
    <Facts
      of={[
        ["Name", <Id>{user.user_name}</Id>],
        ["Address", user.email],
        ["Plan", `${user.entitlement.plan}${user.entitlement.is_paid ? ", paid" : ""}`],
        ["Plan ends", <Time at={user.entitlement.ends_at} ago />],
        ["Language", user.preferred_language],
        ["Time zone", user.time_zone],
        ["Country", user.declared_country],
        ["Since", <Time at={user.created_at} ago />],
        user.deleted_at !== null && ["Deleted", <Time at={user.deleted_at} ago />],
        ["Id", <Id>{user.user_id}</Id>],
      ]}
    />
  );
}

const tabs = [
  ["games", "Games"],
  ["sessions", "Sessions"],
  ["sanctions", "Sanctions"],
  ["plan", "Plan and limits"],
  ["mail", "Mail"],
  ["countries", "Countries"],
  ["notes", "Notes"],
  ["history", "History"],
] as const;

/** The address of a user. */
export const userSearch = tabSearch(tabs);

/** A user. */
export function UserPage() {
  const { userId } = useParams({ from: "/users/$userId" });
  const { tab = "games" } = useSearch({ from: "/users/$userId" });
  const zone = useZone();
  const look = useLook(["users", userId], (api, signal) =>
    api.get("/api/v1/admin/users/{user_id}", { path: { user_id: userId }, signal }),
  );
  return (
    <>
      <Head
        title={look.data?.display_name ?? look.data?.user_name ?? "User"}
        intro={look.data && <InForce user={look.data} />}
        looks={[look]}
      />
      <Found look={look}>
        {(user) => (
          <>
            <section className={ui.card} aria-label="Facts">
              <UserFacts user={user} />
            </section>
            <section aria-label="Actions">
              <Actions of={userActions(user, zone)} />
            </section>
            <WhyNotIn user={user} />
            <ObjectTabs tabs={tabs} at={tab} />
            {tab === "games" && <GamesOf userId={userId} />}
            {tab === "sessions" && <Sessions userId={userId} />}
            {tab === "sanctions" && <Sanctions userId={userId} />}
            {tab === "plan" && <Plan userId={userId} />}
            {tab === "mail" && <MailTo user={user} />}
            {tab === "countries" && <CountriesOf userId={userId} />}
            {tab === "notes" && <Notes of="user" id={userId} />}
            {tab === "history" && <History of="user" id={userId} />}
          </>
        )}
      </Found>
    </>
  );
}

function userActions(user: Account, zone: string): ActionOf[] {
  const path = { user_id: user.user_id };
  const gone = user.deleted_at ? "the account is deleted" : undefined;
  const name = user.user_name;
  return [
    { ...sanctionAction(user.user_id, zone), why: gone },
    { ...grantAction(user.user_id, zone), why: gone },
    { ...limitsAction(user.user_id), why: gone },
    {
      label: "Sign out everywhere",
      op: "admin_revoke_all_sessions",
      preview: true,
      reason: "asked",
      grade: "dialog",
      why: gone,
      effects: ["Every session of theirs ends; they sign in anew with a code."],
      run: () => asked(() => client.post("/api/v1/admin/users/{user_id}/sessions/revoke-all", { path })),
      done: `${name} is signed out everywhere.`,
    },
    {
      label: "Delete account",
      op: "admin_delete_user",
      preview: true,
      reason: "wanted",
      grade: "typed",
      danger: true,
      name,
      why: gone,
      effects: [
        "The account is deleted: they leave their games, their sessions end, their address is forgotten.",
        "It cannot be taken back.",
      ],
      run: () => asked(() => client.delete("/api/v1/admin/users/{user_id}", { path })),
      done: `The account of ${name} was deleted.`,
    },
  ];
}

/** The first question of support: what keeps them out. */
function WhyNotIn({ user }: { user: Account }) {
  const mail = useLook(
    ["mail", "codes", user.email],
    (api, signal) =>
      api.get("/api/v1/admin/mail/deliveries", {
        query: { recipient: user.email ?? "", template_id: "auth.login_code", limit: 3 },
        signal,
      }),
    { on: Boolean(user.email) },
  );
  const blocks = user.sanctions.filter(
    (sanction) => sanction.kind === "login_block" || sanction.kind === "permanent_block",
  );
  const codes = mail.data?.items ?? [];
  return (
    <details className={ui.card}>
      <summary>Why can’t they sign in?</summary>
      <div className={ui.stack}>
        {user.deleted_at && <Note tone="bad">The account is deleted.</Note>}
        {!user.email && !user.deleted_at && <Note tone="warn">The account has no address: no code can be mailed.</Note>}
        {blocks.map((sanction) => (
          <Note tone="bad" key={sanction.sanction_id} title={`${spoken(sanction.kind)}:`}>
            {sanction.reason} (until <Time at={sanction.ends_at} />)
          </Note>
        ))}
        {!user.deleted_at && blocks.length === 0 && <Note tone="good">No sanction keeps them out.</Note>}
        {codes.length === 0 && <Note tone="quiet">No login code was mailed to them lately.</Note>}
        {codes.map((delivery) => (
          <Note key={delivery.delivery_id} tone={delivery.status === "sent" ? "good" : "warn"}>
            <Link to="/mail/$deliveryId" params={{ deliveryId: delivery.delivery_id }}>
              Code of <Time at={delivery.created_at} />
            </Link>
            : {spoken(delivery.status)} {delivery.last_error}
          </Note>
        ))}
      </div>
    </details>
  );
}

function GamesOf({ userId }: { userId: string }) {
  const look = useLook(["games", "of", userId], (api, signal) =>
    api.get("/api/v1/admin/games", { query: { member_user_id: userId, limit: 200 }, signal }),
  );
  return (
    <Found look={look}>
      {(page) =>
        page.items.length === 0 ? (
          <p className={ui.empty}>They play in no game now.</p>
        ) : (
          <div className={`${ui.card} ${css.box}`}>
            <Table
              label="Games"
              rows={page.items}
              id={(game) => game.game_id}
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
                { title: "Turn", cell: (game) => game.current_turn, number: true },
                { title: "Next turn", cell: (game) => <Time at={game.next_turn_at} ago /> },
              ]}
            />
          </div>
        )
      }
    </Found>
  );
}

function Sessions({ userId }: { userId: string }) {
  const look = useLook(["users", userId, "sessions"], (api, signal) =>
    api.get("/api/v1/admin/users/{user_id}/sessions", { path: { user_id: userId }, query: { limit: 100 }, signal }),
  );
  return (
    <Found look={look}>
      {(page) =>
        page.items.length === 0 ? (
          <p className={ui.empty}>They have no sessions.</p>
        ) : (
          <div className={`${ui.card} ${css.box}`}>
            <Table
              label="Sessions"
              rows={page.items}
              id={(session) => session.device_session_id}
              columns={[
                { title: "Session", cell: (session) => <Id>{session.device_session_id}</Id> },
                { title: "Status", cell: (session) => <State of={session.status} /> },
                { title: "Since", cell: (session) => <Time at={session.created_at} ago /> },
                { title: "Ended", cell: (session) => <Time at={session.revoked_at} /> },
                {
                  title: "Why",
                  cell: (session) => <Text>{session.revoke_reason && spoken(session.revoke_reason)}</Text>,
                },
              ]}
            />
          </div>
        )
      }
    </Found>
  );
}

function Sanctions({ userId }: { userId: string }) {
  const look = useLook(["users", userId, "sanctions"], (api, signal) =>
    api.get("/api/v1/admin/users/{user_id}/sanctions", {
      path: { user_id: userId },
      query: { limit: 100 },
      signal,
    }),
  );
  const lift = (sanction: Sanction): ActionOf => ({
    label: "Lift",
    op: "admin_lift_sanction",
    reason: "wanted",
    grade: "dialog",
    effects: [`${spoken(sanction.kind)} holds no longer.`],
    run: () =>
      asked(() =>
        client.post("/api/v1/admin/users/{user_id}/sanctions/{sanction_id}/lift", {
          path: { user_id: userId, sanction_id: sanction.sanction_id },
        }),
      ),
    done: "The sanction was lifted.",
  });
  const holds = (sanction: Sanction) =>
    !sanction.lifted_at && (!sanction.ends_at || Date.parse(sanction.ends_at) > Date.now());
  return (
    <Found look={look}>
      {(page) =>
        page.items.length === 0 ? (
          <p className={ui.empty}>They were never sanctioned.</p>
        ) : (
          <div className={`${ui.card} ${css.box}`}>
            <Table
              label="Sanctions"
              rows={page.items}
              id={(sanction) => sanction.sanction_id}
              columns={[
                {
                  title: "Sanction",
                  cell: (sanction) => (
                    <State of={holds(sanction) ? "blocked" : "lifted"}>{spoken(sanction.kind)}</State>
                  ),
                },
                { title: "Reason", cell: (sanction) => sanction.reason },
                { title: "By", cell: (sanction) => sanction.actor },
                { title: "From", cell: (sanction) => <Time at={sanction.starts_at} /> },
                {
                  title: "Until",
                  cell: (sanction) => <Time at={sanction.lifted_at ?? sanction.ends_at} />,
                },
              ]}
              last={{
                title: "Actions",
                cell: (sanction) => holds(sanction) && <Action action={lift(sanction)} small />,
              }}
            />
          </div>
        )
      }
    </Found>
  );
}

function Plan({ userId }: { userId: string }) {
  const path = { user_id: userId };
  const grants = useLook(["users", userId, "grants"], (api, signal) =>
    api.get("/api/v1/admin/users/{user_id}/entitlements", { path, query: { limit: 100 }, signal }),
  );
  const limits = useLook(["users", userId, "limits"], (api, signal) =>
    api.get("/api/v1/admin/users/{user_id}/limits", { path, signal }),
  );
  return (
    <div className={ui.stack}>
      <Found look={limits}>
        {(own) => (
          <section className={ui.card} aria-label="Limits">
            <Facts
              of={[
                ["Memberships", own.memberships?.toString() ?? "by plan"],
                ["Private games", own.private_games?.toString() ?? "by plan"],
                ["Race names", own.race_names?.toString() ?? "by plan"],
              ]}
            />
          </section>
        )}
      </Found>
      <Found look={grants}>
        {(page) => (
          <div className={`${ui.card} ${css.box}`}>
            {page.items.length === 0 ? (
              <p className={ui.empty}>No plan was ever granted.</p>
            ) : (
              <Table
                label="Grants"
                rows={page.items}
                id={(grant) => grant.entitlement_id}
                columns={[
                  { title: "Plan", cell: (grant) => grant.plan },
                  { title: "Source", cell: (grant) => grant.source },
                  { title: "Reason", cell: (grant) => <Text>{grant.reason}</Text> },
                  { title: "From", cell: (grant) => <Time at={grant.starts_at} /> },
                  {
                    title: "Until",
                    cell: (grant) => <Time at={grant.superseded_at ?? grant.ends_at} />,
                  },
                ]}
              />
            )}
          </div>
        )}
      </Found>
    </div>
  );
}

function MailTo({ user }: { user: Account }) {
  const look = useLook(
    ["mail", "to", user.email],
    (api, signal) =>
      api.get("/api/v1/admin/mail/deliveries", { query: { recipient: user.email ?? "", limit: 50 }, signal }),
    { on: Boolean(user.email) },
  );
  if (!user.email) return <p className={ui.empty}>They have no address.</p>;
  return (
    <Found look={look}>
      {(page) =>
        page.items.length === 0 ? (
          <p className={ui.empty}>Nothing was mailed to them lately.</p>
        ) : (
          <div className={`${ui.card} ${css.box}`}>
            <Table
              label="Mail"
              rows={page.items}
              id={(delivery) => delivery.delivery_id}
              columns={[
                {
                  title: "Mail",
                  cell: (delivery) => (
                    <Link to="/mail/$deliveryId" params={{ deliveryId: delivery.delivery_id }}>
                      {delivery.template_id}
                    </Link>
                  ),
                },
                { title: "Status", cell: (delivery) => <State of={delivery.status} /> },
                { title: "When", cell: (delivery) => <Time at={delivery.created_at} ago /> },
                { title: "Error", cell: (delivery) => <Text>{delivery.last_error}</Text> },
              ]}
            />
          </div>
        )
      }
    </Found>
  );
}

function CountriesOf({ userId }: { userId: string }) {
  const look = useLook(["users", userId, "countries"], (api, signal) =>
    api.get("/api/v1/admin/users/{user_id}/countries", { path: { user_id: userId }, signal }),
  );
  return (
    <Found look={look}>
      {(found) =>
        found.items.length === 0 ? (
          <p className={ui.empty}>No country is known of their requests.</p>
        ) : (
          <div className={`${ui.card} ${css.box}`}>
            <Table
              label="Countries"
              rows={found.items}
              id={(country) => country.country}
              columns={[
                { title: "Country", cell: (country) => country.country },
                { title: "Requests", cell: (country) => country.count, number: true },
              ]}
            />
          </div>
        )
      }
    </Found>
  );
}
