"""Processes that leave when whoever started them is gone: killed, it could not tell them to."""

import os
import threading
import time
from typing import Final

_LOOK_EVERY: Final = 0.5  # seconds


def leave_with(parent: int) -> None:
    """Let this process end, whatever it is doing, soon after its `parent` has: nobody is left to take its results."""
    threading.Thread(target=_watch, args=(parent,), name="orphan", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os._exit(0)
