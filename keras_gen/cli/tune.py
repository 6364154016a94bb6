"""The verb that searches hyperparameters."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

import keras_gen as kg
from keras_gen.cli.app import app


@app.command
def tune(
    model: str,
    *,
    data: str = "digits",
    objective: str | None = None,
    space: Annotated[list[str] | None, Parameter(consume_multiple=True, negative_iterable=())] = None,
    fixed: Annotated[list[str] | None, Parameter(consume_multiple=True, negative_iterable=())] = None,
    trials: int = 20,
    algorithm: Literal["random", "bayesian", "hyperband"] = "random",
    epochs: int = 10,
    batch_size: int = 128,
    final_epochs: int | None = None,
    patience: int | None = None,
    binarize: Literal["static", "dynamic"] | None = None,
    target: str | None = None,
    kinds: dict[str, str] | None = None,
    limit: int | None = None,
    devices: int | None = None,
    workers: int = 1,
    seed: int = 0,
    verbose: int = 1,
    callbacks: str | None = None,
    out: str,
) -> None:
    """Search the hyperparameters of a model that are best by a metric of held-out images.

    Called again on its folder with the same options, an interrupted search goes on. On several machines that share the
    folder, give each process Keras Tuner's KERASTUNER_TUNER_ID (chief, worker0, ...), KERASTUNER_ORACLE_IP and
    KERASTUNER_ORACLE_PORT and the same options.

    Args:
        model: name of the model.
        data: as `train` takes them.
        objective: elbo, log_likelihood, probe_accuracy, squared_error, sparse_reconstruction, kernel_distance,
            mutual_information_gap, or val_... of the history; the first that the model can report if not given.
        space: what is searched, such as beta=0.5..8:log latent_dim=2..64 penalty=kl,l1 width=0.5,1,2; the ready one if
            not given.
        fixed: arguments that all trials share, such as likelihood=gaussian.
        trials: how many.
        algorithm: random choices, a Gaussian process of the objective, or many short trials of which the best go on.
        epochs: of each trial.
        batch_size: examples per step.
        final_epochs: of the best model, which is trained again; as long as a trial if not given.
        patience: epochs without a lower val_loss after which a trial stops.
        binarize: draw black and white pixels, once (static) or anew each time (dynamic).
        target: of a table, the column of classes.
        kinds: of a table, kinds of columns that are not as they look, such as --kinds.zip category.
        limit: train on that many examples only.
        devices: how many devices train together.
        workers: processes of this machine that train at the same time; one that ends too early is started again.
        seed: of the choices, the weights and the metrics.
        verbose: 0 silent, 1 a line for each trial, 2 and the epochs of each.
        callbacks: where a function is that makes callbacks of Keras for a run, such as my_module:my_callbacks.
        out: folder of the search.
    """
    tuning = kg.tuning  # imported now: Keras Tuner takes a second

    arguments = {}
    for name, values in tuning.parse_space(fixed or []).items():
        if not isinstance(values, list) or len(values) != 1:
            raise ValueError(
                "What is fixed must have one value: what has several or a range belongs to --space. "
                f"Received: --fixed {name}={values}"
            )
        arguments[name] = values[0]
    try:
        found = tuning.search(
            model, data, objective, None if space is None else tuning.parse_space(space), trials, out=out,
            algorithm=algorithm, epochs=epochs, batch_size=batch_size, final_epochs=final_epochs, patience=patience,
            binarize=binarize, target=target, kinds=kinds, limit=limit, devices=devices,
            workers=workers, seed=seed, verbose=verbose, callbacks=callbacks, **arguments,
        )  # fmt: skip
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; the same command goes on with this search.") from None
    if found is None:
        print(f"This worker is done; the chief writes {Path(out) / 'report.md'}.")
        return
    print(f"{out}: read report.md; the best model is the run {Path(out) / 'best'}.")
