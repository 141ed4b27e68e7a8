// The words of the contract, for people: each state has a tone, which is an icon and a colour beside the word.

/** How good or bad a state is. */
export type Tone = "good" | "busy" | "quiet" | "warn" | "bad";

const TONES: Record<Tone, readonly string[]> = {
  good: [
    "running",
    "active",
    "sent",
    "accepted",
    "delivered",
    "expanded",
    "healthy",
    "enabled",
    "approved",
    "done",
    "succeeded",
    "live",
  ],
  busy: [
    "starting",
    "generation_in_progress",
    "pending",
    "sending",
    "expanding",
    "dispatching",
    "submitted",
    "enrollment_open",
    "ready_to_start",
    "started",
  ],
  quiet: [
    "draft",
    "finished",
    "cancelled",
    "dismissed",
    "skipped",
    "expired",
    "removed",
    "left",
    "revoked",
    "withdrawn",
    "closed",
    "stopped",
    "undecided",
    "unknown",
    "rejected",
    "lifted",
  ],
  warn: ["paused", "retrying", "retry", "unhealthy", "disabled"],
  bad: [
    "start_failed",
    "engine_unreachable",
    "generation_failed",
    "dead_lettered",
    "quarantined",
    "failed",
    "refused",
    "blocked",
    "permanent",
    "unserved",
  ],
};

/** The tone of a state; one that this console does not know is shown as it came. */
export function tone(word: string): Tone {
  for (const [tone, words] of Object.entries(TONES)) if (words.includes(word)) return tone as Tone;
  return "quiet";
}

const SPECIAL: Record<string, string> = { dead_lettered: "dead", dismissed: "put away" };

/** A word of the contract as people write it. */
export function spoken(word: string): string {
  return SPECIAL[word] ?? word.replaceAll("_", " ");
}

/** `1 game`, `3 games`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${number(n)} ${n === 1 ? one : many}`;
}

/** A number with its thousands apart. Counts of the server end at 10 000: that many are "at least". */
export function number(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** A count that the server stops at 10 000. */
export function bounded(n: number): string {
  return n >= 10_000 ? `${number(n)} or more` : number(n);
}
