"""What a row may say, made from its figures alone: ratios with their ranges, errors, gaps to published results.

A row whose claim needs care has a function here, by name in `CLAIMS`; the column of errors is `spread`.
Needs the standard library only.
"""

import math

TEST_IMAGES = 10_000  # of MNIST: shares of them have a binomial standard error


def ratios(figures):
    """What may be said of a race: the ratios of the averages of ours, the first, to the others, with their ranges.

    Where the range over the rounds holds 1, no difference is claimed.
    """
    rounds, averages = figures["rounds"], figures["images_per_second"]
    first, *others = rounds
    return "; ".join(
        ratio(
            other, averages[first] / averages[other], [a / b for a, b in zip(rounds[first], rounds[other], strict=True)]
        )
        for other in others
    )


def ratio(name, value, of_rounds):
    low, high = min(of_rounds), max(of_rounds)
    said = f"{low:.2f} to {high:.2f}"
    return f"no difference from {name} shown ({said})" if low <= 1 <= high else f"{value:.2f} x {name} ({said})"


def waits(figures, share=0.8):
    """In how many epochs each contender waited: those at less than `share` of its fastest epoch."""
    rounds = figures["rounds"]
    waited = {name: sum(rate < share * max(rates) for rate in rates) for name, rates in rounds.items()}
    return ", ".join(f"{name} {count} of {len(rounds[name])}" for name, count in waited.items())


def deep_boltzmann_bound(figures):
    """The bound by each estimate of log Z. The larger one is taken: an estimate tends to be too small."""
    parts = {
        start: (figures[f"log_z from {start}"], figures["score"] - figures[f"log_z from {start}"])
        for start in ("images", "noise")
    }
    taken = max(parts, key=lambda start: parts[start][0])
    other = "noise" if taken == "images" else "images"
    (log_z, bound), (log_z_other, bound_other) = parts[taken], parts[other]
    return (
        f"{bound:.2f} by log Z {log_z:.2f}, of chains from {taken}; {bound_other:.2f} by log Z {log_z_other:.2f}, of "
        f"chains from {other}. The two differ by {log_z - log_z_other:.1f} nats, so that neither is certain"
    )


def search(figures):
    """The test split first: the search chose by the held-out images, which flatter what it chose."""
    test, held_out = figures["test"], figures["held_out"]
    chosen = ", ".join(f"{key} {value:.3g}" for key, value in figures["best"].items())
    verdict = "better" if test["searched"] > test["by hand"] else "worse"
    return (
        f"on the test split {test['searched']:.4g} by {chosen}, {verdict} than by hand, {test['by hand']:.4g}; on the "
        f"held-out images that chose it {held_out['searched']:.4g}, by hand {held_out['by hand']:.4g}"
    )


def one_digit(figures):
    """The best detector, of how many, and what PCA reaches with the same score."""
    means = figures["mean"]
    order = sorted(means, key=means.get, reverse=True)
    same = order[0].split(": ")[1]
    alike = [name for name in order[1:] if name.endswith(same)]
    pca = next(name for name in alike if name.startswith("PCA"))
    return (
        f"{means[order[0]]:.1f} ({order[0]}; the best of {len(order)} on the test set); by the same score PCA "
        f"{means[pca]:.1f}, all others {means[alike[-1]]:.1f} to {means[alike[0]]:.1f}"
    )


def fidelity(figures):
    """Of each generator, of real images and noise: kernel distance with its error over subsets, precision, recall."""
    found = figures["generators"] | {"real images": figures["floor"], "noise": figures["control"]}
    return "; ".join(
        f"{name} {1000 * part['kernel_distance']:.0f} ± {1000 * part['kernel_distance_error']:.0f}, "
        f"{part['precision']:.3f}, {part['recall']:.3f}"
        for name, part in found.items()
    )


def step_speed(figures):
    return "; ".join(
        f"{name}: {ratio('version 0.1.0', part['median_ratio_of_seconds'], part['range'])}"
        for name, part in figures.items()
    )


def defaults(figures):
    """What each kind of networks errs after the same time, by the side of the images."""
    named = []
    for side, points in figures.items():
        errors = {
            name: f"{point['loss']:.1f} nats" if str(side) == "28" else f"{10_000 * point['squared_error']:.1f}"
            for name, point in points.items()
        }
        named.append(f"{side}: " + ", ".join(f"{name} {error}" for name, error in errors.items()))
    return "; ".join(named)


def samples_of_tables(figures):
    """By table, each generator."""
    return "; ".join(
        f"{table} " + ", ".join(f"{name} {mean_of(areas, 2)}" for name, areas in by_name.items())
        for table, by_name in figures.items()
    )


def mean_of(values, digits):
    """The mean of some runs, and of several their standard deviation."""
    mean = sum(values) / len(values)
    if len(values) == 1:
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} +- {math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1)):.{digits}f}"


def anomalies_in_tables(figures):
    """By table, each of ours, and the best and the worst of the others, which are many."""
    found = []
    for table, by_name in figures.items():
        means = {name: sum(areas) / len(areas) for name, areas in by_name.items()}
        others = {name: mean for name, mean in means.items() if name.startswith("PyOD")}
        best, worst = (pick(others, key=others.get) for pick in (max, min))
        ours = ", ".join(f"{name} {mean_of(areas, 3)}" for name, areas in by_name.items() if name not in others)
        rivals = " to ".join(f"{name} {mean_of(by_name[name], 3)}" for name in (best, worst))
        found.append(f"{table}: {ours}; {rivals}")
    return ". ".join(found)


def exported(figures):
    """The largest difference of any file that is not quantised, and what the quantised ones lose."""
    files = [file for model in figures["models"].values() for file in model["files"].items()]
    worst = max(row["largest_difference"] for name, row in files if name != "model" and " " not in name)
    said = [f"{worst:.1e} at most; quantised by LiteRT"]
    for to in ("float16", "int8"):
        rows = [row for name, row in files if name == f"litert {to}"]
        least = min(row["psnr"] for row in rows if "psnr" in row)
        before, after = next(row["auroc"] for row in rows if "auroc" in row)
        said.append(
            f"to {to}, PSNR to a model's own images at least {least:.1f} dB, AUROC {after:.3f} for {before:.3f}"
        )
    return ", ".join(said)


CLAIMS = {
    "export": exported,
    "defaults": defaults,
    "anomalies_in_tables": anomalies_in_tables,
    "samples_of_tables": samples_of_tables,
    "deep_boltzmann_machine": deep_boltzmann_bound,
    "fidelity_of_generators": fidelity,
    "one_digit_against_the_rest": one_digit,
    "search_sparse": search,
    "search_vae": search,
    "step_speed": step_speed,
    "throughput_tuner": waits,
    **{f"throughput_{name}": ratios for name in ("aae", "conv", "dense", "gan", "rbm")},
}


# === The column of errors ===


def spread(name, row, rival=None, shares=()):
    """What is known of the error of a row, and its gap to a published result.

    Args:
        name: of the row.
        row: as in results/*.json.
        rival: (name, value) of the published result to print the gap to.
        shares: names of figures that are shares of the test images.
    """
    figures, found = row["figures"], []
    if "nll_standard_error" in figures:
        found.append(f"± {figures['nll_standard_error']:.2f} (standard error over the test images; one training)")
    if rival:
        found.append(f"{figures['nll'] - rival[1]:+.2f} nats from {rival[0]}")
    if "high" in figures:
        low, high = (figures["log_z"] - figures[end] for end in ("high", "low"))
        found.append(f"{low:+.2f} to {high:+.2f} by the interval of log Z (one training, chains from one start)")
    if "low from images" in figures:
        found.append(
            "intervals of log Z "
            + ", ".join(
                f"{figures[f'low from {s}']:.1f} to {figures[f'high from {s}']:.1f}" for s in ("images", "noise")
            )
        )
    if CLAIMS.get(name) is search:
        best = sorted((trial["figure"] for trial in figures["trials"]), reverse=True)[:4]
        found.append(f"one seed; the best four trials: {', '.join(f'{value:.4g}' for value in best)}")
    if isinstance(row["seed"], list):
        ranges = [f"{100 * min(v):.2f} to {100 * max(v):.2f}" for v in figures.values() if isinstance(v, list)]
        found.append(f"standard deviation and range over {len(row['seed'])} seeds: {', '.join(ranges)}")
    if "seeds" in figures:
        found.append("standard deviation over 3 seeds")
    if shares:
        errors = [100 * math.sqrt(p * (1 - p) / TEST_IMAGES) for p in named(figures, shares)]
        low, high = (f"{end(errors):.2f}" for end in (min, max))
        said = low if low == high else f"{low} to {high}"
        found.append(f"± {said} (binomial, of {TEST_IMAGES:,} images; one training)")
    of_parts = {name: part["standard_error"] for name, part in parts(figures) if "standard_error" in part}
    if of_parts:
        found.append("± " + ", ".join(f"{error:.0f}" for error in of_parts.values()) + " (standard error)")
    if "rounds" in figures:
        found.append("over the rounds " + throughputs(figures["rounds"]))
    return "; ".join(found) or "one run, no error estimated"


def throughputs(rounds):
    return ", ".join(f"{name} {min(rates):,.0f} to {max(rates):,.0f}" for name, rates in rounds.items()) + " images/s"


def parts(figures):
    """The (name, dict) pairs of figures."""
    return (
        [(name, part) for name, part in figures.items() if isinstance(part, dict)] if isinstance(figures, dict) else []
    )


def named(figures, names):
    """All numbers of these names, however deep; of a list its mean."""
    found = [figures[name] for name in names if name in figures]
    found = [sum(value) / len(value) if isinstance(value, list) else value for value in found]
    return found + [value for _, part in parts(figures) for value in named(part, names)]
