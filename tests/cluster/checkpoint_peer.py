"""A reader of checkpoints made from docs/formats/checkpoint.md alone, with h5py: prints what FILE holds as JSON."""
import hashlib
import json
import sys

import h5py
import numpy as np

SEAL = 512


def read(path):
    with open(path, "rb") as file:
        lines = file.read(SEAL).decode("ascii").split("\n")
        content = file.read()
    assert lines[0] in ("raven checkpoint 4", "raven checkpoint 5"), lines[0]
    assert lines[2] == f"bytes {len(content)}", lines[2]
    assert lines[3] == "sha256 " + hashlib.sha256(content).hexdigest(), lines[3]
    with h5py.File(path, "r") as file:
        offset, size = (int(number) for number in lines[1].removeprefix("index ").split())
        assert file["index"][:].tobytes() == content[offset - SEAL:offset - SEAL + size]
        parameters = sorted(file["parameters"].items(), key=lambda item: item[1].attrs["index"])
        version = int(file.attrs["raven_checkpoint"])
        assert lines[0].endswith(str(version)) and (version == 5) == ("carried" in file)
        return {
            "version": version,
            "carried": file["carried"][()].tolist() if version == 5 else None,
            "step": int(file.attrs["step"]),
            "seed": int(file.attrs["seed"]),
            "wall_seconds": float(file.attrs["wall_seconds"]),
            "training_digest": file.attrs["training_digest"].tobytes().hex(),
            "fingerprint": file.attrs["fingerprint"].tobytes().hex(),
            "history": json.loads(file["history"][:].tobytes()),
            "contributors": json.loads(file["contributors"][:].tobytes()),
            "names": [name for name, _ in parameters],
            "shapes": [list(value.shape) for _, value in parameters],
            "types": [str(value.dtype) for _, value in parameters],
            "sums": [float(np.sum(value[()])) for _, value in parameters],
            "states": {name: [float(np.sum(group[str(i)][()])) for i in range(len(group))]
                       for name, group in file["optimizer"].items()},
        }


if __name__ == "__main__":
    print(json.dumps(read(sys.argv[1])))
