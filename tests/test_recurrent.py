"""scratch.recurrent against torch.nn with the same weights, packed sequences included, and against loops."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from scratch.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

CELLS = [(RNNCell, torch.nn.RNNCell), (LSTMCell, torch.nn.LSTMCell), (GRUCell, torch.nn.GRUCell)]
NETWORKS = [(RNN, torch.nn.RNN), (LSTM, torch.nn.LSTM), (GRU, torch.nn.GRU)]
DTYPES = [(torch.float64, 1e-12, 1e-12), (torch.float32, 1e-6, 1e-5)]  # outputs within, gradients within


def tensors(state):
    return state if isinstance(state, tuple) else (state,)


def close(ours, theirs, tolerance):
    """Within `tolerance` of the largest entry, which is how far rounding may go, or 1 if that is larger."""
    scale = max(1, *(x.abs().max().item() for x in theirs)) if theirs else 1
    torch.testing.assert_close(list(ours), list(theirs), atol=tolerance * scale, rtol=0)


def gradients(module, outputs, x, seed):
    """Of a random sum of the outputs, with respect to the input and all weights, in the order of their names."""
    generator = torch.Generator().manual_seed(seed)
    total = sum((o * torch.randn(o.shape, generator=generator, dtype=o.dtype)).sum() for o in outputs)
    names, weights = zip(*sorted(module.named_parameters()), strict=True)
    return names, torch.autograd.grad(total, [x, *weights])


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.booleans(), st.integers(0, 99))
@pytest.mark.parametrize(("dtype", "value", "slope"), DTYPES)
@pytest.mark.parametrize(("Ours", "Theirs"), CELLS)
def test_a_cell_equals_torchs(Ours, Theirs, dtype, value, slope, batch, input_dim, hidden_dim, with_state, seed):
    torch.manual_seed(seed)
    theirs = Theirs(input_dim, hidden_dim).to(dtype)
    ours = Ours(input_dim, hidden_dim).to(dtype)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(batch, input_dim, dtype=dtype, requires_grad=True)
    state = torch.randn(2, batch, hidden_dim, dtype=dtype).unbind()
    state = (state if Ours is LSTMCell else state[0]) if with_state else None
    mine, expected = tensors(ours(x, state)), tensors(theirs(x, state))
    close(mine, expected, value)
    (names, a), (their_names, b) = gradients(ours, mine, x, seed), gradients(theirs, expected, x, seed)
    assert names == their_names
    close(a, b, slope)


SHAPES = st.tuples(*(st.integers(1, n) for n in (4, 6, 3, 4, 3)), st.booleans(), st.integers(0, 99))


@settings(max_examples=20)
@given(SHAPES, st.sampled_from(["no lengths", "lengths", "all full"]), st.booleans())
@pytest.mark.parametrize(("dtype", "value", "slope"), DTYPES)
@pytest.mark.parametrize(("Ours", "Theirs"), NETWORKS)
def test_a_network_equals_torchs(Ours, Theirs, dtype, value, slope, shapes, kind, with_state):
    batch, width, input_dim, hidden_dim, layers, bidirectional, seed = shapes
    torch.manual_seed(seed)
    theirs = Theirs(input_dim, hidden_dim, layers, batch_first=True, bidirectional=bidirectional).to(dtype)
    ours = Ours(input_dim, hidden_dim, layers, bidirectional=bidirectional).to(dtype)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(batch, width, input_dim, dtype=dtype, requires_grad=True)
    state = torch.randn(2, layers * (1 + bidirectional), batch, hidden_dim, dtype=dtype).unbind()
    state = (state if Ours is LSTM else state[0]) if with_state else None
    lengths = torch.full((batch,), width) if kind == "all full" else torch.randint(1, width + 1, (batch,))
    output, last = ours(x, None if kind == "no lengths" else lengths, state)
    if kind == "no lengths":
        expected, their_last = theirs(x, state)
    else:
        packed, their_last = theirs(pack_padded_sequence(x, lengths, True, enforce_sorted=False), state)
        expected, _ = pad_packed_sequence(packed, True, total_length=width)
    mine, expected = (output, *tensors(last)), (expected, *tensors(their_last))
    close(mine, expected, value)
    (names, a), (their_names, b) = gradients(ours, mine, x, seed), gradients(theirs, expected, x, seed)
    assert names == their_names
    close(a, b, slope)


@pytest.mark.parametrize("Network", [RNN, LSTM, GRU])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_nothing_and_comes_out_as_zeros(Network, bidirectional):
    torch.manual_seed(0)
    network, lengths = Network(5, 7, 2, bidirectional=bidirectional), torch.tensor([4, 1, 6])
    x = torch.randn(3, 6, 5)
    output, last = network(x, lengths)
    wide = torch.cat([x, 9 * torch.randn(3, 11, 5)], 1)
    wide[0, 4:] = 7.0
    wide[1, 1:] = -7.0
    again, end = network(wide, lengths)
    assert torch.equal(again[:, :6], output)
    assert not again[:, 6:].any()
    assert not output[0, 4:].any()
    assert all(torch.equal(a, b) for a, b in zip(tensors(last), tensors(end), strict=True))
    for i, n in enumerate(lengths.tolist()):
        alone, state = network(x[i : i + 1, :n])
        torch.testing.assert_close(alone[0], output[i, :n], atol=1e-6, rtol=0)
        for a, b in zip(tensors(state), tensors(last), strict=True):
            torch.testing.assert_close(a[:, 0], b[:, i], atol=1e-6, rtol=0)


@pytest.mark.parametrize("hidden", [1, 5])
def test_the_resets_differ_as_their_papers_say(hidden):
    """Cho et al., Eqs. 5-8, with z for what is kept, as torch has it; in NumPy, for one vector."""
    cell = GRUCell(2, hidden, reset_after=False).double()
    cell.bias_hh.data.fill_(0.5)  # what the reset gate reaches in one of the two only
    generator = np.random.default_rng(0)
    x, h = generator.normal(size=2), generator.normal(size=hidden)
    (Wr, Wz, Wn), (Ur, Uz, Un), (br, bz, bn), (cr, cz, cn) = (
        np.split(parameter.detach().numpy(), 3) for parameter in cell.parameters()
    )
    r, z = expit(Wr @ x + br + Ur @ h + cr), expit(Wz @ x + bz + Uz @ h + cz)
    before = (1 - z) * np.tanh(Wn @ x + bn + Un @ (r * h) + cn) + z * h
    after = (1 - z) * np.tanh(Wn @ x + bn + r * (Un @ h + cn)) + z * h
    given_, state = torch.from_numpy(x[None]), torch.from_numpy(h[None])
    np.testing.assert_allclose(cell(given_, state).detach()[0], before, atol=1e-12)
    other = GRUCell(2, hidden).double()
    other.load_state_dict(cell.state_dict())
    np.testing.assert_allclose(other(given_, state).detach()[0], after, atol=1e-12)
    assert abs(before - after).min() > 1e-3


@pytest.mark.parametrize(("Ours", "Theirs"), [*CELLS, *NETWORKS])
def test_it_starts_from_torchs_weights(Ours, Theirs):
    for options in [{}] if (Ours, Theirs) in CELLS else [{}, {"num_layers": 2, "bidirectional": True}]:
        ours, theirs = (torch.manual_seed(0) and make(4, 5, **options).state_dict() for make in (Ours, Theirs))
        assert list(ours) == list(theirs)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("Network", [RNN, LSTM, GRU])
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda n, x: n(x[0]), ValueError, r"x must have the shape \(batch, length, input_dim = 2\), got \(4, 2\)"),
        (lambda n, x: n(x[:, :, :1]), ValueError, r"input_dim = 2\), got \(3, 4, 1\)"),
        (lambda n, x: n(x[:, :0]), ValueError, "a batch and a length of 1 or more, got 3 and 0"),
        (lambda n, x: n(x, [1, 2, 5]), ValueError, "lengths must lie between 1 and the width 4, got 5"),
        (lambda n, x: n(x, [1, 0, 2]), ValueError, "lengths must lie between 1 .* got 0"),
        (lambda n, x: n(x, [1, 2]), ValueError, r"lengths must have the shape \(batch,\) = \(3,\), got \(2,\)"),
        (lambda n, x: n(x, [1.0, 2, 3]), TypeError, "lengths must be integers, got torch.float32"),
        (lambda n, x: n(x, None, []), TypeError, "state must be .*, got list"),
    ],
)
def test_errors(Network, call, error, message):
    with pytest.raises(error, match=message):
        call(Network(2, 3), torch.zeros(3, 4, 2))


@pytest.mark.parametrize("make", [RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell])
def test_errors_of_sizes_and_states(make):
    with pytest.raises(ValueError, match="hidden_dim must be at least 1, got 0"):
        make(2, 0)
    with pytest.raises(TypeError, match="input_dim must be an int"):
        make(2.0, 3)
    if make in (RNN, LSTM, GRU):
        with pytest.raises(ValueError, match=r"^num_layers must be at least 1, got 0"):
            make(2, 3, 0)
    cell = make in (RNNCell, LSTMCell, GRUCell)
    wrong = torch.zeros(2, 9) if cell else torch.zeros(1, 2, 9)
    state = (wrong, wrong) if make in (LSTM, LSTMCell) else wrong
    x = torch.zeros(2, 2) if cell else torch.zeros(2, 4, 2)
    with pytest.raises(ValueError, match=r"state must have the shape .*3\), got .*9\)"):
        make(2, 3)(*((x, state) if cell else (x, None, state)))


@pytest.mark.parametrize("Cell", [RNNCell, LSTMCell, GRUCell])
@pytest.mark.parametrize("shape", [(2,), (4, 3), (4, 1, 2)])
def test_a_cell_refuses_what_is_no_batch_of_its_inputs(Cell, shape):
    message = re.escape(f"x must have the shape (batch, input_dim = 2), got {shape}")
    with pytest.raises(ValueError, match=message):
        Cell(2, 3)(torch.zeros(shape))


@pytest.mark.parametrize("state", [torch.zeros(2, 4, 3), (torch.zeros(4, 3),) * 3, [torch.zeros(4, 3)] * 2])
def test_an_lstm_refuses_a_state_that_is_no_pair(state):
    with pytest.raises(TypeError, match=rf"^state must be the two tensors \(h, c\), got {type(state).__name__}$"):
        LSTMCell(2, 3)(torch.zeros(4, 2), state)


@settings(max_examples=10)
@given(
    st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e30]),
    st.integers(1, 2),
    st.booleans(),
    st.integers(0, 99),
)
@pytest.mark.parametrize("Network", [RNN, LSTM, GRU])
def test_no_number_at_padding_matters_in_outputs_or_in_any_gradient(Network, odd, layers, bidirectional, seed):
    torch.manual_seed(seed)
    network, lengths = Network(3, 4, layers, bidirectional=bidirectional).double(), torch.randint(1, 6, (3,))
    clean = torch.randn(3, 7, 3, dtype=torch.float64)  # wider than the longest
    words = torch.arange(7) < lengths.unsqueeze(1)
    found = []
    for x in (clean, clean.masked_fill(~words.unsqueeze(2), odd)):
        x = x.requires_grad_()
        output, last = network(x, lengths)
        _, slopes = gradients(network, (output, *tensors(last)), x, seed)
        found.append([output, *tensors(last), *slopes])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert not found[0][0][~words].any()


@pytest.mark.parametrize("Network", [RNN, LSTM, GRU])
def test_it_costs_what_the_longest_sentence_costs(Network):
    """Counted in products, whatever the width."""
    from torch.utils.flop_counter import FlopCounterMode

    network, costs = Network(3, 4), []
    for width in (5, 500):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.zeros(2, width, 3), [5, 2])
        costs.append(counter.get_total_flops())
    assert costs[0] == costs[1] > 0


@pytest.mark.parametrize("Network", [RNN, LSTM, GRU])
def test_torchs_order_of_arguments_with_another_meaning_is_refused(Network):
    x = torch.zeros(2, 4, 3)
    state = torch.zeros(1, 2, 5)
    with pytest.raises(TypeError, match=r"^lengths must be integers .* a state is given as state=$"):
        Network(3, 5)(x, (state, state) if Network is LSTM else state)
    with pytest.raises(TypeError, match="positional argument"):
        Network(3, 5, 2, 0.5)
    with pytest.raises(TypeError, match=r"^bidirectional must be True or False, got 0.5"):
        Network(3, 5, bidirectional=0.5)
    with pytest.raises(TypeError, match=r"^x must be of the type torch.float32, got torch.float64$"):
        Network(3, 5)(x.double())
    with pytest.raises(TypeError, match=r"^x must be a tensor of floating point numbers, got list$"):
        Network(3, 5)(x.tolist())
    with pytest.raises(TypeError, match=r"^state must be of the type torch.float32, got torch.float64$"):
        Network(3, 5)(x, state=(state.double(),) * 2 if Network is LSTM else state.double())


@pytest.mark.parametrize("Cell", [RNNCell, LSTMCell, GRUCell])
@pytest.mark.parametrize("x", [[[0.0, 0.0]], torch.zeros(1, 2, dtype=torch.int64)])
def test_a_cell_refuses_what_is_no_tensor_of_numbers(Cell, x):
    with pytest.raises(TypeError, match=r"^x must be a tensor of floating point numbers, got (list|torch.int64)$"):
        Cell(2, 3)(x)


def test_the_reset_is_a_flag():
    with pytest.raises(TypeError, match=r"^reset_after must be True or False, got 'False'"):
        GRUCell(2, 3, reset_after="False")


@pytest.mark.parametrize("Network", [RNN, LSTM, GRU])
def test_lengths_come_to_the_device_of_the_inputs(Network):
    network = Network(3, 5, 2, bidirectional=True).to("meta")
    output, _ = network(torch.zeros(2, 4, 3, device="meta"), torch.tensor([4, 1]))
    assert (output.shape, output.device.type) == ((2, 4, 10), "meta")


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_lstm_by_hand_reads_as_the_others_do(monkeypatch, bidirectional):
    torch.manual_seed(0)
    network, x = LSTM(3, 5, 2, bidirectional=bidirectional).double(), torch.randn(3, 6, 3, dtype=torch.float64)
    x.requires_grad_()
    found = []
    for by_hand in (True, False):
        monkeypatch.setattr("scratch.recurrent._by_hand", lambda _, by_hand=by_hand: by_hand)
        output, last = network(x, [6, 2, 3])
        found.append([output, *last, *gradients(network, (output, *last), x, 0)[1]])
    close(found[0], found[1], 1e-12)


@pytest.mark.parametrize("module", [RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell])
def test_pythons_own_errors_name_the_class(module):
    """Such as for torch's options in torch's order."""
    with pytest.raises(TypeError, match=rf"^{module.__name__}.__init__\(\) takes .* positional arguments"):
        module(10, 20, 2, 0.5)
    with pytest.raises(TypeError, match=rf"^{module.__name__}.__init__\(\) missing .* 'hidden_dim'"):
        module(10)
