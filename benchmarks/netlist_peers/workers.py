"""Child processes that answer questions one at a time, and are replaced when they hang or die."""

from __future__ import annotations

import multiprocessing
import os
import resource
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

MAX_ADDRESS_SPACE = 8 << 30  # bytes; a child that wants more fails by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one question."""

    value: Any = None
    failure: str = ""  # "hang", "died", or the traceback of an exception nobody caught


class Worker:
    """One child process at a time, started again after it had to be stopped.

    Args:
        handler: a function at the top of a module; runs in the child.
        timeout_s: seconds a question may take.
    """

    def __init__(self, handler: Callable[[Any], Any], timeout_s: float) -> None:
        self.handler, self.timeout_s = handler, timeout_s
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None

    def ask(self, question: object) -> Answer:
        """The child's answer, or why there is none."""
        connection = self._connection or self._start()
        try:
            connection.send(question)
            if not connection.poll(self.timeout_s):
                self.stop()
                return Answer(failure="hang")
            return connection.recv()
        except (EOFError, OSError):
            self.stop()
            return Answer(failure="died")

    def stop(self) -> None:
        """End the child, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.handler), daemon=True)
        self._process.start()
        theirs.close()
        if self._connection.poll(
            60.0
        ):  # the child says so when its imports are done: they are not on the clock
            self._connection.recv()
        return self._connection


def _serve(connection: Connection, handler: Callable[[Any], Any]) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)  # programs that are asked print warnings as they like
    os.dup2(silence, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE, resource.RLIM_INFINITY))
    connection.send("ready")
    while True:
        try:
            question = connection.recv()
        except EOFError:
            return
        try:
            answer = Answer(value=handler(question))
        except BaseException:
            answer = Answer(failure=traceback.format_exc())
        connection.send(answer)


def answers(
    handler: Callable[[Any], Any], questions: Sequence[Any], *, timeout_s: float, processes: int
) -> Iterator[Answer]:
    """Answers to all questions in their order, several children at work at once."""
    own = threading.local()
    started: list[Worker] = []

    def ask(question: object) -> Answer:
        worker: Worker | None = getattr(own, "worker", None)
        if worker is None:
            worker = own.worker = Worker(handler, timeout_s)
            started.append(worker)
        return worker.ask(question)

    try:
        with ThreadPoolExecutor(processes) as pool:
            yield from pool.map(ask, questions)
    finally:
        for worker in started:
            worker.stop()
