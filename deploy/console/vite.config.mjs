// How the console is built: addresses relative to where it is served, so that it works under any prefix; the nonce of each
// answer is put in by api-server.

import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  plugins: [react()],
  html: { cspNonce: "__NONCE__" },
  build: {
    target: "es2023",
    cssTarget: "chrome125",
    assetsInlineLimit: 0,
    sourcemap: false,
    modulePreload: { polyfill: false },
    // One style sheet: it is small, and a page never waits for its own.
    cssCodeSplit: false,
  },
  test: { include: ["test/**/*.test.{ts,tsx}"], environment: "node" },
});
