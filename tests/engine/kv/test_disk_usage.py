"""What all files take is counted while another thread names and deletes some."""

from pathlib import Path

from engine.kv.disk.item_files import SUFFIX
from engine.kv.disk.usage import DiskUsage


def test_what_is_just_being_changed_is_not_counted(tmp_path: Path) -> None:
    """A file that is to make room for another one may still be there, and the other one already."""
    usage, model = DiskUsage(tmp_path), tmp_path / "model"
    model.mkdir()
    (model / f"old{SUFFIX}").write_bytes(b"x" * 100)
    assert usage.count() == 100
    with usage.changing():
        (model / f"new{SUFFIX}").write_bytes(b"x" * 70)
        assert usage.count() == 100
        (model / f"old{SUFFIX}").unlink()
    assert usage.count() == usage.last_count == 70
