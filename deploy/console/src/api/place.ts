// Where the console is served, told from where its script came from: under any prefix it is `…/console/assets/x.js`, and the
// API is beside `console`.

/** The path of the console without a slash at its end, and the address of the API's root. */
export function placeOf(script: string, page: string): { console: string; api: string } {
  const at = new URL(script, page);
  const built = /^(.*)\/assets\/[^/]+$/.exec(at.pathname)?.[1];
  const path = built ?? "/console";
  return { console: path, api: at.origin + path.replace(/\/[^/]*$/, "") };
}

const script = typeof document === "undefined" ? "http://localhost/console/assets/x.js" : import.meta.url;

/** Those of this page. */
export const base = placeOf(script, script);
