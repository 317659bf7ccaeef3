"""A newcomer's questions: each is answered on a page that is few clicks away from the first."""

import os
import re
from pathlib import PurePosixPath

import pytest
from helpers.paths import ROOT

DOCS = ROOT / "docs"
PAGES = {
    path.relative_to(DOCS).with_suffix("").as_posix(): path.read_text(encoding="utf-8")
    for path in DOCS.rglob("*.rst")
    if "gallery" not in path.parts
}
LABELS = {
    label: page
    for page, text in PAGES.items()
    for label in re.findall(r"^\.\. _([\w-]+):", text, re.M)
}
QUESTIONS = {
    # the question: the page that answers it, and words of the answer
    "MACs or FLOPs?": ("counted", "a MAC is two of them"),
    "Why does my total differ from that of ptflops?": ("tools", "Why two tools differ"),
    "How do I count my own module?": ("howto/own_modules", "hookcount.register"),
    "How do I get a DataFrame?": ("howto/parts", "to_dataframe()"),
    "Is it slow? Does it need a GPU?": ("start/first", "computes nothing"),
    "What does uncounted mean?": ("start/read", "a lower bound"),
    "Is training counted?": ("limits", "``hookcount.Training`` counts the backward pass"),
    "How do I count a language model of Hugging Face?": ("howto/hugging_face", "hf:"),
    "How do I share a report?": ("howto/html", "to_html"),
    "How do I test a budget in CI?": ("howto/ci_budget", "--max-macs"),
}


def links(page):
    """The pages to which a page leads: links in its text, and its contents."""
    text, folder = PAGES[page], PurePosixPath(page).parent
    for role, target in re.findall(r":(doc|ref):`(?:[^`<]*<)?([^`<>]+)>?`", text):
        yield LABELS[target] if role == "ref" else resolved(folder, target)
    for block in re.findall(r"^\.\. toctree::\n((?:   .*\n|\n)+)", text + "\n", re.M):
        for entry in re.findall(r"^   ([\w/]+)$", block, re.M):
            yield resolved(folder, entry)
    for target in re.findall(r":link: (\S+)", text):
        yield resolved(folder, target)


def resolved(folder, target):
    return os.path.normpath(folder / target if target[0] != "/" else target[1:])


def distances(first="index"):
    found, reached = {first: 0}, [first]
    for page in reached:
        for target in links(page) if page in PAGES else ():
            if target not in found:
                found[target] = found[page] + 1
                reached.append(target)
    return found


CLICKS = distances()


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_within_three_clicks(question):
    page, words = QUESTIONS[question]
    assert words in " ".join(PAGES[page].split())
    assert CLICKS[page] <= 3


def test_each_page_is_within_three_clicks():
    assert {page: CLICKS.get(page) for page in PAGES if CLICKS.get(page, 9) > 3} == {}


def test_each_link_leads_to_a_page():
    known = {*PAGES, "gallery/index"}
    assert [(page, target) for page in PAGES for target in links(page) if target not in known] == []
