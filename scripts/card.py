"""Draw the card that social sites show for a link to the book: book/_static/card.png, 1200 by 630 pixels.

    python scripts/card.py

It is the picture of the landing page beside the title, drawn by the browser that the tests use.
"""

import base64

from screenshots import ROOT, chromium

PICTURE = ROOT / "book" / "images" / "cover.png"
CARD = ROOT / "book" / "_static" / "card.png"
PAGE = """<!doctype html><style>
body {{ margin: 0; width: 1200px; height: 630px; display: flex; flex-direction: column; justify-content: center;
  gap: 28px; background: #fff; color: #14181e; font-family: "Noto Sans", "DejaVu Sans", sans-serif; }}
h1 {{ margin: 0 64px; font-size: 68px; line-height: 1.1; letter-spacing: -1px; }}
p {{ margin: 0 64px; color: #48566b; font-size: 29px; line-height: 1.35; }}
img {{ height: 345px; align-self: center; }}
</style><h1>From One-Hot to Encoder</h1>
<p>Large language models from scratch: the input layer and the encoder. An executable book.</p>
<img src="data:image/png;base64,{}">"""


def main() -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1200, "height": 630})
        page.set_content(PAGE.format(base64.b64encode(PICTURE.read_bytes()).decode()), wait_until="load")
        page.screenshot(path=CARD)


if __name__ == "__main__":
    main()
