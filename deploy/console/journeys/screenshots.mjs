// Pictures of every page, light and dark, narrow and wide, in `shots/`.

import { mkdirSync } from "node:fs";

import { launch, open, signIn } from "./browser.mjs";
import { mock } from "./mock.mjs";
import { ofMock } from "./scene.mjs";
import { screens } from "./screens.mjs";

const server = await mock();
const browser = await launch();
const { root } = ofMock(server);
const wanted = process.argv.slice(2);
mkdirSync(new URL("../shots/", import.meta.url), { recursive: true });
for (const scheme of ["light", "dark"]) {
  for (const width of [1280, 390]) {
    const { context, page } = await open(browser, server.origin, { scheme, width });
    const shot = (name) =>
      page.screenshot({
        path: new URL(`../shots/${name}-${scheme}-${width}.png`, import.meta.url).pathname,
        fullPage: true,
      });
    await page.goto(`${server.origin}/console/overview`);
    await page.getByLabel("Name").waitFor();
    await shot("sign-in");
    await signIn(page, root);
    for (const [name, visit] of Object.entries(screens(server))) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      await visit(page);
      await shot(name);
      await page.keyboard.press("Escape");
    }
    await context.close();
  }
}
await browser.close();
await server.close();
