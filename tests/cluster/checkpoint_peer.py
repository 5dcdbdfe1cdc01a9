"""The other side of docs/formats/checkpoint.md, written from that page alone with h5py.

read FILE       prints what a checkpoint holds, as JSON
hostile FOLDER  makes sealed files that each break one rule, step-<n>.h5, and prints {name: rule}
"""
import hashlib
import json
import os
import sys

import h5py
import numpy as np

SEAL = 512


def read(path):
    with open(path, "rb") as file:
        lines = file.read(SEAL).decode("ascii").split("\n")
        content = file.read()
    assert lines[0] == "raven checkpoint 1", lines[0]
    assert lines[1] == "sha256 " + hashlib.sha256(content).hexdigest(), lines[1]
    assert lines[2] == f"bytes {len(content)}", lines[2]
    with h5py.File(path, "r") as file:
        parameters = sorted(file["parameters"].items(), key=lambda item: item[1].attrs["index"])
        names = file["epoch/metric_names"][:].tobytes().decode().splitlines()
        return {
            "step": int(file.attrs["step"]),
            "seed": int(file.attrs["seed"]),
            "store_version": int(file.attrs["store_version"]),
            "wall_seconds": float(file.attrs["wall_seconds"]),
            "training_digest": file.attrs["training_digest"].tobytes().hex(),
            "samples": int(file["epoch"].attrs["samples"]),
            "metrics": {name: repr(float(value)) for name, value in zip(names, file["epoch/metrics"][:])},
            "history": json.loads(file["history"][:].tobytes()),
            "names": [name for name, _ in parameters],
            "shapes": [list(value.shape) for _, value in parameters],
            "types": [str(value.dtype) for _, value in parameters],
            "versions": [int(value.attrs["version"]) for _, value in parameters],
            "sums": [float(np.sum(value[()])) for _, value in parameters],
            "states": {name: [float(np.sum(group[str(i)][()])) for i in range(len(group))]
                       for name, group in file["optimizer"].items()},
        }


def seal(path):
    with open(path, "r+b") as file:
        file.seek(SEAL)
        content = file.read()
        text = (f"raven checkpoint 1\nsha256 {hashlib.sha256(content).hexdigest()}\nbytes {len(content)}\n"
                "This is an HDF5 file behind a block of 512 bytes, which HDF5 programs skip.\n"
                "sha256 and bytes are of what follows the block: tail -c +513 FILE | sha256sum\n")
        file.seek(0)
        file.write(text.encode().ljust(SEAL, b"\n"))


def sound(file):
    """The smallest checkpoint that keeps every rule; each hostile file is this one with one change."""
    file.attrs["raven_checkpoint"] = np.int32(1)
    for name in ("step", "seed", "store_version"):
        file.attrs[name] = np.uint64(1)
    file.attrs["wall_seconds"] = np.float64(0.5)
    file.attrs["training_digest"] = np.zeros(32, np.uint8)
    epoch = file.create_group("epoch")
    epoch.attrs["samples"] = np.int64(0)
    epoch.attrs["loss"] = np.float64(0)
    epoch.attrs["weight"] = np.float64(0)
    epoch["metrics"] = np.zeros(0, np.float64)
    epoch["metric_names"] = np.zeros(0, np.uint8)
    file["history"] = np.frombuffer(b"[]", np.uint8)
    value = file.create_group("parameters").create_dataset("w", data=np.ones((2, 3), np.float32))
    value.attrs["index"] = np.int64(0)
    value.attrs["version"] = np.uint64(1)
    file.create_group("optimizer").create_group("w").create_dataset("0", data=np.ones((2, 3), np.float32))


def replaced(make):
    """Puts what `make` returns in the place of the only parameter, attributes and all."""
    def change(file):
        del file["parameters/w"]
        make(file)
        value = file["parameters/w"]
        value.attrs["index"] = np.int64(0)
        value.attrs["version"] = np.uint64(1)
    return change


def external_storage(file):
    space = h5py.h5s.create_simple((2, 3))
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_external(b"/etc/hostname", 0, 24)
    h5py.h5d.create(file["parameters"].id, b"w", h5py.h5t.IEEE_F32LE, space, how)


def virtual(file):
    layout = h5py.VirtualLayout(shape=(2, 3), dtype=np.float32)
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape=(2, 3))
    file["parameters"].create_virtual_dataset("w", layout)


def array(*args, **kwargs):
    return replaced(lambda file: file["parameters"].create_dataset("w", *args, **kwargs))


def soft_link(file):
    file.move("parameters/w", "parameters/w2")
    file["parameters/w"] = h5py.SoftLink("/parameters/w2")


def external_link(file):
    del file["parameters/w"]
    file["parameters/w"] = h5py.ExternalLink("/etc/hostname", "/w")


def delete(name):
    def change(file):
        del file[name]
    return change


def attribute(name, value, where="/"):
    def change(file):
        file[where].attrs.pop(name)
        if value is not None:
            file[where].attrs[name] = value
    return change


def second_parameter_of_same_index(file):
    value = file["parameters"].create_dataset("v", data=np.ones(1, np.float32))
    value.attrs["index"] = np.int64(0)
    value.attrs["version"] = np.uint64(1)


HOSTILE = {
    "external storage": replaced(external_storage),
    "virtual layout": replaced(virtual),
    "32 GiB declared, nothing stored": array(shape=(1 << 33,), dtype=np.float32),
    "a product of sizes that overflows": array(shape=(1 << 31, 1 << 31, 1 << 2), dtype=np.float32,
                                               chunks=(1, 1, 1)),
    "declared, never written": array(shape=(2, 3), dtype=np.float32),
    "gzip": array(data=np.ones((2, 3), np.float32), compression="gzip"),
    "chunks": array(data=np.ones((2, 3), np.float32), chunks=(1, 3)),
    "doubles": array(data=np.ones((2, 3), np.float64)),
    "big-endian floats": array(data=np.ones((2, 3), ">f4")),
    "strings": array(data=["a", "b"], dtype=h5py.string_dtype()),
    "records": array(data=np.zeros(2, [("a", "f4"), ("b", "f4")])),
    "seven dimensions": array(data=np.ones((1,) * 7, np.float32)),
    "no dataspace": array(data=h5py.Empty("f4")),
    "a group where a tensor belongs": replaced(lambda file: file["parameters"].create_group("w")),
    "a soft link": soft_link,
    "an external link": external_link,
    "an object too many": lambda file: file.create_group("more"),
    "no history": delete("history"),
    "no parameters": delete("parameters"),
    "no optimizer": delete("optimizer"),
    "no epoch": delete("epoch"),
    "parameters is a tensor": lambda file: (file.pop("parameters") and None,
                                            file.create_dataset("parameters", data=np.ones(1, np.float32))),
    "no step": attribute("step", None),
    "a step of text": attribute("step", "one"),
    "two steps": attribute("step", np.ones(2, np.uint64)),
    "a short digest": attribute("training_digest", np.zeros(31, np.uint8)),
    "another version": attribute("raven_checkpoint", np.int32(2)),
    "a negative index": attribute("index", np.int64(-1), "parameters/w"),
    "an index too large": attribute("index", np.int64(1), "parameters/w"),
    "an index twice": second_parameter_of_same_index,
    "state of nothing": lambda file: file["optimizer"].create_group("v").create_dataset("0", data=np.ones(1, "f4")),
    "state of another shape": lambda file: file["optimizer/w"].create_dataset("1", data=np.ones((3, 2), "f4")),
    "state without tensors": delete("optimizer/w/0"),
    "three states": lambda file: [file["optimizer/w"].create_dataset(str(i), data=np.ones((2, 3), "f4"))
                                  for i in (1, 2)],
    "a metric without a name": lambda file: (file.pop("epoch/metrics") and None,
                                             file["epoch"].create_dataset("metrics", data=np.ones(1))),
}


def hostile(folder):
    rules = {}
    for number, (rule, change) in enumerate([("nothing", lambda file: None), *HOSTILE.items()]):
        path = os.path.join(folder, f"file-{number:02}.h5")
        with h5py.File(path, "w", userblock_size=SEAL) as file:
            sound(file)
            change(file)
        seal(path)
        rules[path] = rule
    return rules


if __name__ == "__main__":
    print(json.dumps({"read": read, "hostile": hostile}[sys.argv[1]](sys.argv[2])))
