// The sections, in the order in which an operator needs them.

/** Pages by section. `to` is a route of `routes.tsx`, and stands in `public/pages.txt`. */
export const SECTIONS = [
  { title: "Now", pages: [{ to: "/overview", label: "Overview" }] },
  {
    title: "Games",
    pages: [
      { to: "/games", label: "Games" },
      { to: "/runtimes", label: "Runtimes" },
      { to: "/engine-versions", label: "Engine versions" },
    ],
  },
  { title: "People", pages: [{ to: "/users", label: "Users" }] },
  {
    title: "Delivery",
    pages: [
      { to: "/queues", label: "Queues" },
      { to: "/dead-mail", label: "Dead mail" },
      { to: "/dead-notices", label: "Dead notices" },
      { to: "/mail", label: "Mail" },
      { to: "/notifications", label: "Notifications" },
      { to: "/push", label: "Push" },
    ],
  },
  {
    title: "House",
    pages: [
      { to: "/workers", label: "Workers" },
      { to: "/trail", label: "Trail" },
      { to: "/administrators", label: "Administrators" },
    ],
  },
] as const;
