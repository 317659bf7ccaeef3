"""A real browser that opens pages from files, and asks no network."""

from __future__ import annotations

import contextlib
import functools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import hookcount
from helpers.pictured import counted

COMMANDS = ("chromium", "chromium-browser", "chrome", "google-chrome")
CONTRAST = """() => {
  const parts = colour => {
    const found = colour.match(/[\\d.]+/g).map(Number);
    return colour.startsWith("color(srgb") ? found.slice(0, 3).concat(found[3] ?? 1)
      : found.slice(0, 3).map(each => each / 255).concat(found[3] ?? 1);
  };
  const light = ([r, g, b]) => [r, g, b].map(
    c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  ).reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour[3] === 1) return colour;
      if (colour[3] !== 0) throw new Error("a ground that is half transparent");
    }
    throw new Error("no ground");
  };
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || element.tagName === "SCRIPT" || !element.checkVisibility()) continue;
    const pair = [parts(getComputedStyle(element).color), ground(element)].map(light).sort();
    found.push([(Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), text.slice(0, 40)]);
  }
  return found;
}"""
"""The contrast of each text in view to what is behind it, by WCAG 2, and the text."""


@functools.cache
def command() -> str:
    """The path of a browser. The test is skipped if none is installed."""
    found = next(filter(None, map(shutil.which, COMMANDS)), None)
    if found is None:
        pytest.skip("chromium is not installed")
    return found


@contextlib.contextmanager
def started() -> Iterator[Any]:
    """A browser. The test is skipped if playwright or a browser is not installed."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = command()
    with playwright.sync_playwright() as made:
        browser = made.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser: Any, folder: Path, text: str, width: int = 1400, **options: Any) -> Any:
    """A page in a window. At the end, it has asked no network and had no error."""
    errors: list[str] = []
    asked: list[str] = []

    def route(each: Any) -> None:
        if each.request.url.startswith(("file:", "data:")):
            each.continue_()
        else:
            asked.append(each.request.url)
            each.abort()

    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    context.route("**/*", route)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.on("console", lambda each: errors.append(each.text))
    page.on("pageerror", lambda each: errors.append(str(each)))
    path = folder / "page.html"
    path.write_text(text, encoding="utf-8")
    page.goto(path.as_uri())
    yield page
    context.close()
    assert errors == []
    assert asked == []


def rows(page: Any) -> list[str]:
    """The names of the rows of the tree that are in view."""
    script = """() => [...document.querySelectorAll(".hookcount p, .hookcount summary")]
        .filter(row => row.className !== "head" && row.checkVisibility())
        .map(row => row.firstElementChild.textContent)"""
    return list(page.evaluate(script))


class Named(nn.Module):
    """Layers with names that are long, HTML, a formula, or of several lines."""

    NAMES = (
        "w" * 3000,
        "<img src=x onerror=alert(1)>",
        "</style><script>alert(2)</script>",
        "=1+1",
        "@SUM(A1)",
        "a b\n\tc",
        "\x1b[31mred",
    )

    def __init__(self) -> None:
        super().__init__()
        for name in self.NAMES:
            self.add_module(name, nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.children():
            x = layer(x)
        return x


@functools.cache
def text_of(name: str) -> str:
    """The page of a model of ``helpers.pictured``, and of some others."""
    if name == "hostile":
        return str(hookcount.count(Named(), torch.zeros(1, 8)).to_html(title="</title>" * 300))
    if name == "thop":
        return str(counted("resnet50").under("thop").to_html())
    if name == "compared":
        names = ("resnet50", "llama")
        from hookcount.render.page.compared import compared

        return compared(
            hookcount.compare({each: counted(each) for each in names}, ["torch", "thop"])
        )
    if name == "changed":
        return str(counted("growing").diff(counted("flat")).to_html())
    if name == "notebook":
        trees = counted("resnet50"), counted("growing").diff(counted("flat")), counted("alexnet")
        return f"<!doctype html><body>{''.join(each._repr_html_() for each in trees)}"
    return str(counted(name).to_html(title=name))
