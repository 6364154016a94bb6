"""How long a move on the explorer's page takes, of each shipped model: `python benchmarks/explorer.py [MOVES]`.

In process: from the value of a control to the HTML of the picture. In the browser: from the event of the control, in a
Chromium of the same machine, by HTTP, until the new picture is decoded. Needs `playwright` and `chromium` on the path.
Writes results/explorer.json.
"""

import shutil
import sys
import time

import numpy as np
from playwright.sync_api import sync_playwright
from racing import write

import keras_gen as kg
from keras_gen.downloads import shipped
from keras_gen.explorer import subjects
from keras_gen.explorer.panels import picture, plane, sliders

# What is moved of a model that has no sliders of codes: the panel and the control.
OTHERS = {
    "cars_detector": ("Your image", ".kg-upload"),
    "denoiser_mnist": ("Your image", "input[type=range]"),
    "super_resolution_mnist": ("Your image", ".kg-upload"),
    "vae_mnist_2d": ("Plane", ".kg-plane"),
}
SLIDER = ("Codes", "input[type=range]")
MOVE = """async ([selector, count]) => {
  const seen = () => [...document.querySelectorAll(".kg-figure img, .kg-table")].filter((one) => one.offsetParent);
  const digest = () => seen().map((one) => one.src || one.innerText).join();
  const control = [...document.querySelectorAll(selector)].find((one) => one.offsetParent);
  const times = [];
  for (let i = 0; i < count; i++) {
    const before = digest(), start = performance.now();
    if (control.type === "range") {
      const share = (0.37 * i + 0.1) % 1;
      control.value = Number(control.min) + share * (control.max - control.min);
      control.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (selector === ".kg-plane") {
      const key = i % 40 < 20 ? "ArrowLeft" : "ArrowRight";
      control.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    } else control.click();
    await new Promise((done, fail) => {
      const observer = new MutationObserver(() => {
        if (digest() !== before) { observer.disconnect(); done(); }
      });
      observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
      setTimeout(() => fail(new Error(`move ${i} changes nothing`)), 20000);
    });
    for (const one of seen()) if (one.decode) await one.decode();
    times.push(performance.now() - start);
  }
  return times;
}"""


def in_process(subject, count):
    """Milliseconds of moves without a server."""
    rng, times = np.random.default_rng(0), []
    for i in range(count + 3):
        start = time.perf_counter()
        if subject.title == "vae_mnist_2d":
            plane.drawn(subject, rng.random(2), None)
        elif subject.title in OTHERS:
            x = rng.random(subject.shape, "float32") if subject.x is None else subject.x[i]
            picture.answers(subject, x, level=0.3)
        else:
            sliders.drawn(subject, subject.codes.draw(1, i)[0], subject.codes.some_class())
        times.append(1000 * (time.perf_counter() - start))
    return times[3:]  # the first ones compile


def in_browser(browser, name, count):
    """Milliseconds of moves in a browser."""
    shown = kg.explore(name, prevent_thread_lock=True, quiet=True)
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.goto(shown.local_url)
    panel, selector = OTHERS.get(name, SLIDER)
    page.get_by_role("tab", name=panel).click()
    page.locator(f"{selector} >> visible=true").first.wait_for()
    if selector == ".kg-upload":
        times = [uploaded(page, i) for i in range(count + 3)]
    else:
        times = page.evaluate(MOVE, [selector, count + 3])
    page.close()
    shown.close(verbose=False)
    return times[3:]


def uploaded(page, i):
    """Milliseconds of one upload, of a box that is another each time."""
    script = MOVE.replace(
        "control.click()",
        "{ const canvas = document.createElement('canvas'); canvas.width = canvas.height = 32;"
        f"const pen = canvas.getContext('2d'); pen.fillStyle = 'rgb({(37 * i) % 256}, {(91 * i) % 256}, 80)';"
        f"pen.fillRect({i % 20}, 3, 10, 20);"
        "const blob = await new Promise((done) => canvas.toBlob(done)); const data = new DataTransfer();"
        "data.items.add(new File([blob], 'box.png')); const file = document.querySelector('.kg-pad input[type=file]');"
        "file.files = data.files; file.dispatchEvent(new Event('change')); }",
    )
    return page.evaluate(script, [".kg-upload", 1])[0]


def main(moves=60):
    start, found = time.time(), {}
    names = [*shipped(), *shipped(".zip")]
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in names:
            [subject] = subjects.opened(name)
            times = {"in process": in_process(subject, moves), "in the browser": in_browser(browser, name, moves)}
            found[name] = {
                where: {"median": float(np.median(values)), "95 %": float(np.percentile(values, 95))}
                for where, values in times.items()
            }
            print(name, found[name], flush=True)
        browser.close()
    write(
        "explorer",
        {
            "what": "Milliseconds of a move on the explorer's page, of each shipped model",
            "published": "none",
            "ours": "; ".join(
                f"{name}: {row['in process']['median']:.0f} in process, {row['in the browser']['median']:.0f} in the "
                f"browser ({row['in the browser']['95 %']:.0f})"
                for name, row in found.items()
            ),
            "figures": found,
            "settings": f"medians of {moves} moves, and in brackets what 95 % stay below; a slider of a code, the "
            "plane, the level of noise, or an upload",
            "seed": 0,
            "minutes": (time.time() - start) / 60,
        },
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
