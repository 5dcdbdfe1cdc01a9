#!/usr/bin/env python3
"""What a model without a context reaches on a data set, to hold trained ones against.

usage: /usr/bin/python3 tests/bench/baselines.py FOLDER...     of `raven data make` or `import`; needs python3-h5py and python3-yaml

Everything is learnt from train.yaml and measured on valid.yaml:
- tags: each word's most frequent tag; the most frequent of all for words that were not seen
- trees: the most frequent class of a node, and of a root
- texts: loss of a model that knows but how often each token stands (one is added to each count)
- others: the most frequent class
"""
import collections
import math
import pathlib
import sys

import h5py
import numpy as np
import yaml


def shards(folder, part):
    for shard in yaml.safe_load((folder / f"{part}.yaml").read_text())["shards"]:
        with h5py.File(folder / shard["file"]) as file:
            yield {name: file[name][...] for name in file if name != "features"}


def commonest(values):
    """Of those that ask for something."""
    return collections.Counter(value for value in values if value != -100).most_common(1)[0][0]


def all_of(folder, part, name):
    return np.concatenate([shard[name] for shard in shards(folder, part)])


def share(name, guesses, right):
    asked = right != -100
    print(f"  {name}: {np.mean(np.broadcast_to(guesses, right.shape)[asked] == right[asked]):.4f}")


def of_tags(folder):
    seen = collections.defaultdict(list)
    tags = all_of(folder, "train", "targets")
    for word, tag in zip(all_of(folder, "train", "tokens"), tags):
        if tag != -100:
            seen[word].append(tag)
    usual = {word: commonest(of_word) for word, of_word in seen.items()}
    fallback = commonest(tags)
    share("each word's usual tag", np.array([usual.get(word, fallback) for word in all_of(folder, "valid", "tokens")]),
          all_of(folder, "valid", "targets"))


def of_trees(folder):
    classes, roots = ({part: all_of(folder, part, "targets") for part in ("train", "valid")} for _ in range(2))
    if len(classes["valid"]) == len(all_of(folder, "valid", "parents")):
        share("commonest class of a node", commonest(classes["train"]), classes["valid"])
        roots = {part: all_[all_of(folder, part, "parents") == -1] for part, all_ in classes.items()}
    share("commonest class of a root", commonest(roots["train"]), roots["valid"])


def asked_of(folder, part):
    """All tokens but the first of each sequence, which nothing stands before."""
    asked = []
    for shard in shards(folder, part):
        begins = np.zeros(len(shard["tokens"]), bool)
        begins[shard["offsets"][:-1]] = True
        asked.append(shard["tokens"][~begins])
    return np.concatenate(asked)


def of_text(folder):
    train, valid = (asked_of(folder, part) for part in ("train", "valid"))
    counts = np.bincount(train, minlength=int(max(train.max(), valid.max())) + 1) + 1.0
    loss = -np.log(counts / counts.sum())[valid].mean()
    print(f"  how often each token stands: loss {loss:.4f}, {loss / math.log(2):.3f} bits a token, perplexity {math.exp(loss):.1f}")


for folder in map(pathlib.Path, sys.argv[1:]):
    print(folder)
    kinds = next(shards(folder, "train"))
    if "parents" in kinds:
        of_trees(folder)
    elif "targets" not in kinds:
        of_text(folder)
    elif "tokens" in kinds:
        of_tags(folder)
    else:
        share("commonest class", commonest(all_of(folder, "train", "targets")), all_of(folder, "valid", "targets"))
