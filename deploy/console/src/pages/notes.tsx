// Notes of administrators about an account or a game, as a tab of it.

import type { paths } from "galaxy-typescript/contract";

import { asked, client } from "../api/client";
import { Action, type ActionOf } from "../ui/action";
import { Time } from "../ui/basics";
import { Found, useLook } from "../ui/look";
import ui from "../ui/ui.module.css";

/** The notes, newest first, and the way to write one. */
export function Notes({ of, id }: { of: "user" | "game"; id: string }) {
  const look = useLook<paths["/api/v1/admin/games/{game_id}/notes"]["get"]>(["notes", of, id], (api, signal) => {
    const query = { limit: 200 };
    return of === "game"
      ? api.get("/api/v1/admin/games/{game_id}/notes", { path: { game_id: id }, query, signal })
      : // The same page; only the code of what is not found is another one.
        (api.get("/api/v1/admin/users/{user_id}/notes", { path: { user_id: id }, query, signal }) as never);
  });
  const write: ActionOf = {
    label: "Write a note",
    op: of === "user" ? "admin_create_user_note" : "admin_create_game_note",
    grade: "none",
    fields: [
      {
        name: "text",
        label: "Note",
        kind: "long",
        required: true,
        max: 2000,
        hint: "Other administrators read it, nobody else. It is never changed.",
      },
    ],
    run: ({ text = "" }, key) => {
      const given = { headers: { "Idempotency-Key": key }, body: { text } };
      return of === "user"
        ? asked(() => client.post("/api/v1/admin/users/{user_id}/notes", { path: { user_id: id }, ...given }))
        : asked(() => client.post("/api/v1/admin/games/{game_id}/notes", { path: { game_id: id }, ...given }));
    },
    done: "The note was written.",
  };
  return (
    <div className={ui.stack}>
      <div>
        <Action action={write} />
      </div>
      <Found look={look}>
        {(page) =>
          page.items.length === 0 ? (
            <p className={ui.empty}>Nobody has written a note yet.</p>
          ) : (
            page.items.map((note) => (
              <article key={note.note_id} className={ui.card}>
                <p className={ui.soft}>
                  {note.author}, <Time at={note.created_at} ago />
                </p>
                <p className={ui.lines}>{note.text}</p>
              </article>
            ))
          )
        }
      </Found>
    </div>
  );
}
