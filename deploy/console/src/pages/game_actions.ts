// What can be done to a game, by its state, and why not now. The server has the last word.

import { asked, client } from "../api/client";
import type { ActionOf } from "../ui/action";
import { spoken } from "../text/words";
import type { Game } from "./kinds";

type Status = Game["status"];

/** Actions that take nothing but the game: the last part of the path. */
type Plain =
  | "open-enrollment"
  | "ready-to-start"
  | "start"
  | "retry-start"
  | "pause"
  | "resume"
  | "cancel"
  | "force-start"
  | "force-stop";

interface Row {
  label: string;
  verb: Plain;
  op: string;
  from: readonly Status[];
  grade: ActionOf["grade"];
  effects?: string[];
  reason?: ActionOf["reason"];
  preview?: boolean;
  danger?: boolean;
  done: string;
}

const ROWS: readonly Row[] = [
  {
    label: "Open enrolment",
    verb: "open-enrollment",
    op: "admin_open_enrollment_game",
    from: ["draft"],
    grade: "none",
    done: "Enrolment is open.",
  },
  {
    label: "End enrolment",
    verb: "ready-to-start",
    op: "admin_ready_to_start_game",
    from: ["enrollment_open"],
    grade: "dialog",
    effects: ["Open applications and invites are closed."],
    done: "Enrolment is over.",
  },
  {
    label: "Start",
    verb: "start",
    op: "admin_start_game",
    from: ["ready_to_start"],
    grade: "dialog",
    effects: ["An engine is started, and the first turn is due by the schedule."],
    done: "The game is starting.",
  },
  {
    label: "Retry start",
    verb: "retry-start",
    op: "admin_retry_start_game",
    from: ["start_failed"],
    grade: "none",
    done: "The game is starting.",
  },
  {
    label: "Pause",
    verb: "pause",
    op: "admin_pause_game",
    from: ["running"],
    grade: "none",
    done: "The game is paused.",
  },
  {
    label: "Resume",
    verb: "resume",
    op: "admin_resume_game",
    from: ["paused"],
    grade: "none",
    done: "The game goes on.",
  },
  {
    label: "Force start",
    verb: "force-start",
    op: "admin_force_start_game",
    from: ["ready_to_start", "start_failed", "paused"],
    grade: "dialog",
    effects: [
      "However few members it has, it starts; one that ran goes on on its kept state.",
      "The container is made anew, with the game’s present engine version.",
    ],
    reason: "wanted",
    preview: true,
    done: "The game is starting.",
  },
  {
    label: "Force stop",
    verb: "force-stop",
    op: "admin_force_stop_game",
    from: ["running", "paused"],
    grade: "dialog",
    danger: true,
    effects: [
      "A turn that is being generated is let end; then the container goes, and its state is kept.",
      "The game is paused, and goes on with Force start.",
    ],
    reason: "wanted",
    preview: true,
    done: "The engine is being stopped.",
  },
  {
    label: "Cancel game",
    verb: "cancel",
    op: "admin_cancel_game",
    from: ["draft", "enrollment_open", "ready_to_start", "starting", "start_failed"],
    grade: "typed",
    danger: true,
    effects: [
      "The game is called off for good.",
      "Open applications and invites are closed, reserved race names released, a start under way is stopped.",
    ],
    reason: "asked",
    preview: true,
    done: "The game was called off.",
  },
];

/** The actions of a game. */
export function gameActions(game: Game): ActionOf[] {
  const path = { game_id: game.game_id };
  const plain = ROWS.map((row): ActionOf => {
    const { label, verb, op, grade, effects, reason, preview, danger, done } = row;
    return {
      label,
      op,
      grade,
      name: game.name,
      done: `${game.name}: ${done}`,
      why: whyNot(row, game),
      ...(effects && { effects }),
      ...(reason && { reason }),
      ...(preview && { preview }),
      ...(danger && { danger }),
      run: () => asked(() => client.post(`/api/v1/admin/games/{game_id}/${verb}`, { path })),
    };
  });
  const ran =
    game.status === "running" ||
    game.status === "paused" ||
    (game.status === "start_failed" && game.started_at !== null);
  const end: ActionOf = {
    label: "End game",
    op: "admin_end_game",
    preview: true,
    grade: "typed",
    danger: true,
    name: game.name,
    why: ran ? undefined : `it is ${spoken(game.status)}; only a game that has run is ended`,
    effects: [
      "The game is finished, without winners. It cannot be taken back.",
      "Members are told, race names are settled by the last turn, the engine is stopped.",
    ],
    fields: [{ name: "reason", label: "Reason", required: true, kind: "long", max: 500 }],
    run: ({ reason = "" }) => asked(() => client.post("/api/v1/admin/games/{game_id}/end", { path, body: { reason } })),
    done: `${game.name} has ended.`,
  };
  return [...plain, end];
}

function whyNot(row: Row, game: Game): string | undefined {
  const own = row.verb === "open-enrollment" || row.verb === "ready-to-start";
  if (own && game.visibility === "private") return "this is its owner’s, the game is private";
  if (row.verb === "cancel" && game.status === "start_failed" && game.started_at) return "it has run; End game ends it";
  if (row.from.includes(game.status)) return undefined;
  return `it is ${spoken(game.status)}, and this wants ${row.from.map(spoken).join(" or ")}`;
}
