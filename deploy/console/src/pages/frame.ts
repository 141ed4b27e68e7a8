// A mail's HTML for a sandboxed frame. The frame has the page's policy, which lets no style attribute hold: each becomes a rule of
// a style element with the page's nonce. What would load, run or lead away is taken out, though the sandbox and the policy would
// stop it: a mail that tries nothing breaks nothing.

/** What is no part of what a mail says. */
const OUT = "script, base, link, iframe, object, embed, form, meta, title, img, picture, video, audio, source, svg";
const LEADS = ["href", "src", "srcset", "background", "action"];

/** The document for the frame. */
export function quiet(html: string, nonce: string): string {
  // Renamed before they are parsed: the policy judges styles even of a document that nobody sees.
  const inert = html.replace(/(\s)style(\s*=)/gi, "$1data-style$2").replace(/<(\/?)style\b/gi, "<$1x-style");
  const mail = new DOMParser().parseFromString(inert, "text/html");
  const rules: string[] = [];
  for (const style of mail.querySelectorAll("x-style")) {
    rules.push(style.textContent ?? "");
    style.remove();
  }
  for (const element of mail.querySelectorAll(OUT)) element.remove();
  const own: string[] = [];
  for (const element of mail.querySelectorAll("*")) {
    for (const { name } of [...element.attributes])
      if (name.startsWith("on") || LEADS.includes(name)) element.removeAttribute(name);
    const style = element.getAttribute("data-style");
    if (style === null) continue;
    element.setAttribute("data-style", String(own.length));
    own.push(`[data-style="${own.length}"]{${style.replace(/[{}]/g, "")}}`);
  }
  // The mail's own rules come after: they mean to win, by `!important`, over the attributes.
  const css = [...own, ...rules].join("\n").replace(/url\([^)]*\)|@import[^;]*;|</gi, "");
  const head = `<meta charset="utf-8"><style nonce="${nonce}">${css}</style>`;
  return `<!doctype html><html lang="en"><head>${head}</head>${mail.body.outerHTML}</html>`;
}
