"""Photograph the built pages: python scripts/screenshots.py OUTDIR [page …]

Every page (or those named, as in _toc.yml or by their last part) on a laptop and a phone, in light and dark, from top
to bottom, cut into pieces that an image viewer shows at full size. Tests say whether a page is broken, not whether it
is beautiful: look at these after each change of style. The browser tests open their pages with the functions below.
"""

import argparse
import contextlib
import functools
import http.server
import math
import shutil
import sys
import threading
from pathlib import Path

import yaml
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
SIZES = {"laptop": (1280, 800), "phone": (390, 844)}  # CSS pixels
THEMES = ("light", "dark")
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")  # the first takes least time
PIECE = 2000  # pixels, the height of one picture at most
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # what the browser sees of the internet: nothing
ONE_PROCESS = "--renderer-process-limit=1"  # a window's next page finds the scripts compiled while another is open


def toc_pages(toc: Path = ROOT / "_toc.yml") -> list[str]:
    """The pages of the book in reading order, as _toc.yml names them: "book/intro", "book/input-layer/one-hot", …"""

    def files(entry):
        if isinstance(entry, list):
            return [name for part in entry for name in files(part)]
        own = [entry[key] for key in ("root", "file") if key in entry]
        return own + [name for key in ("parts", "chapters", "sections") for name in files(entry.get(key, []))]

    return [name.removesuffix(".md").removesuffix(".ipynb") for name in files(yaml.safe_load(toc.read_text("utf-8")))]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that does not report every request."""

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(folder: Path):
    """Serve a folder on a free port of this machine while the block runs; gives its address."""
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextlib.contextmanager
def chromium():
    """Headless Chromium without internet, the one installed on this machine (playwright downloads none)."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise SystemExit("Chromium was not found: install Debian's chromium, or Chrome.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", OFFLINE, ONE_PROCESS])
        yield browser
        browser.close()


def visitor(browser, size: str, theme: str):
    """A browser window of that size whose reader has chosen that theme, as the theme itself remembers it."""
    width, height = SIZES[size]
    window = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
    )
    window.set_default_timeout(0)  # the clock decides nothing
    window.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
    window.new_page()  # stays open, for ONE_PROCESS
    return window


def settle(page, url: str) -> None:
    """Open an address and wait until pictures are there, formulas typeset and folded cells open."""
    page.goto(url, wait_until="load")
    page.evaluate(
        """async () => {
            document.querySelectorAll("details").forEach((fold) => (fold.open = true));
            document.querySelectorAll("img").forEach((image) => (image.loading = "eager"));
            const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            await window.MathJax?.startup?.promise;
            await painted();
            await document.fonts.ready;
            await painted();
        }"""
    )


def photograph(page, stem: str, folder: Path) -> list[Path]:
    """The whole page, from top to bottom, in pieces named stem-1.png, stem-2.png, …"""
    width, height = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
    made = []
    for i in range(math.ceil(height / PIECE)):
        clip = {"x": 0, "y": i * PIECE, "width": width, "height": min(PIECE, height - i * PIECE)}
        made.append(folder / f"{stem}-{i + 1}.png")
        page.screenshot(path=made[-1], full_page=True, clip=clip)
    return made


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", type=Path)
    parser.add_argument("page", nargs="*", help="as in _toc.yml, or its last part; all pages if none is named")
    args = parser.parse_args(argv)
    if not HTML.is_dir():
        sys.exit("There are no pages yet: run `make book` first.")
    pages = [p for p in toc_pages() if not args.page or p in args.page or Path(p).name in args.page]
    if not pages:
        sys.exit(f"No such page: {', '.join(args.page)}. There are: {', '.join(toc_pages())}.")
    args.outdir.mkdir(parents=True, exist_ok=True)
    with serving(HTML) as site, chromium() as browser:
        for size in SIZES:
            for theme in THEMES:
                page = visitor(browser, size, theme).new_page()
                for name in pages:
                    settle(page, f"{site}/{name}.html")
                    stem = f"{name.removeprefix('book/').replace('/', '-')}-{size}-{theme}"
                    for path in photograph(page, stem, args.outdir):
                        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
