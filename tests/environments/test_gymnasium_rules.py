"""The environments keep Gymnasium's rules: its checker, seeding, ends of episodes, and masks that are true."""

from __future__ import annotations

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.error import InvalidAction
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import esper
import esper.environments
from esper.contracts.actions import Op
from esper.environments.single import GrowthEnv
from esper.errors import ConfigError

SHORT = {"episode_length": 4, "set": ["run.threads=1"]}


@pytest.mark.parametrize("obs", ["flat", "dict"])
@pytest.mark.parametrize("actions", ["multi_discrete", "discrete"])
def test_gymnasiums_checker_passes(obs: str, actions: str) -> None:
    check_env(gymnasium.make("Esper/DigitsImpaired-v0", obs=obs, actions=actions, **SHORT).unwrapped)


@pytest.mark.parametrize("obs", ["flat", "dict"])
def test_hosts_that_differ_show_their_conditions(obs: str) -> None:
    env = gymnasium.make("Esper/Growth-v0", preset="digits_dial", obs=obs, **SHORT)
    check_env(env.unwrapped)
    observed, _ = env.reset(seed=1)
    shown = observed["conditions"] if obs == "dict" else dict(zip(env.unwrapped.feature_names, observed, strict=True))
    if obs == "dict":
        assert shown.shape == (2,)
    else:
        assert 0.0 < shown["size_price"] < 2.0
        assert 0.2 <= shown["data_share"] <= 1.0


def test_every_name_makes_an_environment() -> None:
    for name, options in {"Digits": {}, "DigitsImpaired": {}, "Growth": {"preset": "digits_impaired"}}.items():
        env = gymnasium.make(f"Esper/{name}-v0", **options, **SHORT)
        assert env.reset(seed=1)[0] in env.observation_space
    fleet = gymnasium.make_vec("Esper/DigitsImpaired-v0", 2, vectorization_mode="vector_entry_point", **SHORT)
    assert fleet.reset(seed=1)[0] in fleet.observation_space


@pytest.mark.parametrize("actions", ["multi_discrete", "discrete"])
def test_a_seed_repeats_and_another_differs(actions: str) -> None:
    env = esper.make_vec("digits_impaired", 2, actions=actions, **SHORT)

    def play(seed: int) -> np.ndarray:
        env.action_space.seed(0)
        seen = [env.reset(seed=seed)[0]]
        seen += [env.step(env.action_space.sample())[0] for _ in range(3)]
        return np.array(seen)

    first = play(7)
    assert np.array_equal(first, play(7))
    assert not np.array_equal(first, play(8))
    assert not np.array_equal(first[0, 0], first[0, 1]), "two envs of a fleet are two hosts"


@pytest.mark.parametrize(("horizon", "cut_off"), [("terminate", False), ("truncate", True)])
def test_the_end_of_time_is_an_end_or_a_cut_as_the_horizon_says(horizon: str, cut_off: bool) -> None:
    env = GrowthEnv("digits_impaired", episode_length=2, set=["run.threads=1", f"ppo.horizon={horizon}"])
    env.reset(seed=1)
    wait = np.zeros(8, dtype=np.int64)
    assert env.step(wait)[2:4] == (False, False)
    _, _, terminated, truncated, info = env.step(wait)
    assert (terminated, truncated) == (not cut_off, cut_off)
    assert 0 < info["test_accuracy"] <= 100


def test_autoreset_in_the_next_step_and_in_the_same_one() -> None:
    runs = {}
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        env = esper.make_vec("digits_impaired", 2, autoreset_mode=mode, **SHORT)
        env.reset(seed=3)
        wait = np.zeros((2, 8), dtype=np.int64)
        runs[mode] = [env.step(wait) for _ in range(5)]
    next_step, same_step = runs[AutoresetMode.NEXT_STEP], runs[AutoresetMode.SAME_STEP]
    final, final_info = same_step[3][4]["final_obs"], same_step[3][4]["final_info"]
    assert same_step[3][2].all()
    assert np.array_equal(np.stack(final), next_step[3][0])
    assert np.array_equal(final_info["test_accuracy"], next_step[3][4]["test_accuracy"])
    # What one mode gives at once, the other gives in the next step, which earns nothing and ends nothing.
    assert np.array_equal(same_step[3][0], next_step[4][0])
    assert not next_step[4][1].any()
    assert not next_step[4][2].any()


def test_an_action_that_the_masks_of_the_list_allow_is_never_illegal_and_one_that_they_forbid_is() -> None:
    env = GrowthEnv("digits_impaired", actions="discrete", episode_length=12, set=["run.threads=1"])
    random = np.random.default_rng(0)
    env.reset(seed=2)
    tried = set()
    for step in range(12):
        mask = env.action_masks()
        assert mask.shape == (env.action_space.n,)
        forbid = step % 4 == 3
        action = random.choice(np.flatnonzero(mask != forbid))
        tried.add(env._game.acting.choices[action].op)
        assert env.step(action)[4]["illegal"] is forbid
    assert len(tried) > 2


def test_the_mask_of_the_heads_holds_every_legal_action() -> None:
    heads = GrowthEnv("digits_impaired", episode_length=6, set=["run.threads=1"])
    listed = GrowthEnv("digits_impaired", actions="discrete", episode_length=6, set=["run.threads=1"])
    heads.reset(seed=2)
    listed.reset(seed=2)
    random = np.random.default_rng(1)
    starts = np.concatenate([[0], np.cumsum(heads.action_space.nvec)[:-1]])
    for _ in range(6):
        legal = np.flatnonzero(listed.action_masks())
        mask = heads.action_masks()
        for action in legal:
            choice = listed._game.acting.choices[action]
            assert mask[starts[7] + choice.op]
            assert choice.op is Op.WAIT or mask[starts[0] + choice.slot]
            assert choice.op is not Op.GERMINATE or mask[starts[1] + choice.blueprint]
        action = random.choice(legal)
        listed.step(action)
        heads.step(np.array(listed._game.acting.choices[action].actions))


def test_features_are_named_and_within_their_ranges() -> None:
    env = GrowthEnv("digits_impaired", episode_length=3, set=["run.threads=1"])
    observed, _ = env.reset(seed=1)
    assert len(env.feature_names) == len(set(env.feature_names)) == len(observed)
    assert observed[env.feature_names.index("epoch")] == pytest.approx(1 / 3)
    assert observed[env.feature_names.index("r0c0.blueprint_noop")] == 1.0


def test_the_reward_mode_is_chosen_by_name() -> None:
    env = GrowthEnv("digits_impaired", reward="sparse", episode_length=3, set=["run.threads=1"])
    env.reset(seed=1)
    wait = np.zeros(8, dtype=np.int64)
    rewards = [env.step(wait)[1] for _ in range(3)]
    assert rewards[:2] == [0.0, 0.0]
    assert rewards[2] != 0.0


def test_mistakes_are_named() -> None:
    with pytest.raises(ConfigError, match="obs is 'pixels': choose flat or dict"):
        esper.make_vec("digits", 2, obs="pixels")
    with pytest.raises(ConfigError, match=r"reward\.mode"):
        esper.make_vec("digits", 2, reward="shapd")
    env = GrowthEnv("digits_impaired", **SHORT)
    env.reset(seed=1)
    with pytest.raises(InvalidAction, match="must lie in MultiDiscrete"):
        env.step(np.full(8, 99))


def test_without_gymnasium_one_line_says_what_to_install() -> None:
    code = (
        "import sys, esper; from esper.errors import ConfigError; sys.modules['gymnasium'] = None; "
        "import importlib.util as util; find = util.find_spec; "
        "util.find_spec = lambda name, *rest: None if name == 'gymnasium' else find(name, *rest)\n"
        "try:\n    esper.make_vec\nexcept ConfigError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "the environments need Gymnasium: pip install 'esper-grow[gym]'\n"
