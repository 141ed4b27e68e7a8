// Runs the journeys, then axe on every screen in light and dark at two widths.
//
// | variable | meaning |
// | --- | --- |
// | `CONSOLE_SCENE` | what `stack.mjs` left: the journeys run against that stack; absent: against a mock |
// | `CONSOLE_URL` | where the console is, where it is not at the stack's own address |
// | `CHROMIUM` | the browser; `/usr/bin/chromium` if absent |
//
// Arguments are parts of names: only such journeys run. `--beside-stack` leaves out what a run against a stack has.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { findings } from "./axe.mjs";
import { launch, open, signIn } from "./browser.mjs";
import { journeys } from "./journeys.mjs";
import { mock } from "./mock.mjs";
import { ofMock, ofStack } from "./scene.mjs";
import { screens } from "./screens.mjs";

const file = process.env.CONSOLE_SCENE;
const stack = file && { ...JSON.parse(readFileSync(file, "utf8")), ...url(process.env.CONSOLE_URL) };
const only = process.argv.slice(2).filter((argument) => argument !== "--beside-stack");
const beside = process.argv.includes("--beside-stack");
const count = { passed: 0, failed: 0, left: 0 };

/** Where the console is, where somebody says so. */
function url(given) {
  return given === undefined ? {} : { origin: given.replace(/\/+$/, "") };
}

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
  if (beside && !journey.mock) continue;
  if (stack && journey.mock) {
    count.left += 1;
    console.log(`   left   ${journey.name}: ${journey.mock}`);
    continue;
  }
  await told(journey.name, async () => {
    const server = stack ? undefined : await mock({ prefix: journey.prefix ?? "" });
    const scene = stack ? ofStack(stack) : ofMock(server);
    const opened = [];
    try {
      /** A browser of its own, at the overview. */
      const enter = async (person = scene.root, width = journey.width ?? 1280) => {
        const { context, page, faults } = await open(browser, scene.origin, { width });
        opened.push({ context, page, faults });
        const visit = async (path) => {
          await page.goto(`${scene.origin}/console/${path}`);
          await page.locator("[data-as-of]").first().waitFor();
        };
        await page.goto(`${scene.origin}/console/overview`);
        await signIn(page, person);
        return { page, context, visit };
      };
      const person = journey.as ? await scene.person([journey.as]) : scene.root;
      await journey.run({ ...(await enter(person)), scene, person, enter, origin: scene.origin, mock: server });
      assert.deepEqual(
        opened.flatMap(({ faults }) => faults),
        [],
        "the policy, errors, other hosts",
      );
    } catch (error) {
      const text = await opened.at(-1)?.page.locator("body").innerText().catch(() => "");
      error.stack += text ? `\nThe page says:\n${text.slice(0, 1500)}` : "";
      throw error;
    } finally {
      for (const { context } of opened) await context.close();
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
  await signIn(page, ofMock(server).root);
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
console.log(`${count.passed} passed, ${count.failed} failed, ${count.left} left out`);
process.exit(count.failed > 0 || count.passed === 0 ? 1 : 0);
