// What operators do, from the door to the end. Those with `mock` need what the mock has or can be told to do; the others run
// against any stack (`CONSOLE_URL`).

import assert from "node:assert/strict";

/** Waits for something to be there. */
const there = (locator) => locator.first().waitFor();
const button = (page, name) => page.getByRole("button", { name, exact: true });
const dialog = (page) => page.locator('[role="dialog"], [role="alertdialog"]').last();

/** The journeys by what holds. */
export const journeys = [
  {
    name: "an incident is mended in a morning: look, pause, try one, set the rest going, stop in between",
    mock: true,
    async run({ page, visit, mock }) {
      await visit("overview");
      await page.getByText("dead in mail").waitFor();
      await page.locator('[data-row="mail"]').getByRole("button", { name: "Pause" }).click();
      await there(page.getByText("The queue mail is paused."));
      assert.equal(mock.state.queues[0].paused, true);
      await page.locator('[data-row="mail"]').getByRole("button", { name: "Resume" }).click();
      await there(page.getByText("The queue mail goes on."));
      await page.getByRole("link", { name: "Look at them" }).first().click();
      await page.getByRole("heading", { name: "By cause, on this page" }).waitFor();
      const before = mock.state.mail.filter((delivery) => delivery.status === "sent").length;
      const row = page.locator("[data-row]").filter({ hasText: "game.turn.ready" }).first();
      await row.getByRole("checkbox").check();
      await button(page, "Resend").click();
      await dialog(page).getByRole("button", { name: "Resend" }).click();
      await there(dialog(page).getByText("Done: 1 changed of 1."));
      await dialog(page).getByRole("button", { name: "Close" }).click();
      assert.equal(mock.state.mail.filter((delivery) => delivery.status === "sent").length, before + 1);
      // Stop after the first piece: hold the second until it is pressed.
      let pieces = 0;
      const resend = /\/mail\/deliveries\/resend(\?|$)/;
      await page.route(resend, async (route) => {
        pieces += 1;
        const body = { ...route.request().postDataJSON(), limit: 50 };
        if (pieces === 2) await button(page, "Stop").click();
        await route.continue({ postData: JSON.stringify(body) });
      });
      await button(page, "Resend all…").click();
      await dialog(page).getByLabel("Why").fill("the relay is back");
      await dialog(page).getByRole("button", { name: "Resend" }).click();
      await there(dialog(page).getByText("Stopped: 100 changed"));
      await dialog(page).getByRole("button", { name: "Close" }).click();
      await page.unroute(resend);
      await button(page, "Resend all…").click();
      await dialog(page).getByLabel("Why").fill("the relay is back");
      await dialog(page).getByRole("button", { name: "Resend" }).click();
      await there(dialog(page).getByText(/^Done: /));
      const left = mock.state.mail.filter(
        (delivery) => delivery.status === "dead_lettered" || delivery.status === "quarantined",
      );
      assert.ok(left.every((delivery) => delivery.wiped || delivery.template_id === "mail.dead_lettered"));
      const call = mock.state.calls.filter(({ path }) => path === "/mail/deliveries/resend").at(-1);
      assert.ok(Date.parse(call.body.filter.failed_before) <= Date.now(), "the set has an end");
      assert.equal(call.said.reason, "the relay is back");
      const parts = mock.state.calls.filter(({ path }) => path === "/mail/deliveries/resend");
      const [first, second] = parts.map(({ said }) => said.operation_id);
      assert.ok(first === second && first !== call.said.operation_id, "pieces are parts of one");
    },
  },
  {
    name: "a session that ends in a form is opened over it; what was typed stays, and the call is made once more",
    mock: true,
    async run({ page, context, visit, mock, again }) {
      await visit(`users/${mock.state.users[0].user_id}`);
      await button(page, "Sanction").click();
      await dialog(page).getByLabel("Reason").fill("Two accounts in one game");
      await context.clearCookies();
      const calls = () =>
        mock.state.calls.filter(({ method, path }) => method === "POST" && path.endsWith("/sanctions")).length;
      const before = calls();
      await dialog(page).getByRole("button", { name: "Sanction" }).click();
      await page.getByRole("heading", { name: "Your session has ended" }).waitFor();
      await again(dialog(page));
      await there(page.getByText("The sanction holds."));
      assert.equal(calls(), before + 2, "refused once, and made once");
      assert.equal(mock.state.users[0].sanctions.at(-1).reason, "Two accounts in one game");
    },
  },
  {
    name: "a shared link opens the same view, and the way back is the way that was gone",
    async run({ page, visit, origin }) {
      await visit("games");
      await page.getByLabel("Status").selectOption("paused");
      await page.waitForURL("**/console/games?status=paused");
      await page.getByLabel("Visibility").selectOption("public");
      await page.waitForURL("**/games?status=paused&visibility=public");
      const link = page.url();
      await page.goBack();
      await page.waitForURL("**/console/games?status=paused");
      assert.equal(await page.getByLabel("Visibility").inputValue(), "");
      await page.goto(`${origin}/console/overview`);
      await page.goto(link);
      await there(page.getByLabel("Status"));
      assert.equal(await page.getByLabel("Status").inputValue(), "paused");
      assert.equal(await page.getByLabel("Visibility").inputValue(), "public");
    },
  },
  {
    name: "what an address says that nobody knows is dropped, and said",
    async run({ page, visit }) {
      await visit("games?status=asleep&visibility=public&ghost=1");
      await there(page.getByText("it was left out: status = asleep, ghost = 1."));
      await page.waitForURL("**/console/games?visibility=public");
    },
  },
  {
    name: "typing filters replaces the address, and submitting is a step",
    async run({ page, visit }) {
      await visit("trail");
      const steps = await page.evaluate(() => history.length);
      await page.getByLabel("Who").pressSequentially("nobody-at-all", { delay: 5 });
      await page.waitForURL("**/trail?actor=nobody-at-all");
      assert.equal(await page.evaluate(() => history.length), steps);
      await there(page.getByText("Nothing matches these filters."));
      await page.getByLabel("Who").press("Enter");
      await page.waitForFunction((before) => history.length === before + 1, steps);
    },
  },
  {
    name: "a list goes on page by page, and comes back to its beginning",
    mock: true,
    async run({ page, visit }) {
      await visit("mail");
      const first = () => page.locator("[data-row]").first().getAttribute("data-row");
      const began = await first();
      await button(page, "Next page").click();
      await page.waitForURL("**/mail?cursor=*");
      await page.waitForFunction((id) => document.querySelector("[data-row]")?.dataset.row !== id, began);
      await button(page, "First page").click();
      await page.waitForFunction((id) => document.querySelector("[data-row]")?.dataset.row === id, began);
    },
  },
  {
    name: "a viewer sees what they may not do, and why",
    mock: true,
    as: "vera",
    async run({ page, visit, mock }) {
      await visit(`games/${mock.state.games[0].game_id}`);
      const pause = page.getByRole("button", { name: /^Pause \(not now/ });
      await pause.waitFor();
      assert.equal(await pause.getAttribute("aria-disabled"), "true");
      const before = mock.state.calls.length;
      await pause.click({ force: true });
      await page.getByText("of them cannot be done now: why?").click();
      await there(page.getByText("Pause: your role (viewer) may not do this."));
      assert.ok(!mock.state.calls.slice(before).some(({ method }) => method === "POST"));
    },
  },
  {
    name: "after two looks that find nobody a banner says as of when the page is, and it goes when somebody answers",
    async run({ page, visit }) {
      await visit("queues");
      await page.route("**/api/v1/**", (route) => route.abort());
      const look = button(page, "Look again");
      await look.click();
      await page.getByText("The last look failed").first().waitFor();
      await look.click();
      await there(page.getByText("The server cannot be reached.", { exact: true }));
      await there(page.getByText(/What you see is of \d\d:\d\d:\d\d/));
      assert.ok((await page.locator("[data-row]").count()) > 0, "what was seen stays");
      await page.unroute("**/api/v1/**");
      await look.click();
      await page.getByText("The server cannot be reached.", { exact: true }).waitFor({ state: "detached" });
    },
  },
  {
    name: "a game is ended only with its name typed; Cancel has nothing done",
    mock: true,
    async run({ page, visit, mock }) {
      const game = mock.state.games[1];
      await visit(`games/${game.game_id}`);
      await button(page, "End game").click();
      const end = dialog(page).getByRole("button", { name: /^End game/ });
      await dialog(page).getByLabel("Reason").fill("Nobody plays any more");
      assert.equal(await end.getAttribute("aria-disabled"), "true");
      await page.keyboard.press("Escape");
      assert.equal(game.status, "paused");
      await button(page, "End game").click();
      await dialog(page).getByLabel("Reason").fill("Nobody plays any more");
      await dialog(page).getByLabel(`Type “${game.name}”`).fill(game.name);
      await end.click();
      await there(page.getByText(`${game.name} has ended.`));
      assert.equal(game.status, "finished");
    },
  },
  {
    name: "what hurts wants a code over the page, and goes on after it",
    mock: true,
    async run({ page, visit, mock }) {
      await visit("administrators?row=vera");
      await button(page, "Disable").click();
      await dialog(page).getByLabel("Type “vera”").fill("vera");
      await dialog(page).getByRole("button", { name: "Disable" }).click();
      await page.getByRole("heading", { name: "Confirm that it is you" }).waitFor();
      await dialog(page).getByLabel("Code").fill("000000");
      await dialog(page).getByRole("button", { name: "Confirm" }).click();
      await there(dialog(page).getByText("The code is wrong"));
      await dialog(page).getByLabel("Code").fill("123456");
      await dialog(page).getByRole("button", { name: "Confirm" }).click();
      await there(page.getByText("vera is disabled."));
      assert.equal(mock.state.admins[1].enabled, false);
    },
  },
  {
    name: "a second factor is set up, and its recovery codes are shown once",
    mock: true,
    as: "vera",
    async run({ page, visit, mock }) {
      await visit("me");
      await button(page, "Set up a second factor").click();
      await there(dialog(page).getByText("JBSW Y3DP"));
      await dialog(page).getByLabel("Code").fill("123456");
      await dialog(page).getByRole("button", { name: "Confirm" }).click();
      await page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
      await button(page, "I have them").click();
      await there(button(page, "Set up another second factor"));
      assert.equal(mock.state.admins[1].has_second_factor, true);
    },
  },
  {
    name: "two operators at once: the second is told what the first has done",
    mock: true,
    async run({ page, visit, mock }) {
      const game = mock.state.games[1];
      await button(page, "Pause looking").click();
      await visit(`games/${game.game_id}`);
      await there(button(page, "Resume"));
      game.status = "running";
      await button(page, "Resume").click();
      await there(dialog(page).getByText("The game is not paused."));
      await there(dialog(page).getByText("game_state_conflict"));
      await dialog(page).getByRole("button", { name: "Close" }).click();
      await button(page, "Look again").click();
      await there(button(page, "Pause"));
    },
  },
  {
    name: "somebody who cannot sign in is helped: the page says what keeps them out",
    mock: true,
    async run({ page, visit, mock }) {
      const user = mock.state.users[3];
      await visit("users");
      await page.getByLabel("Address").fill(user.email);
      await page.getByLabel("Address").press("Enter");
      await page.getByRole("link", { name: user.display_name }).click();
      await page.getByText("Why can’t they sign in?").click();
      await there(page.getByText("Three accounts in one game"));
      await page.getByRole("link", { name: "Sanctions" }).click();
      await button(page, "Lift").click();
      await dialog(page).getByLabel("Why").fill("They wrote to us");
      await dialog(page).getByRole("button", { name: "Lift" }).click();
      await there(page.getByText("The sanction was lifted."));
      await there(page.getByText("No sanction keeps them out."));
    },
  },
  {
    name: "what hurts can be tried: it says what it would change, and is done when a reason is there",
    mock: true,
    async run({ page, visit, mock }) {
      const user = mock.state.users[5];
      await visit(`users/${user.user_id}`);
      await button(page, "Delete account").click();
      await dialog(page).getByRole("button", { name: "What would it change?" }).click();
      await there(dialog(page).getByText("3 × memberships"));
      const calls = mock.state.calls.filter(({ method }) => method === "DELETE");
      assert.ok(calls.length === 1 && calls[0].said.dry_run === "true", "it was only tried");
      await dialog(page).getByLabel(/^Type/).fill(user.user_name);
      const done = dialog(page).getByRole("button", { name: "Delete account" });
      assert.equal(await done.getAttribute("aria-disabled"), "true", "a reason is missing");
    },
  },
  {
    name: "all by keyboard: to a page, into a row's panel, out of a dialog, and the focus is where it was",
    mock: true,
    async run({ page, visit, mock }) {
      await visit("overview");
      const press = async (key, wanted, most = 60) => {
        for (let n = 0; n < most; n += 1) {
          await page.keyboard.press(key);
          if (await page.evaluate((text) => document.activeElement?.textContent?.trim().startsWith(text), wanted))
            return;
        }
        assert.fail(`${key} never comes to ${wanted}`);
      };
      await press("Tab", "Games");
      await page.keyboard.press("Enter");
      await page.waitForURL("**/console/games");
      await page.waitForFunction(() => document.activeElement?.tagName === "H1");
      await there(page.locator("[data-row]"));
      await press("Tab", "Look at");
      await page.keyboard.press("Enter");
      await page.locator('aside[aria-label="Row"]').waitFor();
      await page.keyboard.press("Tab");
      await page.locator('aside[aria-label="Row"]').focus();
      await page.keyboard.press("Escape");
      await page.locator('aside[aria-label="Row"]').waitFor({ state: "detached" });
      assert.ok(await page.evaluate(() => document.activeElement?.textContent?.startsWith("Look at")));
      await visit(`games/${mock.state.games[0].game_id}`);
      await there(button(page, "Force stop"));
      await press("Tab", "Force stop");
      await page.keyboard.press("Enter");
      await dialog(page).waitFor();
      assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Cancel");
      await page.keyboard.press("Escape");
      await page.waitForFunction(() => document.activeElement?.textContent === "Force stop");
    },
  },
  {
    name: "on a phone nothing is wider than the screen, and every section is in reach",
    width: 390,
    async run({ page, visit }) {
      const pages = ["overview", "games", "users", "mail", "dead-mail", "queues", "trail", "administrators", "me"];
      for (const path of pages) {
        await visit(path);
        const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(wide <= screen, `${path} is ${wide} wide`);
      }
      await page.getByRole("button", { name: "Sections" }).click();
      await dialog(page).getByRole("link", { name: "Engine versions" }).click();
      await page.getByRole("heading", { name: "Engine versions" }).waitFor();
    },
  },
  {
    name: "times are shown in the zone that was chosen, and it is remembered",
    async run({ page, visit }) {
      await visit("workers");
      await page.getByLabel("Times").selectOption("utc");
      await there(page.getByText(/As of \d\d:\d\d:\d\d UTC/));
      await page.reload();
      await there(page.getByText(/As of \d\d:\d\d:\d\d UTC/));
    },
  },
  {
    name: "the page's own looks do not keep a session alive, and what a person does does",
    mock: true,
    async run({ visit, mock, page }) {
      await visit("queues");
      await page.locator('[data-row="mail"]').getByRole("button", { name: "Pause" }).click();
      await there(page.getByText("The queue mail is paused."));
      const look = mock.state.calls.filter(({ path }) => path === "/queues");
      const act = mock.state.calls.filter(({ path }) => path === "/queues/mail/pause");
      assert.ok(look.length > 0 && look.every(({ background }) => background));
      assert.ok(act.length === 1 && !act[0].background);
    },
  },
  {
    name: "behind a prefix everything goes as well, the asset that is missing too",
    mock: true,
    prefix: "/ops/galaxy",
    async run({ page, visit, origin, mock }) {
      await visit(`games/${mock.state.games[0].game_id}?tab=runtime`);
      await page.getByRole("link", { name: "Queues" }).click();
      await page.waitForURL("**/ops/galaxy/console/queues");
      await there(page.locator('[data-row="mail"]'));
      const missing = await page.request.get(`${origin}/console/assets/index-0.js`);
      assert.equal(missing.status(), 404);
    },
  },
  {
    name: "a page that is none says so, and asks nobody to sign in twice",
    async run({ page, origin }) {
      const answer = await page.request.get(`${origin}/console/no-such-page`);
      assert.equal(answer.status(), 404);
    },
  },
];
