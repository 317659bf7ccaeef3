"""``snapshot``: all that is reachable from some objects, by identity and by value.

It shares no code with hookcount. So it can say whether a count left everything as it was.
"""

import array
import collections
import ctypes
import enum
import functools
import io
import itertools
import logging
import operator
import random
import threading
import types
import weakref

import numpy
import torch

ATOMS = (
    type(None), bool, int, float, complex, str, bytes, range, type(...), type(NotImplemented),
    torch.dtype, torch.device, torch.Size, torch.layout, torch.memory_format,
)  # fmt: skip
"""Types whose values are compared by ``repr``."""
OPAQUE = (
    threading.Thread, threading.Event, threading.Condition, type(threading.Lock()),
    type(threading.RLock()), logging.Logger, types.ModuleType, io.IOBase,
)  # fmt: skip
"""Types whose objects are compared by identity alone."""
OURS = ("helpers.kinds", "observe", "test_", "tests.")
"""How the modules begin whose classes are looked into."""


class Snapshot:
    """The facts by path. Each is a pair: identities, and values that a twin has too."""

    def __init__(self, **roots):
        self.facts = {}
        self._paths = {}
        self._kept = []
        """Keeps what was seen alive, so that no ``id`` is used twice."""
        self._waiting = [(name, value) for name, value in reversed(roots.items())]
        while self._waiting:
            self._see(*self._waiting.pop())

    def differences(self, other, *, of_a_twin=False):
        """The paths whose facts differ, with what differs."""
        found = []
        for path in (*self.facts, *(each for each in other.facts if each not in self.facts)):
            mine, its = self.facts.get(path), other.facts.get(path)
            if mine is None or its is None:
                found.append(f"{path}: {'new' if mine is None else 'gone'}")
                continue
            if of_a_twin:
                mine, its = mine[1:], its[1:]
            if mine != its:
                found.append(f"{path}: {_unequal(mine, its)}")
        return found

    def _see(self, path, value):
        if isinstance(value, ATOMS):
            self.facts[path] = (), (type(value).__name__, repr(value))
            return
        if id(value) in self._paths:
            self.facts[path] = (id(value),), ("is", self._paths[id(value)])
            return
        self._paths[id(value)] = path
        self._kept.append(value)
        identities, values, parts = facts(value)
        self._kept.append(parts)
        kind = type(value)
        self.facts[path] = (id(value), id(kind), *identities), (kind.__qualname__, *values)
        self._waiting.extend((path + name, part) for name, part in reversed(parts))
        if kind.__module__.startswith(OURS):
            self._waiting.append((f"{path}.__class__", kind))


def _unequal(mine, its):
    pairs = [
        f"{one!r:.200} -> {other!r:.200}"
        for before, after in zip(mine, its, strict=True)
        for one, other in itertools.zip_longest(before, after)
        if one != other
    ]
    return "; ".join(pairs)


def snapshot(**roots):
    """A ``Snapshot`` of the objects, given by name."""
    with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction():
        return Snapshot(**roots)


def facts(value):
    """Identities, values, and the parts by name."""
    for kinds, read in READERS:
        if isinstance(value, kinds):
            identities, values, parts = read(value)
            break
    else:
        identities, values, parts = (), (), []
    if isinstance(value, (type, *OPAQUE, *NO_ATTRIBUTES)):
        return identities, values, parts
    own = _own_dict(value)
    if own is not None:
        parts = [*parts, (".__dict__", own)]
    return identities, values, [*parts, *_slots(value)]


def _own_dict(value):
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None


def _slots(value):
    for kind in type(value).__mro__:
        for name, member in vars(kind).copy().items():
            if isinstance(member, types.MemberDescriptorType) and member.__objclass__ is kind:
                if kind.__module__ in ("builtins", "functools", "types"):
                    continue
                try:
                    yield f".{name}", member.__get__(value)
                except AttributeError:
                    yield f".{name}", "<empty slot>"


def _tensor(t):
    strided = t.layout is torch.strided
    real = strided and not t.is_meta
    store = t.untyped_storage() if strided else None
    values = (
        str(t.dtype), str(t.device), str(t.layout), tuple(t.shape),
        t.stride() if strided else None, t.storage_offset() if strided else None,
        None if t.is_inference() else t._version, t.is_inference(), t.requires_grad, t.is_leaf,
        t.retains_grad, getattr(t, "names", None), t.output_nr,
        store.nbytes() if strided else None, t.is_conj() if t.is_complex() else None,
        ctypes.string_at(store.data_ptr(), store.nbytes()) if real and store.nbytes() else b"",
    )  # fmt: skip
    # a graph is walked no further
    identities = (store.data_ptr() if real else 0, id(t.grad_fn), id(t._base))
    parts = [(".grad", t.grad if t.is_leaf or t.retains_grad else None)]
    parts.append((".grad_fn", t.grad_fn))
    parts.append(("._base", t._base))
    parts.append(("._backward_hooks", t._backward_hooks))
    parts.append(("._post_accumulate_grad_hooks", t._post_accumulate_grad_hooks))
    return identities, values, parts


def _array(a):
    values = (
        str(a.dtype), a.shape, a.strides, a.flags.writeable,
        b"" if a.dtype.hasobject else a.tobytes(),
    )  # fmt: skip
    objects = enumerate(a.ravel().tolist()) if a.dtype == object else ()
    return (a.ctypes.data,), values, [(f"[{i}]", each) for i, each in objects]


def _mapping(d):
    items = collections.OrderedDict.items if isinstance(d, collections.OrderedDict) else dict.items
    pairs = list(items(d))
    parts = []
    for index, (key, value) in enumerate(pairs):
        if isinstance(key, ATOMS):
            parts.append((f"[{key!r}]", value))
        else:
            parts += [(f"<key {index}>", key), (f"[key {index}]", value)]
    if isinstance(d, collections.defaultdict):
        parts.append((".default_factory", d.default_factory))
    order = tuple(repr(key) if isinstance(key, ATOMS) else type(key).__name__ for key, _ in pairs)
    return tuple(id(key) for key, _ in pairs if not isinstance(key, ATOMS)), order, parts


def _sequence(items, *values):
    items = list(items)
    return (), (len(items), *values), [(f"[{i}]", each) for i, each in enumerate(items)]


def _set(s):
    atoms = sorted(repr(each) for each in s if isinstance(each, ATOMS))
    others = sorted((each for each in s if not isinstance(each, ATOMS)), key=id)
    ids = tuple(map(id, others))
    return ids, (len(s), *atoms), [(f"{{{i}}}", each) for i, each in enumerate(others)]


def _function(f):
    parts = [(".__defaults__", f.__defaults__), (".__kwdefaults__", f.__kwdefaults__)]
    parts += [(".__closure__", f.__closure__), (".__dict__", f.__dict__)]
    return (id(f.__code__),), (f.__qualname__,), parts


def _builtin(method):
    owner = method.__self__
    return (), (method.__name__,), [(".__self__", owner)]


def _cell(cell):
    try:
        return (), (), [("()", cell.cell_contents)]
    except ValueError:
        return (), ("empty",), []


def _class(kind):
    if not kind.__module__.startswith(OURS):
        return (), (kind.__qualname__,), []
    own = {
        name: value
        for name, value in vars(kind).copy().items()
        if not name.startswith("__") and not isinstance(value, types.GetSetDescriptorType)
    }
    parts = [(f".{name}", value) for name, value in own.items()]
    bases = [(f".__mro__[{i}]", base) for i, base in enumerate(kind.__mro__[1:])]
    return (), (kind.__qualname__, *own), [*parts, *bases]


def _iterator(it):
    if isinstance(it, types.GeneratorType):
        frame = it.gi_frame
        return (), (None if frame is None else frame.f_lasti,), []
    if isinstance(it, itertools.count):
        return (), (repr(it),), []
    try:
        parts = [
            (f".__reduce__[{i}][{j}]", each)
            for i, part in enumerate(it.__reduce__()[1:])
            for j, each in enumerate(part if isinstance(part, tuple) else (part,))
        ]
    except (TypeError, AttributeError):  # Python 3.14 has none for itertools
        parts = []
    return (), (operator.length_hint(it, -1),), parts


def _weak(reference):
    return (id(reference()),), (reference() is None,), []


ITERATORS = (
    types.GeneratorType, itertools.count, itertools.cycle, itertools.chain, zip, map, enumerate,
    type(iter([])), type(iter(())), type(iter({})), type(iter({}.values())), type(iter(range(1))),
    type(reversed([])),
)  # fmt: skip
NO_ATTRIBUTES = (types.FunctionType, types.CellType, torch.Generator, *ITERATORS)
READERS = (
    (torch.Tensor, _tensor),
    (numpy.ndarray, _array),
    (collections.deque, lambda d: _sequence(collections.deque.__iter__(d), d.maxlen)),
    (dict, _mapping),
    (list, lambda c: _sequence(list.__iter__(c))),
    (tuple, lambda c: _sequence(tuple.__iter__(c))),
    ((set, frozenset), _set),
    (bytearray, lambda b: ((), (bytes(b),), [])),
    (array.array, lambda a: ((), (a.typecode, a.tobytes()), [])),
    (memoryview, lambda m: ((), (m.tobytes(),), [(".obj", m.obj)])),
    (torch.UntypedStorage, lambda s: ((), tuple(s.tolist()), [])),
    (torch.Generator, lambda g: ((), (g.get_state().numpy().tobytes(),), [])),
    (random.Random, lambda r: ((), (repr(r.getstate()),), [])),
    (numpy.random.Generator, lambda g: ((), (repr(g.bit_generator.state),), [])),
    (numpy.random.RandomState, lambda r: ((), (repr(r.get_state()),), [])),
    ((io.BytesIO, io.StringIO), lambda f: ((), (f.getvalue(), f.tell()), [])),
    (types.FunctionType, _function),
    (types.MethodType, lambda m: ((), (), [(".__self__", m.__self__), (".__func__", m.__func__)])),
    (functools.partial, lambda p: ((), (), [(".func", p.func), (".args", p.args),
                                            (".keywords", p.keywords)])),
    (types.BuiltinMethodType, _builtin),
    (types.CellType, _cell),
    (types.MappingProxyType, lambda p: ((), (), [(f"[{k!r}]", p[k]) for k in p])),
    (weakref.ReferenceType, _weak),
    (enum.Enum, lambda e: ((), (e.name,), [])),
    (type, _class),
    (property, lambda p: ((), (), [(".fget", p.fget), (".fset", p.fset)])),
    (ITERATORS, _iterator),
)  # fmt: skip
"""For each type, a function that gives identities, values and parts."""
