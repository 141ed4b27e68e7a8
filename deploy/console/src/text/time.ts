// Times in a zone that is named, and back.

/** The zone's name and `when` in it, as `2026-11-25 02:00:07 UTC`. */
export function written(when: string | number, zone: string): string {
  const at = new Date(when);
  if (Number.isNaN(at.getTime())) return String(when);
  const part = parts(at, zone);
  return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second} ${part.timeZoneName}`;
}

/** Only the clock: `02:00:07 UTC`. */
export function clock(when: string | number, zone: string): string {
  const part = parts(new Date(when), zone);
  return `${part.hour}:${part.minute}:${part.second} ${part.timeZoneName}`;
}

type Part = Record<"year" | "month" | "day" | "hour" | "minute" | "second" | "timeZoneName", string>;

function parts(at: Date, zone: string): Part {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZoneName: "short",
  });
  return Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value])) as Part;
}

/** How long ago, or until then, in one unit: `3 min ago`, `in 2 h`. */
export function distance(when: string | number, now: number): string {
  const seconds = Math.round((new Date(when).getTime() - now) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "now";
  const said = duration(size);
  return seconds < 0 ? `${said} ago` : `in ${said}`;
}

/** A number of seconds in one unit. */
export function duration(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** How far a zone is from UTC at a time, in milliseconds. */
function offset(at: number, zone: string): number {
  const p = parts(new Date(at), zone);
  const shown = Date.UTC(+p.year, +p.month - 1, +p.day, +p.hour, +p.minute, +p.second);
  return shown - Math.floor(at / 1000) * 1000;
}

/** What a field of date and time holds (`2026-11-25T02:00`), as an instant in UTC. `undefined` where it is none. */
export function instant(local: string, zone: string): string | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2}))?$/.exec(local);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const wanted = Date.UTC(+year!, +month! - 1, +day!, +hour!, +minute!, +(second ?? 0));
  // Twice: the offset of the guess may be another one than that of the answer, where clocks were put back.
  let at = wanted - offset(wanted, zone);
  at = wanted - offset(at, zone);
  return new Date(at).toISOString().replace(".000Z", "Z");
}

/** An instant, as such a field holds it. */
export function local(when: string, zone: string): string {
  const at = new Date(when);
  if (Number.isNaN(at.getTime())) return "";
  const part = parts(at, zone);
  return `${part.year}-${part.month}-${part.day}T${part.hour}:${part.minute}`;
}
