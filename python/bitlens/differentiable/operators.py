"""Operators of `torch.library` through which the compiled kernels take part in autograd, torch.compile and vmap."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op

from bitlens import _core
from bitlens.arrays import ArrayContext, call_kernel
from bitlens.differentiable.slopes import entropies_and_slopes
from bitlens.estimators.channels.squares import squared_distances as squares_of_values
from bitlens.estimators.matrix.bandwidths import Alignment, Bandwidth, Dimension, Median, NearestNeighbors, Silverman
from bitlens.estimators.matrix.bandwidths import sigmas as sigmas_of_squares


@custom_op("bitlens::matrix_entropies", mutates_args=())
def matrix_entropies(matrices: Tensor, alpha: float, with_slopes: bool) -> tuple[Tensor, Tensor]:
    """Compute the Renyi entropies of positive matrices, divided by their traces, and the derivatives of the entropies.

    Parameters
    ----------
    matrices
        Symmetric, float64 [batch, n, n]. An entropy is NaN if its matrix is not finite or has no positive trace.
    alpha
        Order of the entropies, above 0.
    with_slopes
        Whether to compute the derivatives, which takes several times as long as the entropies.

    Returns
    -------
    entropies
        Bits, float64 [batch].
    slopes
        The derivative of each entropy with respect to its matrix, [batch, n, n]; [0, n, n] if they are not asked for.
    """
    return entropies_and_slopes(matrices.detach(), alpha, with_slopes)


@matrix_entropies.register_fake
def _(matrices: Tensor, alpha: float, with_slopes: bool) -> tuple[Tensor, Tensor]:
    batch, n, _ = matrices.shape
    return matrices.new_empty((batch,)), matrices.new_empty((batch if with_slopes else 0, n, n))


def _save_slopes(ctx: Any, inputs: tuple[Tensor, float, bool], output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.alpha, ctx.with_slopes = inputs[1:]
    ctx.save_for_backward(output[1] if ctx.with_slopes else inputs[0])


def _matrix_gradient(ctx: Any, of_entropies: Tensor, _: Tensor) -> tuple[Tensor, None, None]:
    if torch.is_grad_enabled() and not torch.compiler.is_compiling():
        raise NotImplementedError(
            "create_graph: expected False, got True; bitlens.differentiable has first derivatives only"
        )
    (saved,) = ctx.saved_tensors
    slopes = saved if ctx.with_slopes else matrix_entropies(saved, ctx.alpha, True)[1]
    return of_entropies[:, None, None] * slopes, None, None


matrix_entropies.register_autograd(_matrix_gradient, setup_context=_save_slopes)


@matrix_entropies.register_vmap
def _(
    info: Any, in_dims: tuple[int | None, ...], matrices: Tensor, alpha: float, with_slopes: bool
) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
    matrices = matrices.movedim(in_dims[0] or 0, 0)
    # Whether a gradient is required cannot be seen from within vmap.
    with_slopes = with_slopes or (torch.is_grad_enabled() and matrices.requires_grad)
    entropies, slopes = matrix_entropies(matrices.flatten(0, 1), alpha, with_slopes)
    shape = (matrices.shape[0], matrices.shape[1] if with_slopes else 0, *matrices.shape[2:])
    return (entropies.unflatten(0, matrices.shape[:2]), slopes.reshape(shape)), (0, 0)


@custom_op("bitlens::squared_distances", mutates_args=())
def squared_distances(values: Tensor) -> Tensor:
    """Compute the squared distances of values [n, channels, length] in every channel, float64 [channels, n, n]."""
    context = ArrayContext(values.device)
    values = values.detach().contiguous()
    if context.on_cuda:
        of_values: Tensor = squares_of_values(values, context)
        return of_values
    squares = torch.empty((values.shape[1], len(values), len(values)), dtype=torch.float64)
    call_kernel(context, _core.squared_distances, values.numpy(), squares.numpy())
    return squares


@squared_distances.register_fake
def _(values: Tensor) -> Tensor:
    n, channels, _ = values.shape
    return values.new_empty((channels, n, n), dtype=torch.float64)


def _save_values(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _values_gradient(ctx: Any, of_squares: Tensor) -> Tensor:
    """Sum 2 (g_ij + g_ji) (x_i - x_j) over j; the mean is subtracted first, so that an offset costs no digits."""
    (values,) = ctx.saved_tensors
    x = (values.to(torch.float64) - values.mean(0, keepdim=True, dtype=torch.float64)).movedim(0, 1)
    sums = of_squares.sum(2) + of_squares.sum(1)
    gradient: Tensor = 2 * (sums[:, :, None] * x - of_squares @ x - of_squares.mT @ x)
    return gradient.movedim(0, 1).to(values.dtype)


squared_distances.register_autograd(_values_gradient, setup_context=_save_values)


@squared_distances.register_vmap
def _(info: Any, in_dims: tuple[int | None, ...], values: Tensor) -> tuple[Tensor, int]:
    values = values.movedim(in_dims[0] or 0, 1)  # [n, batch, channels, length]
    return squared_distances(values.flatten(1, 2)).unflatten(0, values.shape[1:3]), 0


@custom_op("bitlens::sigmas", mutates_args=())
def sigmas(squares: Tensor, values: int, rule: str, parameter: float | None, labels: Tensor | None) -> Tensor:
    """Compute sigma of every channel by a rule for the bandwidth, float64 [channels]; it has no derivative.

    `squares` are squared distances [channels, n, n] of samples of `values` values.
    """
    context = ArrayContext(squares.device)
    array = squares.detach() if context.on_cuda else squares.detach().numpy()
    found = sigmas_of_squares(_rule(rule, parameter, labels), array, 1.0, values, context)
    return torch.as_tensor(found)


def _rule(name: str, parameter: float | None, labels: Tensor | None) -> Bandwidth:
    if name == "Alignment":
        return Alignment(labels, parameter)
    if name == "Silverman":
        return Silverman(parameter or 0.0)
    if name == "NearestNeighbors":
        return NearestNeighbors(int(parameter or 0))
    return Median() if name == "Median" else Dimension()


@sigmas.register_fake
def _(squares: Tensor, values: int, rule: str, parameter: float | None, labels: Tensor | None) -> Tensor:
    return squares.new_empty((len(squares),))


@sigmas.register_vmap
def _(
    info: Any,
    in_dims: tuple[int | None, ...],
    squares: Tensor,
    values: int,
    rule: str,
    parameter: float | None,
    labels: Tensor | None,
) -> tuple[Tensor, int]:
    squares = (
        squares.movedim(in_dims[0], 0) if in_dims[0] is not None else squares.expand(info.batch_size, *squares.shape)
    )
    if labels is None or in_dims[4] is None:
        return sigmas(squares.flatten(0, 1), values, rule, parameter, labels).unflatten(0, squares.shape[:2]), 0
    pairs = zip(squares, labels.movedim(in_dims[4], 0), strict=True)
    return torch.stack([sigmas(part, values, rule, parameter, classes) for part, classes in pairs]), 0
