from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedShuffleSplit

from esper.errors import ConfigError
from esper.tasks.splitting import stratified


@given(
    counts=st.lists(st.integers(2, 40), min_size=2, max_size=6),
    share=st.floats(0.02, 0.98),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_split_is_scikit_learns_index_for_index(counts: list[int], share: float, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)) * 3, counts))
    indices = np.arange(len(labels))[::-1].copy()  # The labels are looked up by index, and not by place.
    theirs = StratifiedShuffleSplit(n_splits=1, test_size=share, random_state=seed)
    try:
        kept, taken = next(iter(theirs.split(indices, labels[indices])))
    except ValueError:
        with pytest.raises(ConfigError, match="every one of the"):
            stratified(indices, labels, share, seed)
        return
    own_kept, own_taken = stratified(indices, labels, share, seed)
    assert own_kept.tolist() == indices[kept].tolist()
    assert own_taken.tolist() == indices[taken].tolist()


def test_a_class_with_one_sample_is_named() -> None:
    labels = np.array([0, 0, 0, 0, 1])
    with pytest.raises(ConfigError, match=r"5 samples .* the 2 classes \(the rarest has 1\)"):
        stratified(np.arange(5), labels, 0.5, 0)
