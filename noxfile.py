"""The checks of a change, each in an environment of its own: ``nox``, or ``nox -s lint types``.

A Python that is not installed is skipped. Arguments after ``--`` go to pytest:
``nox -s tests-3.12 -- -n auto tests/layers``.
"""

import nox

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")

OLDEST = ("torch==2.6.0", "torchvision==0.21.0")
"""The oldest torch that is supported. It has wheels for Python 3.10 to 3.13."""

MEASURED = ("torch==2.14.1", "torchvision==0.29.*")
"""The torch with which the project's figures were measured."""

NEWEST = ("--upgrade", "torch", "torchvision")
"""The newest torch that installs. An environment that is used again is brought up to date."""

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ("lint", "types", "docs", "tests")
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The quick suite with the newest torch."""
    session.install("-e", ".[test]", *NEWEST)
    session.run("pytest", *(session.posargs or ("-n", "auto")))


@nox.session(python=PYTHONS[:-1])
def oldest(session: nox.Session) -> None:
    """The quick suite with the oldest torch."""
    session.install("-e", ".[test]", *OLDEST)
    session.run("pytest", *(session.posargs or ("-n", "auto")))


@nox.session(python=PYTHONS)
def measured(session: nox.Session) -> None:
    """The quick suite with torch 2.14.1."""
    session.install("-e", ".[test]", *MEASURED)
    session.run("pytest", *(session.posargs or ("-n", "auto")))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format and spelling."""
    session.install("ruff>=0.17", "codespell>=2.4")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")


@nox.session
def types(session: nox.Session) -> None:
    """Strict types, and the direction of imports."""
    session.install("-e", ".[dev]")
    session.run("mypy")
    session.run("pytest", "tests/layers")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation in build/docs, without a warning; its examples and pictures."""
    session.install("-e", ".[docs,test]")
    session.run("sphinx-build", "-W", "--keep-going", "docs", "build/docs")
    session.run("pytest", "README.rst", "docs", "tests/docs")
    session.run("python", "docs/_scripts/picture.py", "--check")
