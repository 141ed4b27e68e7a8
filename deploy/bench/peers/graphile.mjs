// The queue graphile-worker at the same work as ours: node graphile.mjs DSN drain|pickup JOBS
//
// It prints one line of JSON: {"per_second": …}, or {"ms": […]}, one figure a job.

import worker from "graphile-worker";

const { Logger, makeWorkerUtils, run } = worker;
const [connectionString, mode, jobs] = process.argv.slice(2);
const wanted = Number(jobs);
const CONCURRENT = 24;
const CHUNK = 10_000;

const base = { connectionString, maxPoolSize: CONCURRENT + 2, concurrentJobs: CONCURRENT, logger: new Logger(() => () => {}) };

// What its page on performance advises for many short jobs.
const batched = {
  ...base,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

const utils = await makeWorkerUtils({ preset: { worker: base } });
await utils.migrate();

async function drain() {
  for (let added = 0; added < wanted; added += CHUNK) {
    const length = Math.min(CHUNK, wanted - added);
    await utils.addJobs(Array.from({ length }, (_, at) => ({ identifier: "noop", payload: { number: added + at } })));
  }
  let [began, done] = [0, 0];
  const { promise: all, resolve } = withResolvers();
  const noop = async () => {
    began ||= performance.now();
    done += 1;
    if (done === wanted) {
      resolve();
    }
  };
  const runner = await run({ taskList: { noop }, noHandleSignals: true, preset: { worker: batched } });
  await all;
  // What it has finished is written when it has stopped.
  await runner.stop();
  return { per_second: (wanted * 1000) / (performance.now() - began) };
}

async function pickup() {
  let begun = () => {};
  const noop = async () => begun(performance.now());
  const runner = await run({ taskList: { noop }, noHandleSignals: true, preset: { worker: base } });
  const ms = [];
  for (let at = 0; at < wanted; at += 1) {
    await new Promise((next) => setTimeout(next, 20 + ((at * 7) % 40)));
    const { promise, resolve } = withResolvers();
    begun = resolve;
    await utils.addJob("noop", { number: at });
    const committed = performance.now();
    ms.push(Math.max(0, (await promise) - committed));
  }
  await runner.stop();
  return { ms };
}

function withResolvers() {
  let resolve = () => {};
  const promise = new Promise((then) => {
    resolve = then;
  });
  return { promise, resolve };
}

const answer = mode === "drain" ? await drain() : await pickup();
await utils.release();
console.log(JSON.stringify(answer));
process.exit(0);
