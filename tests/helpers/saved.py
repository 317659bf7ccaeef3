"""Models in files, saved without the warnings of torch."""

import warnings

import torch


def save_program(model, path, args, kwargs=None, **options):
    """Save the program of ``torch.export`` for a model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(model.eval(), args, kwargs, strict=False, **options)
        torch.export.save(program, path)


def save_script(model, path):
    """Save a model as TorchScript."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(model).save(path)
