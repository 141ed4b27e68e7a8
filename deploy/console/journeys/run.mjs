// Runs the journeys, then axe on every screen in light and dark at two widths.
//
// | variable | meaning |
// | --- | --- |
// | `CONSOLE_URL` | the stack to run against, without `/console`; absent: the mock |
// | `CONSOLE_USER`, `CONSOLE_PASSWORD` | an administrator of it, without a second factor |
// | `CHROMIUM` | the browser; `/usr/bin/chromium` if absent |
//
// Arguments are parts of names: only such journeys run.

import assert from "node:assert/strict";

import { findings } from "./axe.mjs";
import { launch, open, signIn } from "./browser.mjs";
import { journeys } from "./journeys.mjs";
import { mock, password as mockPassword } from "./mock.mjs";
import { screens } from "./screens.mjs";

const stack = process.env.CONSOLE_URL?.replace(/\/+$/, "");
const name = process.env.CONSOLE_USER ?? "root";
const password = stack ? process.env.CONSOLE_PASSWORD : mockPassword;
const only = process.argv.slice(2);
const code = async () => "123456";
const count = { passed: 0, failed: 0, skipped: 0 };

async function told(what, run) {
  const began = Date.now();
  try {
    await run();
    count.passed += 1;
    console.log(`   ok     ${what} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    count.failed += 1;
    console.log(`   FAILED ${what}\n      ${String(error.stack ?? error).replaceAll("\n", "\n      ")}`);
  }
}

const browser = await launch();
for (const journey of journeys) {
  if (only.length > 0 && !only.some((part) => journey.name.includes(part))) continue;
  if (stack && journey.mock) {
    count.skipped += 1;
    console.log(`   left   ${journey.name}: it needs what only the mock has`);
    continue;
  }
  await told(journey.name, async () => {
    const server = stack ? undefined : await mock({ prefix: journey.prefix ?? "" });
    const origin = stack ?? server.origin;
    const { context, page, faults } = await open(browser, origin, { width: journey.width ?? 1280 });
    try {
      const visit = async (path) => {
        await page.goto(`${origin}/console/${path}`);
        await page.locator("[data-as-of]").first().waitFor();
      };
      await page.goto(`${origin}/console/overview`);
      await signIn(page, journey.as ?? name, password, code);
      const again = async (dialog) => {
        await dialog.getByLabel("Password").fill(password);
        await dialog.getByRole("button", { name: "Sign in" }).click();
        const field = dialog.getByLabel("Code", { exact: true });
        if (!stack) (await field.fill(await code()), await dialog.getByRole("button", { name: "Confirm" }).click());
      };
      await journey.run({ page, context, origin, mock: server, visit, again });
      assert.deepEqual(faults, [], "the policy, errors, other hosts");
    } finally {
      await context.close();
      await server?.close();
    }
  });
}

// Each screen is opened once, and looked at in four forms: the page follows the browser's colours and width by itself.
const FORMS = ["light", "dark"].flatMap((colorScheme) => [1280, 390].map((width) => ({ colorScheme, width })));

async function looked(page, faults) {
  const found = [];
  for (const { colorScheme, width } of FORMS) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height: 900 });
    found.push(...(await findings(page)).map((finding) => `${colorScheme}, ${width}: ${finding}`));
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  assert.deepEqual([...found, ...faults.splice(0)], []);
}

if (!stack && (only.length === 0 || only.includes("axe"))) {
  const server = await mock();
  const { context, page, faults } = await open(browser, server.origin);
  await page.goto(`${server.origin}/console/overview`);
  await page.getByLabel("Name").waitFor();
  await told("axe: sign-in, light and dark, narrow and wide", () => looked(page, faults));
  await signIn(page, name, password, code);
  for (const [screen, visit] of Object.entries(screens(server))) {
    await told(`axe: ${screen}, light and dark, narrow and wide`, async () => {
      await visit(page);
      await looked(page, faults);
    });
  }
  await context.close();
  await server.close();
}
await browser.close();
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed > 0 || count.passed === 0 ? 1 : 0);
