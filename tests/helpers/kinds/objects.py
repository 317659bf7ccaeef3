"""Objects that a forward changes: as an argument, or held by the model."""

import dataclasses
import enum
import functools
import logging
import tempfile
import threading
import types
import weakref

import numpy
import torch

from .making import Does, Sample, both, holds, kind, x


class Plain:
    """An object with attributes."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Slots:
    """An object with slots in a base and in a subclass."""

    __slots__ = ("_private", "seen")


class MoreSlots(Slots):
    """The subclass. ``late`` is empty at first."""

    __slots__ = ("late", "steps")

    def __init__(self):
        self.seen, self.steps, self._private = [], 1, 0


class SlotsAndDict(MoreSlots):
    """Slots in the bases, and a ``__dict__``."""

    def __init__(self):
        super().__init__()
        self.more = [1]


class Mangled:
    """Slots with private names."""

    __slots__ = ("__hidden",)

    def __init__(self):
        self.__hidden = []

    def push(self, value):
        self.__hidden.append(value)
        return len(self.__hidden)


class WithProperty:
    """A property with a setter, and one that raises."""

    def __init__(self):
        self._level = 1

    @property
    def level(self):
        return self._level

    @level.setter
    def level(self, value):
        self._level = value

    @property
    def broken(self):
        raise RuntimeError("never read this")


@dataclasses.dataclass
class Data:
    """A dataclass."""

    seen: list = dataclasses.field(default_factory=list)
    steps: int = 1


@dataclasses.dataclass(slots=True)
class SlottedData:
    """A dataclass with slots."""

    seen: list = dataclasses.field(default_factory=list)
    steps: int = 1


@dataclasses.dataclass(frozen=True)
class FrozenData:
    """A frozen dataclass that holds a list."""

    seen: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlottedData:
    """A frozen dataclass with slots that holds a list."""

    seen: list = dataclasses.field(default_factory=list)


class LikeAttrs:
    """As attrs makes a frozen class: ``__setattr__`` raises."""

    __slots__ = ("__weakref__", "seen")
    __attrs_attrs__ = ("seen",)

    def __init__(self):
        object.__setattr__(self, "seen", [])

    def __setattr__(self, name, value):
        raise AttributeError("frozen")


class Hostile:
    """Holds a list. Its subclasses fail where something looks at them."""

    def __init__(self):
        self.seen = []


class RaisingEq(Hostile):
    """``==`` raises, and so the object has no hash."""

    def __eq__(self, other):
        raise RuntimeError("not to be compared")


class ArrayEq(Hostile):
    """``==`` returns an array, whose truth raises."""

    def __eq__(self, other):
        return numpy.array([True, False])


class RaisingBool(Hostile):
    """Truth and length raise."""

    def __bool__(self):
        raise RuntimeError("neither true nor false")

    def __len__(self):
        raise RuntimeError("no length")


class RaisingGetattr(Hostile):
    """Any missing attribute raises something else than ``AttributeError``."""

    def __getattr__(self, name):
        raise RuntimeError(name)


class RecursingGetattr(Hostile):
    """``__getattr__`` reads an attribute that a bare copy lacks, and so recurses."""

    def __getattr__(self, name):
        return getattr(self.seen, name)


class AnythingGetattr(Hostile):
    """Has every attribute, as a mock has."""

    def __getattr__(self, name):
        return AnythingGetattr()


class RaisingCopy(Hostile):
    """No protocol of copying works."""

    def __copy__(self):
        raise RuntimeError("no copies")

    def __deepcopy__(self, memo):
        raise RuntimeError("no copies")

    def __reduce_ex__(self, protocol):
        raise TypeError("no pickle")


class RaisingState(Hostile):
    """``__getstate__`` raises."""

    def __getstate__(self):
        raise RuntimeError("no state")


class RaisingInit(Hostile):
    """Cannot be made twice."""

    def __init__(self, *, secret):
        super().__init__()

    def __new__(cls, *, secret):
        return super().__new__(cls)


class RaisingSetattr(Hostile):
    """Its attributes are set through ``__dict__`` alone."""

    def __init__(self):
        self.__dict__["seen"] = []

    def __setattr__(self, name, value):
        raise RuntimeError("read only")


class RaisingDictProperty(Hostile):
    """``__getattribute__`` refuses ``__dict__``."""

    def __getattribute__(self, name):
        if name == "__dict__":
            raise RuntimeError(name)
        return super().__getattribute__(name)


class RaisingRepr(Hostile):
    """``repr`` and ``str`` raise."""

    def __repr__(self):
        raise RuntimeError("no text")


class CallsOnSet(Hostile):
    """Counts every attribute that is set."""

    def __setattr__(self, name, value):
        self.__dict__["sets"] = self.__dict__.get("sets", 0) + 1
        self.__dict__[name] = value


HOSTILE = [
    RaisingEq, ArrayEq, RaisingBool, RaisingGetattr, RecursingGetattr, AnythingGetattr, RaisingCopy,
    RaisingState, RaisingSetattr, RaisingDictProperty, RaisingRepr, CallsOnSet,
]  # fmt: skip


class Borg:
    """All objects share one ``__dict__``."""

    def __init__(self, shared):
        self.__dict__ = shared


class Node:
    """Knows its parent, so that objects are in a cycle."""

    def __init__(self, parent=None):
        self.parent, self.children = parent, []


def push(m, y, c):
    """Append to the list ``seen``."""
    c.seen.append(y)
    return len(c.seen)


def count_up(m, y, c):
    """Set an attribute."""
    c.steps += 1
    return c.steps


both("plain object, a list", push, lambda: Plain(seen=[]))
both("plain object, a number", count_up, lambda: Plain(steps=1), 2)
both("plain object, a new attribute", lambda m, y, c: setattr(c, "y", y) or len(vars(c)), Plain)
both(
    "plain object, an attribute deleted",
    lambda m, y, c: delattr(c, "a") or len(vars(c)),
    lambda: Plain(a=1, b=2),
    1,
)
both(
    "plain object, through vars()",
    lambda m, y, c: vars(c).update(b=y) or len(vars(c)),
    lambda: Plain(a=1),
    2,
)
both("plain object, its class set", lambda m, y, c: setattr(c, "__class__", Node) or 1, Plain)
both(
    "plain object, a tensor replaced",
    lambda m, y, c: setattr(c, "t", y) or c.t.dim(),
    lambda: Plain(t=torch.zeros(1)),
    2,
)
both("plain object, a tensor written", lambda m, y, c: c.t.add_(1) is None, lambda: Plain(t=x()), 0)
both(
    "objects in objects",
    lambda m, y, c: push(m, y, c.a.b[0]["c"]),
    lambda: Plain(a=Plain(b=[{"c": Plain(seen=[1])}])),
    2,
)
both(
    "objects in a cycle",
    lambda m, y, c: c.parent.children.append(Node(c)) or len(c.parent.children),
    lambda: in_a_cycle(),
    2,
)
both(
    "SimpleNamespace",
    lambda m, y, c: setattr(c, "n", c.n + 1) or c.n,
    lambda: types.SimpleNamespace(n=1),
    2,
)
both(
    "nested namespaces",
    lambda m, y, c: push(m, y, c.a.b),
    lambda: types.SimpleNamespace(a=types.SimpleNamespace(b=Plain(seen=[]))),
)
both("slots, a list", push, MoreSlots)
both("slots, a number", count_up, MoreSlots, 2)
both(
    "slots, an empty one filled",
    lambda m, y, c: (not hasattr(c, "late")) * 2 + (setattr(c, "late", y) is not None),
    MoreSlots,
    2,
)
both("slots, one emptied", lambda m, y, c: delattr(c, "steps") or 1, MoreSlots)
both(
    "slots and a dict",
    lambda m, y, c: push(m, y, c) and (c.more.append(y) or len(c.more)),
    SlotsAndDict,
    2,
)
both("private slots", lambda m, y, c: c.push(y), Mangled)
both(
    "property with a setter",
    lambda m, y, c: setattr(c, "level", c.level + 1) or c.level,
    WithProperty,
    2,
)
both("dataclass", lambda m, y, c: push(m, y, c) and count_up(m, y, c), Data, 2)
both("dataclass with slots", lambda m, y, c: push(m, y, c) and count_up(m, y, c), SlottedData, 2)
both("frozen dataclass", push, FrozenData)
both("frozen dataclass with slots", push, FrozenSlottedData)
both("like attrs", push, LikeAttrs)
both("made in one way only", push, lambda: RaisingInit(secret=1))
both(
    "one dict for all objects",
    lambda m, y, c: setattr(c, "n", c.n + 1) or c.n,
    lambda: Borg({"n": 1}),
    2,
)
both(
    "an object without a dict in a list",
    lambda m, y, c: c.append(y) or len(c),
    lambda: [object()],
    2,
)
both(
    "an object among the keys of a dict",
    lambda m, y, c: push(m, y, next(iter(c))),
    lambda: {Plain(seen=[]): 1},
)
both("an object in a set", lambda m, y, c: push(m, y, next(iter(c))), lambda: {Plain(seen=[])})
both(
    "partial with a list",
    lambda m, y, c: c(y) or len(c.args[0]),
    lambda: functools.partial(list.append, []),
)
both(
    "partial with keywords",
    lambda m, y, c: c.keywords["a"].append(y) or len(c.keywords["a"]),
    lambda: functools.partial(print, a=[]),
)
both("bound method of a helper", lambda m, y, c: c(y), lambda: Mangled().push)
both("bound method of a list", lambda m, y, c: c(y) or len(c.__self__), lambda: [].append)
both("closure counter", lambda m, y, c: c(), lambda: counting(), 2)
both("closure with a list", lambda m, y, c: c(y), lambda: collecting())
both("default argument of a helper", lambda m, y, c: c(y), lambda: remembering())
both(
    "attribute of a function",
    lambda m, y, c: c.seen.append(y) or len(c.seen),
    lambda: with_attribute(),
)
both("enum member with a list", lambda m, y, c: push(m, y, c), lambda: fresh_enum().RED)
both(
    "lock, left alone",
    lambda m, y, c: c["seen"].append(c["lock"].locked()) or len(c["seen"]),
    lambda: {"lock": threading.Lock(), "rlock": threading.RLock(), "seen": []},
)
both(
    "event and condition, left alone",
    lambda m, y, c: c[2].append(c[0].is_set()) or len(c[2]),
    lambda: [threading.Event(), threading.Condition(), []],
)
both(
    "thread, left alone",
    lambda m, y, c: c.seen.append(c.thread.is_alive()) or len(c.seen),
    lambda: Plain(thread=threading.Thread(), local=threading.local(), seen=[]),
)
both(
    "file, left alone",
    lambda m, y, c: c.seen.append(c.file.closed) or len(c.seen),
    lambda: Plain(file=tempfile.TemporaryFile(), seen=[]),  # noqa: SIM115
)
both(
    "logger, left alone",
    lambda m, y, c: c.seen.append(c.log.name) or len(c.seen),
    lambda: Plain(log=logging.getLogger("hookcount.kinds"), seen=[]),
)
both(
    "module of Python, left alone",
    lambda m, y, c: c.seen.append(c.np.__name__) or len(c.seen),
    lambda: Plain(np=numpy, seen=[]),
)
both(
    "weak references, left alone",
    lambda m, y, c: c.seen.append(c.weak()) or len(c.seen),
    lambda: weakly(),
)
both(
    "generator, left alone",
    lambda m, y, c: c.seen.append(1) or len(c.seen),
    lambda: Plain(each=(each for each in [1]), seen=[]),
)
for hostile in HOSTILE:
    both(
        f"hostile object, {hostile.__name__}",
        lambda m, y, c: push_quietly(c, y),
        hostile,
    )
    both(
        f"hostile object in a list, {hostile.__name__}",
        lambda m, y, c: c.append(y) or len(c),
        lambda hostile=hostile: [hostile()],
        2,
    )


def push_quietly(c, y):
    """Append to the list ``seen`` without the object's own protocol."""
    seen = object.__getattribute__(c, "seen")
    seen.append(y)
    return len(seen)


def in_a_cycle():
    """A child whose parent holds it."""
    parent = Node()
    parent.children.append(Node(parent))
    return parent.children[0]


def counting():
    """A function with a nonlocal number."""
    steps = 1

    def step():
        nonlocal steps
        steps += 1
        return steps

    return step


def collecting():
    """A function with a list in its closure."""
    seen = []

    def step(y):
        seen.append(y)
        return len(seen)

    return step


def remembering():
    """A function with a list as default argument."""

    def step(y, seen=[]):  # noqa: B006
        seen.append(y)
        return len(seen)

    return step


def with_attribute():
    """A function with an attribute."""

    def step():
        pass

    step.seen = []
    return step


def fresh_enum():
    """An enum of its own, whose member has an empty list."""

    class Fresh(enum.Enum):
        RED = ()

        def __init__(self):
            self.seen = []

    return Fresh


def weakly():
    """Weak references of three sorts, and what they refer to."""
    target = Plain()
    values = weakref.WeakValueDictionary(a=target)
    return Plain(target=target, weak=weakref.ref(target), values=values, seen=[])


holds("a dict of weak values", lambda m, y, c: c.values.update(b=m) or len(c.values), weakly, 2)


@kind("class attribute: a number", 2)
def class_number():
    class Counts(Does):
        steps = 1

    def step(m, y):
        type(m).steps += 1
        return m.steps

    return Sample(Counts(step), (x(),))


@kind("class attribute: a list")
def class_list():
    class Collects(Does):
        seen = []  # noqa: RUF012

    return Sample(Collects(lambda m, y: type(m).seen.append(y) or len(m.seen)), (x(),))


@kind("class attribute: a list of a base class")
def base_class_list():
    class Base(Does):
        seen = []  # noqa: RUF012

    class Collects(Base):
        pass

    return Sample(Collects(lambda m, y: m.seen.append(y) or len(m.seen)), (x(),))


@kind("class attribute: a new one", 1)
def class_new():
    class Grows(Does):
        pass

    def step(m, y):
        late = hasattr(m, "late")
        type(m).late = 1
        return 5 if late else 1

    return Sample(Grows(step), (x(),))


@kind("class attribute: of the class of a helper")
def helper_class():
    class Helper:
        seen = []  # noqa: RUF012

    model = Does(lambda m, y: m.helper.seen.append(y) or len(Helper.seen), helper=Helper())
    return Sample(model, (x(),))


@kind("an instance attribute hides one of the class", 2)
def hides():
    class Counts(Does):
        steps = 1

    def step(m, y):
        m.steps += 1
        return m.steps

    return Sample(Counts(step), (x(),))


@kind("property with a setter on the model", 2)
def model_property():
    class Levelled(Does):
        @property
        def level(self):
            return self._level

        @level.setter
        def level(self, value):
            self._level = value

    model = Levelled(lambda m, y: setattr(m, "level", m.level + 1) or m.level)
    model._level = 1
    return Sample(model, (x(),))


@kind("the model holds itself in a list", 2)
def holds_itself():
    model = Does(lambda m, y: m.selves[0].selves.append(y) or len(m.selves))
    model.selves = [model]
    return Sample(model, (x(),))


@kind("the model holds an object that holds the model", 2)
def held_by_helper():
    model = Does(lambda m, y: m.helper.model.seen.append(y) or len(m.seen), seen=[1])
    model.helper = Plain(model=model)
    return Sample(model, (x(),))
