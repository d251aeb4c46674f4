# SPDX-License-Identifier: Apache-2.0
"""What `convert` writes, PyTorch loads: weights_only=True, strict=True, bit for bit."""
import inspect
import os

from support import dump, numpy, raw, run, temporary_directory, torch

SAFE = {"weights_only": True} if "weights_only" in inspect.signature(torch.load).parameters else {}


def network():
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(5, 6, dtype=torch.float64))


def path_of(name):
    return os.path.join(DIRECTORY, name)


def convert(source, target, strip="", dtype=None):
    done = dump("--convert", source, target, strip, *([dtype] if dtype else []))
    assert "error" not in done, done
    return done


def assert_equal(found, expected):
    assert list(found) == list(expected), list(found)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype and found[name].shape == tensor.shape, name
        assert raw(found[name]) == raw(tensor), name


def data_parallel_becomes_loadable():
    model = network()
    torch.save(torch.nn.DataParallel(model).state_dict(), path_of("dp.pth"))
    for target in ("plain.pth", "plain.safetensors"):
        assert convert(path_of("dp.pth"), path_of(target), "auto")["renamed"] == len(model.state_dict())
    found = torch.load(path_of("plain.pth"), **SAFE)
    assert_equal(found, model.state_dict())
    other = network()
    for tensor in other.state_dict().values():
        tensor.zero_()
    other.load_state_dict(found, strict=True)
    assert_equal(other.state_dict(), model.state_dict())
    try:
        from safetensors.torch import load_file
    except ImportError:
        return
    found = load_file(path_of("plain.safetensors"))
    assert_equal({name: found[name] for name in model.state_dict()}, model.state_dict())


def every_container_becomes_a_pth():
    state = network().state_dict()
    torch.save(state, path_of("legacy.pth"), _use_new_zipfile_serialization=False)
    convert(path_of("legacy.pth"), path_of("from_legacy.pth"))
    assert_equal(torch.load(path_of("from_legacy.pth"), **SAFE), state)


def views_tied_and_rare_types_survive():
    base = torch.arange(24.0).reshape(4, 6)
    state = {"t": base.t(), "half": base.half(), "scalar": torch.tensor(2, dtype=torch.int16), "empty": torch.empty(0, 3),
             "flag": torch.tensor([True, False]), "complex": torch.complex(base, base)}
    for name in ("float8_e4m3fn", "uint16", "float8_e8m0fnu"):
        if hasattr(torch, name) and hasattr(torch, "uint16"):
            state[name] = torch.arange(8, dtype=torch.uint8).view(getattr(torch, name))
    weight = torch.nn.Parameter(torch.ones(3))
    state.update({"embed": weight, "head": weight})
    torch.save(state, path_of("rare.pth"))
    convert(path_of("rare.pth"), path_of("rare_out.pth"))
    found = torch.load(path_of("rare_out.pth"), **SAFE)
    assert_equal(found, state)
    assert found["embed"].data_ptr() == found["head"].data_ptr()
    assert isinstance(found["embed"], torch.nn.Parameter)


def rounding_is_that_of_pytorch():
    generator = numpy.random.default_rng(4)
    bits = generator.integers(0, 2**32, 200_000, dtype=numpy.uint32)
    single = torch.from_numpy(bits.view(numpy.float32))
    single = single[torch.isfinite(single)]
    small = torch.from_numpy(generator.normal(0, 1e-3, 100_000)).float()
    double = torch.from_numpy(generator.integers(0, 2**64, 100_000, dtype=numpy.uint64).view(numpy.float64))
    double = double[torch.isfinite(double)]
    state = {"single": single, "small": small, "special": torch.tensor([float("inf"), -float("inf"), 0.0, -0.0, 65504.0, 65519.99, 65520.0])}
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.float32):
        torch.save({**state, "double": double} if dtype == torch.float32 else state, path_of("values.pth"))
        convert(path_of("values.pth"), path_of("rounded.pth"), "", str(dtype).replace("torch.", ""))
        found = torch.load(path_of("rounded.pth"), **SAFE)
        for name, tensor in found.items():
            expected = (double if name == "double" else state[name]).to(dtype)
            assert raw(tensor) == raw(expected), f"{name} to {dtype}"


def differences_are_those_of_pytorch():
    torch.manual_seed(5)
    a = {"w": torch.randn(100, 7), "n": torch.arange(5), "same": torch.ones(3)}
    b = {"w": a["w"] + torch.randn(100, 7) * 1e-3, "n": a["n"] + torch.tensor([0, 0, 2, 0, 0]), "same": a["same"]}
    torch.save(a, path_of("a.pth"))
    torch.save({f"module.{name}": tensor for name, tensor in b.items()}, path_of("b.pth"))
    found = dump("--diff", path_of("a.pth"), path_of("b.pth"))
    assert found["equal"] == 1 and found["only_a"] == found["only_b"] == [], found
    difference = (a["w"].double() - b["w"].double()).abs()
    row = found["changed"]["module.w"]
    assert abs(row["max_absolute"] - difference.max().item()) < 1e-12, row
    assert abs(row["rms"] - difference.pow(2).mean().sqrt().item()) < 1e-12, row
    ulps = (a["w"].view(torch.int32).long() - b["w"].view(torch.int32).long()).abs()
    same_sign = (a["w"] > 0) == (b["w"] > 0)
    assert row["max_ulp"] >= ulps[same_sign].max().item(), row
    assert found["changed"]["module.n"]["differing"] == 1 and found["changed"]["module.n"]["max_absolute"] == 2


with temporary_directory() as DIRECTORY:
    run([data_parallel_becomes_loadable, every_container_becomes_a_pth, views_tied_and_rare_types_survive, rounding_is_that_of_pytorch, differences_are_those_of_pytorch])
