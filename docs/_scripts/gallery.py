"""Writes the gallery, ``docs/gallery/``: a page for each of 30 known models, and a list of them.

Sphinx runs this script before it reads the pages. The models are counted on meta, without weights.
A model whose library is not installed is named in the list, and has no page.
"""

from __future__ import annotations

import io
import json
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torchvision
from filelock import FileLock  # torch brings it
from rich.console import Console

import hookcount
from hookcount.core.units import si, size
from hookcount.models import Built, build
from hookcount.render.text import tree

if TYPE_CHECKING:
    from sphinx.application import Sphinx

WIDTH = 96
"""Characters of a line of the trees."""

TORCHVISION = (
    *("alexnet", "vgg16", "googlenet", "inception_v3", "resnet18", "resnet50", "resnext50_32x4d"),
    *("densenet121", "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_large", "shufflenet_v2_x1_0"),
    *("mnasnet1_0", "efficientnet_b0", "efficientnet_v2_s", "regnet_y_8gf", "convnext_tiny"),
    *("vit_b_16", "swin_t", "maxvit_t", "deeplabv3_resnet50", "r3d_18"),
)
TIMM = ("mixer_b16_224", "deit3_small_patch16_224", "convnextv2_tiny")
TRANSFORMERS = {
    # the name here: the configuration, whose defaults are those of this model, and the class
    "BERT base": ("BertConfig", "BertForMaskedLM"),
    "GPT-2": ("GPT2Config", "GPT2LMHeadModel"),
    "T5 small": ("T5Config", "T5ForConditionalGeneration"),
    "Llama 7B": ("LlamaConfig", "LlamaForCausalLM"),
    "Mixtral 8x7B": ("MixtralConfig", "MixtralForCausalLM"),
}


@dataclass(frozen=True)
class Model:
    """A model of the gallery."""

    name: str
    library: str
    command: str
    """What counts it on the command line."""
    make: Callable[[], Built]

    @property
    def page(self) -> str:
        """The name of its page."""
        return self.name.lower().replace(" ", "_").replace("-", "")


def models() -> list[Model]:
    """All models, those of one library together."""
    return [
        *(_by_name(name, name, "torchvision") for name in TORCHVISION),
        *(_by_name(name, f"timm:{name}", "timm") for name in TIMM),
        *(_of_config(name, *names) for name, names in TRANSFORMERS.items()),
    ]


def _by_name(name: str, typed: str, library: str) -> Model:
    return Model(name, library, f"hookcount {typed}", lambda: build(typed))


def _of_config(name: str, config: str, architecture: str) -> Model:
    def made() -> Built:
        import transformers

        described = getattr(transformers, config)().to_dict()
        with TemporaryDirectory() as folder:
            file = Path(folder) / "config.json"
            file.write_text(json.dumps({**described, "architectures": [architecture]}))
            return build(f"hf:{file}")

    return Model(name, "transformers", "hookcount hf:path/to/config.json", made)


def counted(model: Model) -> tuple[str, hookcount.Report]:
    """The input, as the command line shows it, and the report."""
    built = model.make()
    report = hookcount.count(built.model, *(built.args or ()), **built.kwargs)
    given = [(f"{name} ", value) for name, value in built.kwargs.items()]
    given += [("", value) for value in built.args or ()]
    shapes = (f"{name}{'x'.join(map(str, value.shape))}" for name, value in given)
    return ", ".join(shapes), report


def published(name: str) -> int | None:
    """The multiply-accumulates that torchvision publishes for a model, in units of 10^6."""
    try:
        weights = torchvision.models.get_model_weights(name)
    except ValueError:
        return None
    return round(weights.DEFAULT.meta["_ops"] * 1000)


def page_of(model: Model, given: str, report: hookcount.Report) -> Iterator[str]:
    """The lines of a model's page."""
    yield from (":nosearch:", "")  # else each page is found under the name of each tool
    yield from (model.name, "=" * len(model.name), "")
    yield from (".. code-block:: console", "", f"   $ {model.command}", "")
    figures = {
        "library": model.library,
        "class": f"``{report.tree.type}``",
        "input": given,
        "parameters": f"{report.params:,} ({size(report.param_bytes)})",
        "MACs": f"{report.macs:,}",
        "FLOPs": f"{report.flops:,}",
        "uncounted": ", ".join(each.target for each in report.uncounted) or "nothing",
    }
    if model.library == "torchvision" and (known := published(model.name)):
        figures["torchvision publishes"] = f"{known / 1000:.3f} G MACs"
    yield from _table([], figures.items())
    yield from ("Modules", "-------", "")
    yield f"``report.to_html`` makes `a page of the whole report <pages/{model.page}.html>`__."
    yield from ("", ".. code-block:: text", "")
    yield from (f"   {line}".rstrip() for line in _fitted(report))
    yield from ("", "What the work is for", "--------------------", "")
    yield from _table(["role", "MACs", "FLOPs", "share of MACs"], _roles(report))
    yield from ("What other tools print", "----------------------", "")
    rows = report.by_convention()[["convention", "figure", "unit"]].values.tolist()
    cells = ([f"``{name}``", _exact(figure), unit] for name, figure, unit in rows)
    yield from _table(["convention", "figure", "unit"], cells)
    yield ":doc:`../tools` says why these differ."


def _roles(report: hookcount.Report) -> Iterator[list[str]]:
    """A row for each role that has work. A role without MACs has no share."""
    for share in report.by_role().to_dict("records"):
        macs, part = share["macs"], share["macs_share"]
        if share["flops"]:
            shown = f"{part:.1%}" if part >= 0.001 else "<0.1%"
            yield [
                share["role"],
                *((si(macs) if macs else ""), si(share["flops"])),
                shown if macs else "",
            ]


def _exact(figure: object) -> str:
    return f"{figure:,}" if isinstance(figure, int) else "no figure"


def _fitted(report: hookcount.Report) -> list[str]:
    """The tree as a terminal of this width shows it."""
    file = io.StringIO()
    Console(file=file, width=WIDTH, color_system=None).print(tree(report.priced))
    return file.getvalue().splitlines()


def _table(titles: list[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    head = ["   :header-rows: 1", "   :class: figures"] if titles else ["   :class: facts"]
    yield from (".. list-table::", *head, "")
    for row in [titles, *rows] if titles else rows:
        yield from (f"   {'  -' if place else '* -'} {cell}" for place, cell in enumerate(row))
    yield ""


def list_of(found: list[tuple[Model, hookcount.Report]], missing: list[Model]) -> Iterator[str]:
    """The lines of the list of all models."""
    yield from ("Gallery", "=======", "")
    yield f"{len(found)} known models, in eval mode, on one image or clip, or on 128 tokens."
    yield from ("Each has a page with its tree, and with the figures of other tools.", "")
    rows = (
        [
            f":doc:`{model.name} <{model.page}>`",
            model.library,
            *(si(figure) for figure in (report.params, report.macs, report.flops)),
        ]
        for model, report in found
    )
    yield from _table(["model", "library", "parameters", "MACs", "FLOPs"], rows)
    if missing:
        names = ", ".join(model.name for model in missing)
        yield from (f"Not counted, because their library is not installed: {names}.", "")
    yield from (".. toctree::", "   :hidden:", "", *(f"   {model.page}" for model, _ in found))


def write(folder: Path) -> None:
    """Write all pages, unless they are newer than the code that makes them.

    Another build at the same time waits.
    """
    wanted = models()
    with FileLock(folder.with_suffix(".lock")):
        if not _fresh(folder, wanted):
            _write_all(folder, wanted)


def _write_all(folder: Path, wanted: list[Model]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "pages").mkdir(parents=True)
    found, missing = [], []
    for model in wanted:
        if find_spec(model.library) is None:
            missing.append(model)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given, report = counted(model)
            _write(folder / f"{model.page}.rst", page_of(model, given, report))
        report.to_html(folder / "pages" / f"{model.page}.html", title=model.name)
        found.append((model, report))
    _write(folder / "index.rst", list_of(found, missing))


def _fresh(folder: Path, wanted: list[Model]) -> bool:
    """Whether nothing changed since all pages were written."""
    index = folder / "index.rst"
    if not index.exists() or any(not (folder / f"{each.page}.rst").exists() for each in wanted):
        return False
    code = [Path(__file__), *Path(hookcount.__file__).parent.rglob("*.py")]
    return index.stat().st_mtime > max(each.stat().st_mtime for each in code)


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Join a build of Sphinx: write the pages before it looks for them."""
    app.connect("builder-inited", lambda app: write(app.srcdir / "gallery"))
    app.connect("build-finished", _copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _copy(app: Sphinx, error: Exception | None) -> None:
    """Put the pages of the reports beside those of Sphinx."""
    if error is None and app.builder.format == "html":
        pages = Path("gallery", "pages")
        shutil.copytree(app.srcdir / pages, app.outdir / pages, dirs_exist_ok=True)
