"""Losses by torch.nn.functional: their mean over a batch, its gradient, and the metrics as sums over samples."""
import numpy as np
import torch
import torch.nn.functional as F

from golden_data import Source, short, tensor


def loss_cases():
    cases = []

    def add(loss, options, prediction, targets, function, metrics):
        y = torch.tensor(prediction, requires_grad=True)
        t = torch.tensor(targets)
        mean = function(y, t.long() if targets.dtype == np.int32 else t)
        mean.backward()
        cases.append({"loss": loss, "options": options, "prediction": tensor(prediction), "targets": tensor(targets),
                      "mean": short(mean.item()), "gradient": tensor(y.grad.numpy()),
                      "metrics": {name: short(float(value)) for name, value in metrics.items()}})

    add_cross_entropy(add)
    add_regression(add)
    add_binary(add)
    return cases


def hits_of(right, targets, ignored=-100, name="accuracy"):
    """Hits, and the places that ask for something: the metric is the first divided by the second."""
    asked = targets != ignored
    return {name: (right & asked).sum(), f"{name}/rows": asked.sum()}


def add_cross_entropy(add):
    weights = [0.5, 2.0, 1.0, 0.25, 1.5]
    rows = [
        ({}, {}),
        ({"label_smoothing": 0.1}, {"label_smoothing": 0.1}),
        ({"ignore_index": 3}, {"ignore_index": 3}),
        ({"class_weights": weights}, {"weight": torch.tensor(weights)}),
        ({"class_weights": weights, "label_smoothing": 0.2, "ignore_index": 1},
         {"weight": torch.tensor(weights), "label_smoothing": 0.2, "ignore_index": 1}),
    ]
    for number, (options, torch_options) in enumerate(rows):
        source = Source(300 + number)
        prediction = source.values(9, 5, scale=2.0)
        targets = source.indices(5, 9)
        add("cross_entropy", options, prediction, targets, lambda y, t, o=torch_options: F.cross_entropy(y, t, **o),
            hits_of(prediction.argmax(1) == targets, targets, options.get("ignore_index", -100)))
    source = Source(309)
    prediction = source.values(8, 5, scale=2.0)
    targets = source.indices(5, 8)
    best = np.argsort(-prediction, axis=1, kind="stable")[:, :2]
    add("cross_entropy", {"top_k": 2}, prediction, targets, F.cross_entropy,
        hits_of(best[:, 0] == targets, targets) | hits_of((best == targets[:, None]).any(axis=1), targets, name="top_2_accuracy"))
    source = Source(310)
    prediction = source.values(3, 4, 5)
    targets = source.indices(5, 3, 4)
    # Of samples with several answers every answer counts, and what is ignored is none.
    for options in ({}, {"ignore_index": 2, "top_k": 2}):
        ignored = options.get("ignore_index", -100)
        metrics = hits_of(prediction.argmax(2) == targets, targets, ignored)
        if "top_k" in options:
            best = np.argsort(-prediction, axis=2, kind="stable")[..., :2]
            metrics |= hits_of((best == targets[..., None]).any(axis=2), targets, ignored, "top_2_accuracy")
        add("cross_entropy", options, prediction, targets,
            lambda y, t, i=ignored: F.cross_entropy(y.reshape(-1, 5), t.reshape(-1), ignore_index=i), metrics)
    for number, (options, torch_options) in enumerate([({}, {}), ({"f1_without": 2}, {}),
                                                       ({"f1_without": 0, "ignore_index": 3}, {"ignore_index": 3})]):
        source = Source(311 + number)
        prediction = source.values(30, 5, scale=2.0)
        targets = source.indices(5, 30)
        said = prediction.argmax(1)
        asked = targets != options.get("ignore_index", -100)
        told, true = (asked & (classes != options.get("f1_without", -1)) for classes in (said, targets))
        add("cross_entropy", {"f1": True, **options}, prediction, targets,
            lambda y, t, o=torch_options: F.cross_entropy(y, t, **o),
            {**hits_of(said == targets, targets, options.get("ignore_index", -100)), "f1/hits": (told & true & (said == targets)).sum(),
             "f1/told": told.sum(), "f1/true": true.sum()})


def add_regression(add):
    for number, shape in enumerate([(6, 3), (4, 1), (5, 2, 3)]):
        source = Source(320 + number)
        prediction = source.values(*shape)
        targets = source.values(*shape, scale=2.0)
        metrics = {"mean_absolute_error": np.abs(prediction - targets).reshape(shape[0], -1).mean(axis=1).sum()}
        add("mse", {}, prediction, targets, F.mse_loss, metrics)
        add("huber", {}, prediction, targets, F.huber_loss, metrics)
        add("huber", {"delta": 0.5}, prediction, targets, lambda y, t: F.huber_loss(y, t, delta=0.5), metrics)


def add_binary(add):
    for number, options in enumerate([{}, {"positive_weight": [0.5, 1.0, 3.0]}, {"positive_weight": [2.5]}]):
        source = Source(330 + number)
        logits = source.values(6, 3, scale=2.0)
        targets = source.indices(2, 6, 3).astype(np.float64)
        if number == 0:
            targets[0] = [0.25, 0.75, 0.625]
        weight = torch.tensor(options["positive_weight"]) if options else None
        right = ((logits > 0) == (targets > 0.5)).mean(axis=1).sum()
        add("bce_with_logits", options, logits, targets,
            lambda y, t, w=weight: F.binary_cross_entropy_with_logits(y, t, pos_weight=w), {"accuracy": right})
