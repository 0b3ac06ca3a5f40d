"""What `esper new` writes works as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from esper.cli import main
from esper.errors import ConfigError
from esper.skeletons import write_blueprint


def test_the_skeleton_of_a_blueprint_passes_its_own_test(tmp_path: Path) -> None:
    skeleton = write_blueprint("gated_conv", tmp_path)
    assert [path.name for path in skeleton.files] == ["gated_conv_blueprint.py", "test_gated_conv_blueprint.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_gated_conv_blueprint.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


@pytest.mark.parametrize(
    ("name", "said"), [("Gated", "small letters"), ("norm", "already"), ("a b", "cannot be"), ("../x", "cannot be")]
)
def test_names_that_cannot_be_used(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        write_blueprint(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_mine_blueprint.py").write_text("precious")
    monkeypatch.setattr(sys, "argv", ["esper", "new", "blueprint", "mine", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    assert "test_mine_blueprint.py exists" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["test_mine_blueprint.py"]
