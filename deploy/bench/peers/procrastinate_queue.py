"""The queue procrastinate at the same work as ours: python procrastinate_queue.py DSN drain|pickup JOBS

It prints one line of JSON: {"per_second": …}, or {"ms": […]}, one figure a job.
"""

import asyncio
import json
import sys
import time

import procrastinate

CONCURRENT = 24
CHUNK = 1_000


async def main(dsn: str, mode: str, wanted: int) -> dict:
    connector = procrastinate.PsycopgConnector(conninfo=dsn, min_size=4, max_size=CONCURRENT + 4)
    app = procrastinate.App(connector=connector)
    begun: list[float] = []
    told = asyncio.Event()

    @app.task(name="noop")
    async def noop(number: int) -> None:
        begun.append(time.perf_counter())
        told.set()

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        if mode == "drain":
            for first in range(0, wanted, CHUNK):
                numbers = range(first, min(first + CHUNK, wanted))
                await noop.batch_defer_async(*({"number": number} for number in numbers))
            # It comes back when nothing is left and all is written.
            await app.run_worker_async(wait=False, concurrency=CONCURRENT, install_signal_handlers=False)
            if len(begun) != wanted:
                sys.exit(f"{len(begun)} of {wanted} jobs were worked")
            return {"per_second": wanted / (time.perf_counter() - begun[0])}
        worker = asyncio.create_task(app.run_worker_async(concurrency=CONCURRENT, install_signal_handlers=False))
        ms = []
        # It listens soon after it has begun.
        await asyncio.sleep(2)
        for number in range(wanted):
            await asyncio.sleep((20 + number * 7 % 40) / 1000)
            told.clear()
            await noop.defer_async(number=number)
            committed = time.perf_counter()
            await asyncio.wait_for(told.wait(), 60)
            ms.append(max(0.0, (begun[-1] - committed) * 1000))
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        return {"ms": ms}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
