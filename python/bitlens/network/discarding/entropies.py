"""The entropy of the noise that a layer (SID), or a decoder of the layer (RU), tolerates on each unit of an image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bitlens.network.batches import Forward
from bitlens.network.discarding.maximum_entropy import InformationDiscarding, Search, maximize
from bitlens.network.discarding.perturbation import Perturbed, check_images
from bitlens.network.hooks import features_at
from bitlens.network.state import eval_mode, frozen


def information_discarding(
    model: nn.Module,
    images: Tensor,
    layer: str,
    alpha: float = 1.5,
    tau: float = 0.01,
    *,
    cells: int | None = None,
    sigma_max: float | None = None,
    samples: int = 256,
    steps: int = 80,
    seed: int = 0,
    base: float = 2.0,
    forward: Forward | None = None,
) -> InformationDiscarding:
    """Estimate the strict information discarding (SID) of a layer: how much of each input unit the layer ignores.

    Every unit gets Gaussian noise with its own standard deviation sigma_i. The total entropy of the noise is maximized
    under the constraint that the layer's features change at most alpha times as much as they do under noise of
    variance tau on all units (Ma et al. 2019, eq. 2 to 6). The noise is x' = x + sigma delta with delta ~ N(0, I). The
    paper prints N(0, Sigma) under eq. 6, which would apply sigma twice.

    At the maximum, all units change the features equally: sigma_i dE/dsigma_i = lambda delta_f^2. For linear features
    this is a closed form, sigma_i^2 = alpha delta_f^2 / (n c_i) with c_i = dE/d(sigma_i^2). In general, each of two
    searches with independent noise first ascends on a fixed sample of the noise, where every step can be compared with
    the last one, and then continues on new noise, which removes what was fitted to the fixed sample. The result is
    scaled onto the constraint and judged on 2048 other samples. Without a limit, the noise on a unit that the layer
    ignores would grow without bound, so sigma is limited.

    ``converged`` requires all of the following, on noise that the search did not use where noise is named:

    - the search on the fixed sample ended by its own rule, unless there are more cells than `samples`;
    - the decrement is below 0.005 bits a unit, and for RU below 0.002. It is what one more step would gain, without
      bias, because each of its products has the slopes of two independent halves of the noise;
    - ``shortfall`` is below 0.02 bits a unit. It is the entropy that was reached on the fixed samples, which is on
      average at least the maximum, minus the entropy on new noise. With more cells than `samples` it is the decrement;
    - the change of the features deviates by at most 2 percent from `alpha`.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode, the features of an image must not depend on the other images. The model's mode, gradients
        and hooks are restored.
    images : Tensor of shape (n, ...)
        Inputs of the model.
    layer : str
        Name of the module with the features.
    alpha : float
        Allowed change of the features, as a multiple of the change by the constant perturbation.
    tau : float
        Variance of the constant perturbation, in the squared unit of the images.
    cells : int, optional
        Divide the pixels into cells x cells cells with one sigma each, for large images. Default: one sigma for each
        unit.
    sigma_max : float, optional
        Largest sigma, in the unit of the images. Default: 10 sqrt(tau).
    samples : int
        Number of perturbed images at each step of each of two searches.
    steps : int
        Largest number of steps on the fixed sample, where there are at most 40, and on new noise, where RU makes at
        most 24. The search of an image ends earlier when it has converged.
    seed : int
        Seed of the noise. All images get the same noise, so the result of an image does not depend on the others.
    base : float
        Base of the logarithm: 2 for bits, math.e for nats.
    forward : callable, optional
        A function of the model and the images that runs the model, as in `Recorder`. Default: the model is called.

    Returns
    -------
    InformationDiscarding
        Entropies in bits. The entropy of a continuous variable may be negative and depends on the unit of the images.

    Raises
    ------
    RunError
        If the model has no such module, or the module does not run.
    TypeError, ValueError
        If a parameter is not valid, or the layer's output does not depend on an image at all.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    >>> discarded = bitlens.information_discarding(model, torch.rand(2, 1, 8, 8), "1")
    >>> discarded.entropies.shape, discarded.converged
    (torch.Size([2, 1, 8, 8]), tensor([True, True]))
    """
    search = Search(alpha, tau, cells, sigma_max, samples, steps, seed, base)
    images = check_images(model, images)
    with features_at(model, layer, forward) as features:
        return maximize(Perturbed(features, images), search, images.shape, f"discarding at {layer}")


def reconstruction_uncertainty(
    model: nn.Module,
    images: Tensor,
    layer: str,
    decoder: nn.Module,
    alpha: float = 1.5,
    tau: float = 0.01,
    *,
    cells: int | None = None,
    sigma_max: float | None = None,
    samples: int = 256,
    steps: int = 80,
    seed: int = 0,
    base: float = 2.0,
    forward: Forward | None = None,
) -> InformationDiscarding:
    """Estimate the reconstruction uncertainty (RU) of a layer: how much of each input unit a decoder cannot rebuild.

    The method is that of `information_discarding`, but it maximizes the entropy of the reconstructions g(h(x')) around
    the image: H_i = log(E (x_i - g(h(x'))_i)^2) / 2 + log(2 pi e) / 2 (Ma et al. 2019, eq. 9 to 12). A unit is
    therefore uncertain if the noise hides it, and also if the decoder never rebuilds it well.

    RU can have several maxima. The better one of the two searches is returned, and ``spread`` tells how much they
    differ. For convolutional decoders and 256 samples, the mean entropy of a unit is known to within 0.01 to 0.02 bits.
    ``shortfall`` bounds the distance from the maximum that the searches approached. With more cells than `samples` the
    bound is loose, because the first stage fits the noise; give as many samples as cells for a tight one.

    Parameters
    ----------
    model : torch.nn.Module
        As in `information_discarding`.
    images : Tensor of shape (n, ...)
        Inputs of the model.
    layer : str
        Name of the module with the features.
    decoder : torch.nn.Module
        Rebuilds images from the layer's output; see `train_decoder`.
    alpha, tau, cells, sigma_max, samples, steps, seed, base, forward
        As in `information_discarding`.

    Returns
    -------
    InformationDiscarding
        The entropies are those of the reconstructions; ``sigma`` is the noise on the input at the maximum. Where noise
        on a unit costs more than it adds to the errors, sigma is at its lower bound, which ``limited`` counts as well.

    Raises
    ------
    RunError, TypeError, ValueError
        As in `information_discarding`, and if the decoder's output does not have the shape of the images.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    >>> decoder = torch.nn.Linear(10, 64)
    >>> uncertain = bitlens.reconstruction_uncertainty(model, torch.rand(2, 1, 8, 8), "1", decoder, steps=2)
    >>> uncertain.entropies.shape
    torch.Size([2, 1, 8, 8])
    """
    search = Search(alpha, tau, cells, sigma_max, samples, steps, seed, base)
    images = check_images(model, images)
    with features_at(model, layer, forward) as features, eval_mode(decoder), frozen(decoder):
        with torch.no_grad():
            rebuilt = decoder(features(images[:1]))
        if rebuilt.numel() != images[0].numel():
            raise ValueError(
                f"decoder: expected an output of shape {tuple(images.shape[1:])} for each image, "
                f"got {tuple(rebuilt.shape[1:])}"
            )
        return maximize(Perturbed(features, images, decoder), search, images.shape, f"uncertainty at {layer}")
