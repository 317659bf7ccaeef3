"""Stand-ins for packages that are not here: ops of the same schema, classes of the same path."""

import torch
from torch import nn

import hookcount

RUNS = [hookcount.Counter(run="real"), hookcount.Counter(run="shapes")]
_libraries = []


class Calls(nn.Module):
    """An op as a module."""

    def __init__(self, op):
        super().__init__()
        self.op = op

    def forward(self, *args, **kwargs):
        return self.op(*args, **kwargs)


def defined(schema, made):
    """The op of that schema: the package's own, or one that gives what ``made`` makes of its
    arguments.
    """
    namespace, rest = schema.split("::", 1)
    name = rest.split("(", 1)[0]
    if not isinstance(
        getattr(getattr(torch.ops, namespace), name, None), torch._ops.OpOverloadPacket
    ):
        library = torch.library.Library(namespace, "FRAGMENT")
        _libraries.append(library)
        library.define(rest)
        for key in ("CPU", "Meta"):
            library.impl(name, made, key)
    return getattr(getattr(torch.ops, namespace), name)


def count(model, *args, **kwargs):
    """The total, which must be the same for real and on shapes, with nothing uncounted."""
    reports = [counter.count(model, *args, **kwargs) for counter in RUNS]
    assert [report.run for report in reports] == ["real", "shapes"]
    assert [report.uncounted for report in reports] == [(), ()]
    assert reports[0].total == reports[1].total
    return reports[0].total


def named(path, cls):
    """``cls`` under the path of the class that it stands for."""
    home, _, name = path.rpartition(".")
    return type(name, (cls,), {"__module__": home, "__qualname__": name})
