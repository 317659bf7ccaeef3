"""Models that plain pickle cannot take, or that hold such things, and all figures of a report."""

import collections
import dataclasses
import enum
import functools
import threading
import warnings
import weakref

import torch
import torch.nn.functional as F
from torch import nn

from hookcount import conventions

X = torch.zeros(2, 8)


def local():
    class Local(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(8, 4), nn.Linear(4, 8)

        def forward(self, x, scale=2.0):
            return self.b(F.relu(self.a(x))) * scale + x @ x.t() @ x

    return Local(), X


def local_subclass():
    class Narrow(nn.Linear):
        pass

    return nn.Sequential(Narrow(8, 4), nn.ReLU()), X


def parametrized():
    model = nn.Sequential(nn.Linear(8, 8), nn.Conv1d(2, 4, 1))
    nn.utils.parametrizations.weight_norm(model[0])
    nn.utils.parametrizations.orthogonal(model[1])
    return model, X


def spectral_norm():
    return nn.Sequential(nn.utils.spectral_norm(nn.Linear(8, 4)), nn.ReLU()), X


def scripted():
    return torch.jit.script(nn.Sequential(nn.Linear(8, 4), nn.ReLU())), X


def scripted_child():
    return nn.Sequential(torch.jit.script(nn.Linear(8, 4)), nn.Linear(4, 2)), X


def traced():
    return torch.jit.trace(nn.Sequential(nn.Linear(8, 4), nn.ReLU()), X), X


def compiled():
    return torch.compile(nn.Sequential(nn.Linear(8, 4), nn.ReLU()), backend="eager"), X


def quantized():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = nn.Sequential(nn.Linear(8, 4))
        return torch.ao.quantization.quantize_dynamic(model, {nn.Linear}), X


def symbolic():
    return torch.fx.symbolic_trace(nn.Sequential(nn.Linear(8, 4), nn.ReLU())), X


def lstm():
    return nn.LSTM(8, 6, 2, bidirectional=True), torch.zeros(5, 2, 8)


def multihead():
    x = torch.zeros(5, 2, 8)
    return nn.MultiheadAttention(8, 2), x, x, x


def encoder():
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    return nn.TransformerEncoder(layer, 2).eval(), torch.zeros(2, 5, 16)


class Plain:
    """An object that holds all sorts of things."""


def attributes():
    """A lock, functions, an open file, a generator, references, and things that are large."""
    model, x = local()
    model.lock, model.file, model.generator = threading.Lock(), open(__file__), iter([1])  # noqa: SIM115
    model.function, model.method = lambda y: y, model.a.forward
    model.partial = functools.partial(F.gelu, approximate="tanh")
    model.weak, model.proxy = weakref.ref(model), weakref.proxy(X)
    model.itself, model.package, model.op = [model], torch, torch.ops.aten.mm.default
    model.random, model.long = torch.Generator(), list(range(1_000_000))
    model.config = Plain()
    model.config.width, model.config.back, model.config.itself = 8, model, model.config
    model.config.more = collections.defaultdict(lambda: 0, {Plain(): model.config})
    return model, x


def hooks():
    model = nn.Sequential(nn.Linear(8, 4))
    model[0].register_forward_hook(lambda *_: None)
    return model, X


def instance_forward():
    model = nn.Sequential(nn.Linear(8, 8))
    model[0].forward = lambda x: F.linear(x, model[0].weight) + 1
    return model, X


def structured():
    """Local dataclasses, named tuples and enums, in and out."""

    @dataclasses.dataclass
    class Given:
        x: torch.Tensor

    class Made(collections.namedtuple("Made", "y z")):
        pass

    class Colour(enum.Enum):
        RED = 1

    class Level(enum.IntEnum):
        LOW = 1

    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 4)

        def forward(self, given, colour=Colour.RED, levels=None):
            return Made(self.layer(given.x), given.x)

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def forward(self, given):
            made = self.inner(given, Colour.RED, {Colour.RED: Level.LOW})
            return {"made": made, "given": Given(made.y)}

    return Outer(), Given(X)


def sparse():
    class Product(nn.Module):
        def forward(self, x):
            return torch.sparse.mm(x, X.t())

    return Product(), X.to_sparse()


def unseen():
    """Ops without a formula, and a module whose output no op made."""

    class Leaves(nn.Module):
        def forward(self, x):
            return torch.from_numpy(x.numpy().copy())

    return nn.Sequential(Leaves(), nn.Linear(8, 4)), X


def shared():
    layer = nn.Linear(8, 8)
    return nn.Sequential(layer, nn.ReLU(), layer), X


class Abstract(nn.Module):
    """A base that takes no subclass without an argument."""

    def __init_subclass__(cls, *, name, **kwargs):
        super().__init_subclass__(**kwargs)


def refusing_base():
    class Subclass(Abstract, name="one"):
        def forward(self, x):
            return x @ x.t()

    return Subclass(), X


MODELS = {
    each.__name__: each
    for each in (
        local,
        local_subclass,
        parametrized,
        spectral_norm,
        scripted,
        scripted_child,
        traced,
        compiled,
        quantized,
        symbolic,
        lstm,
        multihead,
        encoder,
        attributes,
        hooks,
        instance_forward,
        structured,
        sparse,
        unseen,
        shared,
        refusing_base,
    )
}


def figures(report):
    """All that a report says, by name."""
    names = "run macs flops headline params param_bytes records uncounted reuse backward_seen tree"
    found = {name: getattr(report, name) for name in names.split()}
    for name in ("to_dataframe", "by_role", "by_op", "by_type", "by_convention"):
        found[name] = getattr(report, name)().to_csv()
    found["text"], found["json"] = str(report), report.to_json()
    found["html"] = report._repr_html_()
    found["coverage"], found["shown"] = report.coverage(), str(report.coverage())
    found["shapes"] = [(node.path, node.inputs, node.outputs) for node in report.tree]
    for name in conventions.CONVENTIONS:
        under = report.under(name)
        found[f"under {name}"] = (
            under.headline,
            under.records,
            under.uncounted,
            str(under.coverage()),
        )
        found[f"reconciled with {name}"] = str(report.reconcile(name))
    return found


def counted(name):
    """The report of a model and its figures, to be called in another process too."""
    import hookcount

    model, *args = MODELS[name]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = hookcount.count(model, *args)
    return report, figures(report)


def counted_with_formulas_of_that_process():
    """A report with formulas that exist only in the process that calls this, and stay there."""
    import hookcount
    from hookcount import Ops, Registry

    hookcount.register("aten::sin", lambda out: Ops(specials=100 * out.numel()))
    mine = Registry()
    mine.register(nn.Linear, lambda module, out: Ops(macs=7 * out.numel()))

    class Sine(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 4)

        def forward(self, x):
            return self.layer(x).sin()

    report = hookcount.Counter(mine).count(Sine(), X)
    return report, figures(report)
