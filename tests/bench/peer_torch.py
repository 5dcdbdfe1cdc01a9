#!/usr/bin/env python3
"""Measures whole training steps in PyTorch, to compare `raven bench train` with.

Per model and mode it prints the samples per second of the best of several repeats after a warm-up.
A step is forward, loss, backward and optimizer, on random data that is in memory already.

modes: 1t    one process, one thread
       2t    one process, two threads
       ddp2  DistributedDataParallel over gloo, two processes of one thread; samples of both together,
             each process takes half of the batch
"""
import argparse
import ctypes
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time

try:
    import torch
except ImportError:
    # Debian's python3-torch serves Debian's own interpreter, which need not be the first on PATH.
    if os.path.realpath(sys.executable) == os.path.realpath("/usr/bin/python3"):
        sys.exit("peer_torch: PyTorch is missing; try: apt-get install python3-torch")
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

from torch import nn

MODES = ("1t", "2t", "ddp2")


def momentum(parameters):
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9)


class Work:
    """A network, what it is fed, and what a step of training it is."""

    def __init__(self, network, features, classes, batch, context=0, optimizer=momentum, clip=None):
        self.network = network
        self.features = features  # shape of a sample of numbers
        self.classes = classes    # or the vocabulary, when samples are windows of tokens
        self.batch = batch
        self.context = context    # tokens in a window; 0: samples are numbers
        self.optimizer = optimizer
        self.clip = clip          # the largest norm of all gradients together

    def data(self, batch):
        if self.context:
            tokens = torch.randint(0, self.classes, (batch, self.context + 1))
            return tokens[:, :-1].contiguous(), tokens[:, 1:].flatten()
        return torch.randn(batch, *self.features), torch.randint(0, self.classes, (batch,))


def mlp():
    layers = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    return Work(layers, (784,), 10, 256)


def mlp_big():
    layers = nn.Sequential(nn.Linear(1024, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000))
    return Work(layers, (1024,), 1000, 256)


def cnn():
    layers = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10))
    return Work(layers, (1, 28, 28), 10, 128)


class Gpt(nn.Module):
    """jobs/char_gpt.yaml: logits [rows, vocabulary] of windows of tokens."""

    def __init__(self, vocabulary, width, context, heads, blocks):
        super().__init__()
        self.table = nn.Embedding(vocabulary, width)
        self.places = nn.Parameter(torch.randn(context, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.register_buffer("hidden", torch.full((context, context), float("-inf")).triu(1))  # gloo takes no booleans

    def forward(self, tokens):
        x = self.table(tokens) + self.places
        for block in self.blocks:
            x = block(x, self.hidden)
        return nn.functional.linear(self.norm(x), self.table.weight).flatten(0, 1)


class WordLstm(nn.Module):
    """jobs/word_lstm.yaml: logits [rows, vocabulary] of windows of tokens."""

    def __init__(self, vocabulary, width, layers, dropout):
        super().__init__()
        self.table = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, layers, batch_first=True, dropout=dropout)

    def forward(self, tokens):
        return nn.functional.linear(self.lstm(self.table(tokens))[0], self.table.weight).flatten(0, 1)


def char_gpt():
    return Work(Gpt(96, 128, 64, 4, 4), (), 96, 12, 64, lambda parameters: torch.optim.AdamW(parameters, lr=1e-3))


def word_lstm():
    return Work(WordLstm(10000, 200, 2, 0.2), (), 10000, 20, 20,
                lambda parameters: torch.optim.Adam(parameters, lr=2e-3), 1.0)


MODELS = {"mlp": mlp, "mlp_big": mlp_big, "cnn": cnn, "char_gpt": char_gpt, "word_lstm": word_lstm}


def measure(name, seconds, repeats, world=1, rank=0):
    """Samples per second of each repeat. All ranks do the same number of steps."""
    torch.manual_seed(1)
    work = MODELS[name]()
    batch = work.batch // world
    net = work.network
    torch.manual_seed(2 + rank)
    features, targets = work.data(batch)
    if world > 1:
        net = nn.parallel.DistributedDataParallel(net)
    optimizer = work.optimizer(net.parameters())
    loss_of = nn.CrossEntropyLoss()

    def steps(count):
        begin = time.perf_counter()
        for _ in range(count):
            optimizer.zero_grad(set_to_none=True)
            loss_of(net(features), targets).backward()
            if work.clip:
                nn.utils.clip_grad_norm_(net.parameters(), work.clip)
            optimizer.step()
        return time.perf_counter() - begin

    steps(3)
    per_step = torch.tensor([steps(3) / 3])
    if world > 1:  # the same count everywhere, or the slower rank would wait for ever
        torch.distributed.all_reduce(per_step, op=torch.distributed.ReduceOp.MAX)
    count = max(2, int(seconds / repeats / per_step.item()))
    return [count * batch * world / steps(count) for _ in range(repeats)]


def ddp_rank(rank, world, store, results, args):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=world)
    for name in args.models:
        figures = measure(name, args.seconds / len(args.modes), args.repeats, world, rank)
        if rank == 0:
            results.put((name, figures))
    torch.distributed.destroy_process_group()


def measure_ddp(args):
    context = torch.multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        ranks = [context.Process(target=ddp_rank, args=(rank, 2, os.path.join(folder, "store"), results, args))
                 for rank in range(2)]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join()
        if any(process.exitcode != 0 for process in ranks):
            sys.exit("peer_torch: a rank of DistributedDataParallel failed")
    return dict(results.get() for _ in args.models)


def cpu_name():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def blas_core():
    """The OpenBLAS kernels in use, which OPENBLAS_CORETYPE or a virtual machine can change."""
    with open("/proc/self/maps", encoding="utf-8") as lines:
        libraries = sorted({line.split()[-1] for line in lines if "blas" in line})
    for library in libraries:
        name = getattr(ctypes.CDLL(library), "openblas_get_corename", None)
        if name:
            name.restype = ctypes.c_char_p
            return name().decode()
    return "not OpenBLAS"


def capability():
    found = re.search(r"CPU capability usage: (\S+)", torch.__config__.show())
    return found.group(1) if found else "unknown"


def measure_mode(mode, args):
    """{model: [samples per second of each repeat]}; meant for a process of its own."""
    if mode == "ddp2":
        return measure_ddp(args)
    torch.set_num_threads(int(mode[0]))
    return {name: measure(name, args.seconds / len(args.modes), args.repeats) for name in args.models}


def in_own_process(mode, args):
    # OpenBLAS reads its thread count when it is loaded and doesn't obey torch.set_num_threads(): each
    # mode therefore has a process of its own, with the count in its environment.
    threads = {"1t": "1", "2t": "2", "ddp2": "1"}[mode]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
    environment.pop("OPENBLAS_CORETYPE", None)
    command = [sys.executable, os.path.abspath(__file__), "--only-mode", mode, "--seconds", str(args.seconds),
               "--repeats", str(args.repeats), "--modes", *args.modes, "--models", *args.models]
    return json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--seconds", type=float, default=10, help="of measuring for each model, over all modes")
    parser.add_argument("--repeats", type=int, default=5, help="the best one counts")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--only-mode", choices=MODES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only_mode:
        json.dump(measure_mode(args.only_mode, args), sys.stdout)
        return

    load_before = os.getloadavg()[0]
    repeats = {mode: in_own_process(mode, args) for mode in args.modes}
    report = {
        "torch": torch.__version__,
        "cpu": cpu_name(),
        "cpu_capability": capability(),
        "blas_core": blas_core(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": load_before,
        "samples_per_s": {name: {mode: round(max(repeats[mode][name]), 1) for mode in args.modes}
                          for name in args.models},
        "repeats": {name: {mode: [round(value, 1) for value in repeats[mode][name]] for mode in args.modes}
                    for name in args.models},
    }
    if args.json:
        print(json.dumps(report, indent=1))
        return
    print(f"PyTorch {report['torch']}, {report['cpu']} ({report['cpu_capability']}, OpenBLAS {report['blas_core']}),"
          f" {report['cores']} cores, load {load_before:.1f}; samples/s, best of {args.repeats}")
    print(f"{'model':10}" + "".join(f"{mode:>12}" for mode in args.modes))
    for name, modes in report["samples_per_s"].items():
        print(f"{name:10}" + "".join(f"{modes[mode]:12.0f}" for mode in args.modes))


if __name__ == "__main__":
    main()
