"""Every regime that PyTorch's own layers work in, tried on ours beside theirs: the same outcome, up to rounding.

A case is one of our modules, one made of torch's parts with the same weights, and inputs for both. The two language
models stand alone: in each regime they must give what they give in none. Where torch's own layer raises an error, ours
need not do better.
"""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import linear
from torch.nn.functional import one_hot as torch_one_hot
from torch.nn.functional import scaled_dot_product_attention as torch_attention

from scratch.attention import AdditiveAttention, MultiHeadAttention, scaled_dot_product_attention
from scratch.contextual import BiLM, MaskedLM
from scratch.contrastive import info_nce
from scratch.decoder import Decoder, DecoderLayer, DotAttention, EncoderDecoder, TransformerDecoder
from scratch.encoder import Encoder, EncoderLayer, TransformerEncoder
from scratch.input_layer import InputLayer
from scratch.lora import LoRA
from scratch.one_hot import one_hot
from scratch.position import LearnedPosition, SinusoidalPosition, sinusoidal
from scratch.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

# --- Cases ------------------------------------------------------------------------------------------------------------


class Called(nn.Module):
    """A module, or several, and how they make one tensor of the inputs."""

    def __init__(self, call, inner=None):
        super().__init__()
        self.call, self.inner = call, nn.ModuleDict(inner) if isinstance(inner, dict) else inner

    def forward(self, *inputs):
        return self.call(self.inner, *inputs)


class Places(nn.Module):
    """The sinusoidal table as a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("rows", sinusoidal(6, 4, dtype=torch.float64), persistent=False)

    def forward(self, x):
        return x + self.rows[: x.shape[1]].to(x.dtype)


def whole(inner, *inputs):
    return inner(*inputs)


def first(inner, *inputs):
    return inner(*inputs)[0]


def states(inner, *inputs):
    return inner.states(*inputs)


def layers(inner, *inputs):
    return inner.layers(*inputs)


def to_itself(inner, x):
    return inner(x, x, x)[0]


def our_attention(_, *inputs):
    return scaled_dot_product_attention(*inputs)[0]


def their_attention(_, *inputs):
    return torch_attention(*inputs)


def our_hot(_, ids):
    return one_hot(ids, 9)


def their_hot(_, ids):
    return torch_one_hot(ids, 9).to(torch.float32)


def additive(inner, query, keys, mask=None):
    scores = inner["v"](torch.tanh(inner["W"](query).unsqueeze(1) + inner["U"](keys))).squeeze(2)
    scores = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
    return (scores.softmax(1).unsqueeze(1) @ keys).squeeze(1)


def cut(output, lengths):
    """Zeros past the end of each sentence; a layer that reads forward was not disturbed by what stands there."""
    padding = torch.arange(3, device=lengths.device) >= lengths.unsqueeze(1)
    return output.masked_fill(padding.unsqueeze(2), 0)


def read(inner, x, lengths):
    return cut(inner(x)[0], lengths)


def learned(inner, x):
    return x + inner.weight[: x.shape[1]]


def input_layer(inner, ids):
    return inner["position"](inner["token"](ids) * 4**0.5)


def embedded_lstm(inner, ids, lengths=None):
    states = inner["lstm"](inner["embedding"](ids))[0]
    return states if lengths is None else cut(states, lengths)


def masked_layer(inner, x, mask):
    return inner(x, src_key_padding_mask=~mask.squeeze(1))


def embedded_layer(inner, ids, lengths=None):
    x = input_layer(inner["input"], ids)
    if lengths is None:
        return inner["layers"][0](x)
    padding = torch.arange(3, device=lengths.device) >= lengths.unsqueeze(1)
    return cut(inner["layers"][0](x, src_key_padding_mask=padding), lengths)


def dot(inner, query, keys, mask):
    scores = (query @ inner["U"](keys).mT).masked_fill(~mask, -torch.inf)
    return scores.softmax(2) @ keys


def looks_back(inner, x, memory, mask):
    causal = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
    return inner(x, memory, causal, memory_key_padding_mask=~mask.squeeze(1))


def our_layer(inner, x, memory, mask):
    return inner(x, memory, torch.ones(1, x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril(), mask)


def translate(inner, ids, lengths, before):
    """An LSTM that begins with the encoder's last state and looks back at all of its states."""
    memory = embedded_lstm(inner["encoder"], ids, lengths)
    last = (lengths - 1).view(-1, 1, 1).expand(-1, 1, memory.shape[2])
    decoder = inner["decoder"]
    h, c = (x.unsqueeze(0).contiguous() for x in decoder["begin"](memory.gather(1, last)[:, 0]).tanh().chunk(2, 1))
    output, _ = decoder["lstm"](decoder["embedding"](before), (h, c))
    mask = (torch.arange(3, device=lengths.device) < lengths.unsqueeze(1)).unsqueeze(1)
    if "W" in decoder["attention"]:
        scores = decoder["attention"]["W"](output).unsqueeze(2) + decoder["attention"]["U"](memory).unsqueeze(1)
        scores = decoder["attention"]["v"](torch.tanh(scores)).squeeze(3).masked_fill(~mask, -torch.inf)
        context = scores.softmax(2) @ memory
    else:
        context = dot(decoder["attention"], output, memory, mask)
    return decoder["output"](decoder["combine"](torch.cat([output, context], 2)).tanh())


def translate_by_layers(inner, ids, lengths, before):
    memory = embedded_layer(inner["encoder"], ids, lengths)
    mask = (torch.arange(3, device=lengths.device) < lengths.unsqueeze(1)).unsqueeze(1)
    decoder = inner["decoder"]
    return decoder["output"](looks_back(decoder["layers"][0], input_layer(decoder["input"], before), memory, mask))


class Thin(nn.Module):
    """A frozen layer and, beside it, a product of two linear maps, by LoRA's names."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 5).requires_grad_(False)
        self.A, self.B = nn.Parameter(torch.zeros(2, 4)), nn.Parameter(torch.zeros(5, 2))

    def forward(self, x):
        return self.linear(x) + 2 * linear(linear(x, self.A), self.B)


def our_thin():
    """With a B that is not zero, as after some training."""
    layer = LoRA(nn.Linear(4, 5), rank=2, alpha=4)
    nn.init.normal_(layer.B)
    return layer


def contrast(_, queries, keys):
    return info_nce(queries, keys, 0.5, symmetric=True)


def their_contrast(_, queries, keys):
    """By torch's cosines and softmax, whose diagonal is what one wants."""
    scores = torch.cosine_similarity(queries.unsqueeze(1), keys, dim=2) / 0.5
    return -(scores.log_softmax(1).diagonal() + scores.log_softmax(0).diagonal()).mean() / 2


def words():
    return nn.Embedding(9, 4, padding_idx=0)


def linears():
    return {"W": nn.Linear(4, 3, bias=False), "U": nn.Linear(4, 3, bias=False), "v": nn.Linear(3, 1, bias=False)}


def their_layer():
    return nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True)


def their_input():
    return {"token": words(), "position": Places()}


def their_encoder():
    return {"embedding": words(), "lstm": nn.LSTM(4, 5, batch_first=True)}


def our_transformer():
    return TransformerEncoder(9, 4, 1, 2, 8, max_length=6)


def their_transformer():
    return {"input": nn.ModuleDict(their_input()), "layers": nn.ModuleList([their_layer()])}


def our_translator(attention):
    return EncoderDecoder(Encoder(9, 4, 5, 1), Decoder(9, 4, 6, 5, attention=attention))


def their_translator(attention):
    attention = {name: nn.Linear(*sizes, bias=False) for name, sizes in attention.items()}
    decoder = {"embedding": words(), "lstm": nn.LSTM(4, 6, batch_first=True), "begin": nn.Linear(5, 12)}
    decoder |= {"attention": nn.ModuleDict(attention), "combine": nn.Linear(11, 6), "output": nn.Linear(6, 9)}
    return {"encoder": nn.ModuleDict(their_encoder()), "decoder": nn.ModuleDict(decoder)}


def our_transformers():
    return EncoderDecoder(our_transformer(), TransformerDecoder(9, 4, 1, 2, 8, max_length=6))


def their_transformers():
    layer = nn.TransformerDecoderLayer(4, 2, 8, 0.0, batch_first=True)
    decoder = {"input": nn.ModuleDict(their_input()), "layers": nn.ModuleList([layer]), "output": nn.Linear(4, 9)}
    return {"encoder": nn.ModuleDict(their_transformer()), "decoder": nn.ModuleDict(decoder)}


torch.manual_seed(0)
X, QUERY = torch.randn(2, 3, 4), torch.randn(2, 4)
IDS, LENGTHS = torch.tensor([[4, 5, 6], [7, 8, 0]]), torch.tensor([3, 2])
MASK = torch.tensor([[[True, True, True]], [[True, True, False]]])
BEFORE = torch.tensor([[2, 6, 5, 4], [2, 8, 0, 0]])
CASES = {  # name: ours, torch's or None, inputs
    "RNNCell": ((whole, RNNCell(4, 5)), (whole, nn.RNNCell(4, 5)), (QUERY,)),
    "LSTMCell": ((first, LSTMCell(4, 5)), (first, nn.LSTMCell(4, 5)), (QUERY,)),
    "GRUCell": ((whole, GRUCell(4, 5)), (whole, nn.GRUCell(4, 5)), (QUERY,)),
    "RNN": ((first, RNN(4, 5)), (first, nn.RNN(4, 5, batch_first=True)), (X,)),
    "LSTM": ((first, LSTM(4, 5)), (first, nn.LSTM(4, 5, batch_first=True)), (X,)),
    "GRU": ((first, GRU(4, 5)), (first, nn.GRU(4, 5, batch_first=True)), (X,)),
    "RNN, lengths": ((first, RNN(4, 5)), (read, nn.RNN(4, 5, batch_first=True)), (X, LENGTHS)),
    "LSTM, lengths": ((first, LSTM(4, 5)), (read, nn.LSTM(4, 5, batch_first=True)), (X, LENGTHS)),
    "GRU, lengths": ((first, GRU(4, 5)), (read, nn.GRU(4, 5, batch_first=True)), (X, LENGTHS)),
    "dot product": ((our_attention,), (their_attention,), (X, X, X, MASK)),
    "AdditiveAttention": ((first, AdditiveAttention(4, 4, 3)), (additive, linears()), (QUERY, X)),
    "AdditiveAttention, mask": ((first, AdditiveAttention(4, 4, 3)), (additive, linears()), (QUERY, X, MASK[:, 0])),
    "MultiHeadAttention": (
        (to_itself, MultiHeadAttention(4, 2)),
        (to_itself, nn.MultiheadAttention(4, 2, batch_first=True)),
        (X,),
    ),
    "EncoderLayer": ((whole, EncoderLayer(4, 2, 8)), (whole, their_layer()), (X,)),
    "EncoderLayer, mask": ((whole, EncoderLayer(4, 2, 8)), (masked_layer, their_layer()), (X, MASK)),
    "Encoder": ((states, Encoder(9, 4, 5, 1)), (embedded_lstm, their_encoder()), (IDS,)),
    "Encoder, lengths": ((states, Encoder(9, 4, 5, 1)), (embedded_lstm, their_encoder()), (IDS, LENGTHS)),
    "TransformerEncoder": ((states, our_transformer()), (embedded_layer, their_transformer()), (IDS,)),
    "TransformerEncoder, lengths": ((states, our_transformer()), (embedded_layer, their_transformer()), (IDS, LENGTHS)),
    "InputLayer": ((whole, InputLayer(9, 4, 6)), (input_layer, their_input()), (IDS,)),
    "DotAttention": ((first, DotAttention(4, 4)), (dot, {"U": nn.Linear(4, 4, bias=False)}), (X, X, MASK)),
    "DecoderLayer": (
        (our_layer, DecoderLayer(4, 2, 8)),
        (looks_back, nn.TransformerDecoderLayer(4, 2, 8, 0.0, batch_first=True)),
        (X, X, MASK),
    ),
    "EncoderDecoder, dot": (
        (whole, our_translator("dot")),
        (translate, their_translator({"U": (5, 6)})),
        (IDS, LENGTHS, BEFORE),
    ),
    "EncoderDecoder, additive": (
        (whole, our_translator("additive")),
        (translate, their_translator({"W": (6, 6), "U": (5, 6), "v": (6, 1)})),
        (IDS, LENGTHS, BEFORE),
    ),
    "EncoderDecoder, Transformers": (
        (whole, our_transformers()),
        (translate_by_layers, their_transformers()),
        (IDS, LENGTHS, BEFORE),
    ),
    "LoRA": ((whole, our_thin()), (whole, Thin()), (X,)),
    "info_nce": ((contrast,), (their_contrast,), (X[0], X[1])),
    "SinusoidalPosition": ((whole, SinusoidalPosition(6, 4)), (whole, Places()), (X,)),
    "LearnedPosition": ((whole, LearnedPosition(6, 4)), (learned, LearnedPosition(6, 4)), (X,)),
    "BiLM": ((layers, BiLM(9, 4)), None, (IDS, LENGTHS)),
    "MaskedLM": ((layers, MaskedLM(9, 4, 1, 2)), None, (IDS, LENGTHS)),
    "one_hot": ((our_hot,), (their_hot,), (IDS,)),
}


def sides(name):
    """Ours, torch's with the same weights (or None), and the inputs, all of this test alone."""
    ours, theirs, inputs = copy.deepcopy(CASES[name])
    ours, theirs = Called(*ours), None if theirs is None else Called(*theirs)
    if theirs is not None:
        theirs.load_state_dict(ours.state_dict())
    return ours, theirs, inputs


def slopes(output, side, inputs, **options):
    """The gradients of a sum that weighs every number differently, by the parameters and inputs; none is no error."""
    wanted = [p for p in [*side.parameters(), *inputs] if p.requires_grad]
    if not wanted:
        return []
    gain = torch.arange(1.0, output.numel() + 1).view_as(output).to(output) / output.numel()
    found = torch.autograd.grad((output * gain).sum(), wanted, allow_unused=True, **options)
    return [torch.zeros_like(p) if g is None else g for g, p in zip(found, wanted, strict=True)]


def both_ways(side, inputs):
    inputs = [x.detach().requires_grad_() if x.is_floating_point() else x for x in inputs]
    output = side(*inputs)
    return [output, *slopes(output, side, inputs)]


# --- Regimes: what a module and its inputs give there -----------------------------------------------------------------

REGIMES = {}


def regime(tolerance=1e-5):
    def keep(function):
        REGIMES[function.__name__] = function, tolerance
        return function

    return keep


@regime()
def plain(side, inputs):
    return both_ways(side, inputs)


@regime(0.05)
def autocast(side, inputs):
    with torch.autocast("cpu", torch.bfloat16):
        output = side(*inputs)
    return [output, *slopes(output, side, inputs)]


def as_type(dtype):
    def cast(side, inputs):
        return both_ways(side.to(dtype), [x.to(dtype) if x.is_floating_point() else x for x in inputs])

    return cast


REGIMES["float16"] = as_type(torch.float16), 0.01
REGIMES["bfloat16"] = as_type(torch.bfloat16), 0.08
REGIMES["float64"] = as_type(torch.float64), 1e-12


@regime()
def no_grad(side, inputs):
    with torch.no_grad():
        return [side(*inputs)]


@regime()
def inference_mode(side, inputs):
    with torch.inference_mode():
        return [side(*inputs)]


@regime()
def hooks(side, inputs):
    """Nothing that a hook has seen may change afterwards, forward, backward, or when no gradient is kept."""
    seen = []

    def look(*things):
        for x in things:
            if isinstance(x, torch.Tensor):
                seen.append((x, x.detach().clone()))
            elif isinstance(x, tuple):
                look(*x)

    for module in side.modules():
        module.register_forward_hook(lambda _, given, made: look(given, made))
        module.register_full_backward_hook(lambda _, to, of: look(to, of))
    outcome = both_ways(side, inputs)
    with torch.no_grad():
        side(*inputs)
    assert all(torch.equal(x, then) for x, then in seen)
    return outcome


@regime()
def export(side, inputs):
    return [torch.export.export(side, inputs, strict=False).module()(*inputs)]  # the default from torch 2.7 on


@regime()
def compiled(side, inputs):
    torch.compiler.reset()
    return both_ways(torch.compile(side, backend="aot_eager"), inputs)


def total(side, weights, inputs):
    return functional_call(side, weights, inputs).square().sum()


@regime()
def functional_grad(side, inputs):
    weights = {name: p.detach() for name, p in side.named_parameters()}
    return list(grad(lambda w: total(side, w, inputs))(weights).values()) if weights else []


@regime()
def functional_vmap(side, inputs):
    """Several sets of weights at once."""
    weights = {name: torch.stack([p.detach(), 2 * p.detach()]) for name, p in side.named_parameters()}
    return [vmap(lambda w: total(side, w, inputs))(weights)] if weights else []


@regime()
def copies(side, inputs):
    """A deep copy, a pickle and a state_dict: each gives what the module gives."""
    side(*inputs)  # what it keeps of a call must not be in the way
    again, back = copy.deepcopy(side), pickle.loads(pickle.dumps(side))
    again.load_state_dict(back.state_dict())
    assert torch.equal(again(*inputs), back(*inputs))
    return both_ways(again, inputs)


@regime(1e-4)
def second_derivatives(side, inputs):
    inputs = [x.detach().requires_grad_() if x.is_floating_point() else x for x in inputs]
    first_ones = slopes(side(*inputs), side, inputs, create_graph=True)
    total = sum(x.square().sum() for x in first_ones if x.requires_grad)
    return slopes(total, side, inputs) if isinstance(total, torch.Tensor) else []


@regime()
def meta(side, inputs):
    """Shapes without numbers."""
    return both_ways(side.to("meta"), [x.to("meta") for x in inputs])


@regime()
def other_defaults(side, inputs):
    """A default device and type are for what the user makes, not for what a module computes from its inputs."""
    try:
        torch.set_default_dtype(torch.float64)
        with torch.device("meta"):
            return [side(*inputs)]
    finally:
        torch.set_default_dtype(torch.float32)


# --- The matrix -------------------------------------------------------------------------------------------------------

SAID = {  # (case, regime): the error, and a piece of its message
    ("BiLM", "functional_vmap"): (RuntimeError, "Batching rule not implemented for aten::lstm"),  # torch's LSTM inside
    ("MaskedLM", "second_derivatives"): (RuntimeError, "derivative for .* is not implemented"),  # torch's layers inside
}


def compare(ours, theirs, tolerance):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a.shape, a.dtype, a.device) == (b.shape, b.dtype, b.device)
        if a.device.type != "meta":
            scale = max(1.0, b.abs().max().item())
            torch.testing.assert_close(a, b, atol=tolerance * scale, rtol=0)


class States(nn.Module):
    """torch's LSTM, of whose results only the states."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 4, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0]


def refused(function) -> str:
    """What torch's own LSTM raises in a regime on this processor; "" if nothing."""
    try:
        function(States(), (torch.randn(2, 3, 4),))
    except (RuntimeError, NotImplementedError, torch._dynamo.exc.TorchDynamoException) as error:
        return f"{type(error).__name__}: {error!s:.80}"
    return ""


@pytest.mark.filterwarnings("ignore:Full backward hook is firing", "ignore:.*was assigned during export")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", REGIMES)
def test_ours_do_what_torchs_do(name, kind):
    function, tolerance = REGIMES[kind]
    ours, theirs, inputs = sides(name)
    if (name, kind) in SAID:
        error, message = SAID[name, kind]
        with pytest.raises(error, match=message):
            function(ours, inputs)
        return
    if theirs is None:
        output = both_ways(copy.deepcopy(ours), inputs)[0]
        if name == "BiLM" and (why := refused(function)):
            pytest.skip(f"torch's LSTM, which is inside, raises {why}")
        found = function(ours, inputs)
        if kind not in ("functional_grad", "functional_vmap", "second_derivatives", "meta"):
            compare([found[0].to(output)], [output], max(tolerance, 1e-5))
        return
    try:
        expected = function(theirs, inputs)
    except (RuntimeError, NotImplementedError, torch._dynamo.exc.TorchDynamoException) as error:
        pytest.skip(f"torch's own raises {type(error).__name__}: {error!s:.80}")
    compare(function(ours, inputs), expected, tolerance)
