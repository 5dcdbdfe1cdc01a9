"""Layers and ops on sequences, by PyTorch's own modules where it has them."""
import torch
import torch.nn.functional as F
from torch.nn.utils.stateless import functional_call


def attend(packed, heads, causal, turn=None):
    """Queries, keys and values side by side, through PyTorch's attention."""
    n, t, three = packed.shape
    width = three // 3
    q, k, v = (part.reshape(n, t, heads, width // heads).transpose(1, 2) for part in packed.split(width, -1))
    if turn is not None:
        q, k = turn(q), turn(k)
    mask = torch.full((t, t), float("-inf")).triu(1) if causal else torch.zeros(t, t)
    shares = torch.softmax(q @ k.transpose(-1, -2) / (width // heads) ** 0.5 + mask, -1)
    return (shares @ v).transpose(1, 2).reshape(n, t, width)


def turned(x, base=10000.0):
    """Rotary embedding of [n, heads, t, size] as multiplication of complex numbers."""
    size, t = x.shape[-1], x.shape[-2]
    angles = torch.outer(torch.arange(t).double(), base ** (-torch.arange(0, size, 2).double() / size))
    pairs = torch.complex(x[..., : size // 2], x[..., size // 2:])
    out = pairs * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([out.real, out.imag], -1)


def add_sequence_layers(cases):
    add_attention(cases)
    add_transformer(cases)
    add_positions(cases)
    add_tied(cases)
    add_recurrent(cases)


def attention_weights(source, width, bias=True):
    weights = {"in.weight": source.values(3 * width, width, scale=0.5), "out.weight": source.values(width, width, scale=0.5)}
    if bias:
        weights.update({"in.bias": source.values(3 * width), "out.bias": source.values(width)})
    return weights


def add_attention(cases):
    for causal in (False, True):
        source = cases.begin()

        def forward(x, p, causal=causal):
            mask = torch.ones(5, 5).triu(1).bool() if causal else None
            y = x.transpose(0, 1)
            y, _ = F.multi_head_attention_forward(y, y, y, 6, 2, p["in.weight"], p["in.bias"], None, None, False, 0.0,
                                                  p["out.weight"], p["out.bias"], attn_mask=mask, need_weights=False)
            return y.transpose(0, 1)
        cases.add("multi_head_attention", {"heads": 2, "causal": causal, "bias": True}, source.values(3, 5, 6),
                  attention_weights(source, 6), forward)
    source = cases.begin()
    cases.add("multi_head_attention", {"heads": 2, "causal": True, "bias": False, "positions": "rotary"},
              source.values(2, 4, 8), attention_weights(source, 8, bias=False),
              lambda x, p: F.linear(attend(F.linear(x, p["in.weight"]), 2, True, turned), p["out.weight"]))


NAMES = {"self_attn.in_proj_weight": "attention.in.weight", "self_attn.in_proj_bias": "attention.in.bias",
         "self_attn.out_proj.weight": "attention.out.weight", "self_attn.out_proj.bias": "attention.out.bias",
         "linear1.weight": "up.weight", "linear1.bias": "up.bias", "linear2.weight": "down.weight",
         "linear2.bias": "down.bias", "norm1.weight": "norm1.weight", "norm1.bias": "norm1.bias",
         "norm2.weight": "norm2.weight", "norm2.bias": "norm2.bias"}


def add_transformer(cases):
    for norm, count, causal, activation in [("pre", 2, True, "gelu"), ("post", 1, False, "relu"), ("post", 2, True, "gelu")]:
        source = cases.begin()
        block = torch.nn.TransformerEncoderLayer(6, 2, 10, 0.0, activation, 1e-4, batch_first=True, norm_first=norm == "pre")
        x = source.values(2, 5, 6)
        weights = {"%d.%s" % (i, name): source.values(*block.state_dict()[torch_name].shape, scale=0.5)
                   for i in range(count) for torch_name, name in NAMES.items()}

        def forward(y, p, block=block, count=count, causal=causal):
            mask = torch.ones(5, 5).triu(1).bool() if causal else None
            for i in range(count):
                named = {torch_name: p["%d.%s" % (i, name)] for torch_name, name in NAMES.items()}
                y = functional_call(block, named, (y, mask))
            return y
        cases.add("transformer_encoder",
                  {"count": count, "heads": 2, "hidden": 10, "norm": norm, "causal": causal, "activation": activation,
                   "epsilon": 1e-4, "dropout": 0.0, "bias": True}, x, weights, forward)
    source = cases.begin()
    x = source.values(2, 3, 4)
    shapes = {"norm1.weight": (4,), "norm1.bias": (4,), "attention.in.weight": (12, 4), "attention.out.weight": (4, 4),
              "norm2.weight": (4,), "norm2.bias": (4,), "up.weight": (16, 4), "down.weight": (4, 16)}
    weights = {"0." + name: source.values(*shape, scale=0.5) for name, shape in shapes.items()}

    def rotary(x, p):
        p = {name[2:]: value for name, value in p.items()}
        y = F.layer_norm(x, (4,), p["norm1.weight"], p["norm1.bias"])
        x = x + F.linear(attend(F.linear(y, p["attention.in.weight"]), 2, False, turned), p["attention.out.weight"])
        y = F.layer_norm(x, (4,), p["norm2.weight"], p["norm2.bias"])
        return x + F.linear(F.gelu(F.linear(y, p["up.weight"])), p["down.weight"])
    cases.add("transformer_encoder", {"heads": 2, "bias": False, "positions": "rotary"}, x, weights, rotary)


def waves(t, width):
    angles = torch.arange(t).double()[:, None] / 10000.0 ** (torch.arange(0, width, 2).double() / width)
    return torch.stack([angles.sin(), angles.cos()], -1).reshape(t, -1)[:, :width]


def add_positions(cases):
    source = cases.begin()
    cases.add("positions", {"kind": "learnt"}, source.values(3, 4, 5), {"weight": source.values(4, 5)},
              lambda x, p: x + p["weight"])
    source = cases.begin()
    cases.add("positions", {"kind": "sinusoidal"}, source.values(3, 4, 6), {}, lambda x, p: x + waves(4, 6))


def add_tied(cases):
    source = cases.begin()
    cases.add("tied_embedding", {"count": 7, "width": 4}, source.indices(7, 3, 5),
              {"weight": source.values(7, 4), "0.linear.weight": source.values(4, 4), "0.linear.bias": source.values(4)},
              lambda i, p: F.linear(torch.tanh(F.linear(F.embedding(i.long(), p["weight"]), p["0.linear.weight"],
                                                        p["0.linear.bias"])), p["weight"]),
              block=[{"layer": "linear", "options": {"features": 4, "activation": "tanh"}}])


RECURRENT = {"rnn": (1, torch._VF.rnn_tanh), "gru": (3, torch._VF.gru), "lstm": (4, torch._VF.lstm)}


def add_recurrent(cases):
    """By what torch.nn.RNN, GRU and LSTM call. They have two offsets where one will do: theirs of the state are zeros but for
    gru's candidate."""
    for name, (gates, kind) in RECURRENT.items():
        for layers, both, returns in ((1, False, "sequence"), (2, True, "sequence"), (2, True, "last"), (1, False, "last")):
            source = cases.begin()
            size, width = 3, 4
            x = source.values(2, 5, width)
            weights, places = {}, []
            for layer in range(layers):
                for way in (("", "_reverse") if both else ("",)):
                    path = "%d.%s" % (layer, "reverse." if way else "")
                    comes = width if layer == 0 else size * (2 if both else 1)
                    weights[path + "in.weight"] = source.values(gates * size, comes, scale=0.5)
                    weights[path + "in.bias"] = source.values(gates * size)
                    weights[path + "state.weight"] = source.values(gates * size, size, scale=0.5)
                    if name == "gru":
                        weights[path + "state.bias"] = source.values(size)
                    places.append(path)

            def forward(x, p, kind=kind, places=places, returns=returns, gates=gates, size=size, both=both, layers=layers):
                flat = []
                for path in places:
                    bias = torch.zeros(gates * size)
                    if path + "state.bias" in p:
                        bias = torch.cat([torch.zeros(2 * size), p[path + "state.bias"]])
                    flat += [p[path + "in.weight"], p[path + "state.weight"], p[path + "in.bias"], bias]
                start = torch.zeros(layers * (2 if both else 1), x.shape[0], size)
                y = kind(x, (start, start) if gates == 4 else start, flat, True, layers, 0.0, False, both, True)[0]
                if returns == "sequence":
                    return y
                return torch.cat([y[:, -1, :size], y[:, 0, size:]], -1) if both else y[:, -1]
            cases.add(name, {"features": size, "layers": layers, "bidirectional": both, "dropout": 0.0, "returns": returns}, x,
                      weights, forward)


def add_sequence_ops(add, source):
    """Ops that no layer reaches: other keys than queries, padding, other axes."""
    s = source()
    add("attention", {"heads": 2, "causal": False}, [s.values(2, 3, 4), s.values(2, 5, 4), s.values(2, 5, 4)],
        lambda q, k, v: separate(q, k, v, 2, None))
    s = source()
    lengths = torch.tensor([5, 2], dtype=torch.int32).numpy()
    add("attention", {"heads": 2, "causal": False}, [s.values(2, 3, 4), s.values(2, 5, 4), s.values(2, 5, 4), lengths],
        lambda q, k, v, n: separate(q, k, v, 2, n))
    s = source()
    add("concat", {"axis": 0}, [s.values(2, 3), s.values(4, 3)], lambda *parts: torch.cat(parts, 0))
    add("slice", {"axis": 1, "first": 1, "count": 2}, [source().values(2, 4, 3)], lambda x: x[:, 1:3])
    s = source()
    add("gather", {}, [s.values(4, 2, 3), s.indices(4, 5, 2)], lambda x, i: x[i.long()])


def separate(q, k, v, heads, lengths):
    """By torch.nn.MultiheadAttention with projections that change nothing."""
    width = q.shape[-1]
    layer = torch.nn.MultiheadAttention(width, heads, bias=False, batch_first=True)
    layer.in_proj_weight.data = torch.eye(width).repeat(3, 1)
    layer.out_proj.weight.data = torch.eye(width)
    hidden = None if lengths is None else torch.arange(k.shape[1])[None, :] >= lengths[:, None]
    return layer(q, k, v, key_padding_mask=hidden, need_weights=False)[0]
