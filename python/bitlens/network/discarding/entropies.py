"""Information discarding: how much noise each unit of an input may have before a layer, or its decoder, notices."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bitlens.network.discarding.maximum_entropy import InformationDiscarding, Search, maximize
from bitlens.network.discarding.perturbation import Perturbed, check_images, features_at
from bitlens.network.hooks import eval_mode, frozen


def information_discarding(
    model: nn.Module,
    images: Tensor,
    layer: str,
    alpha: float = 1.5,
    tau: float = 0.01,
    *,
    grid: int | None = None,
    largest: float | None = None,
    samples: int = 256,
    steps: int = 80,
    seed: int = 0,
    base: float = 2.0,
) -> InformationDiscarding:
    """Strict information discarding (SID) of a layer: how much of each input unit it does not notice.

    Every unit gets Gaussian noise of its own size sigma_i, together as large in entropy as can be while the layer's
    features change no more than alpha times as much as under a small noise of variance tau in all units (Ma et al.
    2019, eq. 2 to 6). The noise is scaled once: x' = x + sigma delta with delta ~ N(0, I); the paper's N(0, Sigma) under
    eq. 6 would scale it twice.

    At the maximum all units change the features equally much, sigma_i dE/dsigma_i = lambda delta_f^2, which is a fixed
    point: sigma_i^2 = alpha delta_f^2 / (n c_i) with c_i = dE/d(sigma_i^2), for linear features in closed form. It is
    iterated with running means of the c_i, and lambda comes of itself. A layer that does not notice a unit at all lets
    its noise grow without end, so there is a limit.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode each image must have features of its own. Its mode, gradients and hooks are left as they were.
    images : Tensor of shape (n, ...)
        Inputs of the model.
    layer : str
        Name of the module whose output is looked at.
    alpha : float
        How much the features may change, as a multiple of what the constant perturbation does.
    tau : float
        Variance of the constant perturbation, in the unit of the images squared.
    grid : int, optional
        One sigma for each cell of a grid x grid raster of pixels, for large images. Default: one for each unit.
    largest : float, optional
        The largest sigma. Default: 10 sqrt(tau).
    samples : int
        Perturbed images at each step of each of two searches.
    steps : int
        At most so many; images whose search has come to rest are left out of further ones.
    seed : int
        Of the noise. All images get the same, so that an image's result does not depend on the others.
    base : float
        Of the logarithm: 2 for bits, math.e for nats.

    Returns
    -------
    InformationDiscarding
        In bits; an entropy of a continuous variable, so it may be negative, and depends on the unit of the images.

    Raises
    ------
    RunError, TypeError, ValueError
        If the model has no such module, its output does not change with an image at all, or a parameter does not fit.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    >>> found = bitlens.information_discarding(model, torch.rand(2, 1, 8, 8), "1")
    >>> found.entropies.shape, found.converged
    (torch.Size([2, 1, 8, 8]), tensor([True, True]))
    """
    search = Search(alpha, tau, grid, largest, samples, steps, seed, base)
    images = check_images(model, images)
    with features_at(model, layer) as features:
        return maximize(Perturbed(features, images), search, images.shape, f"discarding at {layer}")


def reconstruction_uncertainty(
    model: nn.Module,
    images: Tensor,
    layer: str,
    decoder: nn.Module,
    alpha: float = 1.5,
    tau: float = 0.01,
    *,
    grid: int | None = None,
    largest: float | None = None,
    samples: int = 256,
    steps: int = 80,
    seed: int = 0,
    base: float = 2.0,
) -> InformationDiscarding:
    """Reconstruction uncertainty (RU) of a layer: how much of each input unit cannot be rebuilt from its features.

    The same as `information_discarding`, but what is made as large as can be is the entropy of the reconstructions
    g(h(x')) around the image: H_i = log(E (x_i - g(h(x'))_i)^2) / 2 + log(2 pi e) / 2 (Ma et al. 2019, eq. 9 to 12). So a
    unit that the decoder never rebuilds well is as uncertain as one that the noise hides.

    Parameters
    ----------
    model : torch.nn.Module
        As in `information_discarding`, as are the parameters that are not named here.
    images : Tensor of shape (n, ...)
        Inputs of the model.
    layer : str
        Name of the module whose output is looked at.
    decoder : torch.nn.Module
        Rebuilds images from the layer's output; see `train_decoder`.
    alpha, tau, grid, largest, samples, steps, seed, base
        As in `information_discarding`.

    Returns
    -------
    InformationDiscarding
        With the entropies of the reconstruction; ``sigma`` is the noise on the input at which they are largest.

    Raises
    ------
    RunError, TypeError, ValueError
        As `information_discarding`, and if the decoder gives no images of this shape.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    >>> decoder = torch.nn.Linear(10, 64)
    >>> found = bitlens.reconstruction_uncertainty(model, torch.rand(2, 1, 8, 8), "1", decoder, steps=2)
    >>> found.entropies.shape
    torch.Size([2, 1, 8, 8])
    """
    search = Search(alpha, tau, grid, largest, samples, steps, seed, base)
    images = check_images(model, images)
    with features_at(model, layer) as features, eval_mode(decoder), frozen(decoder):
        with torch.no_grad():
            rebuilt = decoder(features(images[:1]))
        if rebuilt.numel() != images[0].numel():
            raise ValueError(
                f"decoder: expected it to give images of shape {tuple(images.shape[1:])}, got {tuple(rebuilt.shape[1:])}"
            )
        return maximize(Perturbed(features, images, decoder), search, images.shape, f"uncertainty at {layer}")
