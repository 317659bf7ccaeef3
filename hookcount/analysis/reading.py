"""Reading the JSON of a report."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..conventions import CONVENTIONS
from ..core.errors import InputError, error_text
from ..core.names import clean, shortened
from ..core.ops import KINDS, NOTHING, Ops, flops
from ..core.trace import Unseen
from ..pricing.price import Record, Sums, Uncounted
from ..pricing.priced import Priced
from ..pricing.step import StepTotals
from ..pricing.stored import Stored, StoredNode, StoredStep
from ..pricing.tree import Node
from ..rules.convention import Convention
from .columns import STEP_COLUMNS
from .training import figures, step_differs, stored_step

SCHEMA = 1
"""The number of the layout of the JSON."""
_LONG = 120
"""Characters of a path in a message."""
_WRITE_AGAIN = "write it again with report.to_json()"


def extras(priced: Priced) -> dict[str, object]:
    """What a file holds beside the totals and the rows, so that it can be read again."""
    totals = priced.step_totals
    return {
        **({} if totals is None else {"training": figures(totals)}),
        "weights": dict(priced.convention.weights),
        "records": [
            {**each._asdict(), "ops": {kind: n for kind, n in vars(each.ops).items() if n}}
            for each in priced.records
        ],
    }


def uncounted(sums: Sums) -> list[dict[str, object]]:
    """The uncounted targets as values that JSON can hold."""
    return [
        {
            "target": each.target,
            "paths": list(each.paths),
            "calls": each.calls,
            "by": each.by,
            "signature": each.signature,
            "unseen": None if each.unseen is None else each.unseen._asdict(),
        }
        for each in sums.uncounted
    ]


def read(source: str | os.PathLike[str]) -> Stored:
    """The figures of a file, or of its text.

    Raises ``InputError`` if the source is no whole report of a known schema, or if its figures
    disagree.
    """
    text, name = _text(source)
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(error_text(name, f"this is not JSON: {error}", _WRITE_AGAIN)) from error
    if not isinstance(whole, dict) or whole.get("schema") != SCHEMA:
        found = whole.get("schema") if isinstance(whole, dict) else None
        what = f"this is no report of schema {SCHEMA}; its schema is {found!r}"
        raise InputError(error_text(name, what, _WRITE_AGAIN))
    rows = whole.get("modules")
    if not isinstance(rows, list) or len(rows) != whole.get("module_count"):
        what = "the file does not have all modules of the model"
        raise InputError(error_text(name, what, f"{_WRITE_AGAIN}, without --depth and --top"))
    try:
        found = _stored(name, whole, rows)
        differing = _differing(found, whole, rows)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"the file is damaged: {type(error).__name__}: {error}"
        raise InputError(error_text(name, what, _WRITE_AGAIN)) from error
    if differing:
        what = f"the figures of the file disagree: {differing} does not fit the others"
        raise InputError(error_text(name, what, _WRITE_AGAIN))
    return found


def _text(source: str | os.PathLike[str]) -> tuple[str, str]:
    """The text, and a name for messages."""
    if isinstance(source, str) and source.lstrip("\ufeff \t\r\n").startswith("{"):
        return source.lstrip("\ufeff"), "the text"
    if not isinstance(source, (str, os.PathLike)):
        raise InputError(f"{source!r} is no path. To fix it: give a text or a pathlib.Path.")
    name = shortened(clean(str(source)), _LONG) or "''"
    try:
        return Path(source).read_text(encoding="utf-8-sig"), name
    except (OSError, ValueError) as error:  # a path may hold a null character
        what = f"cannot read the file: {getattr(error, 'strerror', None) or error}"
        raise InputError(error_text(name, what, "give a file of report.to_json()")) from error


def _check(row: Mapping[str, Any], texts: Sequence[str], counts: Sequence[str]) -> None:
    """Raise ``ValueError`` for a value of another type, or a negative count."""
    for name in texts:
        if type(row[name]) is not str:
            raise ValueError(f"{name} is {row[name]!r}")
    for name in counts:
        if type(row[name]) is not int or row[name] < 0:
            raise ValueError(f"{name} is {row[name]!r}")


def _stored(name: str, whole: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Stored:
    _check(whole, ("run", "convention", "unit"), ())
    _check(whole["versions"], list(whole["versions"]), ())
    if whole["run"] not in ("shapes", "real") or type(whole["backward_seen"]) is not bool:
        raise ValueError(f"run is {whole['run']!r}, backward_seen is {whole['backward_seen']!r}")
    for row in rows:
        _check(row, _TEXTS, _COUNTS)
    for each in whole["records"]:
        _check(each, ("path", "target", "by"), ("calls",))
    records = tuple(
        [
            Record(each["path"], each["target"], each["by"], Ops(**each["ops"]), each["calls"])
            for each in whole["records"]
        ]
    )
    missing = [
        Uncounted(
            each["target"],
            each["by"],
            tuple(each["paths"]),
            each["calls"],
            each["signature"],
            None if each["unseen"] is None else Unseen(**each["unseen"]),
        )
        for each in whole["uncounted"]
    ]
    at = {row["path"]: row["uncounted"] for row in rows if row["uncounted"]}
    calls = {row["path"]: row["calls"] for row in rows}
    return Stored(
        name,
        _convention(whole),
        Sums(records, tuple(missing), at, calls, 0, 0),
        _tree(rows, records),
        run=whole["run"],
        backward_seen=whole["backward_seen"],
        versions=whole["versions"],
        step=_step(whole, rows),
    )


def _step(whole: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> StoredStep | None:
    if whole.get("phases") is None:
        return None
    _check(whole, ("phases",), ())
    _check(whole["training"], (), StepTotals._fields)
    for row in rows:
        _check(row, (), STEP_COLUMNS)
    return stored_step(whole["phases"], whole["training"], rows)


def _convention(whole: Mapping[str, Any]) -> Convention:
    """The convention of the file: hookcount's own if it is the same, else one without formulas."""
    found = Convention(whole["convention"], whole["unit"], whole["weights"])
    known = CONVENTIONS.get(found.name)
    same = known is not None and (known.unit, dict(known.weights)) == (found.unit, found.weights)
    return known if same and known is not None else found


def _tree(rows: Sequence[Mapping[str, Any]], records: Sequence[Record]) -> StoredNode:
    own: dict[str, Ops] = {}
    for record in records:
        own[record.path] = own.get(record.path, NOTHING) + record.ops
    below: dict[str, list[str]] = {}
    for row in rows:
        if row["path"]:
            below.setdefault(row["path"].rpartition(".")[0], []).append(row["path"])
    made: dict[str, StoredNode] = {}
    for row in sorted(rows, key=lambda row: -row["depth"]):
        path = row["path"]
        children = tuple([made.pop(child) for child in below.get(path, ())])
        mine = own.get(path, NOTHING)
        made[path] = StoredNode(
            own=mine,
            total=sum([child.total for child in children], mine),
            leaf=not children,
            children=children,
            distinct=(),
            input_texts=_shapes(row["input_shapes"]),
            output_texts=_shapes(row["output_shapes"]),
            **{name: row[name] for name in (*_TEXTS, *_COUNTS)},
        )
    (root,) = made.values()
    return root


_TEXTS = ("path", "type")
_COUNTS = (
    "depth",
    "calls",
    "params",
    "trainable_params",
    "param_bytes",
    "own_params",
    "output_bytes",
    "uncounted",
)


def _shapes(text: str) -> tuple[str, ...]:
    return tuple(text.split("; ")) if text else ()


def _differing(found: Stored, whole: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """The first figure of the file that does not agree with the others. Empty if all do."""
    figures = {
        "macs": found.macs,
        "flops": found.flops,
        "figure": found.headline,
        "params": found.params,
        "param_bytes": found.param_bytes,
        "operations": {kind: getattr(found.total, kind) for kind in KINDS},
        "model": found.tree.type,
        "input": list(found.tree.inputs),
    }
    for name, value in figures.items():
        if type(whole[name]) is not type(value) or whole[name] != value:
            return f"{name!r}"
    nodes = list(found.tree)
    if [node.path for node in nodes] != [row["path"] for row in rows]:
        return "the order of the rows"
    own_params = dict.fromkeys([node.path for node in nodes], 0)
    for node in reversed(nodes):
        own_params[node.path] += node.own_params
        if node.path:
            own_params[node.path.rpartition(".")[0]] += own_params[node.path]
    if own_params[""] != found.params:
        return "'own_params'"
    if name := step_differs(found, whole.get("training")):
        return f"{name!r}"
    for node, row in zip(nodes, rows, strict=True):
        name = _differs(node, row, found, own_params[node.path])
        if name:
            return f"{name!r} of the row {node.path!r}"
    return ""


def _differs(node: Node, row: Mapping[str, Any], found: Stored, own_params: int) -> str:
    """The first figure of a row that does not agree with the others. Empty if all do.

    ``own_params``: those of the module and of all beneath. With a shared tensor it has more.
    """
    figure = found.convention.figure
    figures = {
        "own_macs": node.own.macs,
        "own_flops": flops(node.own),
        "own_figure": figure(node.own),
        "macs": node.total.macs,
        "flops": flops(node.total),
        "figure": figure(node.total),
        "macs_share": node.total.macs / found.macs if found.macs else 0.0,
        "depth": node.path.count(".") + 1 if node.path else 0,
    }
    for name, value in figures.items():
        if type(row[name]) is not type(value) or row[name] != value:
            return name
    if not own_params <= node.params <= found.params:
        return "params"
    if node.trainable_params > node.params:
        return "trainable_params"
    return "param_bytes" if node.param_bytes > found.param_bytes else ""
