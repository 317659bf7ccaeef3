"""The words that ``summary`` takes, as enums. Each member equals its plain value."""

from __future__ import annotations

from enum import Enum, IntEnum


class Mode(str, Enum):
    """The mode that the model runs in. ``SAME``: each module runs in the mode that it has."""

    TRAIN = "train"
    EVAL = "eval"
    SAME = "same"


class RowSettings(str, Enum):
    """What a row shows beside its name, and which rows are hidden."""

    DEPTH = "depth"
    VAR_NAMES = "var_names"
    ASCII_ONLY = "ascii_only"
    HIDE_RECURSIVE_LAYERS = "hide_recursive_layers"


class ColumnSettings(str, Enum):
    """The columns that can be shown."""

    KERNEL_SIZE = "kernel_size"
    INPUT_SIZE = "input_size"
    OUTPUT_SIZE = "output_size"
    NUM_PARAMS = "num_params"
    PARAMS_PERCENT = "params_percent"
    MULT_ADDS = "mult_adds"
    TRAINABLE = "trainable"


class Units(str, Enum):
    """The units of a number. ``AUTO`` takes the largest one that is not larger than it."""

    AUTO = "auto"
    MEGABYTES = "M"
    GIGABYTES = "G"
    TERABYTES = "T"
    NONE = ""


class Verbosity(IntEnum):
    """Whether the table is printed, and whether it has the parameters of each row."""

    QUIET = 0
    DEFAULT = 1
    VERBOSE = 2
