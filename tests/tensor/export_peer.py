"""Reads what raven exported with NumPy, zipfile and a parser made from the safetensors description, and prints it as JSON:
{name: [dtype, shape, elements as hexadecimal bytes]}."""
import json
import struct
import sys
import zipfile

import numpy as np


def row(array):
    return [array.dtype.str, list(array.shape), np.ascontiguousarray(array).tobytes().hex()]


def npy(path):
    return {"": row(np.load(path, allow_pickle=False))}


def npz(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    with np.load(path, allow_pickle=False) as arrays:
        return {name: row(arrays[name]) for name in arrays.files}


def zip_members(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {info.filename: [info.extract_version, len(info.extra), archive.read(info).hex()]
                for info in archive.infolist()}


def safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(length))
        data = file.read()
    assert length % 8 == 0
    types = {"F32": "<f4", "I32": "<i4"}
    found, next_begin = {}, 0
    for name, entry in head.items():
        begin, end = entry["data_offsets"]
        assert begin == next_begin, "the format allows no holes"
        next_begin = end
        array = np.frombuffer(data[begin:end], types[entry["dtype"]]).reshape(entry["shape"])
        found[name] = row(array)
    assert next_begin == len(data)
    return found


if __name__ == "__main__":
    readers = {"npy": npy, "npz": npz, "zip": zip_members, "safetensors": safetensors}
    print(json.dumps(readers[sys.argv[1]](sys.argv[2])))
