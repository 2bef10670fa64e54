"""Krylov spaces of a Gram matrix: Ritz pairs of its largest eigenvalues, and quadrature of its quadratic forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bitlens.arrays import NDArray, array_namespace, as_numpy
from bitlens.estimators.matrix.gaussian_kernel import GaussianKernel

TINY = 1e-300
BLOCK = 16
"""Vectors of a block of a Krylov space."""
_FIRST_STEPS = 8  # for which memory is taken at first
_LOWEST_RATIO = 1e-13  # of squared lengths: a direction below it is a rounding error


def orthonormalized(block: Any) -> Any:
    """Return an orthonormal basis of the columns' space; directions that are rounding errors are left out."""
    xp = array_namespace(block)
    for _ in range(2):
        squares, directions = xp.linalg.eigh(block.T @ block)
        counts = squares > max(float(squares[-1]) * _LOWEST_RATIO, TINY)
        block = block @ (directions[:, counts] / squares[counts] ** 0.5)
    return block


class KrylovSpace:
    """A block Krylov space of the kernel, with its Ritz values and vectors in descending order."""

    def __init__(self, kernel: GaussianKernel, seed: int) -> None:
        self.kernel = kernel
        start = np.random.default_rng([seed, 1]).normal(size=(kernel.n, BLOCK))
        self.basis = self.images = kernel.context.empty((kernel.n, 0), "float64")
        self.next = orthonormalized(kernel.context.to_device(start))

    def extend(self, blocks: int) -> None:
        """Enlarge the space by some blocks, or until it is invariant, and compute the Ritz pairs."""
        xp = array_namespace(self.basis)
        for _ in range(blocks):
            if not self.next.shape[1]:
                break
            image = self.kernel.times(self.next)
            self.basis = xp.concatenate([self.basis, self.next], 1)
            self.images = xp.concatenate([self.images, image], 1)
            size = float((image**2).sum(0).max())
            for _ in range(2):
                image = image - self.basis @ (self.basis.T @ image)
            image = image[:, (image**2).sum(0) > size * _LOWEST_RATIO]
            self.next = orthonormalized(image) if image.shape[1] else image
        values, rotation = xp.linalg.eigh(self.basis.T @ self.images)
        self.vectors, images = self.basis @ rotation, self.images @ rotation
        self.values = as_numpy(values)[::-1]
        self.squared_residuals = as_numpy(((images - self.vectors * values) ** 2).sum(0))[::-1]
        self.squared_images = as_numpy((images**2).sum(0))[::-1]


class Lanczos:
    """Lanczos processes of P A P from several starting vectors, with complete reorthogonalisation."""

    def __init__(self, kernel: GaussianKernel, project: Callable[[Any], Any], starts: Any) -> None:
        self.kernel, self.project = kernel, project
        starts = project(project(starts))
        lengths = (starts**2).sum(0)
        self.squared_lengths = as_numpy(lengths)
        self._last = starts / lengths.clip(TINY, None) ** 0.5
        self._basis = kernel.context.empty((starts.shape[1], _FIRST_STEPS, kernel.n), "float64")
        self._least = float(np.finfo(kernel.dtype).eps) * 0.01 * kernel.squared_norm**0.5
        self.diagonals: list[NDArray] = []
        self.couplings: list[NDArray] = []

    def step(self) -> None:
        """Add one vector to every process; one whose space is invariant goes on with zeros."""
        step = len(self.diagonals)
        if step == self._basis.shape[1]:
            self._basis = array_namespace(self._basis).concatenate([self._basis, self._basis], 1)
        self._basis[:, step] = self._last.T
        basis = self._basis[:, : step + 1]
        image = self.project(self.kernel.times(self._last))
        self.diagonals.append(as_numpy((image * self._last).sum(0)))
        for _ in range(2):
            shares = basis @ image.T[:, :, None]
            image = image - (shares.swapaxes(1, 2) @ basis)[:, 0].T
        lengths = (image**2).sum(0) ** 0.5
        going_on = lengths > self._least
        self.couplings.append(as_numpy(lengths * going_on))
        self._last = image * (going_on / lengths.clip(TINY, None))

    def rules(self) -> tuple[tuple[NDArray, NDArray], tuple[NDArray, NDArray]]:
        """Nodes and weights, [processes, nodes] each, of the Gauss rules and of the Gauss-Radau rules."""
        diagonals, couplings = np.array(self.diagonals).T, np.array(self.couplings).T
        processes, steps = diagonals.shape
        matrices = np.zeros((processes, steps + 1, steps + 1))
        places = np.arange(steps + 1)
        matrices[:, places[:-1], places[:-1]] = diagonals
        matrices[:, places[:-1], places[1:]] = matrices[:, places[1:], places[:-1]] = couplings
        # The last diagonal element for which 0 is an eigenvalue.
        gauss = matrices[:, :-1, :-1]
        shift = np.eye(steps) * np.maximum(1e-14 * np.abs(diagonals).max(1), TINY)[:, None, None]
        ends = np.zeros((processes, steps, 1))
        ends[:, -1, 0] = couplings[:, -1] ** 2
        matrices[:, -1, -1] = np.linalg.solve(gauss + shift, ends)[:, -1, 0]
        rules = []
        for matrix in (gauss, matrices):
            nodes, vectors = np.linalg.eigh(matrix)
            rules.append((np.maximum(nodes, 0), vectors[:, 0] ** 2 * self.squared_lengths[:, None]))
        return rules[0], rules[1]
