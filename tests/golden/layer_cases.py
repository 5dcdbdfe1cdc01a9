"""Layers by torch.nn.functional, in double precision and raven's layouts: images are channels-last, a convolution's
weight is [out, height, width, in / groups]."""
import torch
import torch.nn.functional as F

from golden_data import Source, tensor
from ragged_cases import add_ragged_layers
from sequence_cases import add_carried, add_sequence_layers

ACTIVATIONS = {
    "none": lambda z: z,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "silu": F.silu,
    "softplus": F.softplus,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


def images_first(x):
    return x.permute(0, 3, 1, 2)


def images_last(x):
    return x.permute(0, 2, 3, 1)


def by_channels_first(function):
    return lambda x: images_last(function(images_first(x)))


class Cases:
    def __init__(self):
        self.cases = []
        self.source = None

    def begin(self):
        self.source = Source(100 + len(self.cases))
        return self.source

    def add(self, layer, options, x, parameters, forward, mode="training", block=None, buffers=None, after=None,
            ragged=None, slots=None, state=None):
        """`forward` maps (input, parameters) to the output; `after` gives running statistics once it has run.
        `state` gives what the next window goes on from, once `forward` has run.
        `ragged`: what a row of the input is; `slots`: the inputs of the graph that tell where samples end."""
        x_torch = torch.tensor(x)
        if x_torch.is_floating_point():
            x_torch.requires_grad_()
        weights = {name: torch.tensor(value, requires_grad=True) for name, value in parameters.items()}
        y = forward(x_torch, weights)
        dy = self.source.values(*y.shape)
        if y.requires_grad:
            y.backward(torch.tensor(dy))
        case = {"layer": layer, "options": options, "mode": mode, "input": tensor(x),
                "parameters": {**{name: tensor(value) for name, value in parameters.items()},
                               **{name: tensor(value) for name, value in (buffers or {}).items()}},
                "output": tensor(y.detach().numpy()), "output_gradient": tensor(dy),
                "parameter_gradients": {name: tensor(value.grad.numpy()) for name, value in weights.items()}}
        if x_torch.is_floating_point():
            case["input_gradient"] = tensor(x_torch.grad.numpy())
        if ragged is not None:
            case["ragged"] = ragged
        if slots is not None:
            case["slots"] = {slot: tensor(value) for slot, value in slots.items()}
        if state is not None:
            case["state"] = tensor(state())
        if block is not None:
            case["block"] = block
        if after is not None:
            case["statistics"] = {name: tensor(value) for name, value in after().items()}
        self.cases.append(case)


def layer_cases():
    cases = Cases()
    add_linear(cases)
    add_conv2d(cases)
    add_pooling(cases)
    add_shapes(cases)
    add_embedding(cases)
    add_norms(cases)
    add_activations(cases)
    add_residual(cases)
    add_sequence_layers(cases)
    add_ragged_layers(cases)
    add_conv1d(cases)
    add_carried(cases)
    return cases.cases


def add_linear(cases):
    for name, function in ACTIVATIONS.items():
        source = cases.begin()
        cases.add("linear", {"features": 5, "activation": name}, source.values(4, 7),
                  {"weight": source.values(5, 7, scale=0.5), "bias": source.values(5)},
                  lambda x, p, f=function: f(F.linear(x, p["weight"], p["bias"])))
    source = cases.begin()
    cases.add("linear", {"features": 3, "bias": False}, source.values(5, 6), {"weight": source.values(3, 6)},
              lambda x, p: F.linear(x, p["weight"]))
    source = cases.begin()
    cases.add("linear", {"features": 4, "bias": False, "activation": "silu"}, source.values(2, 3, 6),
              {"weight": source.values(4, 6)}, lambda x, p: F.silu(F.linear(x, p["weight"])))
    source = cases.begin()
    cases.add("linear", {"features": 19}, source.values(33, 21),
              {"weight": source.values(19, 21, scale=0.25), "bias": source.values(19)},
              lambda x, p: F.linear(x, p["weight"], p["bias"]))


def add_conv2d(cases):
    def case(options, x_shape, weight_shape, torch_options, bias=True, activation="none"):
        source = cases.begin()
        parameters = {"weight": source.values(*weight_shape, scale=0.5)}
        if bias:
            parameters["bias"] = source.values(weight_shape[0])

        def forward(x, p):
            z = F.conv2d(images_first(x), images_first(p["weight"]), p.get("bias"), **torch_options)
            return images_last(ACTIVATIONS[activation](z))
        cases.add("conv2d", options, source.values(*x_shape), parameters, forward)

    case({"channels": 3, "kernel": [3]}, (2, 5, 6, 2), (3, 3, 3, 2), {})
    case({"channels": 4, "kernel": [3], "padding": [1], "activation": "relu"}, (2, 5, 5, 3), (4, 3, 3, 3),
         {"padding": 1}, activation="relu")
    case({"channels": 3, "kernel": [3, 2], "stride": [2, 1], "padding": [1, 0], "activation": "gelu"}, (2, 7, 6, 2),
         (3, 3, 2, 2), {"stride": (2, 1), "padding": (1, 0)}, activation="gelu")
    case({"channels": 2, "kernel": [3], "dilation": [2, 1], "bias": False}, (1, 8, 5, 3), (2, 3, 3, 3),
         {"dilation": (2, 1)}, bias=False)
    case({"channels": 6, "kernel": [3], "padding": [1], "groups": 2, "activation": "tanh"}, (2, 4, 5, 4), (6, 3, 3, 2),
         {"padding": 1, "groups": 2}, activation="tanh")
    case({"channels": 4, "kernel": [3], "padding": [1], "stride": [2], "groups": 4}, (2, 5, 5, 4), (4, 3, 3, 1),
         {"padding": 1, "stride": 2, "groups": 4})
    case({"channels": 5, "kernel": [1], "activation": "silu"}, (3, 3, 4, 2), (5, 1, 1, 2), {}, activation="silu")
    case({"channels": 5, "kernel": [1], "stride": [2], "bias": False}, (1, 5, 5, 3), (5, 1, 1, 3), {"stride": 2},
         bias=False)


def add_conv1d(cases):
    def case(options, x_shape, weight_shape, torch_options, bias=True, activation="none"):
        source = cases.begin()
        parameters = {"weight": source.values(*weight_shape, scale=0.5)}
        if bias:
            parameters["bias"] = source.values(weight_shape[0])

        def forward(x, p):
            z = F.conv1d(x.transpose(1, 2), p["weight"].transpose(1, 2), p.get("bias"), **torch_options)
            return ACTIVATIONS[activation](z.transpose(1, 2))
        cases.add("conv1d", options, source.values(*x_shape), parameters, forward)

    case({"channels": 3, "kernel": 3}, (2, 6, 2), (3, 3, 2), {})
    case({"channels": 4, "kernel": 5, "padding": 2, "stride": 2, "activation": "gelu"}, (2, 9, 3), (4, 5, 3),
         {"padding": 2, "stride": 2}, activation="gelu")
    case({"channels": 4, "kernel": 2, "dilation": 3, "groups": 2, "bias": False}, (3, 8, 4), (4, 2, 2),
         {"dilation": 3, "groups": 2}, bias=False)


def add_pooling(cases):
    for size, stride, padding in [([2], None, None), ([3], [2], [1]), ([3, 2], [1, 2], None), ([2], [1], [1])]:
        options = {"size": size}
        kernel = size if len(size) == 2 else size * 2
        torch_options = {"kernel_size": kernel, "stride": kernel}
        if stride is not None:
            options["stride"] = stride
            torch_options["stride"] = stride if len(stride) == 2 else stride * 2
        if padding is not None:
            options["padding"] = padding
            torch_options["padding"] = padding * 2
        source = cases.begin()
        cases.add("max_pool2d", options, source.distinct(2, 6, 7, 3), {},
                  lambda x, p, o=torch_options: by_channels_first(lambda z: F.max_pool2d(z, **o))(x))
        source = cases.begin()
        cases.add("avg_pool2d", options, source.values(2, 6, 7, 3), {},
                  lambda x, p, o=torch_options: by_channels_first(lambda z: F.avg_pool2d(z, **o))(x))
    source = cases.begin()
    cases.add("global_avg_pool2d", {}, source.values(2, 3, 5, 4), {}, lambda x, p: x.mean((1, 2)))


def add_shapes(cases):
    source = cases.begin()
    cases.add("flatten", {}, source.values(3, 2, 4, 2), {}, lambda x, p: x.flatten(1))
    source = cases.begin()
    cases.add("reshape", {"shape": [4, 3]}, source.values(2, 12), {}, lambda x, p: x.reshape(2, 4, 3))
    source = cases.begin()
    cases.add("reshape", {"shape": [3, -1, 2]}, source.values(2, 12), {}, lambda x, p: x.reshape(2, 3, 2, 2))


def add_embedding(cases):
    for shape in [(6,), (3, 5)]:
        source = cases.begin()
        cases.add("embedding", {"count": 7, "width": 4}, source.indices(7, *shape), {"weight": source.values(7, 4)},
                  lambda x, p: F.embedding(x.long(), p["weight"]))


def add_norms(cases):
    for shape in [(8, 5), (2, 3, 4, 3), (2, 6, 3)]:
        for mode in ("training", "inference"):
            for options in ({}, {"momentum": 0.25, "epsilon": 0.01}):
                add_batch_norm(cases, shape, mode, options)
    for shape in [(4, 9), (2, 3, 6)]:
        for options in ({}, {"epsilon": 0.1}):
            source = cases.begin()
            width = shape[-1]
            cases.add("layer_norm", options, source.values(*shape),
                      {"weight": source.values(width), "bias": source.values(width)},
                      lambda x, p, o=options: F.layer_norm(x, (x.shape[-1],), p["weight"], p["bias"],
                                                           o.get("epsilon", 1e-5)))


def add_batch_norm(cases, shape, mode, options):
    source = cases.begin()
    channels = shape[-1]
    mean = source.values(channels)
    variance = source.positive(channels)
    running_mean = torch.tensor(mean)
    running_variance = torch.tensor(variance)

    def forward(x, p):
        flat = x.reshape(-1, channels)
        y = F.batch_norm(flat, running_mean, running_variance, p["weight"], p["bias"], mode == "training",
                         options.get("momentum", 0.1), options.get("epsilon", 1e-5))
        return y.reshape(x.shape)
    cases.add("batch_norm", options, source.values(*shape) + 0.5,
              {"weight": source.values(channels), "bias": source.values(channels)}, forward, mode,
              buffers={"running_mean": mean, "running_var": variance},
              after=lambda: {"running_mean": running_mean.numpy(), "running_var": running_variance.numpy()})


def add_activations(cases):
    rows = [(name, {}, function) for name, function in ACTIVATIONS.items() if name not in ("none", "gelu_tanh")]
    rows += [
        ("leaky_relu", {"slope": 0.25}, lambda z: F.leaky_relu(z, 0.25)),
        ("elu", {"alpha": 0.5}, lambda z: F.elu(z, 0.5)),
        ("gelu", {"approximate": "tanh"}, lambda z: F.gelu(z, approximate="tanh")),
        ("softplus", {"beta": 4.0, "threshold": 3.0}, lambda z: F.softplus(z, 4.0, 3.0)),
        ("softmax", {}, lambda z: F.softmax(z, -1)),
    ]
    for name, options, function in rows:
        source = cases.begin()
        cases.add(name, options, source.values(3, 7, scale=2.0), {}, lambda x, p, f=function: f(x))
    source = cases.begin()
    cases.add("softmax", {}, source.values(2, 3, 5) + 100, {}, lambda x, p: F.softmax(x, -1))
    source = cases.begin()
    # PyTorch's random numbers are others, so training can't be compared; in inference nothing is dropped.
    cases.add("dropout", {"rate": 0.5}, source.values(3, 4), {}, lambda x, p: F.dropout(x, 0.5, False), "inference")


def add_residual(cases):
    source = cases.begin()
    cases.add("residual", {}, source.values(4, 5),
              {"0.linear.weight": source.values(6, 5, scale=0.5), "0.linear.bias": source.values(6),
               "1.linear.weight": source.values(5, 6, scale=0.5), "1.linear.bias": source.values(5)},
              lambda x, p: x + F.linear(torch.tanh(F.linear(x, p["0.linear.weight"], p["0.linear.bias"])),
                                        p["1.linear.weight"], p["1.linear.bias"]),
              block=[{"layer": "linear", "options": {"features": 6, "activation": "tanh"}},
                     {"layer": "linear", "options": {"features": 5}}])
