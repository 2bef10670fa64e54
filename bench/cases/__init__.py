"""All cases by name, in the order of the table in the README."""

from bench.cases.channels import CASES as CHANNELS
from bench.cases.discarding import CASES as DISCARDING
from bench.cases.hidden_states import CASES as HIDDEN_STATES
from bench.cases.neighbors import CASES as NEIGHBORS
from bench.cases.neurons import CASES as NEURONS
from bench.cases.runs import CASES as RUNS
from bench.cases.spectra import CASES as SPECTRA
from bench.cases.values import CASES as VALUES
from bench.timing import Case

CASES: dict[str, Case] = {
    **NEIGHBORS,
    **CHANNELS,
    **SPECTRA,
    **HIDDEN_STATES,
    **VALUES,
    **DISCARDING,
    **NEURONS,
    **RUNS,
}
