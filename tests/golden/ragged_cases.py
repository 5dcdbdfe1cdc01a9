"""Ops and layers on samples of different lengths without padding, and on trees: PyTorch's packed sequences, and a cell
called node by node."""
import numpy as np
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence, pad_sequence

RECURRENT = {"rnn": (1, torch._VF.rnn_tanh), "gru": (3, torch._VF.gru), "lstm": (4, torch._VF.lstm)}


def whole(*values):
    return np.array(values, dtype=np.int32)


def packed(name, x, lengths, flat, layers=1, both=True):
    """Tokens [tokens, width] through PyTorch's packed sequences -> [tokens, size (twice if both)]."""
    counts = lengths.tolist()
    padded = pad_sequence(list(x.split(counts)), batch_first=True)
    given = pack_padded_sequence(padded, torch.tensor(counts), batch_first=True, enforce_sorted=False)
    size = flat[1].shape[1]
    start = torch.zeros(layers * (2 if both else 1), len(counts), size)
    y = RECURRENT[name][1](given.data, given.batch_sizes, (start, start) if name == "lstm" else start, flat, True, layers,
                           0.0, False, both)[0]
    y, _ = pad_packed_sequence(PackedSequence(y, given.batch_sizes, given.sorted_indices, given.unsorted_indices),
                               batch_first=True)
    return torch.cat([row[:count] for row, count in zip(y, counts)])


def one_way(name, x, lengths, weight, bias, reverse):
    """x is what the input contributes, so the input's weight is the identity."""
    gates, size = weight.shape
    state_bias = torch.zeros(gates) if bias is None else torch.cat([torch.zeros(2 * size), bias])
    way = [torch.eye(gates), weight, torch.zeros(gates), state_bias]
    other = [torch.zeros_like(part) for part in way]
    y = packed(name, x, lengths, other + way if reverse else way + other)
    return y[:, size:] if reverse else y[:, :size]


def add_ragged_ops(add, source):
    s = source()
    runs = [1, 2, 1, 0, 0, 2, 1, 0, 3, 0, 1, 1]
    add("pick", {"runs": runs}, [s.values(3, 2), s.values(4, 2)],
        lambda *values: torch.cat([values[runs[i]][runs[i + 1]:runs[i + 1] + runs[i + 2]] for i in range(0, len(runs), 3)]))
    for name, (gates, _) in RECURRENT.items():
        for reverse in (False, True):
            s = source()
            inputs = [s.values(11, gates * 3), whole(2, 5, 1, 3), s.values(gates * 3, 3, scale=0.5)]
            if name == "gru":
                inputs.append(s.values(3))
            add("ragged_" + name, {"reverse": reverse}, inputs,
                lambda x, n, w, b=None, name=name, reverse=reverse: one_way(name, x, n, w, b, reverse))


def climb(parents, nodes, cell):
    """Calls cell(node, number among leaves or None, children's states) for every node, by recursion from each root."""
    states, first, leaves = [], 0, 0
    for count in nodes.tolist():
        above = parents[first:first + count].tolist()
        made = [None] * count

        def run(node):
            nonlocal leaves
            children = [run(k) for k in range(node) if above[k] == node]
            leaf = None if children else leaves
            leaves += 0 if children else 1
            made[node] = cell(first + node, leaf, children)
            return made[node]
        run(count - 1)
        states += made
        first += count
    return torch.stack([h for h, _ in states])


def tree_cell(given, children, weight, forget_weight, positions):
    """Tai et al. (2015): equations 3 to 8 (child-sum), 9 to 14 (children by position). given: blocks i, f, g, o."""
    size = given[0].shape[0]
    seen = torch.zeros(weight.shape[1])
    if positions:
        seen = torch.cat([h for h, _ in children] + [torch.zeros(seen.shape[0] - size * len(children))])
    elif children:
        seen = sum(h for h, _ in children)
    i, g, o = (weight @ seen).split(size)
    c = torch.sigmoid(given[0] + i) * torch.tanh(given[2] + g)
    for k, (h_k, c_k) in enumerate(children):
        f = (forget_weight @ seen)[k * size:(k + 1) * size] if positions else forget_weight @ h_k
        c = c + torch.sigmoid(given[1] + f) * c_k
    return torch.sigmoid(given[3] + o) * torch.tanh(c), c


def tree_of_nodes(x, parents, nodes, weight, forget_weight, positions=0):
    return climb(parents, nodes, lambda node, leaf, children: tree_cell(x[node].chunk(4), children, weight, forget_weight,
                                                                        positions))


def tree_of_leaves(x, parents, nodes, weight, forget_weight, bias, positions=0):
    def cell(node, leaf, children):
        if leaf is None:
            given = bias.chunk(4)
        else:
            i, g, o = x[leaf].chunk(3)
            given = (i, None, g, o)
        return tree_cell(given, children, weight, forget_weight, positions)
    return climb(parents, nodes, cell)


BUSHY = whole(3, 3, 3, 6, 5, 6, -1, 2, 2, 4, 4, -1, -1)  # ((a b c) (d)), ((e f) g), h
BUSHY_NODES = whole(7, 5, 1)
BINARY = whole(2, 2, 4, 4, -1, -1, 4, 3, 3, 4, -1)  # ((a b) c), d, (e (f g))
BINARY_NODES = whole(5, 1, 5)


def add_tree_ops(add, source):
    def case(parents, nodes, leaves, positions, size=3):
        s = source()
        seen = size * max(1, positions)
        rows = s.values(leaves, 3 * size) if leaves else s.values(len(parents), 4 * size)
        inputs = [rows, parents, nodes, s.values(3 * size, seen, scale=0.5), s.values(seen, seen, scale=0.5)]
        if leaves:
            inputs.append(s.values(4 * size))
        run = tree_of_leaves if leaves else tree_of_nodes
        add("tree_lstm", {"children": positions}, inputs, lambda *given: run(*given, positions=positions))
    case(BUSHY, BUSHY_NODES, 0, 0)
    case(BUSHY, BUSHY_NODES, 8, 0)
    case(BINARY, BINARY_NODES, 7, 2)
    case(BUSHY, BUSHY_NODES, 0, 3)
    s = source()
    add("lstm_cell", {}, [s.values(4, 12), s.values(4, 3)],
        lambda x, c: torch.cat(torch._VF.lstm_cell(x, (torch.zeros(4, 3), c), torch.eye(12), torch.zeros(12, 3),
                                                   torch.zeros(12), torch.zeros(12)), 1))
    s = source()
    add("tree_lstm_leaf", {}, [s.values(4, 9)],
        lambda x: torch.stack([torch.cat(tree_cell((i, None, g, o), [], torch.zeros(9, 3), None, 0))
                               for i, g, o in (row.chunk(3) for row in x)]))
    s = source()
    add("tree_lstm_cell", {}, [s.values(4, 3), s.values(4, 3), s.values(4, 3), s.values(4, 3), s.values(9, 6, scale=0.5),
                               s.values(6, 6, scale=0.5), s.values(12)],
        lambda h1, c1, h2, c2, u, f, b: torch.stack([
            torch.cat(tree_cell(b.chunk(4), [(h1[r], c1[r]), (h2[r], c2[r])], u, f, 2)) for r in range(4)]))


def add_segment_ops(add, source):
    reductions = {"segment_sum": lambda part: part.sum(0), "segment_mean": lambda part: part.mean(0),
                  "segment_max": lambda part: part.max(0)[0], "first_rows": lambda part: part[0],
                  "last_rows": lambda part: part[-1]}
    for name, reduce in reductions.items():
        for row in ((3,), (2, 2)):
            s = source()
            add(name, {}, [s.distinct(7, *row), whole(2, 4, 1)],
                lambda x, n, reduce=reduce: torch.stack([reduce(part) for part in x.split(n.tolist())]))
    s = source()
    add("scatter", {"entries": 5}, [s.values(6, 3), s.indices(5, 6)],
        lambda x, i: torch.zeros(5, 3).index_add(0, i.long(), x))
    s = source()
    add("masked_fill", {"value": -4.5}, [s.values(4, 3), whole(0, 1, 0, 1)],
        lambda x, mask: x.masked_fill(mask.bool()[:, None], -4.5))


def add_ragged_layers(cases):
    lengths = whole(2, 5, 1, 3)
    for name, (gates, _) in RECURRENT.items():
        for layers, both, returns in ((1, False, "sequence"), (2, True, "sequence"), (1, True, "last")):
            source = cases.begin()
            size, width = 3, 4
            x = source.values(11, width)
            weights, places = {}, []
            for layer in range(layers):
                for way in (("", "reverse.") if both else ("",)):
                    path = "%d.%s" % (layer, way)
                    comes = width if layer == 0 else size * (2 if both else 1)
                    weights[path + "in.weight"] = source.values(gates * size, comes, scale=0.5)
                    weights[path + "in.bias"] = source.values(gates * size)
                    weights[path + "state.weight"] = source.values(gates * size, size, scale=0.5)
                    if name == "gru":
                        weights[path + "state.bias"] = source.values(size)
                    places.append(path)

            def forward(x, p, name=name, places=places, layers=layers, both=both, returns=returns, size=size, gates=gates):
                flat = []
                for path in places:
                    bias = torch.zeros(gates * size)
                    if path + "state.bias" in p:
                        bias = torch.cat([torch.zeros(2 * size), p[path + "state.bias"]])
                    flat += [p[path + "in.weight"], p[path + "state.weight"], p[path + "in.bias"], bias]
                y = packed(name, x, lengths, flat, layers, both)
                if returns == "sequence":
                    return y
                return torch.stack([torch.cat([part[-1, :size], part[0, size:]]) for part in y.split(lengths.tolist())])
            cases.add(name, {"features": size, "layers": layers, "bidirectional": both, "dropout": 0.0, "returns": returns}, x,
                      weights, forward, ragged="sequences", slots={"2": lengths})
    for kind, reduce in (("mean", lambda part: part.mean(0)), ("max", lambda part: part.max(0)[0]),
                         ("sum", lambda part: part.sum(0)), ("last", lambda part: part[-1])):
        source = cases.begin()
        cases.add("pool", {"kind": kind}, source.distinct(11, 3), {},
                  lambda x, p, reduce=reduce: torch.stack([reduce(part) for part in x.split(lengths.tolist())]),
                  ragged="sequences", slots={"2": lengths})
    add_tree_layers(cases)


def add_tree_layers(cases):
    for parents, nodes, leaves, children, returns in ((BUSHY, BUSHY_NODES, 8, 0, "nodes"), (BUSHY, BUSHY_NODES, 0, 0, "root"),
                                                      (BINARY, BINARY_NODES, 7, 2, "root")):
        source = cases.begin()
        size, width, blocks = 3, 4, 3 if leaves else 4
        seen = size * max(1, children)
        weights = {"in.weight": source.values(blocks * size, width, scale=0.5), "in.bias": source.values(blocks * size),
                   "state.weight": source.values(3 * size, seen, scale=0.5),
                   "forget.weight": source.values(seen, seen, scale=0.5)}
        if leaves:
            weights["bias"] = source.values(4 * size)

        def forward(x, p, parents=parents, nodes=nodes, leaves=leaves, children=children, returns=returns):
            gates = torch.nn.functional.linear(x, p["in.weight"], p["in.bias"])
            own = [gates, parents, nodes, p["state.weight"], p["forget.weight"]]
            h = tree_of_leaves(*own, p["bias"], children) if leaves else tree_of_nodes(*own, children)
            return h if returns == "nodes" else h[torch.tensor(nodes).cumsum(0) - 1]
        leaf_counts = whole(*(sum(1 for k in range(n) if k not in parents[f:f + n]) for f, n in spans(nodes)))
        cases.add("tree_lstm", {"features": size, "children": children, "returns": returns},
                  source.values(leaves or len(parents), width), weights, forward, ragged="trees" if leaves else "nodes",
                  slots={"2": leaf_counts, "3": parents, "4": nodes})


def spans(nodes):
    first = 0
    for count in nodes.tolist():
        yield first, count
        first += count
