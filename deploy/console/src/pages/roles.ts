// Roles as fields of a form.

import type { Role } from "../api/auth";
import type { FormField } from "../ui/action";
import { spoken } from "../text/words";

/** What each role is for, in the words of docs/administrators.md. */
const WHAT: Record<Role, string> = {
  viewer: "Reads everything, with addresses masked.",
  support: "Looks after people, mail and notes.",
  game_master: "Looks after games and their engines.",
  operator: "Looks after queues, mail, notifications and engine versions.",
  owner: "Does everything, administrators too.",
};

/** A field for each role; `given` are those that are chosen at first. */
export function roleFields(among: readonly Role[], given: readonly Role[]): FormField[] {
  return among.map((role) => ({
    name: role,
    label: spoken(role),
    hint: WHAT[role],
    kind: "yes" as const,
    initial: given.includes(role) ? "yes" : "",
  }));
}
