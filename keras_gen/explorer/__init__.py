"""The explorer: a page in the browser on which a trained model is moved, asked and looked at."""

from __future__ import annotations

import sys
import typing
from typing import Any

from keras_gen.extras import needed

if typing.TYPE_CHECKING:
    import gradio


def explore(
    models: Any,
    share: bool | None = None,
    port: int | None = None,
    host: str = "127.0.0.1",
    data: Any = None,
    launch: bool = True,
    **options: Any,
) -> gradio.Blocks:
    """Opens a page on which to move the codes of a model, draw samples, and show it images.

    What the page has depends on what the model `offers`. Several models stand side by side in tabs. It needs no
    network: nothing is fetched from elsewhere, and nothing is reported to anybody. Pictures that are saved from it say
    what made them, as those of `kg.images.save_image`.

    Args:
        models: a model, a detector, a run folder, a .keras or .zip file, or the name of a shipped one; a list of such;
            or a dict, title to such.
        share: whether to ask Gradio for a public link that lasts a week; None for only in Colab.
        port: to serve at; None for 7860, or the first after it that is free.
        host: "127.0.0.1", this machine alone; "0.0.0.0" for everybody on its network.
        data: examples to begin with: an array, (images, labels), or what `kg.data.load` takes. None for data held out
            from a run's training, or, for models of digits, those inside the package.
        launch: whether to serve the page; if not, it is only made: `.launch()` serves it.
        **options: of Gradio's `launch`, such as auth=("name", "password").

    Returns:
        The page, a `gradio.Blocks`. In a notebook it appears below the cell; a script waits until Ctrl-C.

    Raises:
        ImportError: if Gradio is not installed.
        OSError: if the port is taken.
        ValueError: if there is nothing that the page could show.

    Example:
        >>> page = kg.explore("vae_mnist_2d", launch=False)
    """
    needed("gradio", "explorer", "The explorer")
    from keras_gen.explorer import page, subjects

    blocks = page.page_of(subjects.opened(models, data))
    if launch:
        page.serve(blocks, "google.colab" in sys.modules if share is None else share, port, host, **options)
    return blocks
