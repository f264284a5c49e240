"""What `check_encoder` must say of some sixty encoders, sound and faulty: no miss, and no false alarm."""

import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from scratch.check import PROMISES, check_encoder
from scratch.encoder import Encoder, TransformerEncoder
from scratch.text import mask

V, DIM = 30, 8
SOUND, FAULTY = {}, {}
SEEDS = (0, 1, 2)


def sound(make):
    """A function that makes an encoder which keeps every promise."""
    SOUND[make.__name__] = make
    return make


def faulty(*caught, **wanted):
    """… one that breaks the promises `caught`, or is not what it should be: `causal=True`."""

    def register(make):
        FAULTY[make.__name__] = (make, set(caught), wanted)
        return make

    return register


def words(ids, lengths):
    return mask(lengths, ids.shape[1])  # (batch, length)


def mean(x, lengths):  # (batch, length, dim) -> (batch, dim)
    return (x * mask(lengths, x.shape[1]).unsqueeze(2)).sum(1) / lengths.clamp(min=1).unsqueeze(1).to(x)


def table(dim=DIM, rows=V):
    return nn.Embedding(rows, dim)


def of_means(change):
    """An encoder: the means of word vectors, and what `change(means, ids, lengths)` makes of them."""
    rows = table()
    return lambda ids, lengths: change(mean(rows(ids), lengths), ids, lengths)


def of_words(change):
    """An encoder: the means of word vectors, after `change(ids, lengths)` of ids and lengths."""
    rows = table()

    def encode(ids, lengths):
        ids, lengths = change(ids, lengths)
        return mean(rows(ids), lengths)

    return encode


# --- sound: recurrent ---


def recurrent(module, pick, **options):
    rows, network = table(), module(DIM, DIM, batch_first=True, **options)

    def encode(ids, lengths):
        read, state = network(pack_padded_sequence(rows(ids), lengths, True, enforce_sorted=False))
        last = state[0] if isinstance(state, tuple) else state
        return pad_packed_sequence(read, True)[0] if pick == "states" else last[-1]

    return encode


@sound
def packed_lstm():
    return recurrent(nn.LSTM, "vectors", num_layers=2)


@sound
def packed_lstm_both_ways():
    return recurrent(nn.LSTM, "states", bidirectional=True)


@sound
def packed_gru():
    return recurrent(nn.GRU, "states")


@sound
def packed_rnn():
    return recurrent(nn.RNN, "vectors")


@sound
def sorted_by_hand():
    encode = recurrent(nn.GRU, "vectors")

    def put_back(ids, lengths):
        order = lengths.argsort(descending=True)
        return encode(ids[order], lengths[order])[order.argsort()]

    return put_back


@sound
def ours_recurrent():
    return Encoder(V, DIM, DIM, 2, bidirectional=True).vectors


@sound
def step_by_step():
    rows, cell = table(), nn.GRUCell(DIM, DIM)

    def encode(ids, lengths):
        h = torch.zeros(len(ids), DIM)
        for t in range(ids.shape[1]):
            h = torch.where((t < lengths).unsqueeze(1), cell(rows(ids[:, t]), h), h)
        return h

    return encode


# --- sound: pooling and convolutions ---


@sound
def bag_of_words():
    return lambda ids, lengths: (one_hot(ids, V).float() * words(ids, lengths).unsqueeze(2)).sum(1)


@sound
def mean_of_words():
    return of_means(lambda means, ids, lengths: means)


@sound
def unit_vectors():
    return of_means(lambda means, ids, lengths: nn.functional.normalize(means))


@sound
def maximum():
    rows = table()
    return lambda ids, lengths: rows(ids).masked_fill(~words(ids, lengths).unsqueeze(2), -1e4).amax(1)


@sound
def maximum_infinite_for_empty_rows():
    rows = table()
    return lambda ids, lengths: rows(ids).masked_fill(~words(ids, lengths).unsqueeze(2), -torch.inf).amax(1)


@sound
def words_themselves():
    rows = table()
    return lambda ids, lengths: rows(ids)


def convolved(pool):
    rows, layers = table(), nn.ModuleList([nn.Conv1d(DIM, DIM, 3, padding=1) for _ in range(2)])

    def encode(ids, lengths):
        places = words(ids, lengths).unsqueeze(1)  # (batch, 1, length)
        x = rows(ids).mT * places
        for layer in layers:
            x = layer(x).relu() * places
        return {"states": x.mT, "mean": x.sum(2) / lengths.unsqueeze(1), "max": x.amax(2)}[pool]

    return encode


@sound
def convolution():
    return convolved("states")


@sound
def convolution_mean():
    return convolved("mean")


@sound
def convolution_max():
    return convolved("max")


@sound
def asserting_that_no_row_is_empty():
    def change(means, ids, lengths):
        assert (lengths > 0).all()
        return means

    return of_means(change)


@sound
def normed_over_batches_in_eval_mode():
    norm = nn.BatchNorm1d(DIM).eval()
    return of_means(lambda means, ids, lengths: norm(means))


# --- sound: attention ---

LAYER = {"dim_feedforward": 16, "dropout": 0.1, "batch_first": True}


def attending(pool, training=False, nested=True):
    rows, places = table(), nn.Embedding(64, DIM)
    network = nn.TransformerEncoder(nn.TransformerEncoderLayer(DIM, 2, **LAYER), 2, enable_nested_tensor=nested)
    network.train(training)

    def encode(ids, lengths):
        x = rows(ids) + places(torch.arange(ids.shape[1]))
        states = network(x, src_key_padding_mask=~words(ids, lengths))
        return {"states": states, "cls": states[:, 0]}[pool] if pool != "mean" else mean(states, lengths)

    return encode


@sound
def torch_transformer():
    return attending("states")


@sound
def torch_transformer_not_nested():
    return attending("states", nested=False)


@sound
def torch_transformer_cls():
    return attending("cls")


@sound
def torch_transformer_mean():
    return attending("mean", nested=False)


@sound
def torch_attention_with_weights():  # NaN for a row without words
    rows, layer = table(), nn.MultiheadAttention(DIM, 2, batch_first=True)
    return lambda ids, lengths: layer(*[rows(ids)] * 3, key_padding_mask=~words(ids, lengths))[0]


@sound
def ours_attending():
    return TransformerEncoder(V, DIM, 2, 2)


@sound
def ours_pooled():
    return TransformerEncoder(V, DIM, 2, 2, norm_first=True).vectors


@sound
def ours_in_half_precision():
    return TransformerEncoder(V, DIM, 2, 2).half().vectors


@sound
def ours_in_bfloat16():
    return TransformerEncoder(V, DIM, 2, 2).bfloat16().states


@sound
def recurrent_in_bfloat16():
    return Encoder(V, DIM, DIM, 1).bfloat16().vectors


@sound
def ours_in_double():
    return TransformerEncoder(V, DIM, 2, 2).double().states


def pretrained(name, config, **sizes):
    transformers = pytest.importorskip("transformers")
    model = getattr(transformers, name)(getattr(transformers, config)(vocab_size=V, **sizes)).eval()
    return lambda ids, lengths: model(ids, attention_mask=words(ids, lengths).long()).last_hidden_state


SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


@sound
def bert():
    return pretrained("BertModel", "BertConfig", **SIZES)


@sound
def bert_cls_in_bfloat16():
    model = bert()
    model.__closure__[0].cell_contents.bfloat16()
    return lambda ids, lengths: model(ids, lengths)[:, 0]


@sound
def roberta():  # its padding is id 1: it counts places from what is no padding
    return pretrained("RobertaModel", "RobertaConfig", pad_token_id=0, **SIZES)


@sound
def gpt2():
    return pretrained("GPT2Model", "GPT2Config", n_embd=16, n_layer=2, n_head=2)


@sound
def t5():
    return pretrained("T5EncoderModel", "T5Config", d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2)


# --- faulty: padding ---


@faulty("padding_invariance", "batch_consistency")
def last_state_is_padding():
    encoder = Encoder(V, DIM, DIM, 2)
    return lambda ids, lengths: encoder(ids)[0][-1]


@faulty("padding_invariance", "batch_consistency")
def mean_over_the_width():
    rows = table()
    return lambda ids, lengths: (rows(ids) * words(ids, lengths).unsqueeze(2)).mean(1)


@faulty("padding_invariance", "batch_consistency")
def no_mask():
    encoder = TransformerEncoder(V, DIM, 2, 2)
    return lambda ids, lengths: encoder.states(ids)


@faulty("padding_invariance", "batch_consistency", "finite_outputs")
def mask_the_other_way():
    rows, layer = table(), nn.MultiheadAttention(DIM, 2, batch_first=True)
    return lambda ids, lengths: layer(*[rows(ids)] * 3, key_padding_mask=words(ids, lengths))[0]


@faulty("padding_invariance", "batch_consistency")
def convolution_without_mask():
    rows, layer = nn.Embedding(V, DIM, padding_idx=0), nn.Sequential(*[nn.Conv1d(DIM, DIM, 3, padding=1)] * 2)
    return lambda ids, lengths: layer(rows(ids).mT).mT


@faulty("padding_invariance", "batch_consistency")
def maximum_with_padding():
    rows = table()
    return lambda ids, lengths: rows(ids).amax(1)


@faulty("finite_outputs")
def nan_at_padding_only():
    rows = table()
    return lambda ids, lengths: rows(ids).masked_fill(~words(ids, lengths).unsqueeze(2), torch.nan)


# --- faulty: the batch ---


@faulty("batch_consistency")
def sorted_and_left_so():
    return of_means(lambda means, ids, lengths: means[lengths.argsort(descending=True, stable=True)])


@faulty("batch_consistency")
def sorted_and_sorted_again():
    def change(means, ids, lengths):
        order = lengths.argsort(stable=True)
        return means[order][order]

    return of_means(change)


@faulty("batch_consistency")
def softmax_over_the_batch():
    return of_means(lambda means, ids, lengths: means.softmax(0))


@faulty("batch_consistency")
def kept_by_length():
    def change(means, ids, lengths):
        by_length = dict(zip(lengths.tolist(), means, strict=True))
        return torch.stack([by_length[n] for n in lengths.tolist()])

    return of_means(change)


@faulty("batch_consistency")
def centred_among_equal_lengths():
    def change(means, ids, lengths):
        same = (lengths.unsqueeze(1) == lengths).to(means)  # (batch, batch)
        alone = (same.sum(1, keepdim=True) == 1).to(means)
        return means - (1 - alone) * (same @ means) / same.sum(1, keepdim=True)

    return of_means(change)


@faulty("batch_consistency")
def view_through_the_batch():
    encoder = Encoder(V, DIM, DIM, 2)
    return lambda ids, lengths: encoder(ids, lengths)[0].view(len(ids), -1)


@faulty("padding_invariance", "batch_consistency")
def squeezed():
    return of_means(lambda means, ids, lengths: means.squeeze(0))


@faulty("padding_invariance", "batch_consistency")
def normed_over_the_batch_in_training():
    norm = nn.BatchNorm1d(DIM)
    return of_means(lambda means, ids, lengths: norm(means))


@faulty("repeatability", "padding_invariance", "batch_consistency")
def state_kept_from_call_to_call():
    def change(means, ids, lengths):
        kept.append(float(means.mean()))
        return means + kept[-1] + len(kept)

    kept = []
    return of_means(change)


# --- faulty: deaf ---


@faulty("sensitivity")
def last_word_unread():
    encoder = Encoder(V, DIM, DIM, 1)
    return lambda ids, lengths: encoder.vectors(ids, (lengths - 1).clamp(min=1))


@faulty("sensitivity")
def cut_at_five():
    return of_words(lambda ids, lengths: (ids[:, :5], lengths.clamp(max=5)))


@faulty("sensitivity")
def cut_at_ten():
    return of_words(lambda ids, lengths: (ids[:, :10], lengths.clamp(max=10)))


@faulty("sensitivity")
def first_word_only():
    rows = table()
    return lambda ids, lengths: rows(ids[:, 0])


@faulty("sensitivity")
def first_state_of_one_that_reads_on():
    encoder = Encoder(V, DIM, DIM, 1)
    return lambda ids, lengths: encoder.states(ids, lengths)[:, 0]


@faulty("sensitivity")
def one_id_dropped():
    rows = table()

    def encode(ids, lengths):
        kept = words(ids, lengths) & (ids != 17)
        return (rows(ids) * kept.unsqueeze(2)).sum(1) / kept.sum(1, keepdim=True).clamp(min=1)

    return encode


@faulty("sensitivity")
def one_id_hidden_from_the_others():
    rows, layer = table(), nn.TransformerEncoderLayer(DIM, 2, **LAYER).eval()
    return lambda ids, lengths: layer(rows(ids), src_key_padding_mask=(ids == 17) | ~words(ids, lengths))


@faulty("sensitivity")
def one_row_of_zeros():
    rows = table()
    rows.weight.data[17] = 0
    return lambda ids, lengths: (rows(ids) * words(ids, lengths).unsqueeze(2)).sum(1)


@faulty("sensitivity")
def constant():
    return of_means(lambda means, ids, lengths: torch.ones_like(means))


@faulty("sensitivity")
def constant_by_a_norm_over_one_number():
    rows, norm = table(1), nn.LayerNorm(1)
    return lambda ids, lengths: norm(mean(rows(ids), lengths))


@faulty("sensitivity")
def kept_from_an_earlier_call_by_length():
    def change(means, ids, lengths):
        return torch.stack([kept.setdefault(n, m) for n, m in zip(lengths.tolist(), means, strict=True)])

    kept = {}
    return of_means(change)


# --- faulty: chance, numbers ---


@faulty("repeatability", "padding_invariance", "batch_consistency")
def dropout_is_on():
    dropout = nn.Dropout(0.5)
    return of_means(lambda means, ids, lengths: dropout(means))


@faulty("finite_outputs")
def overflow():
    return of_means(lambda means, ids, lengths: 1 + (1e30 * means) ** 3)


@faulty(*PROMISES)
def broken():
    def change(means, ids, lengths):
        raise KeyError("broken")

    return of_means(change)


# --- faulty: not what it should be ---


@faulty("permutation_equivariance", ordered=True)
def no_positions():
    return TransformerEncoder(V, DIM, 2, 2, position="none").vectors


@faulty("causality", causal=True)
def mask_shows_the_next_word():
    rows, layer = table(), nn.TransformerEncoderLayer(DIM, 2, **LAYER).eval()

    def encode(ids, lengths):
        square = torch.ones(ids.shape[1], ids.shape[1]).tril(1).bool()
        return layer(rows(ids), ~square, src_key_padding_mask=~words(ids, lengths))

    return encode


@faulty("causality", causal=True)
def places_counted_from_the_right():
    rows, places = table(), nn.Embedding(64, DIM)

    def encode(ids, lengths):
        left = (lengths.unsqueeze(1) - torch.arange(ids.shape[1])).clamp(min=0)
        return (rows(ids) + places(left)).cumsum(1)

    return encode


@faulty("empty_rows", empty=True)
def maximum_of_nothing():
    return maximum_infinite_for_empty_rows()


@faulty("empty_rows", empty=True)
def empty_row_moves_the_others():
    return of_means(lambda means, ids, lengths: means + (lengths.min() == 0))


def caught_in(report):
    return {name for name, wanted in report.asked.items() if report[name].holds is not wanted}


@pytest.mark.parametrize("name", SOUND)
def test_no_false_alarm(name):
    for seed in SEEDS:
        torch.manual_seed(seed)
        report = check_encoder(SOUND[name](), V)
        assert report, f"weights {seed}\n{report}"


@pytest.mark.parametrize("name", FAULTY)
def test_no_miss(name):
    make, caught, wanted = FAULTY[name]
    for seed in SEEDS:
        torch.manual_seed(seed)
        report = check_encoder(make(), V, **wanted)
        along = {"batch_consistency"} & caught if "padding_invariance" in caught else set()  # it may show there, too
        assert caught - along <= caught_in(report) <= caught, f"weights {seed}\n{report}"
        assert not report


def test_there_are_enough():
    assert len(SOUND) >= 20
    assert len(FAULTY) >= 20
