// The browser: Debian's Chromium. Its version and playwright-core's are a pair; both stand in docs/console.md.

import { chromium } from "playwright-core";

/** Starts it. */
export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
}

/** A page in a context of its own, which remembers what went wrong in it: violations of the policy, errors, strange hosts. */
export async function open(browser, origin, { width = 1280, height = 900, scheme = "light", ...more } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: "reduce",
    timezoneId: "Europe/Berlin",
    locale: "en-GB",
    ...more,
  });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on(
    "console",
    (message) =>
      message.type() === "error" && !/Failed to load resource/.test(message.text()) && faults.push(message.text()),
  );
  page.on(
    "request",
    (request) =>
      new URL(request.url()).origin !== new URL(origin).origin && faults.push(`a request to ${request.url()}`),
  );
  await context.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    ),
  );
  page.setDefaultTimeout(Number(process.env.JOURNEY_TIMEOUT ?? 90_000));
  return { context, page, faults };
}

/** Signs in, with the second step where it is asked for. `person.device` has their codes. */
export async function signIn(page, person) {
  await page.getByLabel("Name").fill(person.name);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await passed(page, person);
}

/** The second step, where it is asked for, until the page is there. */
export async function passed(page, person) {
  const field = page.getByLabel("Code", { exact: true });
  await field.or(page.getByRole("button", { name: "Pause looking" })).first().waitFor();
  if (await field.isVisible()) {
    await field.fill(await person.device.next());
    await page.getByRole("button", { name: "Confirm" }).click();
  }
  await page.getByRole("button", { name: "Pause looking" }).waitFor();
}
