"""How long something takes, to be compared with something else measured in the same test: machines are noisy."""

from time import process_time


def seconds(call):
    """Seconds of the processor that `call` takes."""
    began = process_time()
    call()
    return process_time() - began
