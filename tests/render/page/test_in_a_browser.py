"""The page in a real browser, without JavaScript of its own. Needs chromium."""

import html
import json
import re
import shutil
import subprocess

import pytest
import torch
from helpers.pictured import counted
from torch import nn

import hookcount

pytestmark = pytest.mark.browser

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
FRAME = """<!doctype html><body><iframe style="width:{width}px;height:900px;border:0"></iframe>
<output></output><script>
const frame = document.querySelector('iframe'), page = {page};
frame.onload = () => {{
  const D = frame.contentDocument, W = frame.contentWindow;
  const all = (s) => [...D.querySelectorAll(s)], seen = (e) => e.checkVisibility();
  const found = (() => {{ {script} }})();
  document.querySelector('output').textContent = JSON.stringify(found);
}};
frame.srcdoc = page;
</script>"""


def evaluate(page, script, folder, width=1400):
    """What a script finds out about a page in a window of a width."""
    if BROWSER is None:
        pytest.skip("chromium is not installed")
    source = json.dumps(page).replace("<", "\\u003c")
    (folder / "frame.html").write_text(
        FRAME.format(width=width, page=source, script=script), encoding="utf-8"
    )
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
    made = subprocess.run(
        [BROWSER, *options, "--dump-dom", f"file://{folder}/frame.html"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    (found,) = re.findall(r"<output>(.*?)</output>", made.stdout, re.DOTALL)
    return json.loads(html.unescape(found))


class Named(nn.Module):
    """Layers with names that are long, or HTML."""

    def __init__(self):
        super().__init__()
        for name in ("w" * 3000, "<img src=x onerror=alert(1)>", "</style><script>", "a b\n"):
            self.add_module(name, nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)))

    def forward(self, x):
        for layer in self.children():
            x = layer(x)
        return x


def page(name):
    if name == "hostile":
        return hookcount.count(Named(), torch.zeros(1, 8)).to_html(title="w" * 3000)
    if name == "thop":
        return counted("resnet50").under("thop").to_html()
    return counted(name).to_html()


@pytest.mark.parametrize("width", [1400, 1000, 760, 420])
@pytest.mark.parametrize("name", ["resnet50", "swin_t", "hostile", "thop", "deep"])
def test_there_is_no_sideways_scroll_and_no_cell_is_cut(name, width, tmp_path):
    script = """
      all('details').forEach(each => each.open = true);
      const cut = all('.hookcount p > i, .hookcount summary > i').filter(seen)
        .filter((each, place) => each !== each.parentElement.children[2])
        .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.textContent);
      return [D.documentElement.scrollWidth, cut, all('img, script').length];
    """
    wide, cut, active = evaluate(page(name), script, tmp_path, width)
    assert wide <= width
    assert cut == []
    assert active == 0


def test_rows_open_and_tabs_change_without_a_script(tmp_path):
    script = """
      const rows = () => all('.hookcount p:not(.head), .hookcount summary').filter(seen).length;
      const tabs = () => all('.tabs .table').map(seen);
      const found = [rows(), tabs()];
      all('summary')[0].click(); found.push(rows());
      all('.tabs label')[1].click(); found.push(tabs());
      return [...found, all('a[href^="#"]').every(each => D.querySelector(each.hash))];
    """
    before, first, after, second, links = evaluate(page("resnet50"), script, tmp_path)
    assert before <= 40
    assert after == 1
    assert first == [True, False, False]
    assert second == [False, True, False]
    assert links


def test_each_row_of_a_notebook_is_one_line(tmp_path):
    script = """
      const rows = all('.hookcount p, .hookcount summary').filter(seen);
      return rows.map(each => each.getBoundingClientRect().height);
    """
    report = counted("resnet50")
    heights = evaluate(f"<!doctype html><body>{report._repr_html_()}", script, tmp_path, 1100)
    assert 10 < len(heights) <= 25
    assert max(heights) < 30
