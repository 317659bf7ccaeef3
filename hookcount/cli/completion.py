"""``hookcount --completion SHELL``: a script that completes words of the command line."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..conventions import CONVENTIONS
from ..models.torchvision import names
from .parsing import GENERAL, Parser
from .training import OPTIMIZERS

SHELLS = ("bash", "zsh", "fish")
HOW = """\
shell completion, for the current shell (put the line into its start-up file):
  bash  eval "$(hookcount --completion bash)"
  zsh   eval "$(hookcount --completion zsh)"
  fish  hookcount --completion fish | source"""
_FILES = ("FILE", "OLD.json")
"""Metavars of options whose value is a file."""


@dataclass(frozen=True)
class Option:
    """An option of a command, as a shell completes it."""

    name: str
    text: str
    takes_value: bool
    values: tuple[str, ...]
    """What the value may be. Empty if that is not known."""
    is_file: bool


def parser() -> argparse.ArgumentParser:
    """The parser that reads ``--completion`` alone."""
    made = Parser("hookcount", "", "")
    made.set_defaults(output=None, traceback=False)
    add_completion(made)
    return made


def add_completion(to: Parser) -> None:
    """Add the option, which needs no model."""
    to.group(GENERAL).add_argument(
        "--completion",
        choices=SHELLS,
        metavar="SHELL",
        help=f"print a script for completion in {', '.join(SHELLS)}; no model is needed",
    )


def script(shell: str, commands: Mapping[str, Parser]) -> str:
    """The script for a shell. ``commands``: the parsers by name; that of no command has ``""``."""
    known = {command: list(_options(each)) for command, each in commands.items()}
    if shell == "fish":
        return "\n".join(_fish(known)) + "\n"
    lines = list(_bash(known))
    if shell == "zsh":
        lines = ["autoload -Uz compinit bashcompinit", "compinit -u", "bashcompinit", *lines]
    return "\n".join(lines) + "\n"


def _options(of: Parser) -> Iterator[Option]:
    for each in of.options():
        for name in each.option_strings:
            if name.startswith("--"):
                values = tuple(map(str, each.choices or ()))
                if name == "--convention":
                    values = ("all", *CONVENTIONS)
                if name == "--optimizer":
                    values = tuple(OPTIMIZERS)
                if name == "--device":
                    values = ("cpu", "cuda", "meta", "mps")
                text = (each.help or "").replace("%%", "%").split(";")[0].split(". ")[0]
                is_file = each.metavar in _FILES
                yield Option(name, text, each.nargs != 0, values, is_file)


_BASH = r"""_hookcount() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    local command= words= files= before=
    case ${COMP_WORDS[1]} in COMMANDS) (( COMP_CWORD > 1 )) && command=${COMP_WORDS[1]};; esac
    case "$command $prev" in
CASES
        *)
            case "$command $cur" in
OPTIONS
                *)
                    files=1
                    words="MODELS"
                    (( COMP_CWORD == 1 )) && words="NAMES $words"
                    ;;
            esac
            ;;
    esac
    case $cur in *,*) before=${cur%,*},; cur=${cur##*,};; esac
    COMPREPLY=( $(compgen -P "$before" -W "$words" -- "$cur") )
    [ -z "$files" ] && return
    local IFS=$'\n'  # names of files may have spaces
    COMPREPLY+=( $(compgen -f -- "$cur") )
}
complete -o filenames -F _hookcount hookcount"""


def _bash(known: Mapping[str, list[Option]]) -> Iterator[str]:
    cases: list[str] = []
    options: list[str] = []
    for command, each in known.items():
        for option in each:
            if option.takes_value:
                found = "files=1" if option.is_file else f'words="{" ".join(option.values)}"'
                cases.append(f'        "{command} {option.name}") {found};;')
        listed = " ".join(option.name for option in each)
        options.append(f'                "{command} -"*) words="{listed}";;')
    commands = [name for name in known if name]
    text = _BASH.replace("COMMANDS", "|".join(commands)).replace("NAMES", " ".join(commands))
    text = text.replace("CASES", "\n".join(cases)).replace("OPTIONS", "\n".join(options))
    yield text.replace("MODELS", " ".join(names()))


def _fish(known: Mapping[str, list[Option]]) -> Iterator[str]:
    commands = " ".join(name for name in known if name)
    first = f"not __fish_seen_subcommand_from {commands}"
    models = "__fish_complete_path (commandline -ct)"
    for name in filter(None, known):
        yield f"complete -c hookcount -n __fish_use_subcommand -a {name}"
    yield f"complete -c hookcount -a {shlex.quote(' '.join(names()))}"
    yield f"complete -c hookcount -a {shlex.quote(f'({models})')}"
    for command, each in known.items():
        when = f"__fish_seen_subcommand_from {command}" if command else first
        for option in each:
            line = f"complete -c hookcount -n {shlex.quote(when)} -l {option.name[2:]}"
            if option.takes_value:
                line += " -r" if option.is_file else " -x"
            if option.values:
                line += f" -a {shlex.quote(' '.join(option.values))}"
            yield f"{line} -d {shlex.quote(option.text)}"
