"""Damaged weights and states: safetensors headers that lie, pickles that run code, bombs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import random
import struct
import subprocess
import zipfile
from typing import Any

import torch

from . import mutate

SHAPES = ([10**9, 10**9], [-1, 4], [2**63], [0], [], [1] * 100, [1.5], ["a"], [3, 3], None, [2**40])
LENGTHS = (0, 1, 7, 2**20, 100_000_000, 100_000_001, 2**31, 2**32, 2**63, 2**64 - 1)
CANARY = "canary"


class _Runs:
    """Runs code where a pickle is read without care."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call


PAYLOADS = (
    _Runs(os.system, f"touch {CANARY}"),
    _Runs(subprocess.call, ["touch", CANARY]),
    _Runs(eval, f"open({CANARY!r}, 'w').close()"),
    _Runs(exec, f"open({CANARY!r}, 'w').close()"),
    _Runs(open, CANARY, "w"),
    _Runs(os.mkdir, CANARY),
    _Runs(torch.load, CANARY),
    _Runs(bytearray, 10**10),
)


def safetensors(rng: random.Random, data: bytes) -> bytes:
    """A file of weights with a wrong header, config or tensor."""
    (length,) = struct.unpack_from("<Q", data)
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    how = rng.random()
    if how < 0.2:
        return mutate.raw_bytes(rng, data)
    if how < 0.3:
        return struct.pack("<Q", rng.choice((*LENGTHS, length - 1, length + 1, len(data)))) + data[8:]
    if how < 0.7:  # what the package wrote
        inner = mutate.tree(rng, json.loads(header["__metadata__"]["pose"]), deep=rng.random() < 0.8)
        header["__metadata__"]["pose"] = mutate.to_json(rng, inner).decode(errors="replace")
    elif how < 0.75:
        header["__metadata__"] = rng.choice(({}, {"pose": ""}, {"pose": 3}, {"pose": "[" * 100_000}, [], None))
    else:
        name = rng.choice(sorted(key for key in header if key != "__metadata__"))
        entry = header[name]
        change = rng.randrange(7)
        if change == 0:
            entry["shape"] = rng.choice(SHAPES)
        elif change == 1:
            entry["dtype"] = rng.choice(("F64", "I64", "BOOL", "F8_E5M2", "", "C64", 3, "F16"))
        elif change == 2:
            entry["data_offsets"] = rng.choice(([0, 2**60], [5, 0], [-1, 4], [], [0, 0], ["a", "b"], [0, len(body)]))
        elif change == 3:
            del header[name]
        elif change == 4:
            header[rng.choice(mutate.NAMES[:20]) + "x"] = header.pop(name)
        elif change == 5:
            header = mutate.tree(rng, header)
        else:  # weights that are no numbers
            body = struct.pack("<f", float("nan")) * (len(body) // 4)
    text = mutate.to_json(rng, header)
    return struct.pack("<Q", len(text)) + text + body


def resume(rng: random.Random, data: bytes, state: dict[str, Any], zip_bomb: bytes) -> bytes:
    """A resume.pt; where it is forged, its first line is right."""
    how = rng.random()
    if how < 0.25:
        return mutate.raw_bytes(rng, data)
    return sealed(pickled(rng, state, zip_bomb) if how > 0.5 else _saved(_state(rng, state)))


def pickled(rng: random.Random, state: Any, zip_bomb: bytes) -> bytes:
    """What `torch.load` reads: with code to run, a bomb, or damage inside the archive."""
    how = rng.random()
    if how < 0.3:
        payload = rng.choice(PAYLOADS)
        return _saved(rng.choice((payload, {"position": payload, **state}, {**state, "x": [payload]})))
    if how < 0.4:  # the format before archives
        return pickle.dumps(rng.choice(PAYLOADS), protocol=rng.choice((0, 2, 4)))
    if how < 0.45:
        return zip_bomb
    if how < 0.55:
        return _saved(rng.choice(([], "text", 3, None, {"position": []}, {1: 2}, torch.zeros(2), {})))
    return _rezipped(rng, _saved(state))


def sealed(data: bytes) -> bytes:
    """With the first line that `pose.training.resume` wants."""
    return f"pose-resume-1 {len(data):020} {hashlib.sha256(data).hexdigest()}\n".encode() + data


def _saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def _state(rng: random.Random, state: dict[str, Any]) -> Any:
    """A state with wrong values in it."""
    changed: Any = {**state, "position": dict(state["position"])}
    part = rng.choice((*changed, "position", "position"))
    if part == "position":
        key = rng.choice(sorted(changed["position"]))
        changed["position"][key] = rng.choice((*mutate.NUMBERS, {}, [], "x", {"AP": "x"}))
    elif isinstance(changed[part], dict) and changed[part] and rng.random() < 0.7:
        inner = changed[part] = dict(changed[part])
        key = rng.choice(sorted(inner, key=str))
        inner[key] = rng.choice((torch.zeros(3), torch.full((2, 2), torch.nan), 3, None, "x", {}, []))
    else:
        changed[part] = rng.choice((None, {}, [], 3, "x", torch.zeros(1)))
    return changed


def _rezipped(rng: random.Random, data: bytes) -> bytes:
    """One file of the archive damaged, the archive whole."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        names = [entry.filename for entry in source.infolist()]
        hit = rng.choice([n for n in names if n.endswith(".pkl")] if rng.random() < 0.7 else names)
        for name in names:
            body = source.read(name)
            target.writestr(name, mutate.raw_bytes(rng, body) if name == hit else body)
    return out.getvalue()


def onnx(rng: random.Random, data: bytes, outside: str) -> bytes:
    """An export with other metadata, weights kept elsewhere, or blind damage."""
    import onnx as library

    how = rng.random()
    if how < 0.4:
        return mutate.raw_bytes(rng, data)
    model = library.load_model_from_string(data)
    entry = next(p for p in model.metadata_props if p.key == "pose")
    if how < 0.8:
        entry.value = mutate.to_json(rng, mutate.tree(rng, json.loads(entry.value))).decode(errors="replace")
    elif how < 0.9:  # weights out of a file that was not given
        tensor = rng.choice(list(model.graph.initializer))
        tensor.ClearField("raw_data")
        tensor.data_location = library.TensorProto.EXTERNAL
        tensor.external_data.add(
            key="location", value=rng.choice((outside, "../../outside/secret.json", "/etc/passwd"))
        )
        tensor.external_data.add(key="length", value=str(rng.choice((4, 2**40))))
    else:
        tensor = rng.choice(list(model.graph.initializer))
        del tensor.dims[:]
        tensor.dims.extend(rng.choice(([2**40], [0], [-1], [1], [2**31, 2**31])))
    return bytes(model.SerializeToString())
