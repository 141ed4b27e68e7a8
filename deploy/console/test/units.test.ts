import { readFileSync } from "node:fs";

import { beforeEach, describe, expect, test, vi } from "vitest";

import { asked, Refused } from "../src/api/client";
import { freshness, isStale, looked } from "../src/api/freshness";
import { ask, gate, gateOf, settle } from "../src/api/gate";
import { placeOf } from "../src/api/place";
import { because, purpose } from "../src/api/purpose";
import { clock, distance, instant, local, written } from "../src/text/time";
import { bounded, tone } from "../src/text/words";
import { all, each, type Progress } from "../src/ui/bulk";
import { cutAt, fileName } from "../src/ui/csv";
import { dropped, filtersOf, fits, listSearch, parseSearch, stringifySearch, type Filter } from "../src/ui/search";
import { points } from "../src/ui/spark";
import { SECTIONS } from "../src/shell/sections";
import { gameActions } from "../src/pages/game_actions";
import { groups } from "../src/pages/causes";
import { frozen } from "../src/pages/frozen";
import type { Game } from "../src/pages/kinds";

describe("the place", () => {
  test("is told from the script, under any prefix", () => {
    const at = (script: string) => placeOf(script, "https://ops.example/");
    expect(at("/console/assets/index-1.js")).toEqual({ console: "/console", api: "https://ops.example" });
    expect(at("/deep/er/console/assets/index-1.js")).toEqual({
      console: "/deep/er/console",
      api: "https://ops.example/deep/er",
    });
  });
});

describe("why", () => {
  test("is said by what is called at once, and by nothing after it, even where that fails", () => {
    expect(because({ reason: " spam ", operation_id: "" }, purpose)).toEqual({ reason: "spam" });
    expect(() =>
      because({ reason: "x" }, () => {
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(purpose()).toEqual({});
  });
  test("is not said by a sign-in over the page, and said again by the call that is made again after it", async () => {
    const calls: unknown[] = [];
    const ended = { status: 403, code: "confirmation_required", detail: "", request_id: "" };
    const refusal = { ok: false, problem: ended, retryAfter: undefined, requestId: "" } as const;
    const answer = because({ reason: "spam" }, () =>
      asked(async () => {
        calls.push(purpose());
        return calls.length === 1 ? refusal : ({ ok: true, value: "done", requestId: "" } as never);
      }),
    );
    await vi.waitFor(() => expect(gate.get()).toBe("confirm"));
    expect(purpose()).toEqual({});
    settle(true);
    expect(await answer).toBe("done");
    expect(calls).toEqual([{ reason: "spam" }, { reason: "spam" }]);
  });
});

describe("times", () => {
  test("name their zone", () => {
    expect(written("2026-11-25T01:00:07Z", "Europe/Berlin")).toMatch(/^2026-11-25 02:00:07 (CET|GMT\+1)$/);
    expect(clock("2026-11-25T01:00:07Z", "UTC")).toBe("01:00:07 UTC");
  });
  test("typed in a zone are that instant, on both sides of a change of clocks", () => {
    for (const [typed, zone, at] of [
      ["2026-11-25T02:00", "UTC", "2026-11-25T02:00:00Z"],
      ["2026-11-25T02:00", "Europe/Berlin", "2026-11-25T01:00:00Z"],
      ["2026-07-25T02:00", "Europe/Berlin", "2026-07-25T00:00:00Z"],
      ["2026-03-29T01:59", "Europe/Berlin", "2026-03-29T00:59:00Z"],
      ["2026-03-29T03:00", "Europe/Berlin", "2026-03-29T01:00:00Z"],
      ["2026-11-25T02:00", "Asia/Kathmandu", "2026-11-24T20:15:00Z"],
    ] as const) {
      expect(instant(typed, zone)).toBe(at);
      expect(local(at, zone)).toBe(typed);
    }
    expect(instant("tomorrow", "UTC")).toBeUndefined();
  });
  test("are so far away", () => {
    const now = Date.parse("2026-11-25T12:00:00Z");
    expect(distance("2026-11-25T11:57:00Z", now)).toBe("3 min ago");
    expect(distance("2026-11-25T15:00:00Z", now)).toBe("in 3 h");
    expect(distance("2026-11-25T12:00:02Z", now)).toBe("now");
  });
});

describe("an address", () => {
  const filters = [
    { name: "status", label: "", kind: "choice", choices: ["paused"] },
    { name: "email", label: "", kind: "email" },
    { name: "after", label: "", kind: "time" },
  ] as const satisfies readonly Filter[];
  const read = listSearch(filters);
  test("keeps what is known and fits, and tells the rest", () => {
    const address = "?status=asleep&email=a%40b.example&after=2026-11-25T02:00:00Z&ghost=1&cursor=abc";
    const kept = read(parseSearch(address));
    expect(kept).toEqual({ email: "a@b.example", after: "2026-11-25T02:00:00Z", cursor: "abc" });
    expect(dropped(address, kept)).toEqual([
      ["status", "asleep"],
      ["ghost", "1"],
    ]);
    expect(filtersOf(kept)).toEqual({ email: "a@b.example", after: "2026-11-25T02:00:00Z" });
  });
  test("is plain, and reads back as it was written, numbers and words of JSON too", () => {
    for (const value of ["a b&c=d", "12345678901234567890", "true", "null", "{}", "1.4.0"]) {
      expect(parseSearch(stringifySearch({ name: value, none: undefined }))).toEqual({ name: value });
    }
    expect(stringifySearch({})).toBe("");
  });
  test("does not send what would only be refused", () => {
    expect(fits(filters[1], "a@")).toBe(false);
    expect(fits(filters[2], "2026-11-25 02:00")).toBe(false);
    expect(fits({ name: "id", label: "", kind: "id" }, "019cb4db-5900-7297-8ab7-7e702c787b4c")).toBe(true);
  });
});

describe("freshness", () => {
  test("is lost with the second look that finds nobody, and comes back with one that does", () => {
    looked(true, 1000);
    looked(false, 2000);
    expect(isStale(freshness.get())).toBe(false);
    looked(false, 3000);
    expect(isStale(freshness.get())).toBe(true);
    expect(freshness.get().heard).toBe(1000);
    looked(true, 4000);
    expect(isStale(freshness.get())).toBe(false);
  });
});

describe("a gate", () => {
  beforeEach(() => settle(false));
  test("is one for all calls that run into it, and opens for all", async () => {
    const [first, second] = [ask("sign_in"), ask("sign_in")];
    expect(gate.get()).toBe("sign_in");
    settle(true);
    expect(await Promise.all([first, second])).toEqual([true, true]);
    expect(gate.get()).toBeUndefined();
  });
  test("of another kind waits for its turn, and is not asked where the first was not passed", async () => {
    const [first, second] = [ask("sign_in"), ask("confirm")];
    settle(true);
    await first;
    await vi.waitFor(() => expect(gate.get()).toBe("confirm"));
    settle(true);
    expect(await second).toBe(true);
    const [third, fourth] = [ask("sign_in"), ask("confirm")];
    settle(false);
    expect([await third, await fourth]).toEqual([false, false]);
  });
  test("is told from the refusal", () => {
    expect(gateOf(401, "admin_session_required")).toBe("sign_in");
    expect(gateOf(403, "confirmation_required")).toBe("confirm");
    expect(gateOf(403, "role_required")).toBeUndefined();
  });
});

describe("many at once", () => {
  const refused = (status: number, code: string) => new Refused(status, code, code, "", undefined, []);
  const run = async (go: (tell: (progress: Progress) => void) => Promise<void>) => {
    const told: Progress[] = [];
    await go((progress) => told.push(progress));
    return told;
  };
  test("counts refusals by code and goes on", async () => {
    const told = await run((tell) =>
      each(
        [1, 2, 3, 4],
        (n) => (n % 2 ? Promise.resolve() : Promise.reject(refused(409, "delivery_wiped"))),
        () => false,
        tell,
      ),
    );
    expect(told.at(-1)).toMatchObject({ state: "done", done: 2, of: 4, refused: { delivery_wiped: 2 } });
  });
  test("ends where the server fails", async () => {
    const told = await run((tell) =>
      each(
        [1, 2],
        () => Promise.reject(refused(500, "internal")),
        () => false,
        tell,
      ),
    );
    expect(told.at(-1)).toMatchObject({ state: "failed", done: 0 });
  });
  test("goes piece by piece until one changes all that matched, beyond what the server counts", async () => {
    // It counts up to 300 here: 612 are there.
    const pieces = [
      [300, 200],
      [300, 200],
      [212, 200],
      [12, 12],
    ];
    const told = await run((tell) =>
      all(
        async () => {
          const [matched, changed] = pieces.shift()!;
          return { matched: matched!, changed: changed! };
        },
        () => false,
        tell,
      ),
    );
    expect(told.at(-1)).toMatchObject({ state: "done", done: 612, of: 612 });
    expect(pieces).toEqual([]);
  });
  test("ends where nothing is changed any more", async () => {
    let calls = 0;
    const told = await run((tell) =>
      all(
        async () => ({ matched: 9, changed: (calls += 1) === 1 ? 4 : 0 }),
        () => false,
        tell,
      ),
    );
    expect(told.at(-1)).toMatchObject({ state: "done", done: 4 });
    expect(calls).toBe(2);
  });
  test("walks a set by its cursor, and counts what refused", async () => {
    const cursors: (string | undefined)[] = [];
    const told = await run((tell) =>
      all(
        async (_limit, cursor) => {
          cursors.push(cursor);
          return cursor === undefined
            ? { matched: 300, changed: 0, refused: Array(200).fill({ code: "runtime_busy" }), next_cursor: "a" }
            : { matched: 100, changed: 99, refused: [{ code: "game_state_conflict" }], next_cursor: null };
        },
        () => false,
        tell,
      ),
    );
    expect(cursors).toEqual([undefined, "a"]);
    const refused = { runtime_busy: 200, game_state_conflict: 1 };
    expect(told.at(-1)).toMatchObject({ state: "done", done: 99, of: 300, refused });
  });
  test("stops between two pieces", async () => {
    let calls = 0;
    const told = await run((tell) =>
      all(
        async () => ({ matched: 1000, changed: (calls += 1) && 200 }),
        () => calls === 2,
        tell,
      ),
    );
    expect(told.at(-1)).toMatchObject({ state: "stopped", done: 400 });
  });
  test("never reaches beyond what was seen", () => {
    const seen = "2026-11-25T05:00:00.000Z";
    expect(frozen({}, seen)).toEqual({ failed_before: seen });
    expect(frozen({ failed_before: "2026-11-25T04:00:00Z" }, seen)).toEqual({ failed_before: "2026-11-25T04:00:00Z" });
    expect(frozen({ failed_before: "2027-01-01T00:00:00Z" }, seen)).toEqual({ failed_before: seen });
  });
});

describe("what is shown", () => {
  test("a state that nobody knows is quiet, and a bounded count says so", () => {
    expect(tone("dead_lettered")).toBe("bad");
    expect(tone("never heard of")).toBe("quiet");
    expect(bounded(10_000)).toBe("10\u202f000 or more");
  });
  test("a line stays in its box", () => {
    const line = points([0, 5, 10].map((value, at) => ({ at, value })));
    for (const point of line.split(" ")) {
      const [x, y] = point.split(",").map(Number);
      expect(x! >= 0 && x! <= 100 && y! >= 0 && y! <= 28).toBe(true);
    }
    expect(points([])).toBe("");
  });
  test("letters of one cause are one group", () => {
    const rows = ["id 019cb4db-5900-7297-8ab7-7e702c787b4c gone", "id 019cb4db-5900-7297-8ab7-7e702c787b4d gone", null];
    expect(
      groups(
        rows,
        (row) => row,
        () => "kind",
      ).map(({ n }) => n),
    ).toEqual([2, 1]);
  });
});

test("every action of a game that cannot be done says why", () => {
  const statuses = [
    "draft",
    "enrollment_open",
    "ready_to_start",
    "starting",
    "start_failed",
    "running",
    "paused",
    "finished",
  ];
  for (const status of statuses) {
    const actions = gameActions({ status, name: "x", visibility: "public", game_id: "x", started_at: null } as Game);
    const can = actions.filter((action) => action.why === undefined).map((action) => action.label);
    expect(can.includes("Pause"), status).toBe(status === "running");
    expect(can.includes("Resume"), status).toBe(status === "paused");
    expect(can.length > 0, status).toBe(status !== "finished");
  }
});

test("every section is a page that api-server knows", () => {
  const pages = readFileSync(new URL("../public/pages.txt", import.meta.url), "utf8")
    .split("\n")
    .filter(Boolean);
  const routes = readFileSync(new URL("../src/routes.tsx", import.meta.url), "utf8");
  const named = [...routes.matchAll(/path: "\/([a-z-]+)/g)].map((found) => found[1]!);
  expect([...new Set(named)].sort()).toEqual([...pages].sort());
  const linked = SECTIONS.flatMap((section) => section.pages.map((page) => page.to.slice(1)));
  expect(linked.filter((page) => !pages.includes(page))).toEqual([]);
});

describe("a list as a file", () => {
  test("is called as the server would call it", () => {
    expect(fileName("mail-deliveries", new Date("2026-11-25T06:10:59Z"))).toBe("mail-deliveries-20261125T0610Z.csv");
  });

  test("goes on only where its last line says so, and no cell can say it", () => {
    expect(cutAt("id,name\r\na,b\r\ncut at 100000 rows; cursor=AZ_-9,\r\n")).toEqual({ rows: 100000, cursor: "AZ_-9" });
    expect(cutAt("id,name\r\na,b\r\n")).toBeUndefined();
    expect(cutAt('id,name\r\na,"b\r\ncut at 1 rows; cursor=A"\r\n')).toBeUndefined();
    expect(cutAt("id,name\r\na,cut at 1 rows; cursor=A\r\n")).toBeUndefined();
  });
});
