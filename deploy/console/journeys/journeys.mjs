// What operators do, from the door to the end, over a scene (`scene.mjs`): a mock, or a stack. `mock` says why a journey is left out
// on a stack; the second half is in `journeys_view.mjs`.

import { readFileSync } from "node:fs";
import assert from "node:assert/strict";

import { passed } from "./browser.mjs";
import { button, dialog, there } from "./page.mjs";
import { views } from "./journeys_view.mjs";
import { codeAt, Device } from "./totp.mjs";

/** How many a piece has where a journey stops in between. */
const PIECE = 5;

/** Signs out, and in again up to the second step. */
async function outAndIn(page, person) {
  await button(page, "Sign out").click();
  await page.getByLabel("Password").waitFor();
  await page.getByLabel("Name").fill(person.name);
  await page.getByLabel("Password").fill(person.password);
  await button(page, "Sign in").click();
}

/** What each role may, at a game, a queue, an account, and among administrators. */
const BORDERS = {
  viewer: [],
  support: ["Sanction"],
  game_master: ["Force stop"],
  operator: ["Pause"],
  owner: ["Sanction", "Force stop", "Pause", "New administrator"],
};

const acts = [
  {
    name: "an incident is mended in a morning: look, pause, try one, set the rest going, stop in between",
    async run({ page, visit, scene }) {
      await visit("overview");
      const fire = page.locator("section", { hasText: "What wants somebody" }).getByText(/\d dead in mail/);
      await there(fire);
      await page.locator('[data-row="mail"]').getByRole("button", { name: "Pause" }).click();
      await there(page.getByText("The queue mail is paused."));
      await there(page.getByText("The queue mail is paused", { exact: true }));
      await page.locator('[data-row="mail"]').getByRole("button", { name: "Resume" }).click();
      await there(page.getByText("The queue mail goes on."));
      await page.locator('[data-row="mail"]').getByRole("link").click();
      await page.waitForURL("**/console/dead-mail");
      await page.getByRole("heading", { name: "By cause, on this page" }).waitFor();
      const row = page.locator("[data-row]").filter({ hasText: scene.template }).first();
      const tried = await row.getAttribute("data-row");
      await row.getByRole("checkbox").check();
      await button(page, "Resend").click();
      await dialog(page).getByRole("button", { name: "Resend" }).click();
      await there(dialog(page).getByText("Done: 1 changed of 1."));
      await dialog(page).getByRole("button", { name: "Close" }).click();
      const sent = async () => (await scene.call("GET", `/mail/deliveries/${tried}`)).status === "sent";
      await scene.until("the one that was tried is sent", sent);
      // Stop after the second piece: hold it until it is pressed.
      let pieces = 0;
      const whole = new Set();
      await page.route("**/mail/deliveries/resend?*", async (route) => {
        pieces += 1;
        const body = { ...route.request().postDataJSON(), limit: PIECE };
        assert.ok(Date.parse(body.filter.failed_before) <= Date.now() + 1000, "the set has an end");
        const said = new URL(route.request().url()).searchParams;
        assert.equal(said.get("reason"), "the relay is back");
        whole.add(said.get("operation_id"));
        if (pieces === 2) await button(page, "Stop").click();
        await route.continue({ postData: JSON.stringify(body) });
      });
      await button(page, "Resend all…").click();
      await dialog(page).getByLabel("Why").fill("the relay is back");
      await dialog(page).getByRole("button", { name: "Resend" }).click();
      await there(dialog(page).getByText(`Stopped: ${2 * PIECE} changed`));
      assert.ok(whole.size === 1 && !whole.has(null), "the trail knows its pieces as one");
      await dialog(page).getByRole("button", { name: "Close" }).click();
      await page.unroute("**/mail/deliveries/resend?*");
      await button(page, "Resend all…").click();
      await dialog(page).getByLabel("Why").fill("the relay is back");
      await dialog(page).getByRole("button", { name: "Resend" }).click();
      await there(dialog(page).getByText(/^Done: /));
      const left = (await scene.dead()).filter(({ wiped, template_id }) => !wiped && template_id !== "mail.dead_lettered");
      assert.deepEqual(left, [], "nothing is left that could be sent");
    },
  },
  {
    name: "what hurts can be tried: it says what it would change, and waits for a reason",
    async run({ page, visit, scene }) {
      await visit(`users/${scene.barred.user_id}`);
      await button(page, "Delete account").click();
      const tried = page.waitForRequest((request) => request.method() === "DELETE");
      await dialog(page).getByRole("button", { name: "What would it change?" }).click();
      assert.equal(new URL((await tried).url()).searchParams.get("dry_run"), "true");
      await there(dialog(page).getByText(/\d × /).first());
      const does = dialog(page).getByRole("button", { name: "Delete account" });
      assert.equal(await does.getAttribute("aria-disabled"), "true", "a reason is missing");
    },
  },
  {
    name: "a ban is tried before it is done: the member is one still",
    async run({ page, visit, scene }) {
      const members = `/games/${scene.running.game_id}/memberships`;
      const before = await scene.call("GET", members);
      await visit(`games/${scene.running.game_id}`);
      await button(page, "Ban").first().click();
      await dialog(page).getByLabel("Reason").fill("wrecks every game");
      const tried = page.waitForRequest((request) => new URL(request.url()).pathname.endsWith("/ban"));
      await dialog(page).getByRole("button", { name: "What would it change?" }).click();
      assert.equal(new URL((await tried).url()).searchParams.get("dry_run"), "true");
      await there(dialog(page).getByText(/\d × memberships/).first());
      await dialog(page).getByRole("button", { name: "Cancel" }).click();
      assert.deepEqual((await scene.call("GET", members)).items, before.items);
    },
  },
  {
    name: "a game that a dead engine has paused is found from the overview, and goes on",
    async run({ page, visit, scene }) {
      await visit("overview");
      await there(page.getByText(/game.? paused: engine unreachable/));
      await page.getByRole("link", { name: "Paused games" }).first().click();
      await page.waitForURL("**/console/games?status=paused");
      await page.getByRole("link", { name: scene.broken.name }).click();
      await there(page.getByText("engine unreachable"));
      await page.getByRole("link", { name: "Runtime", exact: true }).click();
      await there(page.getByRole("heading", { name: "What was done with it" }));
      await button(page, "Force start").click();
      await dialog(page).getByLabel("Why").fill("the engine is mended");
      await dialog(page).getByRole("button", { name: "Force start" }).click();
      await there(page.getByText(`${scene.broken.name}: The game is starting.`));
      const goes = async () => (await scene.call("GET", `/games/${scene.broken.game_id}`)).status === "running";
      await scene.until("the game runs", goes);
      await button(page, "Look again").click();
      await there(button(page, "Pause"));
      await page.getByRole("link", { name: "History" }).click();
      await there(page.locator("table[aria-label=History]").getByText("administrator"));
    },
  },
  {
    name: "engines are patched: one first, then the rest",
    async run({ page, visit, scene }) {
      const version = async () => (await scene.call("GET", `/runtimes/${scene.running.game_id}`)).engine_version;
      await visit("runtimes");
      await page.locator(`[data-row="${scene.running.game_id}"]`).getByRole("checkbox").check();
      await button(page, "Patch").click();
      const does = dialog(page).getByRole("button", { name: /^Patch/ });
      assert.equal(await does.getAttribute("aria-disabled"), "true", "no version is given yet");
      await dialog(page).getByLabel("Version").fill(scene.patch);
      await does.click();
      await there(dialog(page).getByText("Done: 1 changed of 1."));
      await dialog(page).getByRole("button", { name: "Close" }).click();
      await scene.until("the canary has the patch", async () => (await version()) === scene.patch);
      // The rest: it has the patch already, and whatever is refused is counted by its code.
      await page.locator(`[data-row="${scene.running.game_id}"]`).getByRole("checkbox").check();
      await button(page, "Patch").click();
      await dialog(page).getByLabel("Version").fill("0.0.1");
      await dialog(page).getByRole("button", { name: /^Patch/ }).click();
      await there(dialog(page).getByText(scene.mock ? /^Done: / : /1 refusal/));
    },
  },
  {
    name: "a session that ends in a form is opened over it; what was typed stays, and the call is made once more",
    async run({ page, context, visit, scene, person }) {
      await visit(`users/${scene.idle.user_id}`);
      await button(page, "Sanction").click();
      await dialog(page).getByLabel("Kind").selectOption("game_join_block");
      await dialog(page).getByLabel("Reason").fill("Two accounts in one game");
      await context.clearCookies();
      let calls = 0;
      page.on("request", (request) => (calls += Number(request.method() === "POST" && /\/sanctions$/.test(request.url()))));
      await dialog(page).getByRole("button", { name: "Sanction" }).click();
      await page.getByRole("heading", { name: "Your session has ended" }).waitFor();
      await dialog(page).getByLabel("Password").fill(person.password);
      await dialog(page).getByRole("button", { name: "Sign in" }).click();
      await passed(page, person);
      await there(page.getByText("The sanction holds."));
      assert.equal(calls, 2, "refused once, and made once");
      const { sanctions } = await scene.call("GET", `/users/${scene.idle.user_id}`);
      assert.deepEqual(
        sanctions.map(({ reason }) => reason),
        ["Two accounts in one game"],
      );
    },
  },
  {
    name: "each of the five roles meets its borders, and sees why; the server refuses as well",
    async run({ enter, scene }) {
      for (const [role, may] of Object.entries(BORDERS)) {
        const { page, visit, context } = await enter(await scene.person([role]));
        const places = [
          ["Force stop", `games/${scene.running.game_id}`],
          ["Sanction", `users/${scene.barred.user_id}`],
          ["Pause", "queues"],
          ["New administrator", "administrators"],
        ];
        for (const [label, path] of places) {
          await visit(path);
          const found = page.getByRole("button", { name: new RegExp(`^${label}( \\(not now: .*\\))?$`) }).first();
          await found.waitFor();
          const why = await found.getAttribute("title");
          if (may.includes(label)) assert.equal(why, null, `${role}: ${label}: ${why}`);
          else assert.match(why ?? "", /your role \(.*\) may not do this/, `${role}: ${label}`);
        }
        const status = await page.evaluate(
          async () => (await fetch("../api/v1/admin/queues/mail/resume", { method: "POST" })).status,
        );
        assert.equal(status, may.includes("Pause") ? 200 : 403, role);
        await visit("users");
        await there(page.locator("[data-row]"));
        const text = await page.locator("main").innerText();
        assert.equal(text.includes(scene.barred.email), role !== "viewer", `${role} and addresses`);
        await context.close();
      }
      const { items } = await scene.call("GET", "/audit-log?action=admin_resume_queue&limit=50");
      if (!scene.mock) assert.ok(items.length >= 3 && items.every(({ outcome }) => outcome === "refused"), "in the trail");
    },
  },
  {
    name: "a second factor is set up and used; a code counts once; a lost phone is replaced by a recovery code",
    as: "operator",
    async run({ page, visit, person }) {
      await visit("me");
      await button(page, "Set up a second factor").click();
      const secret = (await dialog(page).locator("code").first().innerText()).replaceAll(" ", "");
      const device = new Device(secret);
      const used = await device.next();
      await dialog(page).getByLabel("Code").fill(used);
      await button(page, "Confirm").click();
      await page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
      const codes = (await page.getByRole("region", { name: "Recovery codes" }).innerText()).trim().split("\n");
      assert.equal(new Set(codes).size, 10);
      await button(page, "I have them").click();
      await there(button(page, "Set up another second factor"));

      await outAndIn(page, person);
      const field = page.getByLabel("Code", { exact: true });
      await field.fill(used);
      await button(page, "Confirm").click();
      await there(page.getByText("code_incorrect"));
      await field.fill(codeAt(secret, 1));
      await button(page, "Confirm").click();
      await there(page.getByText("code_incorrect"));
      await field.fill(await device.next());
      await button(page, "Confirm").click();
      await there(button(page, "Pause looking"));

      await outAndIn(page, person);
      await field.fill(codes[3]);
      await button(page, "Confirm").click();
      await there(button(page, "Pause looking"));
      await visit("me");
      await there(page.locator("dl").getByText("9", { exact: true }));

      await outAndIn(page, person);
      await field.fill(codes[3]);
      await button(page, "Confirm").click();
      await there(page.getByText("code_incorrect"));
    },
  },
  {
    name: "what hurts wants a code over the page, and goes on after it",
    mock: "a session of the stack is confirmed for ten minutes by the code of its sign-in",
    async run({ page, visit, scene, mock, person }) {
      await visit("administrators?row=vera");
      mock.unconfirm();
      await button(page, "Disable").click();
      await dialog(page).getByLabel("Type “vera”").fill("vera");
      await dialog(page).getByRole("button", { name: "Disable" }).click();
      await page.getByRole("heading", { name: "Confirm that it is you" }).waitFor();
      await dialog(page).getByLabel("Code").fill("000000");
      await dialog(page).getByRole("button", { name: "Confirm" }).click();
      await there(dialog(page).getByText("The code is wrong"));
      await dialog(page).getByLabel("Code").fill(await person.device.next());
      await dialog(page).getByRole("button", { name: "Confirm" }).click();
      await there(page.getByText("vera is disabled."));
      assert.equal(scene.mock.state.admins[1].enabled, false);
    },
  },
  {
    name: "an administrator is made with the roles that are chosen, and comes in",
    async run({ page, visit, enter }) {
      await visit("administrators");
      await button(page, "New administrator").click();
      const name = `olga-${Date.now().toString(36)}`;
      const password = `a long way round ${name}`;
      await dialog(page).getByLabel("Name").fill(name);
      await dialog(page).getByLabel("Password").fill(password);
      await dialog(page).getByLabel("viewer").uncheck();
      await dialog(page).getByLabel("support").check();
      await dialog(page).getByLabel("operator").check();
      await dialog(page).getByRole("button", { name: "New administrator" }).click();
      await there(page.getByText("The administrator may sign in."));
      const theirs = await enter({ name, password });
      await theirs.visit("me");
      await there(theirs.page.getByText("support, operator"));
    },
  },
  {
    name: "two operators at once: the second is told what the first has done",
    async run({ page, visit, scene }) {
      const path = `/games/${scene.running.game_id}`;
      await scene.call("POST", `${path}/pause`);
      await button(page, "Pause looking").click();
      await visit(path.slice(1));
      await there(button(page, "Resume"));
      await scene.call("POST", `${path}/resume`);
      await button(page, "Resume").click();
      await there(dialog(page).getByText("game_state_conflict"));
      await dialog(page).getByRole("button", { name: "Close" }).click();
      await button(page, "Look again").click();
      await there(button(page, "Pause"));
    },
  },
  {
    name: "many games are tried before they are paused: the first piece says what it would change",
    async run({ page, visit, scene }) {
      await visit("games?status=running");
      await button(page, "Pause all…").click();
      const tried = page.waitForRequest((request) => new URL(request.url()).pathname.endsWith("/games/pause"));
      await dialog(page).getByRole("button", { name: "What would it change?" }).click();
      const request = await tried;
      assert.equal(new URL(request.url()).searchParams.get("dry_run"), "true");
      const { as_of, filter } = request.postDataJSON();
      assert.ok(Date.parse(as_of) <= Date.now() && filter.owner_user_id === null, "all that were seen");
      await there(dialog(page).getByText(/It would/));
      const does = dialog(page).getByRole("button", { name: "Pause" });
      assert.equal(await does.getAttribute("aria-disabled"), "true", "a reason is missing");
      await dialog(page).getByRole("button", { name: "Cancel" }).click();
      assert.equal((await scene.call("GET", `/games/${scene.running.game_id}`)).status, "running");
      await visit(`games?member_user_id=${scene.barred.user_id}`);
      const all = page.getByRole("button", { name: "Pause all…" });
      assert.equal(await all.getAttribute("aria-disabled"), "true", "it does not go by who plays");
    },
  },
  {
    name: "a list goes out as a file, with its filters, and after a code where one is wanted",
    async run({ page, visit, scene, mock, person }) {
      await visit("games?status=running");
      mock?.unconfirm();
      const came = page.waitForEvent("download");
      await button(page, "Download as CSV").click();
      if (mock) {
        await dialog(page).getByLabel("Code").fill(await person.device.next());
        await dialog(page).getByRole("button", { name: "Confirm" }).click();
      }
      const file = await came;
      assert.match(file.suggestedFilename(), /^games-\d{8}T\d{4}Z\.csv$/);
      const lines = readFileSync(await file.path(), "utf8").split("\r\n");
      const { items } = await scene.call("GET", "/games?status=running&limit=200");
      assert.ok(lines[0].startsWith("game_id,name,") && lines.at(-1) === "", "whole, with a line of columns");
      assert.equal(lines.length, items.length + 2);
      assert.ok(items.every(({ game_id }) => lines.some((line) => line.includes(game_id))));
      await there(page.getByText("is with your downloads."));
    },
  },
  {
    name: "somebody who cannot sign in is helped: the page says what keeps them out",
    async run({ page, visit, scene }) {
      const { email, name, reason, user_id } = scene.barred;
      await visit("users");
      await page.getByLabel("Address").fill(email);
      await page.getByLabel("Address").press("Enter");
      await page.getByRole("link", { name, exact: true }).first().click();
      await page.waitForURL(`**/users/${user_id}`);
      await page.getByText("Why can’t they sign in?").click();
      await there(page.getByText(reason));
      await page.getByRole("link", { name: "Notes" }).click();
      await button(page, "Write a note").click();
      await dialog(page).getByLabel("Note").fill("Called, and explained it all.");
      await dialog(page).getByRole("button", { name: "Write a note" }).click();
      await there(page.locator("article").getByText("Called, and explained it all."));
      await page.getByRole("link", { name: "Sanctions" }).click();
      await button(page, "Lift").click();
      await dialog(page).getByLabel("Why").fill("They wrote to us");
      await dialog(page).getByRole("button", { name: "Lift" }).click();
      await there(page.getByText("The sanction was lifted."));
      await there(page.getByText("No sanction keeps them out."));
    },
  },
  {
    name: "what a mail says is shown in a frame that runs nothing and loads nothing",
    async run({ page, visit, scene }) {
      const { items } = await scene.call("GET", `/mail/deliveries?template_id=${scene.template}&limit=1`);
      await visit(`mail/${items[0].delivery_id}`);
      await button(page, "Show it").click();
      const frame = page.locator("iframe");
      await frame.waitFor();
      assert.equal(await frame.getAttribute("sandbox"), "");
      const mail = page.frameLocator("iframe").locator("body");
      await mail.waitFor();
      assert.ok((await mail.innerText()).trim().length > 10, "it says something");
      const { background, links } = await mail.evaluate((body) => ({
        background: getComputedStyle(body).backgroundColor,
        links: body.querySelectorAll("[href], [src]").length,
      }));
      assert.ok(background !== "rgba(0, 0, 0, 0)", "its styles hold");
      assert.equal(links, 0);
    },
  },
  {
    name: "a game is ended only with its name typed; Cancel has nothing done",
    last: true,
    async run({ page, visit, scene }) {
      const { game_id, name } = scene.running;
      const status = async () => (await scene.call("GET", `/games/${game_id}`)).status;
      const before = await status();
      await visit(`games/${game_id}`);
      await button(page, "End game").click();
      const end = dialog(page).getByRole("button", { name: /^End game/ });
      await dialog(page).getByLabel("Reason").fill("Nobody plays any more");
      assert.equal(await end.getAttribute("aria-disabled"), "true");
      await page.keyboard.press("Escape");
      assert.equal(await status(), before);
      await button(page, "End game").click();
      await dialog(page).getByLabel("Reason").fill("Nobody plays any more");
      await dialog(page).getByLabel(`Type “${name}”`).fill(name);
      await end.click();
      await there(page.getByText(`${name} has ended.`));
      await scene.until("the game is finished", async () => (await status()) === "finished");
    },
  },
];

const all = [...acts, ...views];
/** The journeys by what holds; those that end something come last, since those of a stack share it. */
export const journeys = [...all.filter(({ last }) => !last), ...all.filter(({ last }) => last)];
