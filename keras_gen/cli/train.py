"""Verbs that train: `train MODEL`, whose options are those of the constructor and of `kg.training.train`; `resume`."""

import inspect

import cyclopts

import keras_gen as kg
from keras_gen.cli.app import app
from keras_gen.cli.options import options_of

train_app = cyclopts.App(
    name="train",
    help="Train a model; see `keras-gen train MODEL --help`. For a model of your own: --import MODULE.",
    help_format="markdown",
)
app.command(train_app)

# What `train` takes and a model has no use for, by how it is paired.
OF_TABLES = ("target", "kinds")
ONE_FOLDER = ("input_half", "input_suffix", "target_suffix")
OF_PAIRS = {
    None: ("data_a", "data_b", "task", "task_level", *ONE_FOLDER),
    "pairs": ("binarize", "num_labels", "balance", "classes_from", *OF_TABLES),
    "unpaired": (
        "binarize",
        "num_labels",
        "balance",
        "classes_from",
        *OF_TABLES,
        "data",
        "task",
        "task_level",
        *ONE_FOLDER,
    ),
}


def _add_train_command(name, cls) -> None:
    def command(**options):
        arguments = {key: options.pop(key) for key in cls.arguments() if key in options}
        kg.training.train(name, **options, **{k: v for k, v in arguments.items() if v is not None})
        if options.get("verbose", 1):
            out = options["out"]
            print(f"{out}: trained. Look at its pictures; `keras-gen evaluate {out}` prints metrics.")

    skip = {"model", *OF_PAIRS[cls.target_mode]}
    skip |= {"target"} & cls.arguments().keys()  # of a diffusion model, which takes no tables
    of_training = [*options_of(kg.training.train, skip)]
    known = {parameter.name for parameter in of_training}  # seed; augment, which is the data's or the model's
    parameters = [*options_of(cls, skip={"data_shape", "target_shape", *known}), *of_training]
    parameters.sort(key=lambda p: p.default is not p.empty)
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # of a function
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = (inspect.getdoc(cls) or "").split("\n\n")[0]
    train_app.command(command, name=name)


def add_models() -> None:
    """Adds a command for each model that has none yet."""
    from keras_gen.training.registry import registry

    for name, cls in registry().items():
        if name not in train_app:
            _add_train_command(name, cls)


@app.command
def resume(
    run: str,
    *,
    epochs: int | None = None,
    devices: int | None = None,
    verbose: int = 1,
    callbacks: str | None = None,
) -> None:
    """Go on with a run from its last complete checkpoint.

    Args:
        run: run folder.
        epochs: new total number of epochs.
        devices: how many devices train together from now on.
        verbose: 0 silent, 1 a progress bar, 2 one line per epoch.
        callbacks: where a function is that makes callbacks of Keras for a run, such as my_module:my_callbacks.
    """
    kg.training.resume(run, epochs, devices, verbose, callbacks)
    print(f"{run}: trained.")
