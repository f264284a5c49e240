"""What the diagrams of `scratch.diagrams` are drawn with: boxes, round shapes, arrows with elbows, and letters.

A sheet is ten units wide, about the width of a page's column, and remembers what was drawn on it, so that a test can
compute with a picture what its equation says. Needs matplotlib, which the helpers for training do not:
`pip install "from-one-hot-to-encoder[chapters] @ …"`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, takewhile
from math import cos, dist, hypot, radians, sin
from typing import cast

try:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon
    from matplotlib.path import Path
except ModuleNotFoundError:
    raise ImportError("scratch.diagrams needs matplotlib, which from-one-hot-to-encoder[chapters] installs") from None

Point = tuple[float, float]

WIDTH, UNIT = 10, 0.48  # of a sheet, in units; of a unit, in inches
INK, BLUE = "#333333", "#0072B2"
# shape and edge say what a thing is, and colour says it again: face, edge, width of the edge
STYLE = {
    "box": ("#cfe3f3", BLUE, 2.0),  # has numbers that are learnt
    "round": ("#ffefd0", "#9a6700", 1.2),  # has nothing to learn
    "value": ("white", "#8c8c8c", 1.0),  # a vector, a matrix, a word
}
LETTERS, WORDS = 13.5, 10.5  # sizes in points


@dataclass(frozen=True)
class Node:
    """A shape around (x, y), w wide and h high, with what stands in it."""

    kind: str
    text: str
    x: float
    y: float
    w: float
    h: float

    def clamp(self, p: Point) -> Point:
        """The point of the shape's core nearest to p; of a round one, it's the line between the centres of its caps."""
        w, h = (self.w - self.h, 0) if self.kind == "round" else (self.w, self.h)
        x, y = p
        return min(max(x, self.x - w / 2), self.x + w / 2), min(max(y, self.y - h / 2), self.y + h / 2)

    def edge(self, p: Point) -> Point:
        """Where a line from p, outside, meets the edge: straight across or up if that is possible.

        >>> Node("box", "W", 0, 0, 2, 1).edge((0.5, 3)), Node("round", "+", 0, 0, 1, 1).edge((3, 4))
        ((0.5, 0.5), (0.3, 0.4))
        """
        x, y = self.clamp(p)
        if self.kind != "round" and x != p[0] and y != p[1]:  # past a corner: towards the centre
            part = min(self.w / 2 / abs(p[0] - self.x), self.h / 2 / abs(p[1] - self.y))
            return self.x + part * (p[0] - self.x), self.y + part * (p[1] - self.y)
        r, far = (self.h / 2, hypot(p[0] - x, p[1] - y)) if self.kind == "round" else (0, 1)
        return x + r * (p[0] - x) / far, y + r * (p[1] - y) / far

    def outline(self) -> list[Point]:
        """The shape's corners, or many points where it is round."""
        if self.kind != "round":
            return [(self.x + a * self.w / 2, self.y + b * self.h / 2) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        r, flat = self.h / 2, (self.w - self.h) / 2
        turns = [(side, radians(3 * k - 90 + 180 * (side < 0))) for side in (1, -1) for k in range(61)]
        return [(self.x + side * flat + r * cos(turn), self.y + r * sin(turn)) for side, turn in turns]


@dataclass(frozen=True)
class Arrow:
    """A line from one node to another over these points, and the letters beside it."""

    source: Node
    target: Node
    points: tuple[Point, ...]
    text: str


class Sheet(Figure):
    """A figure to draw a diagram on; `nodes` and `arrows` hold what has been drawn."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.nodes: list[Node] = []
        self.arrows: list[Arrow] = []
        self.paper = self.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, self.get_figheight() / UNIT))
        self.paper.axis("off")

    def box(self, x: float, y: float, text: str, w: float = 1, h: float = 0.75, size: float = 0) -> Node:
        return self._node("box", x, y, text, w, h, size)

    def round(self, x: float, y: float, text: str, w: float = 0.66, h: float = 0.66, size: float = 0) -> Node:
        return self._node("round", x, y, text, w, h, size)

    def value(self, x: float, y: float, text: str, w: float = 1, h: float = 0.66, size: float = 0) -> Node:
        return self._node("value", x, y, text, w, h, size)

    def _node(self, kind: str, x: float, y: float, text: str, w: float, h: float, size: float) -> Node:
        node, (face, edge, width) = Node(kind, text, x, y, w, h), STYLE[kind]
        shape = Polygon(node.outline(), facecolor=face, edgecolor=edge, linewidth=width, joinstyle="round", zorder=2)
        self.paper.add_patch(shape)
        self.label(x, y, text, size=size)
        self.nodes.append(node)
        return node

    def label(self, x: float, y: float, text: str, ha: str = "center", size: float = 0) -> None:
        """Letters between dollars, or a few words."""
        size = size or (LETTERS if text.startswith("$") else WORDS)
        va = "center" if "$" in text else "center_baseline"
        self.paper.text(x, y, text, size=size, color="black", zorder=4, math_fontfamily="cm", ha=ha, va=va)

    def frame(self, left: float, bottom: float, right: float, top: float) -> None:
        """A pale field behind what belongs together."""
        w, h, corners = right - left, top - bottom, "round,pad=0,rounding_size=0.3"
        field = FancyBboxPatch((left, bottom), w, h, boxstyle=corners, facecolor="#f3f3f3", edgecolor="none", zorder=0)
        self.paper.add_patch(field)

    def arrow(
        self, source: Node, target: Node, *via: Point, text: str = "", at: Point | None = None, width: float = 1.3
    ) -> None:
        """From the edge of one node to that of another, over the corners `via`; a dot where it leaves an earlier one.

        Without corners it goes straight up or across if the nodes face each other. The letters stand beside the middle
        of its longest stretch, or at `at`. A line of width 1 is pale.
        """
        a, b = (via[0], via[-1]) if via else _facing(source, target)
        points = (source.edge(a), *via, target.edge(b))
        forks = [_fork(other.points, points) for other in self.arrows if other.source == source]
        rest = min(filter(None, forks), key=_length, default=points)  # what no earlier line has drawn
        if rest != points:
            self.paper.plot(*rest[0], "o", ms=4.5, color=INK, zorder=1)
        color, style = INK if width > 1 else "#8c8c8c", "-|>,head_length=0.5,head_width=0.25"
        line = FancyArrowPatch(
            path=Path(rest), arrowstyle=style, mutation_scale=10, color=color, linewidth=width, zorder=1
        )
        line.set_joinstyle("miter")
        self.paper.add_patch(line)
        self.arrows.append(Arrow(source, target, points, text))
        if text:
            x, y, ha = (*at, "center") if at else _beside(points)
            self.label(x, y, text, ha)


def sheet(height: float) -> Sheet:
    """A new sheet, `height` units high, which pyplot shows when the cell ends.

    >>> paper = sheet(height=2)
    >>> paper.arrow(paper.value(1, 1, "$x$"), paper.box(5, 1, "$W$"))
    >>> [(line.source.text, line.target.text, line.points) for line in paper.arrows]
    [('$x$', '$W$', ((1.5, 1.0), (4.5, 1.0)))]
    >>> plt.close(paper)
    """
    plt.draw_if_interactive()  # loads the backend, which a notebook's would else be told to draw at once in here only
    with plt.style.context("scratch.book"):
        size = WIDTH * UNIT, height * UNIT
        return cast(Sheet, plt.figure(figsize=size, layout="none", FigureClass=Sheet))


def _facing(a: Node, b: Node) -> tuple[Point, Point]:
    """A point each to look at, from which a straight line between two nodes follows."""
    narrow, low = min(a, b, key=lambda node: node.w), min(a, b, key=lambda node: node.h)
    if abs(a.x - b.x) < max(a.w, b.w) / 2:
        return (narrow.x, b.y), (narrow.x, a.y)
    if abs(a.y - b.y) < max(a.h, b.h) / 2:
        return (b.x, low.y), (a.x, low.y)
    return (b.x, b.y), (a.x, a.y)


def _beside(points: tuple[Point, ...]) -> tuple[float, float, str]:
    """A place for letters: right of the longest stretch if it is upright, else above it."""
    (x0, y0), (x1, y1) = max(pairwise(points), key=_length)
    if abs(x1 - x0) < abs(y1 - y0):
        return (x0 + x1) / 2 + 0.14, (y0 + y1) / 2, "left"
    return (x0 + x1) / 2, (y0 + y1) / 2 + 0.33, "center"


def _length(points: tuple[Point, ...]) -> float:
    return sum(dist(p, q) for p, q in pairwise(points))


def _fork(old: tuple[Point, ...], new: tuple[Point, ...]) -> tuple[Point, ...]:
    """The rest of a new line, from where it leaves an old one; () if they have nothing in common at their beginning."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    if not 0 < same < min(len(old), len(new)):
        return ()
    here, a, b = new[same - 1], old[same], new[same]
    if abs(dist(here, a) + dist(a, b) - dist(here, b)) < 1e-9:  # the old one turns first
        return a, *new[same:]
    if abs(dist(here, b) + dist(b, a) - dist(here, a)) < 1e-9:  # the new one does
        return new[same:]
    return new[same - 1 :] if same > 1 else ()
