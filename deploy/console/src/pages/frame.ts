// A mail's HTML for a sandboxed frame. The frame has the page's policy, which lets no style attribute hold: each becomes a rule of
// a style element with the page's nonce. What would load, run or lead away is taken out, though the sandbox and the policy would
// stop it: a mail that tries nothing breaks nothing.

/** What is no part of what a mail says. */
const OUT = "script, base, link, iframe, object, embed, form, meta[http-equiv], img, picture, video, audio, source, svg";

/** The document for the frame. */
export function quiet(html: string, nonce: string): string {
  const mail = new DOMParser().parseFromString(html, "text/html");
  for (const element of mail.querySelectorAll(OUT)) element.remove();
  const rules: string[] = [];
  for (const element of mail.querySelectorAll("*")) {
    for (const { name } of [...element.attributes]) {
      if (name.startsWith("on") || ["href", "src", "srcset", "background", "action"].includes(name)) element.removeAttribute(name);
    }
    const style = element.getAttribute("style");
    if (style === null) continue;
    element.removeAttribute("style");
    element.setAttribute("data-s", String(rules.length));
    rules.push(`[data-s="${rules.length}"]{${style.replace(/[{}<]/g, "")}}`);
  }
  // The mail's own rules come after: they mean to win, by `!important`, over the attributes.
  const own = mail.createElement("style");
  own.textContent = rules.join("\n");
  mail.head.prepend(own);
  for (const style of mail.querySelectorAll("style")) {
    style.textContent = (style.textContent ?? "").replace(/url\([^)]*\)|@import[^;]*;/gi, "");
    style.setAttribute("nonce", nonce);
  }
  return `<!doctype html>${mail.documentElement.outerHTML}`;
}
