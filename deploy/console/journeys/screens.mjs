// Every screen, and how to come there: for the pictures, and for axe.

/** The screens over a mock. */
export function screens({ origin, state }) {
  const go = (path) => async (page) => {
    await page.goto(`${origin}/console/${path}`);
    await page.locator("[data-as-of]").first().waitFor();
    // Whatever is still looked for says so.
    await page.waitForFunction(() => !document.querySelector("main")?.innerText.includes("Looking…"));
  };
  const game = () => state.games[1].game_id;
  return {
    overview: go("overview"),
    "overview-day": go("overview?range=day"),
    search: go("search?q=ada"),
    push: go("push"),
    "game-history": async (page) => go(`games/${game()}?tab=history`)(page),
    "user-notes": async (page) => go(`users/${state.users[3].user_id}?tab=notes`)(page),
    "new-administrator": async (page) => {
      await go("administrators")(page);
      await page.getByRole("button", { name: "New administrator" }).click();
    },
    content: async (page) => {
      // Not a mail with a code: what it says is for nobody but who gets it.
      const shown = state.mail.find(({ template_id, wiped }) => template_id !== "auth.login_code" && !wiped);
      await go(`mail/${shown.delivery_id}`)(page);
      await page.getByRole("button", { name: "Show it" }).click();
      await page.frameLocator("iframe").locator("body").waitFor();
    },
    games: go("games"),
    "games-panel": async (page) => go(`games?row=${game()}`)(page),
    game: async (page) => go(`games/${game()}`)(page),
    "game-runtime": async (page) => go(`games/${game()}?tab=runtime`)(page),
    "game-applications": async (page) => go(`games/${state.games[3].game_id}?tab=applications`)(page),
    "game-end": async (page) => {
      await go(`games/${game()}`)(page);
      await page.getByRole("button", { name: "End game" }).click();
    },
    runtimes: go("runtimes"),
    users: go("users"),
    user: async (page) => go(`users/${state.users[3].user_id}?tab=sanctions`)(page),
    mail: go("mail"),
    delivery: async (page) => go(`mail/${state.mail[1].delivery_id}`)(page),
    "dead-mail": go("dead-mail"),
    "dead-mail-all": async (page) => {
      await go("dead-mail")(page);
      await page.getByRole("button", { name: "Resend all…" }).click();
    },
    notifications: go("notifications"),
    notification: async (page) => go(`notifications/${state.notices[0].notification_id}`)(page),
    "dead-notices": go("dead-notices"),
    queues: go("queues"),
    "engine-versions": go("engine-versions"),
    workers: go("workers"),
    trail: go("trail"),
    administrators: go("administrators?row=vera"),
    me: go("me"),
  };
}
