// Begins.

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { paint } from "./api/settings";
import { router } from "./routes";
import "./tokens.css";
import { copyTimes } from "./ui/copy";

paint();
copyTimes(document);

const queries = new QueryClient({
  defaultOptions: {
    // A look that failed is shown at once; the next one comes by itself.
    queries: { retry: false, staleTime: 2000, refetchOnWindowFocus: false, networkMode: "always" },
    mutations: { networkMode: "always" },
  },
});

const root = document.getElementById("root");
if (!root) throw new Error("the page has no root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
