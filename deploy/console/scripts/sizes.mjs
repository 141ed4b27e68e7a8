// Prints what the build weighs, compressed, and fails above the bars of docs/console.md.

import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";

const dist = new URL("../dist/", import.meta.url).pathname;
const index = readFileSync(`${dist}index.html`, "utf8");
const assets = readdirSync(`${dist}assets`);
const weigh = (names) => names.reduce((sum, name) => sum + statSync(`${dist}assets/${name}.br`).size, 0);
const scripts = assets.filter((name) => name.endsWith(".js"));
const styles = assets.filter((name) => name.endsWith(".css"));
// What the index names is there before anything is shown.
const first = scripts.filter((name) => index.includes(name));

const bars = [
  ["first screen, script", weigh(first), 170_000],
  ["all script", weigh(scripts), 380_000],
  ["styles", weigh(styles), 25_000],
];
let over = false;
for (const [what, bytes, most] of bars) {
  const fits = bytes <= most;
  over ||= !fits;
  console.log(
    `   ${what.padEnd(24)} ${(bytes / 1000).toFixed(1).padStart(7)} kB brotli, ${most / 1000} at most${fits ? "" : ": TOO LARGE"}`,
  );
}
if (over) process.exit(1);
const strange = /https?:\/\/(?!www\.w3\.org)[^"'\s]*\.(js|css|woff2?)/.exec(index);
if (strange) {
  console.error(`the index loads ${strange[0]} from another host`);
  process.exit(1);
}
// Last of all: api-server takes no build that has not come this far.
if (!existsSync(`${dist}built.txt`)) writeFileSync(`${dist}built.txt`, "whole\n");
