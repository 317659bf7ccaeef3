"""Pages in a real browser, with and without JavaScript. Needs chromium and playwright."""

import contextlib
import itertools

import pytest
from helpers import browser as browsers
from helpers.browser import CONTRAST, Named, rows, started, text_of
from helpers.parsed import Page
from helpers.pictured import counted

from hookcount.analysis.folding.fold import folded

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    with started() as found:
        yield found


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a page. At the end of the test, none has asked a network or had an error."""
    with contextlib.ExitStack() as stack:
        yield lambda name, **options: stack.enter_context(
            browsers.opened(browser, tmp_path, text_of(name), **options)
        )


CUT = """() => [...document.querySelectorAll(".hookcount p > i, .hookcount summary > i")]
  .filter(each => each.checkVisibility() && each !== each.parentElement.children[2])
  .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.textContent)"""


GROUND = "getComputedStyle(document.documentElement).backgroundColor"
OPEN = "document.querySelectorAll('details').forEach(each => each.open = true)"


@pytest.mark.parametrize(
    "name", ["resnet50", "swin_t", "hostile", "thop", "deep", "compared", "changed"]
)
def test_there_is_no_sideways_scroll_and_no_cell_is_cut(name, opened):
    page = opened(name)
    page.evaluate(OPEN)
    for width in (1400, 1000, 760, 420):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT) == []


def test_the_contrast_is_that_of_the_standard(browser):
    page = browser.new_page()
    text = "<p style='color:#000'>a<p style='color:#777'>b"
    page.set_content(f"<body style='background:#fff'>{text}")
    (black, _), (grey, _) = page.evaluate(CONTRAST)
    assert black == pytest.approx(21)
    assert grey == pytest.approx(4.48, abs=0.01)  # known to fail by 0.02
    page.close()


@pytest.mark.parametrize("name", ["resnet50", "llama", "swin_t", "hostile", "compared", "changed"])
def test_all_texts_can_be_read(name, opened):
    page = opened(name)
    page.evaluate(OPEN)
    views = range(1, 1 + len(Page(text_of(name)).pictures))
    for scheme, ground in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 24, 28)")):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(GROUND) == ground
        for width in (1400, 420):
            page.set_viewport_size({"width": width, "height": 900})
            for view in views or [0]:
                if view:
                    page.locator(f"label[for=figure{view}]").click()
                    page.locator(".cells a:visible").nth(1).dispatch_event("click")
                worst, text = min(page.evaluate(CONTRAST))
                assert worst >= 4.5, (text, scheme, width)


def test_without_a_script_rows_open_tabs_change_and_links_lead(opened):
    page = opened("resnet50", java_script_enabled=False)
    tags = [page.locator(".hookcount summary").nth(place) for place in (0, 1)]
    in_view = page.locator(".hookcount p:visible, .hookcount summary:visible").count()
    assert 10 < in_view <= 41
    tags[0].click()
    assert not tags[1].is_visible()
    tags[0].click()
    assert tags[1].is_visible()
    assert not page.locator("button:visible, [type=search]:visible").count()
    first, second = (page.locator(f".tabs .table >> nth={place}") for place in (0, 1))
    assert first.is_visible()
    page.locator("label[for=tab2]").click()
    assert second.is_visible()
    assert not first.is_visible()
    assert page.locator(".icicle >> nth=0").is_visible()
    page.locator("label[for=figure3]").click()
    assert page.locator(".icicle >> nth=2").is_visible()
    assert not page.locator(".icicle >> nth=0").is_visible()
    cell = page.locator(".icicle >> nth=2").locator("a", has_text="conv2 2x").first
    row = page.locator(cell.get_attribute("href"))
    assert not row.is_visible()
    cell.click()
    assert row.is_visible()  # the fragment opens the rows above it
    assert page.locator(".hookcount :target").count() == 1


def test_open_close_and_the_first_view(opened):
    page = opened("resnet50")
    first, root = rows(page), folded(counted("resnet50").tree)
    page.get_by_text("Open all").click()
    assert rows(page) == [row.name for row in root]
    page.get_by_text("Close all").click()
    assert rows(page) == ["(model)", *(row.name for row in root.children)]
    page.get_by_text("First view").click()
    assert rows(page) == first


def test_a_filter_shows_rows_and_those_above_them(opened):
    page = opened("resnet50")
    first = rows(page)
    page.fill("[type=search]", "layer1.0.conv")
    assert rows(page) == ["(model)", "layer1", "0", "conv1", "conv2", "conv3"]
    assert page.locator("[data-is=found]").text_content() == "3 rows"
    page.fill("[type=search]", "maxpool2D")
    assert rows(page) == ["(model)", "maxpool"]
    page.fill("[type=search]", "layer4")  # its rows beneath can be opened
    assert rows(page) == ["(model)", "layer4"]
    page.locator("summary:visible").nth(1).click()
    assert rows(page) == ["(model)", "layer4", "0", "1-2"]
    page.fill("[type=search]", "no such row")
    assert rows(page) == []
    page.press("[type=search]", "Escape")
    assert rows(page) == first


def test_siblings_are_sorted_by_a_figure_of_all_modules(opened):
    page = opened("resnet50")
    page.get_by_text("Close all").click()
    first = rows(page)
    report = counted("resnet50")
    for title, figure in (
        ("params", lambda node: node.params),
        ("MACs", lambda node: node.total.macs),
    ):
        page.get_by_role("button", name=title, exact=True).click()
        order = sorted(report.tree.children, key=figure, reverse=True)
        assert rows(page) == ["(model)", *(node.name for node in order)]
    pressed = page.locator("[aria-pressed=true]")
    assert pressed.all_text_contents() == ["MACs"]
    pressed.click()
    assert rows(page) == first


@pytest.mark.parametrize("name", ["resnet50", "thop", "llama"])
def test_the_rows_in_view_are_copied_with_exact_figures(name, opened):
    page = opened(name)
    page.get_by_text("Open all").click()
    page.get_by_text("Copy the rows in view").click()
    page.wait_for_function("document.querySelector('[data-is=found]').textContent")
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    head, *found = [line.split("\t") for line in lines]
    report = counted("resnet50" if name == "thop" else name)
    report = report.under("thop") if name == "thop" else report
    assert len(found) == len(rows(page))
    assert {len(row) for row in found} == {len(head)}
    assert head[-3:] == ["MACs of all", "FLOPs of all", "own FLOPs of all"]
    assert sum(int(row[-1]) for row in found) == report.flops
    assert [int(each) for each in found[0][-3:-1]] == [report.macs, report.flops]
    if name == "thop":
        assert found[0][head.index("thop (MACs) of all")] == str(report.headline)
    if name == "llama":
        (up,) = [row for row in found if row[0] == "model.layers.0-31.mlp.up_proj"]
        assert up[head.index("modules")] == "32x"
        assert up[head.index("MACs of all")] == str(32 * 16 * 64 * 128)
    assert len({row[0] for row in found}) == len(found)


def test_hostile_names_are_text_for_the_script_too(opened):
    page = opened("hostile")
    assert page.evaluate("document.querySelectorAll('img, script').length") == 1
    page.get_by_text("Open all").click()
    page.fill("[type=search]", "<img")
    assert rows(page)[1] == Named.NAMES[1].replace(".", "")
    page.fill("[type=search]", "")
    page.get_by_text("Copy the rows in view").click()
    page.wait_for_function("document.querySelector('[data-is=found]').textContent")
    copied = page.evaluate("navigator.clipboard.readText()")
    found = [line.split("\t") for line in copied.splitlines()]
    assert {len(row) for row in found} == {len(found[0])}
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in found for cell in row)
    assert {"'=1+1", "'@SUM(A1)"} <= {row[0] for row in found}
    assert copied.replace("\n", "").replace("\t", "").isprintable()
    for cell in page.locator(".cells >> nth=0").locator("a").all():
        cell.dispatch_event("click")
    assert page.evaluate("document.querySelectorAll('img, script').length") == 1


def test_a_cell_fills_the_width_and_marks_its_row(opened):
    page = opened("resnet50")
    cell = page.locator(".cells >> nth=0").locator("a", has_text="layer3")
    whole = page.locator(".icicle >> nth=0").bounding_box()

    def settled(width):
        page.wait_for_function(
            "width => Math.abs(document.querySelector('.cells').getBoundingClientRect().width"
            " - width) < 2",
            arg=width,
        )

    settled(whole["width"] - 2)
    share = cell.bounding_box()["width"]
    cell.click()
    settled((whole["width"] - 2) ** 2 / share)
    box = cell.bounding_box()
    assert box["x"] == pytest.approx(whole["x"], abs=3)
    assert box["width"] == pytest.approx(whole["width"], abs=4)
    page.locator(".cells >> nth=0").locator("a", has_text="conv2 5x").click()
    row = page.locator(".hookcount .at")
    assert row.is_visible()
    assert row.locator("i").first.text_content() == "conv2"
    link = page.get_by_text("Go to its row")
    assert link.get_attribute("href") == f"#{row.get_attribute('id')}"
    page.locator(".cells >> nth=0").locator("a").first.click(force=True)
    settled(whole["width"] - 2)
    assert page.locator(".hookcount .at").count() == 0


def test_keys_move_in_a_picture_and_in_the_tree(opened):
    page = opened("resnet50")
    page.locator(".cells a").first.focus()
    names = []
    for key in ("ArrowDown", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
        names.append(page.evaluate("document.activeElement.textContent"))
    assert names == ["conv1", "layer1", "0", "layer1", "conv1"]
    page.keyboard.press("Enter")
    assert page.locator(".hookcount .at i").first.text_content() == "conv1"
    page.keyboard.press("Escape")
    assert page.locator(".hookcount .at").count() == 0
    page.keyboard.press("Tab")  # one stop for all cells of the picture
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.cells')") is None
    page.locator("summary").first.focus()
    before = rows(page)
    page.keyboard.press("Enter")
    assert rows(page) == before[:1]


def test_the_button_changes_the_theme(opened):
    page = opened("resnet50", color_scheme="dark")
    colours = [page.evaluate(GROUND)]
    for _ in range(2):
        page.get_by_text("light / dark").click()
        colours.append(page.evaluate(GROUND))
    assert colours == ["rgb(20, 24, 28)", "rgb(255, 255, 255)", "rgb(20, 24, 28)"]
    page.emulate_media(media="print")
    assert page.evaluate(GROUND) == "rgb(255, 255, 255)"  # paper is white
    buttons = page.locator("button:visible").all_text_contents()
    assert buttons == ["params", "MACs", "FLOPs"]  # the titles of columns stay
    assert not page.locator(".tools:visible, nav:visible, .needs-script:visible").count()
    assert page.locator("label:visible").all_text_contents() == ["MACs"]
    assert page.locator("table:visible").count() == len(Page(text_of("resnet50")).tables)


def test_the_link_holds_all_modules_as_csv(opened):
    page = opened("resnet50")
    with page.expect_download() as waiting:
        page.get_by_text("All modules as CSV").click()
    assert waiting.value.suggested_filename == "resnet50.csv"
    with open(waiting.value.path(), encoding="utf-8") as file:
        assert file.read() == counted("resnet50").to_csv()


def test_each_row_of_a_notebook_is_one_line(opened):
    """Also below a table, which has rules of its own."""
    page = opened("notebook", width=1100)
    places = page.evaluate(
        """() => [...document.querySelectorAll(".hookcount p, .hookcount summary")]
        .filter(row => row.checkVisibility()).map(row => row.getBoundingClientRect())
        .map(({top, bottom}) => [top, bottom])"""
    )
    assert 20 < len(places) <= 50
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(places)]
    assert sorted(gaps)[-2] < 1  # but for the place between the two trees
    assert max(bottom - top for top, bottom in places) < 30
    numbers = page.evaluate(
        """() => [...document.querySelectorAll(".hookcount p, .hookcount summary")]
        .map(row => getComputedStyle(row.children[3]).textAlign)"""
    )
    titles = [Page(counted(name)._repr_html_()).titles[3] for name in ("resnet50", "alexnet")]
    assert titles == ["params", "MACs"]  # each tree has its own columns
    assert set(numbers) == {"right"}
