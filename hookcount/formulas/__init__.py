"""hookcount's own formulas, a file per concept. Importing this package fills ``SHIPPED``, the registry of them all."""

import importlib
import pkgutil

from .shipped import SHIPPED

for _file in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_file.name}")

__all__ = ["SHIPPED"]
