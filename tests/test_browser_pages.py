"""Every page in headless Chromium, on a laptop and a phone: complete, alone and accessible (tests/test_browser.py)."""

import pytest
from chapters import chapters
from screenshots import HTML, chromium, serving, toc_pages, visitor
from test_browser import complaints

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def opened():
    """The two windows in which every page is opened, so that each size and each theme is seen once; and the address.

    They are reused: a new one for each page takes twice as long.
    """
    assert (HTML / "index.html").is_file(), "There are no pages yet: run `make book` first."
    with serving(HTML) as site, chromium() as browser:
        yield site, (visitor(browser, "laptop", "light"), visitor(browser, "phone", "dark"))


@pytest.mark.parametrize("name", [*toc_pages(), *(str(c) for c in chapters() if c != c.english)])
def test_a_page_is_complete_alone_and_accessible(opened, name):
    site, windows = opened
    found = [complaint for window in windows for complaint in complaints(window, f"{site}/{name}.html")]
    assert not found, "\n".join(["", *found])
