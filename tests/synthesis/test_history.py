"""The history of L-BFGS: products against numpy, memory, and the restoration of a state."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from impasto.image import in_memory
from impasto.synthesis import Point, half_history, history
from impasto.synthesis.half_history import Changes, Halves
from impasto.synthesis.history import Matrix, Rows, Vectors, zeros

COUNT, LENGTH = 6, 100
CPU = torch.device("cpu")
KINDS = {
    "matrix": lambda: Matrix(COUNT),
    "rows": lambda: Rows(COUNT, in_memory),
    "half": lambda: Halves(COUNT, in_memory),
}


def changes(s, y):
    """Between the origin and a point: what they differ by is `s` and `y` to the bit."""
    origin = Point(torch.zeros_like(s), 0.0, {}, torch.zeros_like(y))
    return Changes(origin, Point(s, 0.0, {}, y))


def put(store, index, vector, other=None, second=None):
    """Keep a vector, or two."""
    pair = changes if isinstance(store, Halves) else Vectors
    store.put((index, index if other is None else other), pair(vector, vector if second is None else second))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """So that rows of a test have many, and the last is a shorter one."""
    for module in (history, half_history):
        monkeypatch.setattr(module, "CHUNK", 7)


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def store(request):
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


def expected(store, rows):
    """The rows as they should be kept, by numpy."""
    whole = np.zeros((COUNT, LENGTH))
    for index, vector in rows.items():
        exact = vector.double().numpy()
        whole[index] = halved(exact) if isinstance(store, Halves) else exact
    return whole


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_the_products_are_those_of_numpy(store, kind):
    """Rows put in any order, one of them twice, one not at all."""
    given = vectors(6, kind)
    rows = dict(zip((4, 1, 0, 3, 5), given, strict=False))
    for index, vector in rows.items():
        put(store, index, vector)
    rows[3] = given[5]
    put(store, 3, given[5])
    whole = expected(store, rows)
    tall = np.linalg.norm(whole, axis=1)

    near = 1e-14 if kind == torch.float64 and not isinstance(store, Halves) else 1e-6
    among = store.row_products([4, 3])
    assert among.dtype == torch.float64
    assert (np.abs(among.numpy() - whole @ whole[[4, 3]].T) <= near * np.outer(tall, tall[[4, 3]])).all()

    vector = given[1] * 3 + given[5]
    along, reference = store.vector_products(vector), whole @ vector.double().numpy()
    assert along.dtype == torch.float64
    assert (np.abs(along.numpy() - reference) <= near * tall * np.linalg.norm(vector.double())).all()

    coefficients = torch.tensor([0.5, -3e12, 7.0, -1e-12, 1e9, 2e-6], dtype=torch.float64)
    combined = store.combine(vector, -0.25, coefficients)
    assert combined.dtype == kind
    parts = np.abs(coefficients.numpy()[:, None] * whole).sum(0) + np.abs(0.25 * vector.double().numpy())
    reference = coefficients.numpy() @ whole - 0.25 * vector.double().numpy()
    assert (np.abs(combined.double().numpy() - reference) <= near * parts).all()


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_changes_are_the_differences_of_two_points(kind):
    """Of any shape, in parts, with their products and their largest numbers; kept as numpy's halves of them."""
    before, after = vectors(4, kind).view(2, 2, 1, 4, 25).unbind()
    pair = Changes(Point(before[0], 0.0, {}, before[1]), Point(after[0], 0.0, {}, after[1]))
    s, y = (after - before).view(2, LENGTH).double().numpy()
    assert np.abs(s).max() != np.abs(y).max()
    assert pair.largest == [np.abs(s).max(), np.abs(y).max()]
    near = {torch.float32: 1e-6, torch.float64: 1e-14}[kind]
    assert abs(pair.curvature - s @ y) <= near * np.linalg.norm(s) * np.linalg.norm(y)
    assert pair.square == pytest.approx(y @ y, rel=near)
    store = KINDS["half"]()
    store.put((4, 2), pair)
    for index, vector in ((4, s), (2, y)):
        state = store.state([index])
        assert (state["pairs"][0].double().numpy() * state["scales"][0] == halved(vector)).all()


def test_no_change_that_is_not_a_number_goes_unseen():
    bad = torch.ones(LENGTH)
    bad[50] = torch.nan
    pair = changes(torch.ones(LENGTH), bad)
    assert np.isnan([pair.curvature, pair.square, pair.largest[1]]).all()


def test_half_rows_that_are_not_in_use_change_no_bit(monkeypatch):
    """A run that goes on from a file has none of them; nor are its tensors aligned as they were."""
    monkeypatch.setattr(half_history, "CHUNK", 3000)  # in fewer there is less to round
    length = 10_000
    given = vectors(COUNT + 1, length=length)
    stale, clean = KINDS["half"](), KINDS["half"]()
    for index, vector in enumerate(given[:COUNT]):
        put(stale, index, vector)
    used = [1, 4]
    clean.restore(used, stale.state(used))
    room = torch.empty(length + 1)
    moved = room[1:].copy_(given[COUNT])
    assert moved.data_ptr() % 64 != given[COUNT].data_ptr() % 64
    assert torch.equal(clean.row_products(used)[used], stale.row_products(used)[used])
    assert torch.equal(clean.vector_products(moved)[used], stale.vector_products(given[COUNT])[used])
    coefficients = torch.zeros(COUNT, dtype=torch.float64)
    coefficients[used] = torch.tensor([0.3, 1e-9], dtype=torch.float64)
    result = clean.combine(moved, -0.7, coefficients)
    assert torch.equal(result, stale.combine(given[COUNT], -0.7, coefficients))


@pytest.mark.parametrize("size", [1e-30, 1e-6, 1.0, 65504.0, 1e30])
def test_a_half_row_is_exact_to_eleven_bits_over_eight_decades(size):
    vector = size * torch.logspace(0, -8.4, LENGTH, dtype=torch.float64).to(torch.float32)
    store = KINDS["half"]()
    put(store, 2, vector)
    state = store.state([2])
    assert state["pairs"].dtype == torch.float16
    result = state["pairs"][0].double() * state["scales"][0]
    torch.testing.assert_close(result, vector.double(), rtol=2**-11, atol=0)
    assert (result != vector.double()).any()


@pytest.mark.parametrize("size", [0.0, 1e-44, 3e38])
def test_half_rows_of_the_least_and_the_largest_numbers_stay_numbers(size):
    store = KINDS["half"]()
    put(store, 0, torch.tensor([size, -size, 0.0]))
    result = store.combine(torch.zeros(3), 1.0, torch.ones(COUNT, dtype=torch.float64))
    torch.testing.assert_close(result, torch.tensor([size, -size, 0.0]), rtol=2**-11, atol=1e-45)


def test_sums_of_half_rows_are_not_taken_in_half(monkeypatch):
    """In float16, a sum of ones stops at 2048; and the squares of scaled numbers are out of its range."""
    monkeypatch.setattr(half_history, "CHUNK", 3000)
    store = KINDS["half"]()
    put(store, 0, torch.ones(10_000))
    assert store.row_products([0])[0, 0] == 10_000
    assert store.vector_products(torch.ones(10_000))[0] == 10_000


def test_chunks_are_added_up_in_double(monkeypatch):
    """In float32, 2 ** 24 plus one stays what it is."""
    monkeypatch.setattr(half_history, "CHUNK", 1)
    store = KINDS["half"]()
    put(store, 0, torch.ones(4))
    assert store.vector_products(torch.tensor([2.0**24, 1, 1, 1]))[0] == 2**24 + 3


class Taken(TorchDispatchMode):
    """The bytes of new memory that operations took, the most first."""

    def __init__(self):
        super().__init__()
        self.bytes = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        given = {tensor.untyped_storage().data_ptr() for tensor in _tensors((args, kwargs))}
        result = operation(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            if tensor.untyped_storage().data_ptr() not in given:
                self.bytes = sorted([*self.bytes, tensor.untyped_storage().nbytes()], reverse=True)
        return result


def _tensors(tree):
    if isinstance(tree, torch.Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [tensor for part in tree for tensor in _tensors(part)] if isinstance(tree, list | tuple) else []


def test_no_more_than_a_chunk_of_a_half_row_is_ever_converted(monkeypatch):
    monkeypatch.setattr(half_history, "CHUNK", 256)
    given = vectors(COUNT, length=10_000)
    store = KINDS["half"]()
    for index, vector in enumerate(given):
        put(store, index, vector)
    coefficients = torch.ones(COUNT, dtype=torch.float64)
    pair = changes(given[4], given[5])
    for call, rows in (
        (lambda: Changes(pair.before, pair.after), 2),
        (lambda: store.put((0, 1), pair), 2),
        (lambda: store.row_products([0, 3]), COUNT),
        (lambda: store.vector_products(given[0]), COUNT),
    ):
        with Taken() as taken:
            call()
        assert taken.bytes[0] == rows * 256 * 4
    with Taken() as taken:
        store.combine(given[0], 0.5, coefficients)
    assert taken.bytes[0] == 10_000 * 4, "the result"
    assert taken.bytes[1] == COUNT * 256 * 4
    with Taken() as taken:
        torch.stack([*given]).half().float()
    assert taken.bytes[0] == COUNT * 10_000 * 4, "the measure sees what it should"


@pytest.mark.parametrize(("half", "kind"), [(True, torch.float16), (False, torch.float64)])
def test_rows_are_made_when_they_are_first_put(half, kind):
    made = []

    def allocate(shape, dtype, device):
        made.append((shape, dtype, device))
        return torch.full(shape, float("nan"), dtype=dtype, device=device)

    store, given = (Halves if half else Rows)(40, allocate), vectors(3, torch.float64)
    assert made == []
    for index, vector in zip((17, 2, 17), given, strict=True):
        put(store, index, vector)
    assert made == [((LENGTH,), kind, CPU)] * 2
    store.row_products([2, 17])
    result = store.combine(given[0], 1.0, torch.ones(40, dtype=torch.float64))
    assert made == [((LENGTH,), kind, CPU)] * 2 + [((LENGTH,), torch.float64, CPU)], "and one for what comes of them"
    expected = given[0] + given[1] + given[2]  # the last that was put in each of the two rows
    tolerance = 2.0**-10 if half else 1e-14
    torch.testing.assert_close(result, expected, rtol=0, atol=tolerance * float(torch.stack([*given]).abs().max()) * 3)


def test_rows_may_live_in_files(tmp_path):
    """Mapped files in place of memory, the same to the bit."""

    def allocate(shape, dtype, device):
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        return torch.from_file(str(file), shared=True, size=shape[0], dtype=dtype)

    filed, plain, given = Halves(COUNT, allocate), KINDS["half"](), vectors(4)
    for index, vector in enumerate(given):
        put(filed, index, vector)
        put(plain, index, vector)
    assert [file.stat().st_size for file in tmp_path.iterdir()] == [2 * LENGTH] * 4
    assert torch.equal(filed.row_products([0, 1]), plain.row_products([0, 1]))
    assert torch.equal(filed.vector_products(given[3]), plain.vector_products(given[3]))


def test_a_state_is_a_copy_and_the_way_back(store):
    given = vectors(5)
    for index, vector in zip((0, 2, 3, 5), given, strict=False):
        put(store, index, vector)
    put(store, 4, torch.full((LENGTH,), 9.0))  # not asked for below, and so gone after
    state = store.state([0, 2, 3, 5])
    back = Matrix(COUNT) if isinstance(store, Matrix) else type(store)(COUNT, in_memory)
    put(back, 1, given[4])  # gone as well
    put(store, 2, given[4])
    back.restore([0, 2, 3, 5], state)
    put(store, 2, given[1])
    coefficients = torch.tensor([1.0, 0.0, 1e-6, 2.0, 0.0, 1e-12], dtype=torch.float64)
    assert torch.equal(back.combine(given[4], 0.5, coefficients), store.combine(given[4], 0.5, coefficients))
    along = back.vector_products(given[4])
    assert torch.equal(along[[0, 2, 3, 5]], store.vector_products(given[4])[[0, 2, 3, 5]])
    assert along[1] == along[4] == 0


def test_an_empty_history_has_a_state_too(store):
    back = Matrix(COUNT) if isinstance(store, Matrix) else type(store)(COUNT, in_memory)
    back.restore([], store.state([]))
    put(back, 1, torch.ones(4))
    assert back.vector_products(torch.ones(4)).tolist() == [0, 4, 0, 0, 0, 0]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16])
def test_zeros_are_zeros_of_the_shape_and_alignment_asked_for(kind):
    result = zeros((3, 5), kind, CPU)
    assert result.dtype == kind
    assert torch.equal(result, torch.zeros(3, 5, dtype=kind))
    assert result.is_contiguous()
    assert result.data_ptr() % 64 == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_matrix_takes_the_memory_of_the_rows_that_were_put():
    def resident():
        return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * 4096

    length = 1 << 20
    store, row = Matrix(40), torch.ones(length)
    before = resident()
    put(store, 0, row)
    put(store, 20, row)
    store.vector_products(row)
    store.combine(row, 1.0, torch.zeros(40, dtype=torch.float64))
    taken = resident() - before
    assert 2 * 4 * length <= taken <= 10 * 4 * length, "of 40 rows, and the results"
