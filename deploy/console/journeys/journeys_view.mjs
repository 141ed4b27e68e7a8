// Journeys of those who look: addresses, filters, the keyboard, narrow pages, zones, a server that is away.

import assert from "node:assert/strict";

import { button, dialog, there } from "./page.mjs";

/** The journeys by what holds. */
export const views = [
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
    async run({ page, visit }) {
      await visit("trail");
      const first = () => page.locator("[data-row]").first().getAttribute("data-row");
      const began = await first();
      await button(page, "Next page").click();
      await page.waitForURL("**/trail?cursor=*");
      await page.waitForFunction((id) => document.querySelector("[data-row]")?.dataset.row !== id, began);
      await button(page, "First page").click();
      // Who signs in writes a line: the one that was first may be the second by now.
      await page.waitForFunction((id) => document.querySelector(`[data-row="${id}"]`), began);
    },
  },
  {
    name: "one box finds people and games, each with the way to it",
    async run({ page, scene }) {
      const box = page.getByRole("searchbox", { name: "Find anything" });
      await box.fill(scene.barred.email);
      await box.press("Enter");
      await page.waitForURL("**/console/search?q=*");
      await there(page.getByText("address", { exact: true }));
      await page.getByRole("link", { name: scene.barred.name, exact: true }).first().click();
      await page.waitForURL(`**/users/${scene.barred.user_id}`);
      await box.fill(scene.running.game_id);
      await box.press("Enter");
      await page.getByRole("link", { name: scene.running.name }).first().click();
      await page.waitForURL(`**/games/${scene.running.game_id}`);
    },
  },
  {
    name: "lines of the last hour can be read as tables, and a day is a step away",
    async run({ page, visit }) {
      await visit("overview");
      await there(page.getByRole("heading", { name: "The last hour" }));
      await there(page.getByText("Mail waiting"));
      await page.getByRole("link", { name: "Show a day" }).click();
      await page.waitForURL("**/overview?range=day");
      await there(page.getByRole("heading", { name: "The last day" }));
    },
  },
  {
    name: "after two looks that find nobody a banner says as of when the page is, and it goes when somebody answers",
    async run({ page, visit }) {
      await visit("queues");
      await there(page.locator("[data-row]"));
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
    name: "all by keyboard: to a page, into a row's panel, out of a dialog, and the focus is where it was",
    async run({ page, visit, scene }) {
      await visit("overview");
      const press = async (key, wanted, most = 80) => {
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
      await visit(`games/${scene.running.game_id}`);
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
    async run({ page, visit, scene }) {
      const lists = "overview games users mail dead-mail queues push trail administrators me search?q=ad".split(" ");
      for (const path of [...lists, `games/${scene.running.game_id}?tab=history`]) {
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
    async run({ visit, page }) {
      const calls = [];
      page.on("request", (request) => calls.push([request.url(), "x-background" in request.headers()]));
      await visit("queues");
      await page.locator('[data-row="mail"]').getByRole("button", { name: "Pause" }).click();
      await there(page.getByText("The queue mail is paused."));
      await page.locator('[data-row="mail"]').getByRole("button", { name: "Resume" }).click();
      await there(page.getByText("The queue mail goes on."));
      const looks = calls.filter(([url]) => /\/queues\?/.test(url));
      const acts = calls.filter(([url]) => /\/queues\/mail\//.test(url));
      assert.ok(looks.length > 0 && looks.every(([, background]) => background));
      assert.ok(acts.length === 2 && acts.every(([, background]) => !background));
    },
  },
  {
    name: "behind a prefix everything goes as well, the asset that is missing too",
    mock: "no proxy stands before the stack",
    prefix: "/ops/galaxy",
    async run({ page, visit, origin, scene }) {
      await visit(`games/${scene.running.game_id}?tab=runtime`);
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
