"""Makes ``docs/_static/terminal.svg``: what a command prints in a terminal.

``python docs/_scripts/picture.py`` writes the picture. With ``--check`` it only compares: the exit
status is 1 if the picture is not what the command prints now.
"""

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "_static" / "terminal.svg"
COMMAND = ("hookcount", "vit_b_16")
COLUMNS = 100
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def printed(command: tuple[str, ...], columns: int) -> str:
    """What a command prints to a terminal of this width, with its colours."""
    ours, its = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "50"}
    for each in ("COLORTERM", "NO_COLOR", "FORCE_COLOR"):
        env.pop(each, None)
    words = (sys.executable, "-m", *command)
    streams = {"stdin": subprocess.DEVNULL, "stdout": its, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, cwd=ROOT, env=env, **streams) as running:
        os.close(its)
        found = b"".join(iter(lambda: _read(ours), b""))
        errors = running.stderr.read().decode()
    os.close(ours)
    if running.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {running.returncode}\n{errors}")
    return found.decode().replace("\r\n", "\n")


def _read(stream: int) -> bytes:
    try:
        return os.read(stream, 65536)
    except OSError:  # on Linux the end of a terminal
        return b""


def drawn(command: tuple[str, ...], text: str, columns: int) -> str:
    """The text as a picture of a terminal. It loads nothing: the font is one of the system."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_markup(f"[green]$[/] [bold]{' '.join(command)}[/]"))
    console.print(Text.from_ansi(text.rstrip("\n")))
    made = console.export_svg(title=command[0], unique_id="terminal")
    made = re.sub(r"@font-face \{.*?\}\n", "", made, flags=re.DOTALL)
    made = made.replace("Fira Code, monospace", FONTS)
    return "\n".join(line.rstrip() for line in made.splitlines()) + "\n"


def main(words: list[str]) -> int:
    """Write the picture, or compare it."""
    made = drawn(COMMAND, printed(COMMAND, COLUMNS), COLUMNS)
    if "--check" not in words:
        PICTURE.write_text(made, encoding="utf-8")
        return 0
    if PICTURE.exists() and PICTURE.read_text(encoding="utf-8") == made:
        return 0
    path = PICTURE.relative_to(ROOT)
    print(f"{path}: not what `{' '.join(COMMAND)}` prints. To fix it: python {sys.argv[0]}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
