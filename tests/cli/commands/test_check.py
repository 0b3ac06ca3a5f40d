from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from esper.cli import main

SOUND = """
from torch import nn
from esper.contracts.actions import Blueprint
from esper.growth.blueprints.from_module import module_blueprint
from esper.growth.blueprints.registry import register_blueprint

def build(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 1), nn.SiLU())

register_blueprint(Blueprint.LORA, module_blueprint(build), parameter_estimate=lambda channels: channels**2)
"""
DEAD = SOUND.replace("nn.SiLU()", "nn.Threshold(1e9, 0.0)")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line with another working directory."""
    command = [sys.executable, "-c", "import sys; sys.path.remove(''); from esper.cli.main import main; main()"]
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


def test_blueprints_of_esper_and_of_a_plugin_pass(tmp_path: Path) -> None:
    (tmp_path / "my_blueprints.py").write_text(SOUND)
    done = run(tmp_path, "check", "blueprints", "--plugin", "my_blueprints")
    assert done.returncode == 0, done.stderr
    for name in ("CONV_LIGHT", "BOTTLENECK", "LORA"):
        assert name in done.stdout
    assert "FAIL" not in done.stdout
    assert done.stderr == "15 passed, 0 failed\n"


def test_a_dead_blueprint_fails_the_command(tmp_path: Path) -> None:
    (tmp_path / "my_blueprints.py").write_text(DEAD)
    done = run(tmp_path, "check", "blueprints", "--plugin", "my_blueprints")
    assert done.returncode == 1
    assert "FAIL  blueprint LORA (cnn" in done.stdout
    assert "FAIL  every parameter learns" in done.stdout


Here = Callable[..., tuple[object, str, str]]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Runs `esper check ...` in this process: exit code, stdout, stderr."""

    def check(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["esper", "check", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return ended.value.code, *capsys.readouterr()

    return check


def test_one_blueprint_with_every_check(here: Here) -> None:
    code, out, err = here("blueprints", "lora", "--verbose")
    assert (code, err) == (0, "1 passed, 0 failed\n")
    assert out.startswith("ok    blueprint LORA (transformer, 16 channels")
    assert "      ok    no look ahead" in out
    assert here("blueprints", "lorra") == (2, "", "esper: error: there is no blueprint 'lorra': did you mean lora?\n")


def test_hosts_and_tasks_report_in_the_same_form(here: Here) -> None:
    code, out, err = here("hosts", "cnn", "transformer")
    assert (code, err) == (0, "2 passed, 0 failed\n")
    assert [line.split(":")[0] for line in out.splitlines()] == ["ok    host cnn", "ok    host transformer"]
    code, out, _ = here("tasks", "digits", "--json")
    document = json.loads(out)
    assert (code, document["subject"], document["passed"]) == (0, "task digits", True)
    assert {finding["passed"] for finding in document["findings"]} == {True}


RAISES = """
from esper.training.controllers.registry import register_rule

class Planter:
    def decide(self, env, legal, uniforms):
        return {}["nothing"]

register_rule("planter", "raises", lambda config: Planter())
"""


def test_a_plug_in_that_raises_names_itself_and_the_place(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(RAISES)
    short = ("--rounds", "1", "--envs", "1", "--episode-length", "2", "--no-tui")
    done = run(tmp_path, "train", "--plugin", "mine", "--controller", "planter", *short)
    assert done.returncode == 1
    assert done.stderr == (
        "esper: error: plugin 'mine' failed in decide (mine.py, line 6): KeyError: 'nothing' "
        "(ESPER_TRACEBACK=1 shows the whole traceback)\n"
    )


def test_plugins_that_cannot_be_loaded_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "needs_more.py").write_text("import no_such_library\n")
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "mistaken.py").write_text("\n{}['a']\n")
    (tmp_path / "leaving.py").write_text("raise SystemExit(0)\n")
    for plugin, text in (
        ("no_such_plugin", "'no_such_plugin' was not found"),
        ("needs_more", "needs the module 'no_such_library'"),
        ("broken", "'broken' cannot be imported"),
        ("mistaken", "'mistaken' cannot be imported: KeyError: 'a' (mistaken.py, line 2)"),
        ("leaving", "'leaving' cannot be imported: SystemExit: 0 (leaving.py, line 1)"),
    ):
        done = run(tmp_path, "train", "--plugin", plugin, "--no-tui")
        assert done.returncode == 2
        assert text in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_blueprint_that_cannot_grow_is_one_line_before_there_is_a_run(tmp_path: Path) -> None:
    (tmp_path / "wide_only.py").write_text(SOUND.replace("nn.Conv2d(channels", "nn.Conv2d(2 * channels"))
    done = run(tmp_path, "train", "--plugin", "wide_only", "--no-tui", "--set=fleet.conv_algorithm=grouped")
    assert done.returncode == 2
    assert done.stderr.startswith("esper: error: blueprint LORA, which 'wide_only' registers, cannot grow in this cnn")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_an_installed_entry_point_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "installed_blueprints.py").write_text(SOUND)
    metadata = tmp_path / "installed_blueprints-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-blueprints\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[esper.plugins]\nmine = installed_blueprints\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
        "from esper.plugins import load_plugins; print(load_plugins()); "
        "from esper.growth.blueprints.registry import CNN_SEEDS; print([kind.name for kind in CNN_SEEDS])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "('installed_blueprints',)" in done.stdout
    assert "'LORA'" in done.stdout


CONTROLLER = """
from esper.contracts.actions import Blueprint, Op
from esper.policy.baselines.rule import germinate
from esper.training.controllers.registry import register_rule

class Planter:
    def decide(self, env, legal, uniforms):
        return germinate(legal, Blueprint.NORM)

register_rule("planter", "plants wherever it may", lambda config: Planter())
"""


def test_a_controller_of_a_plugin_is_checked(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CONTROLLER)
    done = run(tmp_path, "check", "controllers", "planter", "static", "--plugin", "mine")
    assert done.returncode == 0, done.stderr
    assert "controller planter" in done.stdout
    assert "FAIL" not in done.stdout


def test_a_controller_of_a_plugin_that_breaks_the_rules_fails_the_command(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        CONTROLLER.replace("germinate(legal, Blueprint.NORM)", "Choice(op=Op.FOSSILIZE)").replace(
            "import germinate", "import Choice"
        )
    )
    done = run(tmp_path, "check", "controllers", "planter", "--plugin", "mine")
    assert done.returncode == 1
    assert "FAIL  only legal actions" in done.stdout
