"""The case of information discarding for many images, all at once and one by one."""

from __future__ import annotations

from typing import Any

import bitlens
from bench import data
from bench.timing import OURS, Case, Contestant, WrongResultError

_ALONE = 8


def one_layer(layer: str, images: int, training: int) -> Case:
    """Return the case of one layer of a LeNet on MNIST."""

    def contestants() -> dict[str, Contestant]:
        import torch
        from torch import nn

        from bitlens.data.lenet import LeNet

        mnist = data.mnist()
        torch.manual_seed(0)
        model = LeNet(28, 10)
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        seen = torch.from_numpy(mnist.train_images[:training])[:, None]
        labels = torch.from_numpy(mnist.train_labels[:training])
        for part in torch.split(torch.randperm(training), 64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(seen[part]), labels[part]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        probe = torch.from_numpy(mnist.test_images[:images])[:, None]

        def together() -> list[Any]:
            return [bitlens.information_discarding(model, probe, layer)]

        def alone() -> list[Any]:
            return [bitlens.information_discarding(model, image[None], layer) for image in probe[:_ALONE]]

        def check(results: list[Any]) -> str:
            spread = max(float(found.spread.max()) for found in results)
            off = max(float((found.constraint / 1.5 - 1).abs().max()) for found in results)
            if not all(found.converged.all() for found in results) or spread > 0.05:
                raise WrongResultError(f"not converged: spread {spread:.3f} bits, constraint off by {off:.1%}")
            mean = sum(float(found.entropies.mean()) for found in results) / len(results)
            return f"{mean:.3f} bits a unit, spread at most {spread:.3f}, constraint within {off:.1%}"

        return {
            OURS: Contestant("bitlens", together, check),
            "one-at-a-time": Contestant(
                "one image after the other", alone, check, scale=images / _ALONE, note=f"{_ALONE} of {images} images"
            ),
        }

    title = f"`information_discarding`, {images} MNIST images, LeNet, {layer}"
    return Case(title, {"images": images, "units": 784}, contestants, slow=True)


CASES = {"discarding": one_layer("pool2", 64, 10000)}
