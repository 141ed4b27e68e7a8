// axe-core in the page. It is put there by the debugger's protocol: the page's own policy lets no such script in.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const SOURCE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What is serious or critical on the page as it is, each with the elements. */
export async function findings(page) {
  const session = await page.context().newCDPSession(page);
  const evaluate = async (expression) => {
    const answer = await session.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (answer.exceptionDetails)
      throw new Error(answer.exceptionDetails.exception?.description ?? answer.exceptionDetails.text);
    return answer.result.value;
  };
  await evaluate(SOURCE + "; 0");
  const violations =
    await evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, help, nodes }) => ({ id, help, nodes: nodes.slice(0, 3).map((node) => node.html + " " + node.failureSummary) })))`);
  await session.detach();
  return violations.map(
    ({ id, help, nodes }) => `${id}: ${help}\n      ${nodes.join("\n      ").replaceAll("\n", "\n      ")}`,
  );
}
