"""The pages of the documentation as text, and the examples in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
PAGES = {path.stem: path.read_text() for path in sorted(DOCS.glob("*.md"))}
FENCE = re.compile(r"(<!-- skip[^\n]*-->\n)?^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def examples(text, language="python", skipped=False):
    """The fenced examples of a page, or those that are marked to be left out."""
    return [body for skip, kind, body in FENCE.findall(text) if kind == language and bool(skip) == skipped]


def commands(text):
    """The lines of a page that call the command, whole, without comments."""
    indented = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    keras-gen "))
    for body in [*examples(text, "sh"), indented]:
        for line in body.replace("\\\n", " ").splitlines():
            if call := re.match(r"(?:[A-Z_]+=(?:'[^']*'|\S+) +)*keras-gen +(.*)", line.strip()):
                yield re.split(r" +#", call[1])[0].strip()


def links(text):
    """Targets of links and pictures that lie in the repository."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
