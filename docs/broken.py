"""Links and pictures of built pages that lead nowhere: `python docs/broken.py docs/_build/html` lists them."""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page points to, and what can be pointed at in it."""

    def __init__(self, text: str):
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag in ("a", "img", "link", "script"):
            self.targets += [given[key] for key in ("href", "src") if given.get(key)]


def links(folder: Path) -> Iterator[str]:
    """Page and target, of each that lies in the folder and is not there."""
    pages = {path.resolve(): Page(path.read_text()) for path in Path(folder).rglob("*.html")}
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not to.exists() or (to in pages and parts.fragment and unquote(parts.fragment) not in pages[to].anchors):
                yield f"{path.relative_to(Path(folder).resolve())}: {target}"


if __name__ == "__main__":
    found = list(links(Path(sys.argv[1])))
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(f"{len(found)} links lead nowhere." if found else 0)
