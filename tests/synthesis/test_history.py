"""What L-BFGS remembers: products against numpy's, memory taken, and the way back from a state."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from impasto.image import in_memory
from impasto.synthesis import history
from impasto.synthesis.history import Matrix, Rows, zeros

COUNT, LENGTH = 6, 100
CPU = torch.device("cpu")
KINDS = {
    "matrix": lambda: Matrix(COUNT),
    "rows": lambda: Rows(COUNT, False, in_memory),
    "half": lambda: Rows(COUNT, True, in_memory),
}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """So that rows of a test have many, and the last is a shorter one."""
    monkeypatch.setattr(history, "CHUNK", 7)


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def kept(request):
    return request.param()


def vectors(count, kind=torch.float32, length=LENGTH):
    """Of sizes from 1e-12 to 1e12, as steps and gradient changes differ."""
    sizes = torch.logspace(-12, 12, count, dtype=torch.float64)[:, None]
    return (sizes * torch.randn(count, length, generator=torch.Generator().manual_seed(3), dtype=torch.float64)).to(
        kind
    )


def halved(vector):
    """By numpy: float16 times a power of two."""
    scale = 2.0 ** (np.floor(np.log2(np.abs(vector).max())) - 14)
    return (vector / scale).astype(np.float16).astype(np.float64) * scale


def expected(kept, rows):
    """The rows as they should be kept, by numpy."""
    whole = np.zeros((COUNT, LENGTH))
    for index, vector in rows.items():
        exact = vector.double().numpy()
        whole[index] = halved(exact) if getattr(kept, "half", False) else exact
    return whole


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_the_products_are_those_of_numpy(kept, kind):
    """Rows put in any order, one of them twice, one not at all."""
    given = vectors(6, kind)
    rows = dict(zip((4, 1, 0, 3, 5), given, strict=False))
    for index, vector in rows.items():
        kept.put(index, vector)
    rows[3] = given[5]
    kept.put(3, given[5])
    whole = expected(kept, rows)
    tall = np.linalg.norm(whole, axis=1)

    near = 1e-14 if kind == torch.float64 and not getattr(kept, "half", False) else 1e-6
    among = kept.among([4, 3])
    assert among.dtype == torch.float64
    assert (np.abs(among.numpy() - whole @ whole[[4, 3]].T) <= near * np.outer(tall, tall[[4, 3]])).all()

    vector = given[1] * 3 + given[5]
    along, reference = kept.along(vector), whole @ vector.double().numpy()
    assert along.dtype == torch.float64
    assert (np.abs(along.numpy() - reference) <= near * tall * np.linalg.norm(vector.double())).all()

    coefficients = torch.tensor([0.5, -3e12, 7.0, -1e-12, 1e9, 2e-6], dtype=torch.float64)
    combined = kept.combined(vector, -0.25, coefficients)
    assert combined.dtype == kind
    parts = np.abs(coefficients.numpy()[:, None] * whole).sum(0) + np.abs(0.25 * vector.double().numpy())
    reference = coefficients.numpy() @ whole - 0.25 * vector.double().numpy()
    assert (np.abs(combined.double().numpy() - reference) <= near * parts).all()


@pytest.mark.parametrize("size", [1e-30, 1e-6, 1.0, 65504.0, 1e30])
def test_a_half_row_is_exact_to_eleven_bits_over_eight_decades(size):
    vector = size * torch.logspace(0, -8.4, LENGTH, dtype=torch.float64).to(torch.float32)
    kept = KINDS["half"]()
    kept.put(2, vector)
    state = kept.state([2])
    assert state["pairs"].dtype == torch.float16
    found = state["pairs"][0].double() * state["scales"][0]
    torch.testing.assert_close(found, vector.double(), rtol=2**-11, atol=0)
    assert (found != vector.double()).any()


@pytest.mark.parametrize("size", [0.0, 1e-44, 3e38])
def test_half_rows_of_the_least_and_the_largest_numbers_stay_numbers(size):
    kept = KINDS["half"]()
    kept.put(0, torch.tensor([size, -size, 0.0]))
    found = kept.combined(torch.zeros(3), 1.0, torch.ones(COUNT, dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor([size, -size, 0.0]), rtol=2**-11, atol=1e-45)


def test_sums_of_half_rows_are_not_taken_in_half(monkeypatch):
    """In float16, a sum of ones stops at 2048; and the squares of scaled numbers are out of its range."""
    monkeypatch.setattr(history, "CHUNK", 3000)
    kept = KINDS["half"]()
    kept.put(0, torch.ones(10_000))
    assert kept.among([0])[0, 0] == 10_000
    assert kept.along(torch.ones(10_000))[0] == 10_000


def test_chunks_are_added_up_in_double(monkeypatch):
    """In float32, 2 ** 24 plus one stays what it is."""
    monkeypatch.setattr(history, "CHUNK", 1)
    kept = KINDS["half"]()
    kept.put(0, torch.ones(4))
    assert kept.along(torch.tensor([2.0**24, 1, 1, 1]))[0] == 2**24 + 3


class Taken(TorchDispatchMode):
    """The bytes of new memory that operations took, the most first."""

    def __init__(self):
        super().__init__()
        self.bytes = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        given = {tensor.untyped_storage().data_ptr() for tensor in _tensors((args, kwargs))}
        found = operation(*args, **(kwargs or {}))
        for tensor in _tensors(found):
            if tensor.untyped_storage().data_ptr() not in given:
                self.bytes = sorted([*self.bytes, tensor.untyped_storage().nbytes()], reverse=True)
        return found


def _tensors(tree):
    if isinstance(tree, torch.Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [tensor for part in tree for tensor in _tensors(part)] if isinstance(tree, list | tuple) else []


def test_no_more_than_a_chunk_of_a_half_row_is_ever_converted(monkeypatch):
    monkeypatch.setattr(history, "CHUNK", 128)
    given = vectors(COUNT, length=10_000)
    kept = KINDS["half"]()
    for index, vector in enumerate(given):
        kept.put(index, vector)
    coefficients = torch.ones(COUNT, dtype=torch.float64)
    for call in (lambda: kept.put(0, given[5]), lambda: kept.among([0, 3]), lambda: kept.along(given[0])):
        with Taken() as taken:
            call()
        assert 128 * 4 <= taken.bytes[0] <= 128 * 4 * 2
    with Taken() as taken:
        kept.combined(given[0], 0.5, coefficients)
    assert taken.bytes[0] == 10_000 * 4, "the result"
    assert taken.bytes[1] == 128 * 4
    with Taken() as taken:
        torch.stack([*given]).half().float()
    assert taken.bytes[0] == COUNT * 10_000 * 4, "the measure sees what it should"


@pytest.mark.parametrize(("half", "kind"), [(True, torch.float16), (False, torch.float64)])
def test_rows_are_made_when_they_are_first_put(half, kind):
    made = []

    def allocate(shape, dtype, device):
        made.append((shape, dtype, device))
        return torch.full(shape, float("nan"), dtype=dtype, device=device)

    kept, given = Rows(40, half, allocate), vectors(3, torch.float64)
    assert made == []
    for index, vector in zip((17, 2, 17), given, strict=True):
        kept.put(index, vector)
    assert made == [((LENGTH,), kind, CPU)] * 2
    kept.among([2, 17])
    found = kept.combined(given[0], 1.0, torch.ones(40, dtype=torch.float64))
    assert made == [((LENGTH,), kind, CPU)] * 2 + [((LENGTH,), torch.float64, CPU)], "and one for what comes of them"
    assert torch.isfinite(found).all()


def test_rows_may_live_in_files(tmp_path):
    """Mapped files in place of memory, the same to the bit."""

    def allocate(shape, dtype, device):
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        return torch.from_file(str(file), shared=True, size=shape[0], dtype=dtype)

    filed, plain, given = Rows(COUNT, True, allocate), KINDS["half"](), vectors(4)
    for index, vector in enumerate(given):
        filed.put(index, vector)
        plain.put(index, vector)
    assert [file.stat().st_size for file in tmp_path.iterdir()] == [2 * LENGTH] * 4
    assert torch.equal(filed.among([0, 1]), plain.among([0, 1]))
    assert torch.equal(filed.along(given[3]), plain.along(given[3]))


def test_a_state_is_a_copy_and_the_way_back(kept):
    given = vectors(5)
    for index, vector in zip((0, 2, 3, 5), given, strict=False):
        kept.put(index, vector)
    kept.put(4, torch.full((LENGTH,), 9.0))  # not asked for below, and so gone after
    state = kept.state([0, 2, 3, 5])
    back = Rows(COUNT, kept.half, in_memory) if isinstance(kept, Rows) else Matrix(COUNT)
    back.put(1, given[4])  # gone as well
    kept.put(2, given[4])
    back.restore([0, 2, 3, 5], state)
    kept.put(2, given[1])
    coefficients = torch.tensor([1.0, 0.0, 1e-6, 2.0, 0.0, 1e-12], dtype=torch.float64)
    assert torch.equal(back.combined(given[4], 0.5, coefficients), kept.combined(given[4], 0.5, coefficients))
    along = back.along(given[4])
    assert torch.equal(along[[0, 2, 3, 5]], kept.along(given[4])[[0, 2, 3, 5]])
    assert along[1] == along[4] == 0


def test_an_empty_history_has_a_state_too(kept):
    back = type(kept)(COUNT, kept.half, in_memory) if isinstance(kept, Rows) else Matrix(COUNT)
    back.restore([], kept.state([]))
    back.put(1, torch.ones(4))
    assert back.along(torch.ones(4)).tolist() == [0, 4, 0, 0, 0, 0]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16])
def test_zeros_are_zeros_of_the_shape_and_alignment_asked_for(kind):
    found = zeros((3, 5), kind, CPU)
    assert found.dtype == kind
    assert torch.equal(found, torch.zeros(3, 5, dtype=kind))
    assert found.is_contiguous()
    assert found.data_ptr() % 64 == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_matrix_takes_the_memory_of_the_rows_that_were_put():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    length = 1 << 20
    kept, row = Matrix(40), torch.ones(length)
    before = resident()
    kept.put(0, row)
    kept.put(20, row)
    kept.along(row)
    kept.combined(row, 1.0, torch.zeros(40, dtype=torch.float64))
    taken = resident() - before
    assert 2 * 4 * length <= taken <= 10 * 4 * length, "of 40 rows, and the results"
