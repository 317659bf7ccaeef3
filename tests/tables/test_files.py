"""A file is written completely, or not at all."""

import errno
import os
import stat

import pytest

from hookcount import OutputError
from hookcount.tables import files

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
needs_permissions = pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "report.csv"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def alone(path):
    """Whether nothing else was left in the folder."""
    return [each.name for each in path.parent.iterdir()] == [path.name]


def test_without_a_path_the_text_is_returned():
    assert files.text_or_file("text", None) == "text"


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_with_a_path_the_text_is_in_the_file(path, kind):
    assert files.text_or_file("räksmörgås\n", kind(path)) is None
    assert path.read_bytes() == "räksmörgås\n".encode()
    assert alone(path)


def test_line_breaks_stay_as_they_are(path):
    files.write(path, "a\r\nb\n")
    assert path.read_bytes() == b"a\r\nb\n"


def test_an_old_file_is_replaced_whole(path):
    path.write_text("old and long")
    files.write(path, "new")
    assert path.read_text() == "new"
    assert alone(path)


UNENCODABLE = "new" * 100_000 + "\ud800"
"""A text whose end cannot be written."""


def test_an_error_in_the_middle_leaves_the_old_file(path):
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        files.write(path, UNENCODABLE)
    assert path.read_text() == "old"
    assert alone(path)


def test_an_error_in_the_middle_leaves_no_new_file(path):
    with pytest.raises(UnicodeEncodeError):
        files.write(path, UNENCODABLE)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["replace", "chmod"])
def test_an_error_at_the_end_leaves_the_old_file(path, monkeypatch, error, step):
    path.write_text("old")

    def fails(*args, **kwargs):
        raise error

    if step == "chmod":
        monkeypatch.setattr(files.shutil, "copymode", fails)
    else:
        monkeypatch.setattr(files.os, "replace", fails)
    with pytest.raises(type(error)):
        files.write(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert alone(path)


def test_an_error_names_the_file_what_happened_and_the_fix(path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OutputError, match="cannot write the file: No space left") as caught:
        files.text_or_file("text", path)
    monkeypatch.undo()
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert "To fix it" in str(caught.value)
    assert isinstance(caught.value, OSError)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(OutputError) as caught:
        files.text_or_file("text", tmp_path)
    assert caught.value.errno == errno.EISDIR
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError) as caught:
        files.text_or_file("text", tmp_path / "missing" / "a.csv")
    assert caught.value.errno == errno.ENOENT


@needs_permissions
def test_a_read_only_file_is_kept(path):
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(OutputError) as caught:
        files.text_or_file("new", path)
    assert caught.value.errno == errno.EACCES
    assert path.read_text() == "old"
    assert alone(path)


def test_a_file_that_cannot_be_opened_for_writing_is_kept(path, monkeypatch):
    """As the test of a read-only file, also for root."""
    path.write_text("old")
    opened = type(path).open

    def refuses(self, mode="r", *args, **kwargs):
        if "a" in mode or "w" in mode:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(self, mode, *args, **kwargs)

    monkeypatch.setattr(type(path), "open", refuses)
    with pytest.raises(OutputError) as caught:
        files.text_or_file("new", path)
    assert caught.value.errno == errno.EACCES
    assert path.read_text() == "old"
    assert alone(path)


@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o755])
def test_permissions_are_kept(path, permissions):
    path.write_text("old")
    path.chmod(permissions)
    files.write(path, "new")
    assert (mode(path), path.read_text()) == (permissions, "new")


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_new_file_has_the_permissions_that_open_gives(path, mask):
    before = os.umask(mask)
    try:
        files.write(path, "new")
        path.with_name("beside").touch()
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert mode(path) == mode(path.with_name("beside")) == 0o666 & ~mask


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals")
def test_a_device_is_written_to_and_not_replaced():
    """A terminal of its own: where root runs this, a fault must not replace /dev/null."""
    reader, writer = os.openpty()
    try:
        device = files.Path(os.ttyname(writer))
        files.write(device, "text")
        assert os.read(reader, 10) == b"text"
        assert stat.S_ISCHR(device.stat().st_mode)
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_is_written_to_and_not_replaced(path):
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.write(path, "text")
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_symbolic_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "target.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)
    files.write(link, "new")
    assert link.is_symlink()
    assert target.read_text() == link.read_text() == "new"
    assert alone(target)


def test_a_symbolic_link_to_nothing_makes_its_target(tmp_path):
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "target.csv")
    files.write(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "target.csv").read_text() == "new"


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path):
    path = tmp_path / ("n" * 255)
    files.write(path, "text")
    assert path.read_text(encoding="utf-8") == "text"


def test_the_mask_of_the_process_is_never_changed(path, monkeypatch):
    """Another thread would make its files with the changed mask."""
    monkeypatch.setattr(os, "umask", None)
    files.write(path, "text")
    assert path.read_text(encoding="utf-8") == "text"
