"""The built documentation in a browser: pages from files, without a network."""

import pytest

browser = pytest.importorskip("helpers.browser")

pytestmark = pytest.mark.browser
SEARCHES = {
    # what a reader types: a title that must be found
    "thop": "hookcount.compat.thop",
    "from_json": "hookcount.Report.from_json",
    "max-macs": "--max-macs",
    "uncounted": "uncounted",
    "aten::addmm": "Built-in formulas",
}


@pytest.fixture(scope="module")
def page(site):
    """A narrow window. At the end, it has asked no network and had no error."""
    wrong = []
    with browser.started() as made:
        page = made.new_page(viewport={"width": 420, "height": 900})
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url)
            ),
        )
        yield page
    assert wrong == []


@pytest.mark.parametrize("typed", SEARCHES)
def test_a_search_works_from_a_file(page, site, typed):
    page.goto((site / "index.html").as_uri())
    page.goto((site / "search.html").as_uri() + "?q=" + typed.replace(":", "%3A"))
    page.wait_for_selector("#search-results li")
    titles = [each.inner_text() for each in page.query_selector_all("#search-results li")]
    assert any(SEARCHES[typed] in title for title in titles[:8]), titles


def test_no_page_scrolls_sideways_in_a_narrow_window(page, site):
    wide = {}
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        if not name.startswith("_modules"):
            page.goto(path.as_uri())
            wide[name] = page.evaluate("document.documentElement.scrollWidth")
    assert len(wide) > 100
    assert {name: width for name, width in wide.items() if width > 420} == {}
