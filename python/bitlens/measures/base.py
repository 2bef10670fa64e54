"""What a measure is: one declared object that computes results of a run, keeps them, finds them and documents itself.

`bitlens.layer_pair_information(run, "conv1", "conv2", bins=64)` calls such an object. The command line, the explorer
and the documentation read the same declarations, so that a default or a name is written in one place.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from bitlens.measures.costs import seconds_of_task
from bitlens.measures.documentation import with_parameters
from bitlens.measures.inputs import require_magnitudes
from bitlens.measures.parameters import as_code
from bitlens.measures.schema import (
    Known,
    P,
    Result,
    Target,
    Task,
    Variable,
    as_dataset,
    as_series,
    epochs_of,
    has_schema,
    to_stored,
)
from bitlens.progress import track
from bitlens.runs import ResultKey, Run, RunError, StoredSeries

if TYPE_CHECKING:
    import xarray as xr

_ONCE = 0
"""The epoch under which a result is stored that does not depend on the epoch."""


class Measure(Generic[P]):
    """Base class of all measures. A subclass declares class variables and `compute`; its instance is the function."""

    name: ClassVar[str]
    title: ClassVar[str]
    rank: ClassVar[int]
    """The place in the order in which measures are computed and listed."""
    version: ClassVar[int] = 1
    """Part of the key of every result; raised when the numbers change."""
    Parameters: type[P]
    variables: ClassVar[tuple[Variable, ...]]
    target_names: ClassVar[tuple[str, ...]] = ()
    requires: ClassVar[frozenset[str]] = frozenset()
    """What the run must have: "inputs", "labels", "weights". "magnitudes": the targets do not hold category numbers."""
    reads: ClassVar[tuple[str, ...]] = ()
    """Names of measures whose stored results `compute` reads; where they are absent, it computes them itself."""
    by_epoch: ClassVar[bool] = True
    arguments: ClassVar[Mapping[str, str]] = {}
    """Further arguments of the call, and those whose documentation differs from the parameter that is stored."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "Parameters" in cls.__dict__ and cls.__doc__:
            cls.__doc__ = with_parameters(cls.__doc__, cls.target_names, cls.Parameters, cls.arguments)

    # What a subclass provides

    def compute(self, run: Run, epoch: int, target: Target, parameters: P) -> Result:
        """The result at one epoch. It reads the run, keeps nothing and prints nothing."""
        raise NotImplementedError

    def targets(self, run: Run) -> list[Target]:
        """The targets that `bitlens.measure` computes by default."""
        return [()] if not self.target_names else [(layer.name,) for layer in run.layers]

    def resolve(self, run: Run, target: Target, parameters: P) -> P:
        """The parameters as they are stored for this run: limits are cut to what the run has, unused values reset."""
        return parameters

    def check(self, run: Run, target: Target, parameters: P) -> None:
        """Raise RunError if this run cannot answer."""
        if "labels" in self.requires and run.labels is None:
            raise RunError(f"{run.path} was recorded without labels, which {self.name} needs")
        if "inputs" in self.requires and not run.has_inputs:
            raise RunError(f"{run.path} was recorded without inputs, which {self.name} needs")
        if "weights" in self.requires and not run.weight_epochs:
            raise RunError(f"epochs: no weights were recorded in {run.path}; record with weights=[...]")
        if "magnitudes" in self.requires:
            for layer in target:
                require_magnitudes(run, layer, self.name)

    def seconds(self, run: Run, target: Target, parameters: P) -> float:
        """About how long one epoch takes on one thread of a CPU; see `bitlens.measures.costs`."""
        return seconds_of_task(0)

    def no_error(self, results: xr.Dataset) -> str:
        """Why these results have no standard error, a sentence for readers; empty where they have one or need none."""
        return ""

    def announcement(self, run: Run, target: Target, parameters: P, epochs: int) -> str | None:
        """A sentence that says how long this number of epochs takes, before it starts; None if it takes no minute."""
        return None

    # What a user calls

    def __call__(self, run: Run, *arguments: Any, epochs: Sequence[int] | None = None, **settings: Any) -> xr.Dataset:
        target, parameters = self.arguments_of(run, *arguments, **settings)
        compute = partial(self.compute, run, target=target, parameters=parameters)
        return self._over_epochs(run, target, parameters, epochs, compute)

    def stored(
        self, run: Run, *arguments: Any, epochs: Sequence[int] | None = None, **settings: Any
    ) -> xr.Dataset | None:
        """The results that the run has for these arguments; None where it has none. Nothing is computed."""
        target, parameters = self.arguments_of(run, *arguments, **settings)
        return self._stored(run, self.key(target, parameters), epochs)

    def known(self, run: Run, *target: str) -> list[Known[P]]:
        """What the run has results of in this version, the default parameters first, then by number of epochs."""
        found = []
        for key in run.results.keys(self.name):
            parsed = self._parsed(key)
            if parsed is not None and parsed[0][: len(target)] == target and (epochs := run.results.epochs(key)):
                found.append(Known(*parsed, tuple(epochs), key))
        return sorted(found, key=lambda k: (len(k.parameters.changed()), -len(k.epochs), k.key.text))

    def load(self, run: Run, known: Known[P], epochs: Sequence[int] | None = None) -> xr.Dataset | None:
        """The results of one of `known`; None where they are gone meanwhile."""
        return self._stored(run, known.key, epochs)

    def ignored(self, run: Run) -> list[str]:
        """A sentence for each set of stored results that is not used: of another version, or not readable."""
        sentences = []
        for key in run.results.keys(self.name):
            if key.version != self.version:
                sentences.append(
                    f"{run.path}: results of {self.name} version {key.version} are ignored, not version {self.version}"
                )
            elif self._parsed(key) is None:
                sentences.append(f"{run.path}: results of {self.name} with settings {key.text} cannot be read")
        return list(dict.fromkeys(sentences))

    def missing(self, run: Run, target: Target, parameters: P) -> list[Task]:
        """The tasks that are left to do: one for each recorded epoch without a result."""
        stored = epochs_of(self._load(run, self.key(target, parameters), None))  # a damaged result counts as none
        recorded = self.recorded_epochs(run)
        values = parameters.to_json()
        return [Task(str(run.path), self.name, target, values, e) for e in recorded if e not in stored]

    def call_text(
        self,
        target: Target,
        parameters: P,
        run: str = "run",
        *,
        epochs: Sequence[int] | None = None,
        stored: bool = False,
    ) -> str:
        """The Python call that returns these results, after ``import bitlens``; `stored`: it only reads the run."""
        settings = [f"{name}={as_code(value)}" for name, value in parameters.changed().items()]
        if epochs is not None:
            settings.append(f"epochs={list(epochs)}")
        function = f"bitlens.{self.name}" + (".stored" if stored else "")
        return f"{function}({', '.join([run, *map(repr, target), *settings])})"

    # How results are made and found

    def arguments_of(self, run: Run, *arguments: Any, **settings: Any) -> tuple[Target, P]:
        """Target and parameters of a call, checked and resolved for the run."""
        bound = self.__signature__.bind(run, *arguments, **settings).arguments
        target = tuple(run.layer(bound.pop(name)).name for name in self.target_names)
        fields = {declared.name for declared in self.Parameters.fields()}
        parameters = self.Parameters(**{name: value for name, value in bound.items() if name in fields})
        self.check(run, target, parameters)
        return target, self.resolve(run, target, parameters)

    @property
    def __signature__(self) -> Signature:
        either, fields = Parameter.POSITIONAL_OR_KEYWORD, self.Parameters.fields()
        parts = [Parameter(name, either) for name in ("run", *self.target_names)]
        parts += [Parameter(f.name, either, default=f.default, annotation=f.annotation) for f in fields]
        return Signature([*parts, Parameter("epochs", Parameter.KEYWORD_ONLY, default=None)])

    def key(self, target: Target, parameters: P) -> ResultKey:
        """The key that results are stored under."""
        settings = {**dict(zip(self.target_names, target, strict=True)), **parameters.to_json()}
        return ResultKey(self.name, self.version, settings)

    def recorded_epochs(self, run: Run) -> list[int]:
        """The epochs that can be computed."""
        if not self.by_epoch:
            return [_ONCE]
        return run.weight_epochs if "weights" in self.requires else run.epochs

    def at(self, run: Run, epoch: int, target: Target, parameters: P) -> xr.Dataset:
        """The result at one epoch for another measure: loaded where it is stored, else computed and not stored."""
        key = self.key(target, parameters)
        series = self._load(run, key, [epoch])
        if not series:
            compute = partial(self.compute, run, target=target, parameters=parameters)
            series = [as_series(to_stored(self._computed(run, epoch, compute), self.variables), epoch)]
        return as_dataset(series, key).isel(epoch=0)

    def compute_and_store(
        self, run: Run, epoch: int, target: Target, parameters: P, compute: Callable[[int], Result] | None = None
    ) -> None:
        """Compute the result of one epoch and keep it in the run."""
        kind = "probe" if not self.by_epoch else "weights" if "weights" in self.requires else "epoch"
        # The source is looked up first: a result is never given to a file that replaces the one it was computed from.
        source = run.source(kind, epoch)
        if source is None:
            recorded = self.recorded_epochs(run)
            raise RunError(f"epochs: nothing is recorded for epoch {epoch} in {run.path}; there are {recorded}")
        compute = compute or partial(self.compute, run, target=target, parameters=parameters)
        result = to_stored(self._computed(run, epoch, compute), self.variables)
        run.results.save(self.key(target, parameters), epoch, result, source)

    def _computed(self, run: Run, epoch: int, compute: Callable[[int], Result]) -> Result:
        try:
            return compute(epoch)
        except RunError:
            raise
        except ValueError as error:
            raise RunError(f"{self.name} of {run.path} at epoch {epoch}: {error}") from error

    def _over_epochs(
        self, run: Run, target: Target, parameters: P, epochs: Sequence[int] | None, compute: Callable[[int], Result]
    ) -> xr.Dataset:
        """The results of all epochs: loaded where they are stored, else computed and stored one by one."""
        key = self.key(target, parameters)
        recorded = self.recorded_epochs(run)
        stored = epochs_of(self._load(run, key, epochs))
        wanted = sorted({*stored, *recorded} if epochs is None else set(epochs))
        if not wanted:
            empty = f"epochs: expected at least one, got {epochs!r}"
            raise RunError(f"{run.path} has no complete epoch yet" if epochs is None else empty)
        missing = [epoch for epoch in wanted if epoch not in stored]
        if nowhere := [epoch for epoch in missing if epoch not in recorded]:
            what = f"nothing is recorded and no result is stored for epoch {nowhere[0]}"
            raise RunError(f"epochs: {what} in {run.path}; recorded are {recorded}")
        if missing:
            self._warn_of_ignored(run, key)
            if announcement := self.announcement(run, target, parameters, len(missing)):
                warnings.warn(announcement, stacklevel=3)
        failures: dict[int, RunError] = {}
        try:
            for epoch in track(missing, " ".join([self.title, *target])):
                try:
                    self.compute_and_store(run, epoch, target, parameters, compute)
                except RunError as error:
                    if epochs is not None:
                        raise
                    failures[epoch] = error
        finally:
            run.results.flush()
        if len(failures) == len(wanted):
            raise failures[wanted[0]]
        for failure in failures.values():
            warnings.warn(f"left out: {failure}", stacklevel=3)
        expected = [epoch for epoch in wanted if epoch not in failures]
        series = self._load(run, key, expected)
        if stale := set(expected) - epochs_of(series):
            what = f"epoch {min(stale)} of {run.path} was recorded again, or its result was removed,"
            raise RunError(f"epochs: {what} while {self.name} was computed; call it again")
        return self._dataset(series, key)

    def _warn_of_ignored(self, run: Run, key: ResultKey) -> None:
        versions = [o.version for o in run.results.keys(self.name) if o.settings == key.settings and o != key]
        for version in versions:
            again = f"are ignored and computed again by version {self.version}"
            warnings.warn(f"{run.path}: results of {self.name} version {version} {again}", stacklevel=4)

    def _parsed(self, key: ResultKey) -> tuple[Target, P, dict[str, Any]] | None:
        """Target, parameters and unknown fields of stored results; None where they are not of this version's form."""
        named = all(isinstance(key.settings.get(name), str) for name in self.target_names)
        if key.version != self.version or not named:
            return None
        settings = {name: value for name, value in key.settings.items() if name not in self.target_names}
        try:
            parameters, unknown = self.Parameters.from_json(settings)
        except (ValueError, TypeError):
            return None
        return tuple(key.settings[name] for name in self.target_names), parameters, unknown

    def _stored(self, run: Run, key: ResultKey, epochs: Iterable[int] | None) -> xr.Dataset | None:
        series = self._load(run, key, epochs)
        return self._dataset(series, key) if series else None

    def _dataset(self, series: list[StoredSeries], key: ResultKey) -> xr.Dataset:
        results = as_dataset(series, key)
        reason = self.no_error(results)
        results = results.assign_attrs(no_error=reason) if reason else results
        return results if self.by_epoch else results.isel(epoch=0, drop=True)

    def _load(self, run: Run, key: ResultKey, epochs: Iterable[int] | None) -> list[StoredSeries]:
        """Stored results of this schema; what another program wrote under the name counts as no result."""
        wanted = None if epochs is None else sorted(set(epochs))
        loaded = run.results.load(key, wanted if self.by_epoch else [_ONCE])
        return [series for series in loaded if has_schema(series, self.variables)]
