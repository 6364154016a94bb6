"""HTML of reports: elements whose text is escaped wherever it comes from, and a page that needs no other file."""

import base64
import html
from collections.abc import Iterable
from typing import Any

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5d6877; --line: #dfe3e8; --page: #f6f7f9; --card: #fff;
        --accent: #2a6fb0; --note: #fff6dd; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --soft: #9aa5b4; --line: #333b47; --page: #14181e; --card: #1c222b; --accent: #7fb4e6;
          --note: #3a3213; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1rem 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 .6rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .2rem; }
p { margin: .3rem 0 .6rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin: 1rem 0; }
.soft, caption, figcaption { color: var(--soft); font-size: .9rem; }
.note { background: var(--note); border-radius: .4rem; padding: .5rem .8rem; }
.wide { overflow-x: auto; }
.meaning { min-width: 11rem; max-width: 34rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.facts th { width: 11rem; } .facts td { overflow-wrap: anywhere; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; flex: 1 1 18rem; min-width: 0; }
figure.whole { flex-basis: 100%; }
img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: .3rem; }
summary { cursor: pointer; }
pre { overflow-x: auto; background: var(--page); border-radius: .4rem; padding: .7rem; margin: .3rem 0; }
code { font: .88rem/1.5 ui-monospace, monospace; }
@media (max-width: 40rem) { main { padding: .5rem; } section { padding: .8rem; } .facts th { width: 7rem; } }
"""


class Html(str):
    """Text that is HTML already. Every other text is escaped by what takes it."""


def element(name: str, *children: Any, **attributes: Any) -> Html:
    """An element of children, each `Html` or escaped; attributes are escaped too, `class_` is `class`."""
    given = "".join(f' {key.rstrip("_")}="{html.escape(str(value))}"' for key, value in attributes.items())
    return Html(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*children: Any) -> Html:
    """Children one after the other, each `Html` or escaped."""
    return Html("".join(child if isinstance(child, Html) else html.escape(str(child)) for child in children))


def table(header: Iterable[Any], rows: Iterable[Iterable[Any]], numbers: Iterable[int] = ()) -> Html:
    """A table that scrolls by itself where the screen is narrow; columns of these indices are numbers."""
    numbers = set(numbers)

    def line(cell, values):
        return element("tr", *(
            element(cell, value, **({"class_": "number"} if i in numbers else {})) for i, value in enumerate(values)
        ))  # fmt: skip

    head = element("thead", line("th", header))
    return element("div", element("table", head, element("tbody", *(line("td", row) for row in rows))), class_="wide")


def facts(pairs: dict[str, Any]) -> Html:
    """A table of names and what they are, without those that are None."""
    lines = [element("tr", element("th", name), element("td", value)) for name, value in pairs.items()
             if value is not None]  # fmt: skip
    return element("table", element("tbody", *lines), class_="facts")


def picture(png: bytes, caption: str, whole: bool = False) -> Html:
    """A figure that holds its picture."""
    source = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    image = Html(f'<img src="{source}" alt="{html.escape(caption)}">')
    return element("figure", image, element("figcaption", caption), **({"class_": "whole"} if whole else {}))


def page(title: str, *sections: Html) -> Html:
    """A whole document."""
    head = joined(
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", title),
        Html(f"<style>{STYLE}</style>"),
    )
    body = element("body", element("main", *sections))
    return Html(f'<!DOCTYPE html>\n<html lang="en">{element("head", head)}{body}</html>\n')
