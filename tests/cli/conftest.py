"""The command line, called as a function."""

import pytest

from hookcount.cli import main


@pytest.fixture
def run(capsys):
    """A function from words to the exit status, the output and the errors."""

    def run(*words):
        status = main(words)
        out, err = capsys.readouterr()
        assert "Traceback" not in err or "--traceback" in words
        return status, out, err

    return run
