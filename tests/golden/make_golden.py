#!/usr/bin/env python3
"""Writes the golden files beside this script: what PyTorch computes for the operations that raven has too.

Run it with the interpreter that has torch (Debian: /usr/bin/python3 with python3-torch). The same torch version
writes the same bytes. tests/golden/README.md says what is in the files.
"""
import os
import sys
import warnings

try:
    import torch
except ImportError:
    if os.path.realpath(sys.executable) == os.path.realpath("/usr/bin/python3"):
        sys.exit("make_golden: PyTorch is missing; try: apt-get install python3-torch")
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)

from golden_data import write  # noqa: E402
import layer_cases  # noqa: E402
import loss_cases  # noqa: E402
import op_cases  # noqa: E402
import optim_cases  # noqa: E402
import sequence_cases  # noqa: E402

FILES = {
    "layers.json": layer_cases.layer_cases,
    "losses.json": loss_cases.loss_cases,
    "memory.json": sequence_cases.memory_cases,
    "ops.json": op_cases.op_cases,
    "optimizers.json": optim_cases.optimizer_cases,
    "schedules.json": optim_cases.schedule_cases,
}


def main():
    warnings.filterwarnings("ignore")  # SequentialLR calls a form of step() that its own library deprecates
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    for name, make in FILES.items():
        write(os.path.join(FOLDER, name), make())


if __name__ == "__main__":
    main()
