"""The cache of the paper figures: what belongs to a key, and what becomes of damaged, foreign and interrupted files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bitlens.data.images import Images
from paper_figures.common import cache as cache_module
from paper_figures.common.cache import Cache, Key, fingerprint
from paper_figures.common.training import Samples, TrainingSettings, stored_states
from paper_figures.information_discarding import study as discarding
from paper_figures.information_flow import measuring as flow
from paper_figures.information_flow import networks as flow_networks
from paper_figures.ordered_ablation import networks as ablation

SETTINGS = TrainingSettings(epochs=2, batch=8, rate=0.1)
TABLE = pd.DataFrame({"layer": ["a", "b"], "bits": [0.1, np.nan], "neurons": [1, 2]})


def key(version: int = 1, images: object = 0.0, labels: object = 0, seed: int = 0, settings: object = SETTINGS) -> Key:
    samples = Samples(torch.full((2, 3), float(images)), torch.tensor([1, labels]))
    return Key.of("test", version, images=samples.fingerprint, seed=seed, settings=settings)


@pytest.mark.parametrize(
    "other",
    [
        {"images": 0.5},
        {"labels": 2},
        {"seed": 1},
        {"settings": replace(SETTINGS, rate=0.2)},
        {"settings": replace(SETTINGS, schedule="cosine")},
        {"version": 2},
    ],
    ids=str,
)
def test_a_key_changes_with_all_that_determines_a_result(other: dict, tmp_path: Path) -> None:
    assert key() == key()
    assert key(**other).digest != key().digest
    cache = Cache(tmp_path)
    for number, one in enumerate((key(), key(**other), key())):
        stored = cache.arrays(one, lambda number=number: {"number": number})
        assert stored == {"number": number % 2}


def test_a_key_changes_with_the_versions_of_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    for library in ("torch", "bitlens"):
        monkeypatch.setattr(cache_module, "version", lambda name, library=library: "9" if name == library else "1")
        assert key() != before
        assert f'"{library}":"9"' in key().text


def test_a_key_refuses_what_has_no_exact_json() -> None:
    assert Key.of("test", 1, inner=key()).text != Key.of("test", 1, inner=key(seed=1)).text
    with pytest.raises(ValueError, match="JSON"):
        Key.of("test", 1, value=float("nan"))
    with pytest.raises(TypeError, match=r"determinants: expected .* got ndarray"):
        Key.of("test", 1, value=np.zeros(2))


def test_fingerprints_tell_types_and_shapes_apart() -> None:
    zeros = [np.zeros(4, np.float32), np.zeros((2, 2), np.float32), np.zeros(4, np.int32), np.zeros(2, np.float64)]
    assert len({fingerprint(array) for array in zeros}) == len(zeros)
    assert fingerprint(zeros[1].T) == fingerprint(zeros[1]) == fingerprint(torch.zeros(2, 2))


def networks_of(images: int, labels: int, seed: int, more: int, folder: Path) -> list[Key]:
    """Keys of a network of each paper."""
    pictures = np.random.default_rng(images).random((20, 28, 28), np.float32)
    data = Images(pictures, np.full(20, labels), pictures[:4], np.arange(4))
    cache = Cache(folder)
    both = [Samples(torch.from_numpy(x)[:, None], torch.from_numpy(y)) for x, y in ((pictures, data.train_labels),) * 2]
    filters = flow_networks.Topology(2, 3, "relu")
    return [
        flow.network_key(*both, flow_networks.Settings(1 + more, 20, 4), filters, seed),
        discarding.Study(data, cache, discarding.Settings(1 + more, 20, 1, 12)).key("pruned-50", seed),
        ablation.Study(data, cache, ablation.Settings(1 + more, 20, 4)).key(ablation.L2, seed),
    ]


def test_keys_of_networks_change_with_images_labels_seed_settings_and_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = [(0, 1, 0, 0), (1, 1, 0, 0), (0, 2, 0, 0), (0, 1, 1, 0), (0, 1, 0, 1)]
    keys = [networks_of(*variant, tmp_path) for variant in variants]
    assert keys[0] == networks_of(*variants[0], tmp_path)
    for module in (flow, discarding, ablation):
        monkeypatch.setattr(module, "VERSION", 9)
    keys.append(networks_of(*variants[0], tmp_path))
    for number in range(3):
        assert len({row[number].digest for row in keys}) == len(keys)


def test_tables_and_weights_come_back_as_they_were(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for _ in range(2):
        pd.testing.assert_frame_equal(cache.table(key(), lambda: TABLE), TABLE, check_dtype=True)
        states = [{"0.weight": torch.rand(2, 3), "count": torch.tensor(number)} for number in range(11)]
        stored = stored_states(cache, key(seed=1), lambda states=states: states)
        assert [int(state["count"]) for state in stored] == list(range(11))
    assert torch.equal(stored[10]["0.weight"], stored_states(cache, key(seed=1), list)[10]["0.weight"])
    with pytest.raises(TypeError, match=r"objects in .'bad'"):
        cache.arrays(key(seed=2), lambda: {"bad": np.array([{}])})
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_file_is_computed_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.table(key(), lambda: TABLE)
    path = cache.path(key())
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    damaged = [b"", whole[: len(whole) // 2], whole[:-1], b"no archive"]
    for at in random.integers(0, len(whole), 40):
        damaged.append(whole[:at] + bytes([whole[at] ^ 1 << int(random.integers(8))]) + whole[at + 1 :])
    counts = 0
    for content in damaged:
        path.write_bytes(content)
        computed: list[int] = []
        table = cache.table(key(), lambda computed=computed: computed.append(1) or TABLE)
        pd.testing.assert_frame_equal(table, TABLE)
        counts += len(computed)
        assert not computed or path.read_bytes() != content
    assert counts > 25  # flipped dates and attributes in the archive change nothing
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_foreign_file_is_computed_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.arrays(key(seed=1), lambda: {"value": 1})
    cache.path(key(seed=1)).rename(cache.path(key()))
    assert cache.arrays(key(), lambda: {"value": 0}) == {"value": 0}
    np.savez(cache.path(key()), value=1)
    assert cache.arrays(key(), lambda: {"value": 2}) == {"value": 2}


def test_an_interruption_keeps_what_is_finished(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def interrupted() -> dict:
        raise KeyboardInterrupt

    cache.arrays(key(), lambda: {"value": 0})
    with pytest.raises(KeyboardInterrupt):
        cache.arrays(key(seed=1), interrupted)
    assert [path.name for path in tmp_path.iterdir()] == [cache.path(key()).name]
    assert cache.arrays(key(), interrupted) == {"value": 0}


def test_a_training_that_is_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = Samples(torch.rand(128, 1, 28, 28), torch.arange(128) % 10)

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(flow, "train", interrupted)
    settings = flow_networks.Settings(1, 128, 8, planes=(), first_widths=(), second_widths=(), inequalities=())
    with pytest.raises(KeyboardInterrupt):
        flow.network_tables(Cache(tmp_path), samples, samples, settings, flow_networks.Topology(2, 2, "relu"), 0)
    assert list(tmp_path.iterdir()) == []
