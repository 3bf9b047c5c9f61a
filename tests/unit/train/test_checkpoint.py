import resource
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from tiny_fits import train  # noqa: E402

from candlewick.core.errors import StorageError  # noqa: E402
from candlewick.train.checkpoint import Checkpoint, weights_hash  # noqa: E402

TENSORS = {"weights": {"a.b/c": torch.randn(3, 4), "half": torch.randn(5).bfloat16()}, "carried": {"0": torch.zeros(2)}}
FACTS = {"epoch": 3, "loss": 0.1 + 0.2, "curve": [{"number": 1, "validation_loss": None}]}


def test_what_was_saved_is_loaded(tmp_path):
    path = tmp_path / "fit.safetensors"
    Checkpoint(path, {"seed": 1}).save(TENSORS, FACTS)
    tensors, facts = Checkpoint(path, {"seed": 1}).load()
    assert facts == FACTS
    assert {kind: set(part) for kind, part in tensors.items()} == {k: set(part) for k, part in TENSORS.items()}
    for kind, part in TENSORS.items():
        for name, tensor in part.items():
            assert tensors[kind][name].dtype == tensor.dtype
            assert torch.equal(tensors[kind][name], tensor)
    assert [p.name for p in tmp_path.iterdir()] == ["fit.safetensors"]


def test_no_file_is_a_fresh_start(tmp_path):
    assert Checkpoint(tmp_path / "none", {}).load() is None


def test_any_damaged_byte_is_noticed(tmp_path):
    path = tmp_path / "fit.safetensors"
    Checkpoint(path, {}).save(TENSORS, FACTS)
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(StorageError, match="Delete it to begin anew"):
            Checkpoint(path, {}).load()
    for size in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(StorageError, match="Delete it to begin anew"):
            Checkpoint(path, {}).load()


def test_damaged_checkpoint_stops_a_fit_before_it_begins(tmp_path):
    path = tmp_path / "fit.safetensors"
    train(checkpoint=path, epochs=1)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        train(checkpoint=path, epochs=1)


def test_full_disk_is_a_clean_error_and_the_file_before_survives(tmp_path):
    path = tmp_path / "fit.safetensors"
    Checkpoint(path, {}).save(TENSORS, FACTS)
    program = (
        "import sys, torch\n"
        "from candlewick.core.errors import StorageError\n"
        "from candlewick.train.checkpoint import Checkpoint\n"
        "try:\n    Checkpoint(sys.argv[1], {}).save({'weights': {'a': torch.zeros(100_000)}}, {})\n"
        "except StorageError as error:\n    print(error)"
    ).replace("Checkpoint(sys.argv[1]", "Checkpoint(__import__('pathlib').Path(sys.argv[1])")
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, timeout=60, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )  # fmt: skip
    assert "could not be written" in done.stdout
    assert "Nothing was changed" in done.stdout
    assert Checkpoint(path, {}).load()[1] == FACTS
    assert [p.name for p in tmp_path.iterdir()] == ["fit.safetensors"]


def test_hash_sees_every_bit_name_and_type():
    weights = {name: part.float().numpy() for name, part in TENSORS["weights"].items()}
    base = weights_hash(weights)
    assert base == weights_hash(dict(reversed(weights.items())))
    changed = {name: part.copy() for name, part in weights.items()}
    changed["half"].view("uint32")[2] ^= 1
    others = [
        changed, {("x" if k == "half" else k): v for k, v in weights.items()},
        {k: v.astype("float64") for k, v in weights.items()}, {**weights, "a.b/c": weights["a.b/c"].reshape(4, 3)},
    ]  # fmt: skip
    assert len({base, *map(weights_hash, others)}) == 5
