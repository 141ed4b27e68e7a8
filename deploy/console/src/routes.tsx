// The pages, in code. The first part of each path stands in `public/pages.txt` too: api-server serves the console there, and 404
// elsewhere; `test/routes.test.ts` holds the two together.

import { createRootRoute, createRoute, createRouter, Link, redirect } from "@tanstack/react-router";

import { base } from "./api/place";
import { Administrators, administratorsSearch } from "./pages/administrators";
import { GamePage, Games, gameSearch, gamesSearch } from "./pages/games";
import { Trail, trailSearch, Versions, versionsSearch, Workers } from "./pages/house";
import { DeadMail, deadMailSearch, DeliveryPage, Mail, mailSearch } from "./pages/mail";
import { Me } from "./pages/me";
import { DeadNotices, deadNoticesSearch, NoticePage, Notices, noticesSearch } from "./pages/notifications";
import { Overview } from "./pages/overview";
import { Push, pushSearch } from "./pages/push";
import { Queues } from "./pages/queues";
import { Runtimes, runtimesSearch } from "./pages/runtime";
import { Find, findSearch } from "./pages/search";
import { rangeSearch } from "./pages/stats";
import { UserPage, Users, userSearch, usersSearch } from "./pages/users";
import { Shell } from "./shell/Shell";
import { parseSearch, stringifySearch } from "./ui/search";
import ui from "./ui/ui.module.css";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => (
    <div className={ui.empty}>
      <h1 tabIndex={-1}>No such page</h1>
      <p>
        The <Link to="/overview">overview</Link> has the way to everything.
      </p>
    </div>
  ),
});

const at = () => root;
const none = () => ({});

const tree = root.addChildren([
  createRoute({
    getParentRoute: at,
    path: "/",
    beforeLoad: () => {
      throw redirect({ to: "/overview", replace: true });
    },
  }),
  createRoute({ getParentRoute: at, path: "/overview", component: Overview, validateSearch: rangeSearch }),
  createRoute({ getParentRoute: at, path: "/games", component: Games, validateSearch: gamesSearch }),
  createRoute({ getParentRoute: at, path: "/games/$gameId", component: GamePage, validateSearch: gameSearch }),
  createRoute({ getParentRoute: at, path: "/runtimes", component: Runtimes, validateSearch: runtimesSearch }),
  createRoute({ getParentRoute: at, path: "/users", component: Users, validateSearch: usersSearch }),
  createRoute({ getParentRoute: at, path: "/users/$userId", component: UserPage, validateSearch: userSearch }),
  createRoute({ getParentRoute: at, path: "/mail", component: Mail, validateSearch: mailSearch }),
  createRoute({ getParentRoute: at, path: "/mail/$deliveryId", component: DeliveryPage, validateSearch: none }),
  createRoute({ getParentRoute: at, path: "/dead-mail", component: DeadMail, validateSearch: deadMailSearch }),
  createRoute({ getParentRoute: at, path: "/notifications", component: Notices, validateSearch: noticesSearch }),
  createRoute({ getParentRoute: at, path: "/notifications/$noticeId", component: NoticePage, validateSearch: none }),
  createRoute({
    getParentRoute: at,
    path: "/dead-notices",
    component: DeadNotices,
    validateSearch: deadNoticesSearch,
  }),
  createRoute({ getParentRoute: at, path: "/queues", component: Queues, validateSearch: none }),
  createRoute({ getParentRoute: at, path: "/engine-versions", component: Versions, validateSearch: versionsSearch }),
  createRoute({ getParentRoute: at, path: "/workers", component: Workers, validateSearch: none }),
  createRoute({ getParentRoute: at, path: "/trail", component: Trail, validateSearch: trailSearch }),
  createRoute({
    getParentRoute: at,
    path: "/administrators",
    component: Administrators,
    validateSearch: administratorsSearch,
  }),
  createRoute({ getParentRoute: at, path: "/push", component: Push, validateSearch: pushSearch }),
  createRoute({ getParentRoute: at, path: "/search", component: Find, validateSearch: findSearch }),
  createRoute({ getParentRoute: at, path: "/me", component: Me, validateSearch: none }),
]);

/** The router. */
export const router = createRouter({
  routeTree: tree,
  basepath: base.console,
  parseSearch,
  // What no page knows is taken out of the address.
  search: { strict: true },
  stringifySearch,
  scrollRestoration: true,
  // What a page needs is asked when it opens, and no page is fetched for a pointer that passes.
  defaultPreload: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
