"""A stand-in for a platform that lends a GPU to single calls, such as Hugging Face ZeroGPU, and keeps its contract.

A call runs in a forked process, on a thread of it. What goes in and comes out is pickled and passes a pipe; results
come as they are made. The process is kept for the next call of the same function, or is not. Closing the stream stops
it after the step that runs. A process that ends, and an error in it, is told as what the platform tells.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from model_runtime.elsewhere import Order, Run
from model_runtime.errors import GpuUnavailable

FORK = multiprocessing.get_context("fork")
LONG = 60  # seconds after which a process that does not answer is taken for one that hangs


class _Worker:
    def __init__(self, run: Run) -> None:
        self.orders, self.results = FORK.SimpleQueue(), FORK.Pipe(duplex=False)
        self.stopped = FORK.Event()
        self.process = FORK.Process(target=self._serve, args=(run,), daemon=True)
        self.process.start()
        self.results[1].close()  # so that its end is seen here

    def _serve(self, run: Run) -> None:
        while True:
            order = self.orders.get()
            self.stopped.clear()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(self._work, run, order).result()

    def _work(self, run: Run, order: Order) -> None:
        send = self.results[1].send
        try:
            stream = run(order)
            for result in stream:
                if self.stopped.is_set():
                    stream.close()
                    break
                send(("result", result))
        except Exception as error:  # noqa: BLE001 - the platform tells its name, whatever it is
            send(("error", type(error).__name__))
        else:
            send(("end", None))

    def answers(self) -> Generator[Any, None, None]:
        while True:
            if not self.results[0].poll(LONG):
                raise AssertionError("the forked process hangs")
            try:
                kind, value = self.results[0].recv()
            except EOFError:
                raise GpuUnavailable("GPU task aborted") from None
            if kind == "error":
                raise GpuUnavailable(f"ZeroGPU worker error: {value}")
            if kind == "end":
                return
            yield value

    def end(self) -> None:
        self.process.terminate()
        self.process.join()


class Lender:
    """Lends what it has to functions; used as `Elsewhere` takes it.

    Attributes:
        kept: Whether a process is kept for the next call of its function.
        orders: What was run, in order.
        functions: How many functions there are.
        refused: What is said to the next call instead of running it, None for nothing.
        scheduling: Is called before a process is forked, as long as the platform looks for a GPU.
        during: Is called in the forked process before each result.
    """

    def __init__(self, *, kept: bool = False) -> None:
        self.kept = kept
        self.orders: list[Order] = []
        self.functions = 0
        self.refused: str | None = None
        self.scheduling: Callable[[], object] = lambda: None
        self.during: Callable[[Order, int], None] = lambda order, count: None
        self.workers: list[_Worker] = []
        self.ended = threading.Event()

    def __call__(self, run: Run, seconds: Callable[[Order], int]) -> Run:
        self.functions += 1
        idle: list[_Worker] = []

        def watched(order: Order) -> Generator[Any, None, None]:
            for count, result in enumerate(run(order)):
                self.during(order, count)
                yield result

        def lent(order: Order) -> Generator[Any, None, None]:
            assert 0 < seconds(order) <= LONG
            self.orders.append(order)
            if self.refused is not None:
                raise GpuUnavailable(self.refused)
            self.scheduling()
            worker = idle.pop() if self.kept and idle and idle[-1].process.is_alive() else self._worker(watched)
            worker.orders.put(order)
            answers = worker.answers()
            try:
                yield from answers
            except GeneratorExit:
                worker.stopped.set()
                for _ in worker.answers():  # what was on its way; the platform waits for the end, too
                    pass
                raise
            finally:
                self.ended.set()
                idle.append(worker)

        return lent

    def _worker(self, run: Run) -> _Worker:
        self.workers.append(_Worker(run))
        return self.workers[-1]

    def close(self) -> None:
        """Ends all processes."""
        for worker in self.workers:
            worker.end()


def die() -> None:
    """Ends this process at once, as a platform does whose time is up."""
    os.kill(os.getpid(), 9)
