"""Layers and ops on sequences, by PyTorch's own modules where it has them."""
import numpy
import torch
import torch.nn.functional as F
from golden_data import Source, tensor
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
    add_decoder(cases)


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


def add_decoder(cases):
    """Blocks whose attention is causal; without a memory a decoder is that."""
    for norm, count in (("pre", 2), ("post", 1)):
        source = cases.begin()
        block = torch.nn.TransformerEncoderLayer(6, 2, 10, 0.0, "gelu", 1e-4, batch_first=True, norm_first=norm == "pre")
        x = source.values(2, 5, 6)
        weights = {"%d.%s" % (i, name): source.values(*block.state_dict()[torch_name].shape, scale=0.5)
                   for i in range(count) for torch_name, name in NAMES.items()}

        def forward(y, p, block=block, count=count):
            for i in range(count):
                named = {torch_name: p["%d.%s" % (i, name)] for torch_name, name in NAMES.items()}
                y = functional_call(block, named, (y, torch.ones(5, 5).triu(1).bool()))
            return y
        cases.add("transformer_decoder",
                  {"count": count, "heads": 2, "hidden": 10, "norm": norm, "activation": "gelu", "epsilon": 1e-4,
                   "dropout": 0.0, "bias": True, "positions": "none"}, x, weights, forward)


def waves(t, width):
    angles = torch.arange(t).double()[:, None] / 10000.0 ** (torch.arange(0, width, 2).double() / width)
    return torch.stack([angles.sin(), angles.cos()], -1).reshape(t, -1)[:, :width]


def add_positions(cases):
    source = cases.begin()
    cases.add("positions", {"kind": "learnt", "longest": 0}, source.values(3, 4, 5), {"weight": source.values(4, 5)},
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


def add_carried(cases):
    """Two windows of a text, the second from where the first one ended: truncated backpropagation through time, that is,
    with the state detached. In raven the layers' states stand side by side, of lstm h and c of one after the other."""
    for name, (gates, kind) in RECURRENT.items():
        for layers, returns in ((1, "sequence"), (2, "sequence"), (1, "last")):
            size, width, rows = 3, 4, 2
            carried = [numpy.zeros((rows, layers * size * (2 if gates == 4 else 1)))]
            weights = None
            for _ in range(2):
                source = cases.begin()
                x = source.values(rows, 5, width)
                if weights is None:
                    weights = {}
                    for layer in range(layers):
                        path = "%d." % layer
                        weights[path + "in.weight"] = source.values(gates * size, width if layer == 0 else size, scale=0.5)
                        weights[path + "in.bias"] = source.values(gates * size)
                        weights[path + "state.weight"] = source.values(gates * size, size, scale=0.5)
                        if name == "gru":
                            weights[path + "state.bias"] = source.values(size)
                before = carried[-1]

                def forward(x, p, kind=kind, layers=layers, gates=gates, size=size, returns=returns, before=before):
                    flat = []
                    for layer in range(layers):
                        path = "%d." % layer
                        bias = torch.zeros(gates * size)
                        if path + "state.bias" in p:
                            bias = torch.cat([torch.zeros(2 * size), p[path + "state.bias"]])
                        flat += [p[path + "in.weight"], p[path + "state.weight"], p[path + "in.bias"], bias]
                    parts = torch.tensor(before).reshape(before.shape[0], layers, -1, size).permute(2, 1, 0, 3).contiguous()
                    first = (parts[0], parts[1]) if gates == 4 else parts[0]
                    y, *last = kind(x, first, flat, True, layers, 0.0, False, False, True)
                    last = torch.stack([part.detach() for part in last])
                    carried.append(last.permute(2, 1, 0, 3).reshape(before.shape).numpy())
                    return y if returns == "sequence" else y[:, -1]
                cases.add(name, {"features": size, "layers": layers, "carry": True, "dropout": 0.0, "returns": returns}, x,
                          weights, forward, slots={"5": before.astype("float32")}, state=lambda: carried[-1])


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


    s = source()
    add("sequence_positions", {}, [torch.tensor([3, 1, 2], dtype=torch.int32).numpy(), s.values(6, 2)],
        lambda n, x: torch.cat([torch.arange(length).int() for length in n.tolist()]))
    add("add_sinusoidal", {}, [source().values(4, 6), torch.tensor([0, 1, 0, 3], dtype=torch.int32).numpy()],
        lambda x, i: x + waves(4, 6)[i.long()])
    for causal, lengths in ((False, [3, 1, 4]), (True, [2, 5, 1])):
        s = source()
        add("ragged_attention", {"heads": 2, "causal": causal},
            [s.values(sum(lengths), 12), torch.tensor(lengths, dtype=torch.int32).numpy()],
            lambda x, n, causal=causal, lengths=lengths:
                torch.cat([attend(part[None], 2, causal)[0] for part in x.split(lengths)]))


def separate(q, k, v, heads, lengths):
    """By torch.nn.MultiheadAttention with projections that change nothing."""
    width = q.shape[-1]
    layer = torch.nn.MultiheadAttention(width, heads, bias=False, batch_first=True)
    layer.in_proj_weight.data = torch.eye(width).repeat(3, 1)
    layer.out_proj.weight.data = torch.eye(width)
    hidden = None if lengths is None else torch.arange(k.shape[1])[None, :] >= lengths[:, None]
    return layer(q, k, v, key_padding_mask=hidden, need_weights=False)[0]


def memory_cases():
    """Modules that look at a memory beside their input, whose end may be padding."""
    return [cross_attention(100, 3, None), cross_attention(101, 6, [4, 1]),
            decoder(102, "pre", 2, None), decoder(103, "post", 1, [2, 5])]


def memory_case(module, settings, source, x, memory, lengths, weights, forward):
    given = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    x_torch, memory_torch = (torch.tensor(value, requires_grad=True) for value in (x, memory))
    hidden = None if lengths is None else torch.arange(memory.shape[1])[None, :] >= torch.tensor(lengths)[:, None]
    y = forward(x_torch, memory_torch, hidden, given)
    dy = source.values(*y.shape)
    y.backward(torch.tensor(dy))
    case = {"module": module, "options": settings, "input": tensor(x), "memory": tensor(memory),
            "parameters": {name: tensor(value) for name, value in weights.items()},
            "output": tensor(y.detach().numpy()), "output_gradient": tensor(dy),
            "input_gradient": tensor(x_torch.grad.numpy()), "memory_gradient": tensor(memory_torch.grad.numpy()),
            "parameter_gradients": {name: tensor(value.grad.numpy()) for name, value in given.items()}}
    if lengths is not None:
        case["lengths"] = tensor(numpy.array(lengths, numpy.int32))
    return case


def cross_attention(number, memory_width, lengths):
    source = Source(number)
    weights = {}
    for name, comes in (("query", 4), ("key", memory_width), ("value", memory_width), ("out", 4)):
        weights[name + ".weight"] = source.values(4, comes, scale=0.5)
        weights[name + ".bias"] = source.values(4)

    def forward(x, memory, hidden, p):
        x, memory = x.transpose(0, 1), memory.transpose(0, 1)
        bias = torch.cat([p[name + ".bias"] for name in ("query", "key", "value")])
        y, _ = F.multi_head_attention_forward(
            x, memory, memory, 4, 2, None, bias, None, None, False, 0.0, p["out.weight"], p["out.bias"],
            key_padding_mask=hidden, need_weights=False, use_separate_proj_weight=True,
            q_proj_weight=p["query.weight"], k_proj_weight=p["key.weight"], v_proj_weight=p["value.weight"])
        return y.transpose(0, 1)
    return memory_case("cross_attention", {"heads": 2}, source, source.values(2, 3, 4), source.values(2, 5, memory_width),
                       lengths, weights, forward)


def decoder(number, norm, count, lengths):
    source = Source(number)
    block = torch.nn.TransformerDecoderLayer(6, 2, 10, 0.0, "gelu", 1e-4, batch_first=True, norm_first=norm == "pre")
    names = {**NAMES, "norm2.weight": "norm_memory.weight", "norm2.bias": "norm_memory.bias", "norm3.weight": "norm2.weight",
             "norm3.bias": "norm2.bias", "multihead_attn.out_proj.weight": "memory.out.weight",
             "multihead_attn.out_proj.bias": "memory.out.bias"}
    weights = {}
    for i in range(count):
        for torch_name, name in names.items():
            weights["%d.%s" % (i, name)] = source.values(*block.state_dict()[torch_name].shape, scale=0.5)
        for name in ("query", "key", "value"):
            weights["%d.memory.%s.weight" % (i, name)] = source.values(6, 6, scale=0.5)
            weights["%d.memory.%s.bias" % (i, name)] = source.values(6)

    def forward(x, memory, hidden, p):
        for i in range(count):
            named = {torch_name: p["%d.%s" % (i, name)] for torch_name, name in names.items()}
            for kind in ("weight", "bias"):
                named["multihead_attn.in_proj_" + kind] = torch.cat(
                    [p["%d.memory.%s.%s" % (i, name, kind)] for name in ("query", "key", "value")])
            x = functional_call(block, named, (x, memory, torch.ones(4, 4).triu(1).bool(), None, None, hidden))
        return x
    return memory_case("transformer_decoder", {"heads": 2, "count": count, "hidden": 10, "norm": norm, "epsilon": 1e-4}, source,
                       source.values(2, 4, 6), source.values(2, 5, 6), lengths, weights, forward)
