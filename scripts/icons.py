"""Cut the theme's icon fonts down to the icons that the pages show: python scripts/icons.py

The theme brings two thousand icons, 270 kB that every reader waits for; the pages show some thirty. The small fonts
take the place of the large ones (book/_static/vendor). Needs brotli, for the format WOFF2: pip install brotli.
"""

import re
from importlib.util import find_spec
from pathlib import Path

from fontTools import subset

THEME = Path(find_spec("pydata_sphinx_theme").origin).parent / "theme" / "pydata_sphinx_theme" / "static"
OUT = Path(__file__).resolve().parents[1] / "book" / "_static" / "vendor" / "fontawesome" / "webfonts"
ICONS = {
    "fa-brands-400": "github",
    "fa-solid-900": "angle-down angle-left angle-right angles-left angles-right arrow-up bars bell book check "
    "chevron-down chevron-right chevron-up circle circle-check circle-exclamation circle-half-stroke circle-info "
    "circle-xmark code compress download expand file file-code file-lines file-pdf gear house language lightbulb link "
    "list magnifying-glass moon outdent pencil pencil-alt rocket sun triangle-exclamation up-right-from-square xmark",
}


def places(names: str) -> set[int]:
    """Where a font has the icons of these names, and those that the theme's own style sheets name by their place."""
    sheet = (THEME / "styles" / "pydata-sphinx-theme.css").read_text("utf-8")
    found = {ord(sign) for sign in re.findall("[\ue000-\uf8ff]", sheet)} | {0xF107}
    for name in names.split():
        found.add(int(re.search(rf'\.fa-{name}:before[^{{}}]*\{{content:"\\([0-9a-f]+)"', sheet)[1], 16))
    return found


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for font, names in ICONS.items():
        options = subset.Options(flavor="woff2", name_IDs=["*"], notdef_outline=True)
        whole = subset.load_font(THEME / "vendor" / "fontawesome" / "webfonts" / f"{font}.ttf", options)
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=places(names))
        cutter.subset(whole)
        subset.save_font(whole, OUT / f"{font}.woff2", options)
    (OUT.parent / "LICENSE.txt").write_text(
        "Font Awesome Free 6, https://fontawesome.com. The fonts are under the SIL Open Font License 1.1\n"
        "(https://openfontlicense.org). These are parts of them, made by scripts/icons.py.\n",
        "utf-8",
    )


if __name__ == "__main__":
    main()
