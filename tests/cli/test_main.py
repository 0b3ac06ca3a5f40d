from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Esper = Callable[..., subprocess.CompletedProcess[str]]


def test_importing_the_command_line_imports_no_torch_and_no_textual() -> None:
    code = "import sys, esper.cli.main; print(sorted({'torch', 'textual', 'cattrs'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_help_lists_the_commands_without_waiting_for_heavy_libraries(esper: Esper) -> None:
    done = esper("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("train", "replay", "presets", "doctor"))
    code = (
        "import sys; sys.argv = ['esper', '--help']; from esper.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'textual', 'numpy', 'sklearn', 'scipy', 'cattrs'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.splitlines()[-1] == "[]"


def test_a_whole_run_imports_none_of_the_libraries_that_take_seconds(tmp_path: Path) -> None:
    options = ("--preset", "digits", "--no-tui", "--rounds", "1", "--envs", "1", "--episode-length", "2")
    code = (
        f"import sys; sys.argv = ['esper', 'train', *{options!r}, '--runs-dir', {str(tmp_path)!r}]\n"
        "from esper.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(sorted({'torch._dynamo', 'sympy', 'sklearn', 'scipy.stats', 'pandas'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert list(tmp_path.iterdir()), ran.stdout
    assert ran.stdout.splitlines()[-1] == "[]"


def test_plain_esper_shows_help(esper: Esper) -> None:
    for arguments in ((), ("presets",)):
        done = esper(*arguments)
        assert done.returncode == 0
        assert "Usage" in done.stdout


def test_version(esper: Esper) -> None:
    from esper.contracts.distribution import package_version

    assert esper("--version").stdout == f"esper {package_version()}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "No such command 'trian'. Did you mean 'train'?"),
        (["train", "--envz", "3"], "No such option: --envz"),
        (["train", "--envs", "many"], "Invalid value for '--envs'"),
        (["replay"], "Missing argument"),
        (["train", "--preset", "digts"], "there is no preset 'digts': did you mean digits or digits_dial?"),
        (["train", "--set", "fleet.envz=3"], "fleet.envz does not exist: did you mean fleet.envs?"),
        (["train", "--set", "fleet.envs=many"], "fleet.envs is 'many': expected an integer"),
        (["train", "--set", "fleet.envs"], "override 'fleet.envs' is not of the form table.key=value"),
        (["train", "--rounds", "0"], "run.rounds is 0: it must be from 1 to 1,000,000,000 rounds"),
        (["replay", "no-such-run", "--no-tui"], "no-such-run does not exist"),
        (["replay", "no-such-run", "--json"], "no-such-run does not exist"),
        (["presets", "show", "digts"], "there is no preset 'digts': did you mean digits or digits_dial?"),
    ],
)
def test_mistake_is_one_line_and_exit_code_2(esper: Esper, arguments: list[str], message: str) -> None:
    done = esper(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"esper: error: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs"], "`esper runs` runs in one process, and a launcher started 2: only `esper train` shares its work"),
        (["train", "--detach"], "`esper train --detach` runs in one process, and a launcher started 2"),
    ],
)
def test_only_training_shares_its_work(
    esper: Esper, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    launched = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
    for name, value in launched.items():
        monkeypatch.setenv(name, value)
    done = esper(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"esper: error: {message}")
    assert done.stderr.count("\n") == 1
    monkeypatch.setenv("RANK", "1")
    assert esper(*arguments).returncode == 2


def test_defects_are_not_dressed_up_as_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    from esper.cli import main

    def defect(**_: object) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(main, "app", defect)
    with pytest.raises(ValueError, match="a defect"):
        main.main()


def test_presets_list_and_show(esper: Esper) -> None:
    import tomllib

    from esper.history.codec import config_from_mapping
    from esper.history.presets import list_presets, load_preset

    listed = esper("presets", "list").stdout
    for preset in list_presets():
        assert preset.name in listed
        assert preset.description in listed
    shown = esper("presets", "show", "digits").stdout
    assert config_from_mapping(tomllib.loads(shown)) == load_preset("digits")


def test_doctor_names_what_it_finds(esper: Esper, tmp_path: object) -> None:
    done = esper("doctor", "--runs-dir", f"{tmp_path}/not-yet/there")
    assert done.returncode == 0
    for word in ("python", "torch", "textual", "devices", "cpu", "threads", "(writable)", "digits_impaired"):
        assert word in done.stdout


def test_doctor_fails_if_runs_cannot_be_saved(esper: Esper) -> None:
    done = esper("doctor", "--runs-dir", "/proc/no")
    assert done.returncode == 1
    assert "NOT writable" in done.stdout
