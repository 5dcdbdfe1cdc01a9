#!/usr/bin/env python3
"""jobs/char_gpt.yaml in PyTorch: the same network, data, optimizer and number of steps; tells the validation loss.

usage: char_gpt_torch.py FOLDER [--steps 2000] [--threads 2] [--seed 1]

FOLDER holds train.yaml and valid.yaml as 'raven data import text --context 64' writes them. Initial values are drawn
from the same distributions, not the same numbers; the order of windows is another shuffle.
"""
import argparse
import math
import os
import sys
import time

try:
    import torch
except ImportError:
    # Debian's python3-torch serves Debian's own interpreter, which need not be the first on PATH.
    if os.path.realpath(sys.executable) == os.path.realpath("/usr/bin/python3"):
        sys.exit("char_gpt_torch: PyTorch is missing; try: scripts/setup torch")
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

import h5py
import numpy
import torch.nn.functional as F
import yaml

WIDTH, HEADS, BLOCKS = 128, 4, 4


class Network(torch.nn.Module):
    def __init__(self, vocabulary, context):
        super().__init__()
        self.table = torch.nn.Embedding(vocabulary, WIDTH)
        self.places = torch.nn.Parameter(torch.empty(context, WIDTH))
        self.blocks = torch.nn.ModuleList(
            torch.nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(BLOCKS))
        self.norm = torch.nn.LayerNorm(WIDTH)
        self.register_buffer("hidden", torch.ones(context, context).triu(1).bool())
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.zeros_(parameter)
            elif "norm" not in name:
                back = "out_proj" in name or "linear2" in name
                torch.nn.init.normal_(parameter, 0, 0.02 / math.sqrt(2 * BLOCKS) if back else 0.02)

    def forward(self, tokens):
        x = self.table(tokens) + self.places
        for block in self.blocks:
            x = block(x, self.hidden)
        return F.linear(self.norm(x), self.table.weight)


def windows(manifest):
    """Rows of context + 1 tokens; -100 where the sequence has ended."""
    with open(manifest, encoding="utf-8") as file:
        told = yaml.safe_load(file)
    context = told["features"]["shape"][0]
    rows = []
    for shard in told["shards"]:
        with h5py.File(os.path.join(os.path.dirname(manifest), shard["file"])) as file:
            tokens, offsets = file["tokens"][:], file["offsets"][:]
        for begin, end in zip(offsets[:-1], offsets[1:]):
            for first in range(begin, end - 1, context):
                row = tokens[first:min(first + context + 1, end)]
                rows.append(numpy.pad(row, (0, context + 1 - len(row)), constant_values=-100))
    return torch.tensor(numpy.array(rows)).long(), told["features"]["vocabulary"]


def losses(network, rows, reduction):
    logits = network(rows[:, :-1].clamp(min=0))
    return F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), ignore_index=-100, reduction=reduction)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    train, vocabulary = windows(os.path.join(options.folder, "train.yaml"))
    valid, _ = windows(os.path.join(options.folder, "valid.yaml"))
    network = Network(vocabulary, train.shape[1] - 1)
    plain = [p for n, p in network.named_parameters() if "norm" in n or n.endswith("bias")]
    decayed = [p for n, p in network.named_parameters() if not ("norm" in n or n.endswith("bias"))]
    optimizer = torch.optim.AdamW([{"params": decayed}, {"params": plain, "weight_decay": 0.0}], lr=1e-3, weight_decay=0.01)

    def rate(step):
        if step < 100:
            return (step + 1) / 100
        return 0.5 * (1 + math.cos(math.pi * (step - 100) / (options.steps - 100)))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    order, began = torch.tensor([], dtype=torch.long), time.monotonic()
    for _ in range(options.steps):
        if len(order) == 0:
            order = torch.randperm(len(train))
        batch, order = train[order[:12]], order[12:]
        optimizer.zero_grad()
        losses(network, batch, "mean").backward()
        optimizer.step()
        schedule.step()
    took = time.monotonic() - began
    network.eval()
    with torch.no_grad():
        total = sum(losses(network, part, "sum").item() for part in valid.split(64))
    loss = total / (valid[:, 1:] >= 0).sum().item()
    print("valid loss %.4f, bits per character %.4f; %.1f s, %.0f windows/s with %d threads"
          % (loss, loss / math.log(2), took, options.steps * 12 / took, options.threads))


if __name__ == "__main__":
    main()
