"""Which modules of a network become layers of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from torch import nn

from bitlens.network.hooks import check_modules
from bitlens.network.observed import Observations
from bitlens.runs import RunError

MANY_LAYERS = 40
"""With more layers than this, the default is the blocks and the activations."""
_BLOCK_LEAVES = 5
_WILDCARDS = "*?["


def named_layers(model: nn.Module, layers: str | Sequence[str]) -> list[str]:
    """The outputs that names, patterns and the word "blocks" stand for, after checking that the modules exist."""
    names: list[str] = []
    modules = [name for name, _ in model.named_modules() if name]
    for entry in [layers] if isinstance(layers, str) else layers:
        if entry == "blocks" and entry not in modules:
            names += blocks(model)
            if not names:
                raise RunError("layers: expected a network with blocks, got one whose modules do not repeat; name them")
        elif any(character in entry for character in _WILDCARDS):
            matching = [name for name in modules if fnmatchcase(name, entry)]
            if not matching:
                raise RunError(f"layers: expected a pattern of module names, got {entry!r}; the model has {modules}")
            names += matching
        else:
            names += check_modules(model, [entry])
    return list(dict.fromkeys(names))


def default_layers(model: nn.Module, observed: Observations) -> list[str]:
    """The innermost modules that change the data, and modules that compute more after their last inner module.

    With more than `MANY_LAYERS` of them, only the network's blocks and activations.
    """
    modules = dict(model.named_modules())
    first = {name: seen for name, seen in observed.calls.items() if name in modules}
    names = []
    for name, seen in first.items():
        inner = [other for key, other in first.items() if key.startswith(f"{name}.")]
        if not seen.passive and not seen.is_constant and not any(seen.is_output_of(other) for other in inner):
            names.append(name)
    if len(names) > MANY_LAYERS:
        chosen = set(blocks(model))
        ends = [first[name] for name in chosen if name in first]
        # An activation that ends a block has the values of the block.
        fewer = [
            name
            for name, seen in first.items()
            if name in chosen
            or (name in names and seen.elementwise and not any(end.is_output_of(seen) for end in ends))
        ]
        return fewer or names
    return names


def blocks(model: nn.Module) -> list[str]:
    """The blocks of which the network is built: entries of its lists of modules, the innermost with several operations.

    Without lists, they are the outermost modules whose class repeats. Without these, they are plain Sequentials that
    begin with the same kind of weights, such as those of a convolution, its normalization and activation.
    """
    modules = {name: module for name, module in model.named_modules() if name}
    large = [name for name, module in modules.items() if _leaves(module) >= _BLOCK_LEAVES and not _is_list(module)]
    listed = [name for name in large if _is_list(model.get_submodule(name.rpartition(".")[0]))]
    inner = [name for name in listed if not any(other.startswith(f"{name}.") for other in listed)]
    if len(inner) > 1:
        return inner
    classes = Counter(type(modules[name]) for name in large)
    repeated = [name for name in large if classes[type(modules[name])] > 1]
    outer = [name for name in repeated if not any(name.startswith(f"{other}.") for other in repeated)]
    return outer or _plain_blocks(modules)


def _plain_blocks(modules: Mapping[str, nn.Module]) -> list[str]:
    """Sequentials of several innermost modules, whose first weights belong to the same class of modules.

    Those in modules whose class repeats are parts of blocks, and no blocks.
    """
    classes = Counter(type(module) for module in modules.values() if not _is_list(module))
    parts = tuple(f"{name}." for name, module in modules.items() if classes[type(module)] > 1)
    first_weights = {
        name: _first_weights(module)
        for name, module in modules.items()
        if type(module) is nn.Sequential and 1 < len(module) == _leaves(module) and not name.startswith(parts)
    }
    counts = Counter(first_weights.values())
    return [name for name, kind in first_weights.items() if kind is not None and counts[kind] > 1]


def _first_weights(module: nn.Module) -> type[nn.Module] | None:
    """The class of the first inner module with weights of several axes; those of a normalization have one."""
    inner = (part for part in module.modules() if any(weights.ndim > 1 for weights in part.parameters(recurse=False)))
    return next((type(part) for part in inner), None)


def _leaves(module: nn.Module) -> int:
    return sum(1 for inner in module.modules() if next(inner.children(), None) is None)


def _is_list(module: nn.Module) -> bool:
    return type(module) in (nn.Sequential, nn.ModuleList, nn.ModuleDict)
