"""The store of the runs, asked in threads: no key ever waits for a disk."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tui_regress.tui import kept_runs

if TYPE_CHECKING:
    from tui_regress.runs.kept import KeptRun, Listed
    from tui_regress.runs.store import Store

Answer = TypeVar("Answer")


class StoreReader:
    """Questions to a store. Each is asked in a thread, over a connection of its own; InputError where it has no answer.

    What comes back is read to its end: nothing in it asks the store again.
    """

    def __init__(self, opened: "Callable[[], Store]") -> None:
        """``opened`` opens the store; it is called in threads."""
        self._opened = opened

    async def listed(self, wanted: str, limit: int) -> "list[Listed]":
        """The newest runs, ``limit`` at most, those among them that cannot be read as well; ``wanted``: the filter."""
        name, status = kept_runs.asked_for(wanted)
        readable, unreadable = await self._ask(lambda store: store.listed(name=name, status=status, limit=limit))
        return sorted([*readable, *unreadable], key=lambda run: -run.run_id)

    async def seen(self, run_id: int) -> "KeptRun":
        """A run with the losses of its records."""

        def read(store: "Store") -> "KeptRun":
            kept = store.kept(run_id)
            _ = kept.losses
            return kept

        return await self._ask(read)

    async def whole(self, run_id: int) -> "tuple[KeptRun, Path]":
        """A run with all of its records, and where its checkpoint is, if it has one."""

        def read(store: "Store") -> "tuple[KeptRun, Path]":
            kept = store.kept(run_id)
            _ = kept.records
            return kept, store.checkpoint_path(run_id)

        return await self._ask(read)

    async def delete(self, run_id: int) -> None:
        """Delete a run."""
        await self._ask(lambda store: store.delete([run_id]))

    async def _ask(self, question: "Callable[[Store], Answer]") -> Answer:
        def ask() -> Answer:
            with self._opened() as store:
                return question(store)

        return await asyncio.to_thread(ask)
