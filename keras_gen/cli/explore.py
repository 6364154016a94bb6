"""The verb that opens a page in the browser."""

import contextlib
import threading
from typing import Annotated

from cyclopts import Parameter

from keras_gen.cli.app import app


@app.command
def explore(
    runs: Annotated[list[str], Parameter(name="run", negative_iterable=())],
    /,
    *,
    data: str | None = None,
    port: int | None = None,
    host: str = "127.0.0.1",
    share: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Open a page in the browser on which to move codes, draw samples and show images to a model.

    It needs no network. Ctrl-C ends it.

    Args:
        runs: run folders, .keras files, saved detectors or names of shipped models; several stand side by side.
        data: examples to begin with, as for `train`; what a run held out, or the digits inside the package, if not
            given.
        port: to serve at; 7860, or the first after it that is free, if not given.
        host: 127.0.0.1, this machine alone; 0.0.0.0 for everybody on its network.
        share: ask Gradio for a public link that lasts a week.
    """
    from keras_gen.explorer import explore as open_page  # now: Gradio takes a second

    page = open_page(runs, share, port, host, data, prevent_thread_lock=True, quiet=True)
    with contextlib.suppress(KeyboardInterrupt):
        print(page.share_url or page.local_url, flush=True)  # within: who reads the address may press Ctrl-C at once
        threading.Event().wait()
    page.close(verbose=False)
