"""``Registry``: entries for targets, in layers. A target without one is uncounted, not zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import SupportsIndex, TypeVar, overload

from ..core.errors import RegistrationError
from .binding import keyword_names, strange_names
from .checks import check
from .entry import FREE, OBSERVED, Covers, Entry, Fake, Formula, Kind, State, written_at
from .parameters import known_parameters
from .table import Table, at_home
from .targets import Op, Target, same_forward, target_name

__all__ = [
    "FREE",
    "OBSERVED",
    "Covers",
    "Entry",
    "Fake",
    "Formula",
    "Kind",
    "Op",
    "Registry",
    "State",
    "Target",
    "target_name",
]

F = TypeVar("F", bound=Formula)
K = TypeVar("K", bound=Fake)


class Registry:
    """Entries for targets, in one layer, over an optional ``base``.

    Where this layer has no entry, the base answers. A target is an ``nn.Module`` class, an op
    (``torch.ops.aten.bmm``), or the name of either (``"package.module.Class"``,
    ``"namespace::op"``). A name needs no import of a third-party package. A class is found by
    identity: another class of the same name has no entry. Its entry ends with the class. A name is
    that of each class which has it.

    >>> mine = Registry(name="mine")
    >>> @mine.register("mylib::scale")
    ... def scale(out):
    ...     return Ops(muls=out.numel())
    >>> "mylib::scale" in mine
    True
    """

    def __init__(
        self, base: Registry | None = None, *, name: str = "registry", home: str = ""
    ) -> None:
        """``home``: ``package.module:NAME`` of a registry that exists once in a process.

        A pickle refers to it by this name, and so needs none of its formulas.
        """
        if not isinstance(base, (Registry, type(None))):
            raise RegistrationError(
                f"Registry({base!r}): the base is not a Registry. "
                "To fix it: give a hookcount.Registry, or nothing."
            )
        self.base = base
        self.name, self.home = name, home
        self.table = Table(name, home)

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[object, ...]:
        is_there = self.home and at_home(self.home) is self
        return (at_home, (self.home,)) if is_there else super().__reduce_ex__(protocol)

    @overload
    def register(
        self,
        target: Target,
        price: Formula | State,
        *,
        covers: Covers = "own",
        kind: Kind | None = None,
    ) -> None: ...
    @overload
    def register(
        self, target: Target, *, covers: Covers = "own", kind: Kind | None = None
    ) -> Callable[[F], F]: ...
    def register(
        self,
        target: Target,
        price: Formula | State | None = None,
        *,
        covers: Covers = "own",
        kind: Kind | None = None,
    ) -> Callable[[F], F] | None:
        """Register a formula, ``FREE`` or ``OBSERVED`` for ``target``.

        A formula is a function of shapes that returns ``Ops``. Each tensor is replaced by its
        ``torch.Size``. The formula names the parameters that it needs: those of the op's schema,
        or of the module's ``forward``. It may also name ``module`` (the module) and ``out`` (the
        result). Parameters with names of its own are bound by position.

        ``covers="own"`` (default) pays for the work of the target's own forward. ``"subtree"``
        also pays for all modules and ops that it calls, and ``FREE`` makes them free. With
        ``"nothing"`` the ops of the forward are priced too, and the formula comes on top. So it
        does with ``"modules"``, which pays for the modules that it calls, but not for their ops.

        ``kind`` is the sort of work: ``"product"``, ``"convolution"``, ``"norm"`` and so on.
        Roles go by it. Without ``price``, this method is a decorator.

        Raises ``RegistrationError`` if this layer already has a price for the target (use
        ``replace``), or if ``target`` is no target. Raises it also for a keyword-only parameter
        that a known target lacks. A class given by name is checked at its first call.
        """
        if price is None:
            return self._decorator(target, covers, kind, replace=False)
        self._put(target, price, covers, kind, replace=False)
        return None

    def replace(
        self,
        target: Target,
        price: Formula | State | None = None,
        *,
        covers: Covers = "own",
        kind: Kind | None = None,
    ) -> Callable[[F], F] | None:
        """Register another price for a target of this layer.

        The target's fake stays, and so does its kind if none is given. Without ``price``, this
        method is a decorator. Raises ``RegistrationError`` if there is no price to replace.
        """
        if price is None:
            return self._decorator(target, covers, kind, replace=True)
        self._put(target, price, covers, kind, replace=True)
        return None

    def unregister(self, target: Target) -> None:
        """Remove this layer's entry for ``target``, with its fake. Lower layers then apply.

        Raises ``RegistrationError`` if there is none.
        """
        target = self.table.named_so(target)
        if self.table.get(target) is None:
            name = target_name(target)
            raise RegistrationError(
                f"{name} is not registered in {self.name}: there is nothing to take away."
            )
        self.table.remove(target)

    @overload
    def register_fake(self, target: Target, fake: Fake) -> None: ...
    @overload
    def register_fake(self, target: Target) -> Callable[[K], K]: ...
    def register_fake(self, target: Target, fake: Fake | None = None) -> Callable[[K], K] | None:
        """Register a replacement for ``forward``, for shapes-only runs in which it needs values.

        ``target`` is a module class or its name. In a name, ``*`` matches any text. The fake is
        called as ``fake(module, *args, **kwargs)`` with the arguments of ``forward``, as tensors
        without values. It runs the ops of the forward, as far as shapes go, and returns tensors
        of the output's shapes. It may call ``module.forward``. Its ops and the modules that it
        calls are counted as if the forward had run them. It runs only where the forward fails
        for want of values. Without ``fake``, this method is a decorator.

        Raises ``RegistrationError`` if this layer already has a fake for the target, for an op,
        and for a ``fake`` that is no function.
        """
        name = target_name(target)
        if fake is None:

            def put(given: K) -> K:
                self.register_fake(target, given)
                return given

            return put
        if not callable(fake):
            raise RegistrationError(
                f"{name}: {fake!r} is no fake. To fix it: register a function of the module and "
                "of the arguments of its forward."
            )
        if "::" in name:
            raise RegistrationError(
                f"{name} is an op. To fix it: register its fake with torch.library.register_fake."
            )
        known = self.table.get(target)
        if known is not None and known.fake is not None:
            raise RegistrationError(
                f"{name} has a fake in {self.name} already, at {written_at(known.fake)}. "
                "To fix it: unregister() it first."
            )
        self.table.put_fake(target, fake)
        return None

    def fake(self, cls: type) -> Fake | None:
        """The fake for a class, in this layer or below; None if there is none.

        The fake of the nearest base class is used, if the class inherits that base's ``forward``.
        """
        for layer in self.layers():
            for base in cls.__mro__ if layer.table.has_fakes else ():
                found = layer.table.fake(base)
                if found is not None and same_forward(cls, base):
                    return found
        return None

    def _decorator(
        self, target: Target, covers: Covers, kind: Kind | None, *, replace: bool
    ) -> Callable[[F], F]:
        target_name(target)  # raises if it is none

        def put(formula: F) -> F:
            self._put(target, formula, covers, kind, replace=replace)
            return formula

        return put

    def _put(
        self,
        target: Target,
        price: Formula | State,
        covers: Covers,
        kind: Kind | None,
        *,
        replace: bool,
    ) -> None:
        name = target_name(target)
        check(name, price, covers, kind)
        old = self.table.get(target)
        priced = old is not None and old.price is not None
        if old is not None and priced and not replace:
            raise RegistrationError(
                f"{name} is registered in {self.name} already, at {old.source}; now again at "
                f"{written_at(price)}. To fix it: use replace() to put the new one in its place."
            )
        if not priced and replace:
            raise RegistrationError(
                f"{name} is not registered in {self.name}. To fix it: use register()."
            )
        if callable(price):
            self.check_names(name, target, price)
        self.table.put_price(target, price, covers, kind)

    def check_names(self, name: str, target: Target, formula: Formula) -> None:
        """Raise ``RegistrationError`` for a keyword-only parameter that no overload has."""
        known = known_parameters(name, target) if keyword_names(formula) else []
        if strange := strange_names(formula, known) if known else []:
            there = ", ".join(
                dict.fromkeys(each for one in known for each in (*one.positional, *one.keyword))
            )
            raise RegistrationError(
                f"{name}: the formula at {written_at(formula)} asks for {strange[0]!r}, "
                f"which {name} does not have. To fix it: use names of {there}, module, out."
            )

    def __contains__(self, target: Target) -> bool:
        return self.table.get(self.table.named_so(target)) is not None

    def __iter__(self) -> Iterator[str]:
        return (entry.target for entry in self.table)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        over = f" over {self.base.name}" if self.base is not None else ""
        return f"<Registry {self.name}: {len(self)} targets{over}>"

    def layers(self) -> Iterator[Registry]:
        """This layer and the layers below it, in the order in which they answer."""
        layer: Registry | None = self
        while layer is not None:
            yield layer
            layer = layer.base

    def over(self, base: Registry, *, home: str = "") -> Registry:
        """This registry with ``base`` beneath its lowest layer. This one stays as it is.

        Both see what is registered later in either. ``home``: of the result, as in ``Registry``.
        """
        made = Registry(base if self.base is None else self.base.over(base), name=self.name)
        made.home, made.table = home, self.table
        return made

    def as_it_is(self) -> Registry:
        """A copy that later registrations do not change. hookcount's own layers are not copied."""
        if self.home and self.base is None:
            return self
        table, base = self.table.as_it_is(), None if self.base is None else self.base.as_it_is()
        if table is self.table and base is self.base:
            return self
        made = Registry(base, name=self.name)
        made.table = table
        return made

    def get(self, name: str) -> Entry | None:
        """This layer's entry for the named target. Lower layers are not searched."""
        return self.table.get(self.table.named_so(name))
