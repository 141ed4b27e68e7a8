// How journeys find things on a page.

/** Waits for something to be there. */
export const there = (locator) => locator.first().waitFor();
/** A button by its words. */
export const button = (page, name) => page.getByRole("button", { name, exact: true });
/** The dialog on top. */
export const dialog = (page) => page.locator('[role="dialog"], [role="alertdialog"]').last();
