"""Ops that no layer or loss records on its own, in double precision."""
import numpy as np
import torch
import torch.nn.functional as F

from golden_data import Source, tensor
from ragged_cases import add_ragged_ops, add_segment_ops, add_tree_ops
from sequence_cases import add_sequence_ops


def op_cases():
    cases = []

    def add(op, options, inputs, function):
        number = len(cases)
        values = [torch.tensor(x) for x in inputs]
        for value in values:
            if value.is_floating_point():
                value.requires_grad_()
        y = function(*values)
        case = {"op": op, "options": options, "inputs": [tensor(x) for x in inputs],
                "output": tensor(y.detach().numpy().astype(np.float64))}
        if y.requires_grad:
            dy = Source(700 + number).values(*y.shape)
            y.backward(torch.tensor(dy))
            case["output_gradient"] = tensor(dy)
            case["input_gradients"] = [tensor(v.grad.numpy()) if v.requires_grad else None for v in values]
        cases.append(case)

    def source():
        return Source(500 + len(cases))

    add_arithmetic(add, source)
    add_functions(add, source)
    add_shapes(add, source)
    add_sums(add, source)
    add_products(add, source)
    add_norms(add, source)
    add_sequence_ops(add, source)
    add_ragged_ops(add, source)
    add_tree_ops(add, source)
    add_segment_ops(add, source)
    return cases


def add_arithmetic(add, source):
    functions = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div}
    for name, function in functions.items():
        for first, second in [((4, 5), (4, 5)), ((6, 5), (5,)), ((2, 3, 4), (3, 4))]:
            s = source()
            divisor = s.positive(*second) if name == "div" else s.values(*second)
            add(name, {}, [s.values(*first), divisor], function)
        # One value on both sides: its two gradients meet.
        s = source()
        add(name, {"same": True}, [s.positive(3, 4)], lambda a, f=function: f(a, a))
    add("scale", {"factor": -2.5}, [source().values(3, 7)], lambda x: -2.5 * x)


def add_functions(add, source):
    add("negate", {}, [source().values(3, 7)], torch.neg)
    add("exp", {}, [source().values(3, 7)], torch.exp)
    add("log", {}, [source().positive(3, 7)], torch.log)
    add("sqrt", {}, [source().positive(3, 7)], torch.sqrt)
    add("square", {}, [source().values(3, 7)], torch.square)
    add("abs", {}, [source().values(3, 7)], torch.abs)
    add("clamp", {"low": -0.51, "high": 0.76}, [source().values(3, 7)], lambda x: torch.clamp(x, -0.51, 0.76))
    add("log_softmax", {}, [source().values(4, 6, scale=3.0)], lambda x: F.log_softmax(x, -1))
    add("log_softmax", {}, [source().values(2, 3, 5)], lambda x: F.log_softmax(x, -1))


def add_shapes(add, source):
    s = source()
    add("concat", {}, [s.values(3, 2), s.values(3, 4), s.values(3, 1)], lambda *parts: torch.cat(parts, -1))
    s = source()
    add("concat", {}, [s.values(2, 3, 2), s.values(2, 3, 3)], lambda *parts: torch.cat(parts, -1))
    add("slice", {"first": 2, "count": 3}, [source().values(4, 7)], lambda x: x[..., 2:5])
    add("slice", {"first": 0, "count": 1}, [source().values(2, 3, 4)], lambda x: x[..., 0:1])
    add("to_f32", {}, [source().indices(9, 2, 5)], lambda x: x.double())


def add_sums(add, source):
    for axis in (1, 2):
        add("sum", {"axis": axis}, [source().values(3, 4, 5)], lambda x, a=axis: x.sum(a))
        add("mean", {"axis": axis}, [source().values(3, 4, 5)], lambda x, a=axis: x.mean(a))
    add("row_sum", {}, [source().values(3, 4, 5)], lambda x: x.flatten(1).sum(1))
    add("row_mean", {}, [source().values(3, 4, 5)], lambda x: x.flatten(1).mean(1))


def add_products(add, source):
    s = source()
    add("matmul", {}, [s.values(4, 6), s.values(6, 5)], torch.matmul)
    s = source()
    add("embedding", {"padding_index": 2}, [s.indices(5, 4, 3), s.values(5, 3)],
        lambda i, table: F.embedding(i.long(), table, padding_idx=2))


def add_norms(add, source):
    add("layer_norm", {}, [source().values(4, 6)], lambda x: F.layer_norm(x, (6,)))
    s = source()
    add("layer_norm", {}, [s.values(3, 2, 5), s.values(2, 5), s.values(2, 5)],
        lambda x, g, b: F.layer_norm(x, (2, 5), g, b))
