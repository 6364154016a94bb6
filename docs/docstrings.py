"""Our docstrings are plain text with `code` and indented examples: they are made reStructuredText here."""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

CODE = re.compile(r"`([^`]*)`(\w?)")
SECTION = re.compile(r"(^(?:Args|Returns|Raises|Shapes|Reference|Example):$|\Z)", re.MULTILINE)
MARKUP = re.compile(r"([*|\\]|_\b|\b_(?=\W|$))")


def escape(app, what, name, obj, options, lines) -> None:
    """Makes literals of what stands between backticks, and escapes the markup of what does not."""
    text = "\n".join(lines)
    if what in ("module", "class", "function", "method"):
        before, section, rest = re.split(SECTION, text, maxsplit=1)
        before = re.sub(r"((?:^|\n)[^\s-][^\n]*\n\n)(?=    )", r"\1::\n\n", before)
        text = before + section + rest
    parts, end = [], 0
    for match in CODE.finditer(text):
        literal = f"``{match[1]}``" + (rf"\ {match[2]}" if match[2] else "")
        parts += [MARKUP.sub(r"\\\1", text[end : match.start()]), literal]
        end = match.end()
    lines[:] = "".join([*parts, MARKUP.sub(r"\\\1", text[end:])]).splitlines()


class NamesAreLinks(SphinxTransform):
    """`kg.VAE` and `kg.data.load(...)` in the text are links to the API."""

    default_priority = 5
    NAME = re.compile(r"kg\.([\w.]+?)(?:\(.*\))?", re.DOTALL)

    def apply(self):
        for node in list(self.document.findall(nodes.literal)):
            match = self.NAME.fullmatch(node.astext())
            if match and not isinstance(node.parent, (nodes.reference, addnodes.pending_xref)):
                link = addnodes.pending_xref(
                    "", node.deepcopy(), refdomain="py", reftype="obj", reftarget=f"keras_gen.{match[1]}",
                    refdoc=self.env.docname, refexplicit=True, refwarn=True,
                )  # fmt: skip
                node.replace_self(link)
