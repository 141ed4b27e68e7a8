// Pictures of every page, light and dark, narrow and wide, in `shots/`. Arguments are names of screens: only those.
//
// With `--readme` the three of README.md, in `docs/pictures/`, instead: what an operator sees without scrolling.

import { mkdirSync } from "node:fs";

import { launch, open, signIn } from "./browser.mjs";
import { mock } from "./mock.mjs";
import { ofMock } from "./scene.mjs";
import { screens } from "./screens.mjs";

const README = ["overview", "dead-mail", "game"];
const readme = process.argv.includes("--readme");
const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const wanted = readme ? README : named;
const server = await mock();
const browser = await launch();
const { root } = ofMock(server);
const folder = new URL(readme ? "../../../docs/pictures/" : "../shots/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const scheme of readme ? ["light"] : ["light", "dark"]) {
  for (const width of readme ? [1280] : [1280, 390]) {
    const { context, page } = await open(browser, server.origin, { scheme, width, height: readme ? 700 : 900 });
    const shot = (name) =>
      page.screenshot({
        path: new URL(readme ? `console-${name}.png` : `${name}-${scheme}-${width}.png`, folder).pathname,
        fullPage: !readme,
      });
    await page.goto(`${server.origin}/console/overview`);
    await page.getByLabel("Name").waitFor();
    if (!readme) await shot("sign-in");
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
