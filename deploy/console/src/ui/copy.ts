// A time that is copied is RFC 3339: what is pasted into a command or a filter is an instant, whatever zone it was shown in.

/** Answers copies of a single time with its instant. */
export function copyTimes(document: Document): void {
  document.addEventListener("copy", (event) => {
    const selection = document.getSelection();
    if (!selection || selection.isCollapsed || !event.clipboardData) return;
    const time = closest(selection.anchorNode);
    if (!time || time !== closest(selection.focusNode)) return;
    event.clipboardData.setData("text/plain", time.dateTime);
    event.preventDefault();
  });
}

function closest(node: Node | null): HTMLTimeElement | null {
  const element = node instanceof Element ? node : node?.parentElement;
  return element?.closest("time") ?? null;
}
