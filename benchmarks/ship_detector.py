"""The shipped detector of photographs: `python benchmarks/ship_detector.py` makes saved_models/cars_detector.*"""

import os
import time

import numpy as np
from anomalies import interval
from measuring import PHOTOGRAPHS
from ship import FOLDER, index

import keras_gen as kg
from keras_gen.files import write_json
from keras_gen.tasks.anomaly.pictures import draw_histogram

NAME, COUNT = "cars_detector", 800  # photographs: a file of less than 2 MB


def main():
    start = time.time()
    load = lambda folder: kg.data.stack(kg.data.load(f"{PHOTOGRAPHS}/{folder}", shuffle=False))  # noqa: E731
    train, cars, ships = load("train/automobile")[:COUNT], load("test/automobile"), load("test/ship")
    network = kg.tasks.oriented_gradients(train.shape[1:])
    detector = kg.tasks.AnomalyDetector(network, "neighbors", false_alarms=0.05).fit(train)
    path = detector.save(FOLDER / f"{NAME}.zip")
    scores = [detector.score_samples(part) for part in (cars, ships)]
    is_odd = np.repeat([False, True], [len(cars), len(ships)])
    draw_histogram(detector, np.concatenate(scores), is_odd, FOLDER / f"{NAME}.png")
    area, low, high = interval(*scores)
    alarms, found = (float((part < detector.threshold_).mean()) for part in scores)
    size, minutes = path.stat().st_size / 1e6, (time.time() - start) / 60
    (FOLDER / f"{NAME}.md").write_text(
        f"""# {NAME}

![{NAME}]({NAME}.png)

`kg.tasks.AnomalyDetector.load("{NAME}")`, `keras-gen detect {NAME} FOLDER --out report`

- **What**: the features of {len(train)} photographs of cars, and the distance to the five nearest; {size:.1f} MB. The
  features are oriented gradients: fixed filters, without colour. No network was trained.
- **Made by**: `python benchmarks/ship_detector.py`.
- **Data**: colour photographs of 32 x 32 pixels, a folder beside the repository, whose origin is not recorded. Metrics
  on held-out images: {len(cars)} cars and {len(ships)} ships. The photographs are not in the file.
- **Seed**: none, nothing is drawn; **{minutes:.1f} minutes**, {os.cpu_count()} cores, keras_gen {kg.__version__}.
- **Limits**: It tells whole cars that fill the picture from other things by their edges, and not reliably: at its
  threshold it finds {found:.0%} of the ships. It knows nothing of colour, of small defects, or of photographs of
  another kind than these.

| held-out metric | value |
|---|---|
| AUROC, ships among cars | {area:.3f} ({low:.3f} to {high:.3f}, 95 % of bootstraps) |
| false alarms, asked for 5 % | {alarms:.1%} |
| ships found | {found:.1%} |
"""
    )
    write_json(FOLDER / "index.json", index())


if __name__ == "__main__":
    main()
