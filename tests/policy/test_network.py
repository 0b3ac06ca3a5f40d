from __future__ import annotations

import torch

from esper.policy.config import PolicyConfig
from esper.policy.network import FactoredRecurrentPolicy

SMALL = PolicyConfig(feature_size=16, hidden_size=12, head_size=8, value_size=8)


def policy(seed: int = 0) -> FactoredRecurrentPolicy:
    return FactoredRecurrentPolicy(3, SMALL, torch.Generator().manual_seed(seed))


def episodes(envs: int = 4, epochs: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(9)
    blueprints = torch.randint(-1, 13, (envs, epochs, 3), generator=generator)
    return torch.randn(envs, epochs, 117, generator=generator), blueprints


def test_weights_depend_on_the_generator_and_on_nothing_else() -> None:
    torch.manual_seed(1)
    first = policy()
    expected = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), expected), "construction drew from the global stream"
    second, other = policy(), policy(5)
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, second.state_dict()[name])
    assert not torch.equal(first.embedding.weight, other.embedding.weight)


def test_the_forget_gate_starts_with_a_total_bias_of_one() -> None:
    lstm = policy().core.lstms[0]
    total = lstm.get_parameter("bias_ih_l0") + lstm.get_parameter("bias_hh_l0")
    assert total[12:24].tolist() == [1.0] * 12
    assert not total[:12].any()
    assert not total[24:].any()


def test_an_untrained_controller_has_no_preferences() -> None:
    network = policy()
    output = network(*episodes(), network.initial_state(4))
    assert output.logits_ethn.abs().max() < 0.1
    assert output.values_et.abs().max() < 1.0


def test_step_by_step_and_whole_episode_agree() -> None:
    network = policy()
    features, blueprints = episodes()
    whole = network(features, blueprints, network.initial_state(4))
    hidden = network.initial_state(4)
    for t in range(6):
        step = network(features[:, t : t + 1], blueprints[:, t : t + 1], hidden)
        hidden = step.hidden
        torch.testing.assert_close(step.logits_ethn[:, 0], whole.logits_ethn[:, t], atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(step.values_et[:, 0], whole.values_et[:, t], atol=1e-6, rtol=1e-5)


def test_the_past_of_an_episode_matters_and_other_episodes_do_not() -> None:
    network = policy()
    features, blueprints = episodes()
    before = network(features, blueprints, network.initial_state(4)).values_et
    features[1, 0] += 1.0
    after = network(features, blueprints, network.initial_state(4)).values_et
    assert (after[1] != before[1]).all()
    torch.testing.assert_close(after[[0, 2, 3]], before[[0, 2, 3]])


def test_the_blueprint_in_a_slot_is_seen() -> None:
    network = policy()
    features, blueprints = episodes()
    before = network(features, blueprints, network.initial_state(4)).values_et
    blueprints[2] = -1
    after = network(features, blueprints, network.initial_state(4)).values_et
    assert (after[2] != before[2]).any()
