# SPDX-License-Identifier: Apache-2.0
"""Everything that torch.save writes of tensors is read bit for bit."""
import os

from support import compare, dump, numpy, run, temporary_directory, torch

DTYPES = (
    "float64 float32 float16 bfloat16 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu "
    "int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool complex128 complex64 complex32"
).split()


def network():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(8, 4))


def save(value, **options):
    path = os.path.join(DIRECTORY, "model.pth")
    torch.save(value, path, **options)
    return path


def random_bytes(dtype, count):
    generator = numpy.random.default_rng(5)
    return torch.from_numpy(generator.integers(0, 2 if dtype == torch.bool else 120, count, dtype=numpy.uint8)).view(dtype)


def a_state_dict():
    state = network().state_dict()
    found = compare(save(state), state)
    assert found["notes"] == {}, found["notes"]
    assert found["container"] == "torch-zip"


def a_data_parallel_state_dict():
    state = torch.nn.DataParallel(network()).state_dict()
    assert all(name.startswith("module.") for name in state)
    compare(save(state), state)


def every_dtype():
    state = {}
    for name in DTYPES:
        dtype = getattr(torch, name, None)
        if dtype is None:
            continue
        item = torch.empty(0, dtype=dtype).element_size()
        tensor = random_bytes(dtype, 24 * item).reshape(4, 6)
        try:
            save({name: tensor})
        except KeyError:  # torch 1.13 has complex32 and cannot save it
            continue
        state[name] = tensor
    assert len(state) >= 12
    compare(save(state), state)


def views_and_odd_shapes():
    base = torch.arange(120, dtype=torch.float32).reshape(4, 5, 6)
    state = {
        "transposed": base.transpose(0, 2),
        "slice": base[1:3, ::2, 1:4],
        "expanded": torch.arange(3.0).expand(5, 3),
        "scalar": torch.tensor(7.0),
        "empty": torch.empty(0),
        "empty_rank_3": torch.empty(2, 0, 3),
        "channels_last": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        "one": torch.ones(1, 1, 1),
        "element": base[2, 3, 4],
    }
    found = compare(save(state), state)
    assert found["tensors"]["slice"]["storage"] == found["tensors"]["transposed"]["storage"]


def tied_tensors_share_a_storage():
    linear = torch.nn.Linear(4, 4)
    state = {"embed.weight": linear.weight, "head.weight": linear.weight, "bias": linear.bias}
    found = compare(save(state), state)
    rows = found["tensors"]
    assert rows["embed.weight"]["storage"] == rows["head.weight"]["storage"] != rows["bias"]["storage"]
    assert rows["embed.weight"]["parameter"]


def parameters_and_buffers():
    state = {"p": torch.nn.Parameter(torch.ones(2, 3)), "p_frozen": torch.nn.Parameter(torch.ones(2), requires_grad=False)}
    if hasattr(torch.nn, "Buffer"):
        state["b"] = torch.nn.Buffer(torch.arange(4.0))
    compare(save(state), state)


def quantized_tensors():
    state = {
        "per_tensor": torch.quantize_per_tensor(torch.randn(3, 4), 0.1, 2, torch.quint8),
        "per_channel": torch.quantize_per_channel(torch.randn(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0, 0]), 0, torch.qint8),
        "wide": torch.quantize_per_tensor(torch.randn(3), 0.1, 0, torch.qint32),
    }
    compare(save(state), state)
    packed = torch.quantize_per_channel(torch.ones(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0.0, 0]), 0, torch.quint4x2)
    found = dump(save({"packed": packed}))
    assert found["tensors"]["packed"]["dtype"] == "quint4x2", found


def tensors_of_other_kinds_are_named():
    state = {"w": torch.ones(2), "sparse": torch.eye(2).to_sparse(), "meta": torch.ones(2, device="meta"), "n": 3}
    found = compare(save(state), {"w": state["w"]})
    unread = found["notes"]["state-dict.unsupported-tensors"]
    assert "sparse (sparse: save it with .to_dense()), meta (on the meta device: it never had values" in unread, unread
    assert "n" in found["notes"]["state-dict.other-values"], found["notes"]


def a_bare_tensor():
    tensor = torch.arange(6.0)
    compare(save(tensor), {"tensor": tensor})


def a_wrapped_checkpoint():
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    model[0](torch.randn(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    path = save({"epoch": 3, "model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict(), "loss": 0.5})
    found = compare(path, model.state_dict())
    assert found["entry"] == "model_state_dict"
    assert found["candidates"] == ["optimizer_state_dict.state"], found["candidates"]


def names_with_every_letter():
    state = {"größe.重み.🙂": torch.ones(2), "with space": torch.zeros(1), "": torch.ones(1)}
    compare(save(state), state)


def ten_thousand_tensors():
    state = {f"layer.{i}.weight": torch.full((3,), float(i)) for i in range(10_000)}
    compare(save(state), state)


def a_file_named_in_another_script():
    path = os.path.join(DIRECTORY, "模型.pth")
    torch.save({"w": torch.ones(2)}, path)
    compare(path, {"w": torch.ones(2)})


def saved_without_checksums():
    if not hasattr(torch.serialization, "set_crc32_options"):
        return
    torch.serialization.set_crc32_options(False)
    try:
        found = compare(save({"w": torch.ones(2)}), {"w": torch.ones(2)})
    finally:
        torch.serialization.set_crc32_options(True)
    assert "zip.no-checksums" in found["notes"], found["notes"]


with temporary_directory() as DIRECTORY:
    run([
        a_state_dict, a_data_parallel_state_dict, every_dtype, views_and_odd_shapes, tied_tensors_share_a_storage,
        parameters_and_buffers, quantized_tensors, tensors_of_other_kinds_are_named, a_bare_tensor, a_wrapped_checkpoint,
        names_with_every_letter, ten_thousand_tensors, a_file_named_in_another_script, saved_without_checksums,
    ])
