"""Optimizers and schedules by torch.optim, in double precision."""
import torch

from golden_data import Source, short, tensor

ELEMENTS = 37  # more than a vector, and not a multiple of one
STEPS = 6


def optimizer_cases():
    # name, class, options as in a job, the same for torch
    rows = [
        ("sgd", torch.optim.SGD, {"rate": 0.1}, {"lr": 0.1}),
        ("sgd", torch.optim.SGD, {"rate": 0.1, "weight_decay": 0.07}, {"lr": 0.1, "weight_decay": 0.07}),
        ("sgd", torch.optim.SGD, {"rate": 0.05, "momentum": 0.9}, {"lr": 0.05, "momentum": 0.9}),
        ("sgd", torch.optim.SGD, {"rate": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
         {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        ("sgd", torch.optim.SGD, {"rate": 0.05, "momentum": 0.8, "nesterov": True},
         {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
        ("adam", torch.optim.Adam, {}, {}),
        ("adam", torch.optim.Adam, {"rate": 0.02, "weight_decay": 0.1}, {"lr": 0.02, "weight_decay": 0.1}),
        ("adam", torch.optim.Adam, {"rate": 0.05, "beta1": 0.5, "beta2": 0.9, "epsilon": 0.01},
         {"lr": 0.05, "betas": (0.5, 0.9), "eps": 0.01}),
        ("adam", torch.optim.Adam, {"rate": 0.05, "beta1": 0.0}, {"lr": 0.05, "betas": (0.0, 0.999)}),
        ("adamw", torch.optim.AdamW, {}, {}),
        ("adamw", torch.optim.AdamW, {"rate": 0.02, "weight_decay": 0.2, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4},
         {"lr": 0.02, "weight_decay": 0.2, "betas": (0.8, 0.95), "eps": 1e-4}),
        ("rmsprop", torch.optim.RMSprop, {}, {}),
        ("rmsprop", torch.optim.RMSprop, {"rate": 0.02, "alpha": 0.9, "epsilon": 0.01, "weight_decay": 0.07},
         {"lr": 0.02, "alpha": 0.9, "eps": 0.01, "weight_decay": 0.07}),
        ("rmsprop", torch.optim.RMSprop, {"rate": 0.02, "momentum": 0.9, "weight_decay": 0.07},
         {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.07}),
        ("adagrad", torch.optim.Adagrad, {}, {}),
        ("adagrad", torch.optim.Adagrad, {"rate": 0.1, "rate_decay": 0.2, "weight_decay": 0.07},
         {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.07}),
        ("adagrad", torch.optim.Adagrad, {"rate": 0.1, "initial": 0.5, "epsilon": 0.01},
         {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 0.01}),
    ]
    source = Source(1)
    start = source.values(ELEMENTS)
    gradients = source.values(STEPS, ELEMENTS)
    cases = [{"kind": "data", "start": tensor(start), "gradients": tensor(gradients)}]
    for name, make, options, torch_options in rows:
        cases.append({"kind": "optimizer", "optimizer": name, "options": options,
                      "weights": run(make, torch_options, start, gradients)})
    # What the master does to gradients first, and a rate that changes, once for each optimizer.
    used = set()
    for name, make, options, torch_options in reversed(rows):
        if name in used:
            continue
        used.add(name)
        factors = [1.0, 0.5, 0.25, 2.0, 1.0, 0.125]
        cases.append({"kind": "optimizer", "optimizer": name, "options": options,
                      "scale": 0.5, "clip_value": 0.375, "rate_factors": factors,
                      "weights": run(make, torch_options, start, gradients, 0.5, 0.375, factors)})
    # A bias: the options name a weight decay that must not reach it.
    decaying = {name: (make, options, torch_options)
                for name, make, options, torch_options in rows if "weight_decay" in options}
    for name, (make, options, torch_options) in decaying.items():
        cases.append({"kind": "optimizer", "optimizer": name, "options": options, "decays": False,
                      "weights": run(make, {**torch_options, "weight_decay": 0}, start, gradients)})
    return cases


def run(make, options, start, gradients, scale=1.0, clip=None, factors=None):
    """Weights after the first, the second and the last step."""
    weight = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = make([weight], **options)
    base = optimizer.param_groups[0]["lr"]
    kept = []
    for step, gradient in enumerate(gradients):
        weight.grad = torch.tensor(gradient * scale, dtype=torch.float64)
        if clip is not None:
            torch.nn.utils.clip_grad_value_([weight], clip)
        if factors is not None:
            optimizer.param_groups[0]["lr"] = base * factors[step]
        optimizer.step()
        if step in (0, 1, len(gradients) - 1):
            kept.append({"step": step + 1, "value": tensor(weight.detach().numpy())})
    return kept


def schedule_cases():
    from torch.optim import lr_scheduler as lr
    steps = 20
    rows = [
        ("constant", {}, lambda o, n: lr.ConstantLR(o, factor=1.0, total_iters=0)),
        ("step", {"every": 3, "gamma": 0.5}, lambda o, n: lr.StepLR(o, 3, 0.5)),
        ("step", {"every": 7}, lambda o, n: lr.StepLR(o, 7)),
        ("cosine", {}, lambda o, n: lr.CosineAnnealingLR(o, n)),
        ("cosine", {"min_factor": 0.1}, lambda o, n: lr.CosineAnnealingLR(o, n, eta_min=0.1 * 0.3)),
        ("linear", {}, lambda o, n: lr.LinearLR(o, 1.0, 0.0, n)),
        ("linear", {"end_factor": 0.25}, lambda o, n: lr.LinearLR(o, 1.0, 0.25, n)),
    ]
    cases = []
    for name, options, make in rows:
        for warmup in (0, 5):
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
            if warmup:
                ramp = lr.LinearLR(optimizer, 1.0 / warmup, 1.0, warmup - 1)
                # Made after the ramp, the second schedule would take the ramp's start for the base rate.
                optimizer.param_groups[0]["lr"] = 0.3
                after = make(optimizer, steps - warmup)
                optimizer.param_groups[0]["lr"] = 0.3 / warmup
                schedule = lr.SequentialLR(optimizer, [ramp, after], [warmup])
            else:
                schedule = make(optimizer, steps)
            rates = []
            for _ in range(steps):
                rates.append(short(optimizer.param_groups[0]["lr"]))
                optimizer.step()
                schedule.step()
            cases.append({"schedule": name, "options": {**options, "warmup": warmup}, "rate": 0.3,
                          "steps": steps, "rates": rates})
    return cases
