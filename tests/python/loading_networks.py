# SPDX-License-Identifier: Apache-2.0
"""Networks that keep what they answer from where a plain state dict does not show it."""
import functools
import io
import random
import types

import torch
import torch.nn.functional as F
from torch import nn

try:
    import numpy as np
except ImportError:
    np = None


# --- names of one tensor -----------------------------------------------------------------------------------------------------


class Tied(nn.Module):
    """The head is the embedding's own weight where `tied`: as many names as there are, all of one tensor."""

    def __init__(self, tied=1, names=2):
        super().__init__()
        self.embed = nn.Linear(4, 4, bias=False)
        for i in range(1, names):
            head = nn.Linear(4, 4, bias=False)
            if tied:
                head.weight = self.embed.weight
            self.add_module(f"head{i}", head)
        self.names = names

    def forward(self, x):
        x = self.embed(x)
        for i in range(1, self.names):
            x = torch.tanh(getattr(self, f"head{i}")(x))
        return x


class TiedBuffer(nn.Module):
    def __init__(self, tied=1):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("shift", self.mean if tied else torch.zeros(4))

    def forward(self, x):
        return self.linear(x - self.mean) + self.shift


class Views(nn.Module):
    """Two names whose memory overlaps, and an attribute that looks into a parameter."""

    def __init__(self, shared=1):
        super().__init__()
        self.whole = nn.Parameter(torch.ones(6))
        self.part = nn.Parameter(self.whole.data[:3] if shared else torch.ones(3))

    def forward(self, x):
        return x * self.whole.sum() + self.part.sum()


class Peeking(nn.Module):
    """Keeps its parameter's memory once more, in a list and as an attribute."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))
        self.views = [self.weight.data]
        self.alias = self.weight.data.view(2, 2)

    def forward(self, x):
        return x * self.weight + self.views[0] + self.alias.reshape(-1)


# --- hooks --------------------------------------------------------------------------------------------------------------------


def _rename_gamma(state, prefix, *_):
    for old, new in (("gamma", "weight"), ("beta", "bias")):
        if prefix + old in state:
            state[prefix + new] = state.pop(prefix + old)


class Renames(nn.Module):
    """Takes the names that it had before: gamma, beta."""

    def __init__(self, public=0):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        if public and hasattr(nn.Module, "register_load_state_dict_pre_hook"):
            self.norm.register_load_state_dict_pre_hook(lambda module, *rest: _rename_gamma(*rest))
        else:
            self.norm._register_load_state_dict_pre_hook(_rename_gamma)

    def forward(self, x):
        return self.norm(self.linear(x))


class OldNames(nn.Module):
    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            self.gamma, self.beta = nn.Parameter(torch.ones(4)), nn.Parameter(torch.zeros(4))

        def forward(self, x):
            return F.layer_norm(x, (4,), self.gamma, self.beta)

    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(4, 4), self.Norm()

    def forward(self, x):
        return self.norm(self.linear(x))


class Halves(nn.Module):
    """Its load hook changes values."""

    def __init__(self, halves=1):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        if halves:
            self._register_load_state_dict_pre_hook(self._halve)

    @staticmethod
    def _halve(state, prefix, *_):
        state[prefix + "linear.weight"] = state[prefix + "linear.weight"] * 0.5

    def forward(self, x):
        return self.linear(x)


def _double(module, _keys):
    module.linear.weight.data.mul_(2)  # PyTorch refuses a hook that returns a value


class AfterHook(nn.Module):
    """What it loaded is changed afterwards."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        if hasattr(nn.Module, "register_load_state_dict_post_hook"):
            self.register_load_state_dict_post_hook(_double)

    def forward(self, x):
        return self.linear(x)


class Overrides(nn.Module):
    """Loads by a method of its own, which keeps the plain values where `plain`."""

    def __init__(self, plain=1):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.plain = plain

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        if not self.plain:
            state_dict[prefix + "linear.weight"] = state_dict[prefix + "linear.weight"].t()
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, x):
        return self.linear(x)


class WeightNorm(nn.Module):
    def __init__(self, new=1):
        super().__init__()
        conv = nn.Conv1d(2, 2, 3)
        self.conv = nn.utils.parametrizations.weight_norm(conv) if new else nn.utils.weight_norm(conv)

    def forward(self, x):
        return self.conv(x)


class NoPickle(nn.Linear):
    """Old keys are renamed as it loads; it refuses to be pickled, or pickles without its scale."""

    def __init__(self, forgets=0):
        super().__init__(4, 2)
        self.forgets, self.scale = int(forgets), 2.0

    def __getstate__(self):
        if not self.forgets:
            raise RuntimeError("this module is not pickled")
        return {name: value for name, value in vars(self).items() if name != "scale"}

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        assert self.scale == 2.0
        if prefix + "gamma" in state_dict:
            state_dict[prefix + "bias"] = state_dict.pop(prefix + "gamma")
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, x):
        return super().forward(x) * self.scale


class HoldsNoPickle(nn.Module):
    def __init__(self, forgets=0):
        super().__init__()
        self.inner = NoPickle(forgets)

    def forward(self, x):
        return self.inner(x)


# --- extra state --------------------------------------------------------------------------------------------------------------


class Scaled(nn.Module):
    """Answers by a scale that is an extra state: a tensor, a dict, a stream …"""

    def __init__(self, scale=1.0, form="tensor"):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.scale, self.form = scale, form

    def get_extra_state(self):
        if self.form == "tensor":
            return torch.tensor(self.scale)
        if self.form == "bytes_tensor":
            return torch.frombuffer(bytearray(repr(self.scale).encode()), dtype=torch.uint8).clone()
        if self.form == "dict":
            return {"scale": self.scale, "history": [1, 2.5, None], "amax": torch.full((2,), self.scale)}
        if self.form == "number":
            return self.scale
        if self.form == "bytes":
            return repr(self.scale).encode()
        stream = io.BytesIO()
        torch.save({"scale": self.scale}, stream)
        return stream

    def set_extra_state(self, state):
        if isinstance(state, torch.Tensor) and state.dtype is torch.uint8:
            self.scale = float(bytes(state.tolist()).decode())
        elif isinstance(state, io.BytesIO):
            state.seek(0)
            self.scale = torch.load(state)["scale"]
        elif isinstance(state, dict):
            self.scale = state["scale"]
        elif isinstance(state, bytes):
            self.scale = float(state.decode())
        else:
            self.scale = float(state)

    def forward(self, x):
        return self.linear(x) * self.scale


class Unset(nn.Module):
    """An extra state that is empty, as Transformer Engine's is where fp8 is not used."""

    def __init__(self, value="none"):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.value = {"none": None, "empty": b"", "stream": io.BytesIO()}[value]

    def get_extra_state(self):
        return self.value

    def set_extra_state(self, state):
        pass

    def forward(self, x):
        return self.linear(x)


# --- what no state dict holds -------------------------------------------------------------------------------------------------


class Rotary(nn.Module):
    """A rotary table as a buffer that no state dict holds; `fault` makes of it what to_empty, another PyTorch, or a typing
    error would."""

    def __init__(self, fault="", kind="buffer"):
        super().__init__()
        self.linear = nn.Linear(8, 8)
        table = 1.0 / (10000 ** (torch.arange(0, 8, dtype=torch.float32, device="cpu") / 8))
        if fault == "garbage":
            table = torch.full((8,), 1e30)
        elif fault == "rounding":
            table = torch.nextafter(table, torch.full((8,), 2.0))
        elif fault == "process":
            table = table * (1 + random.SystemRandom().random())
        elif fault == "empty":
            table = torch.empty(4096)[:8].clone() if False else torch.empty(8)
        elif fault == "beyond":
            table = table.clone()
            table[7] = 3.0
        self.kind = kind
        if kind == "buffer":
            self.register_buffer("inv_freq", table, persistent=False)
        elif kind == "attribute":
            self.inv_freq = table
        elif kind == "list":
            self.tables = [table]
        elif kind == "complex":
            self.freqs_cis = torch.polar(torch.ones(8), table)
        else:
            self.helper = Helper(table)

    def table(self):
        if self.kind == "list":
            return self.tables[0]
        if self.kind == "complex":
            return self.freqs_cis.real
        return self.helper.table if self.kind == "object" else self.inv_freq

    def forward(self, x):
        return self.linear(x) * torch.cos(self.table())


class Helper:
    def __init__(self, table):
        self.table = table


class Prefix(nn.Module):
    """Only the first places of its table are reached by short inputs."""

    def __init__(self, fault=""):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        table = torch.arange(64, dtype=torch.float32).sin()
        if fault:
            table[40] = 7.0
        self.register_buffer("table", table, persistent=False)

    def forward(self, x):
        return self.linear(x) + self.table[: x.shape[0], None]


class Drawn(nn.Module):
    """Draws what it answers with when it is built, and keeps it where no state dict does; `kept` in its state dict."""

    def __init__(self, kind="buffer"):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        drawn = torch.randn(4, device="cpu")
        self.kind = kind
        if kind in ("buffer", "kept"):
            self.register_buffer("drawn", drawn, persistent=kind == "kept")
        elif kind == "attribute":
            self.drawn = drawn
        elif kind == "list":
            self.tables = [drawn]
        elif kind == "order":
            self.order = torch.randperm(64, device="cpu")[:4].tolist()
        elif kind == "number":
            self.drawn = float(drawn[0])

    def forward(self, x):
        y = self.linear(x)
        if self.kind == "order":
            return y * torch.tensor(self.order, dtype=y.dtype)
        return y * (self.tables[0] if self.kind == "list" else self.drawn)


class Scratch(nn.Module):
    """Keeps a tensor that no answer depends on; another one wherever it is built."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.last_seen = torch.rand(3, generator=torch.Generator().manual_seed(random.SystemRandom().randrange(2**31)))

    def forward(self, x):
        return self.linear(x)


# --- randomness ---------------------------------------------------------------------------------------------------------------


class Random(nn.Module):
    """Draws in evaluation mode: `how` says what."""

    def __init__(self, how="dropout", also_stable=0):
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.drop = Alive() if how == "dropout" else nn.Identity()
        self.how, self.also_stable = how, also_stable

    def noise(self, y):
        if self.how == "randn":
            return y + torch.randn_like(y)
        if self.how == "bernoulli":
            return y * torch.bernoulli(torch.full_like(y, 0.5))
        if self.how == "seeded":
            torch.manual_seed(3)
            return y + 0.1 * torch.randn(y.shape)
        if self.how == "generator":
            return y + torch.randn(y.shape, generator=torch.Generator().manual_seed(3))
        if self.how == "numpy":
            return y + torch.as_tensor(np.random.rand(*y.shape), dtype=y.dtype)
        if self.how == "default_rng":
            return y + torch.as_tensor(np.random.default_rng().random(tuple(y.shape)), dtype=y.dtype)
        if self.how == "python":
            return y * random.random()
        if self.how == "unused":
            torch.randn(3)
        return y

    def forward(self, x):
        y = self.linear(x)
        answer = self.drop(self.noise(y))
        return {"answer": answer, "stable": y} if self.also_stable else answer


class Alive(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.1, training=True)


class Sampling(nn.Module):
    """Answers with whole numbers that it draws."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 50)

    def forward(self, x):
        return torch.multinomial(torch.softmax(self.linear(x), -1), 4)


# --- tensors of another class -------------------------------------------------------------------------------------------------


class Marked(nn.Parameter):
    """A parameter with a label of its own: its tensor is plain."""


class Labelled(nn.Module):
    def __init__(self):
        super().__init__()
        weight = torch.ones(4, 4).as_subclass(Marked)
        weight.label = "column"
        self.weight = weight

    def forward(self, x):
        if type(self.weight) is not Marked or self.weight.label != "column":
            raise TypeError("the parameter has lost its class")
        return x @ self.weight.as_subclass(torch.Tensor)


class Packed(torch.Tensor):
    """A tensor made of others, as torchao's are."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, codes, scale):
        return torch.Tensor._make_wrapper_subclass(cls, codes.shape, dtype=torch.float32)

    def __init__(self, codes, scale):
        self.codes, self.scale = codes, scale

    def __tensor_flatten__(self):
        return ["codes", "scale"], None

    @staticmethod
    def __tensor_unflatten__(inner, context, size, stride):
        return Packed(inner["codes"], inner["scale"])

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.detach.default:
            return Packed(args[0].codes, args[0].scale)
        args = [arg.codes.float() * arg.scale if isinstance(arg, Packed) else arg for arg in args]
        return func(*args, **(kwargs or {}))


class Quantized(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(Packed(torch.ones(4, 4, dtype=torch.int8, device="cpu"), torch.tensor(0.5, device="cpu")), requires_grad=False)

    def forward(self, x):
        return torch.matmul(x, self.weight)


class Wrapping(torch.Tensor):
    """Around one tensor of the same shape and type, as a framework does that computes with it in its own way. `how` it loads:
    in place, by taking another tensor, by rounding, or not at all."""

    # Newer PyTorch's default for a class with __torch_dispatch__; 1.13 makes of each answer one of this class without its tensor.
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner, how):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, device=inner.device)

    def __init__(self, inner, how):
        self.wrapped_tensor, self.how = inner, how

    def __tensor_flatten__(self):
        return ["wrapped_tensor"], self.how

    @staticmethod
    def __tensor_unflatten__(inner, context, size, stride):
        return Wrapping(inner["wrapped_tensor"], context)

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        if func in (torch.ops.aten.detach.default, torch.ops.aten.clone.default):
            return Wrapping(func(args[0].wrapped_tensor), args[0].how)
        if func is torch.ops.aten.copy_.default and isinstance(args[0], Wrapping):
            return args[0].take(args[1].wrapped_tensor if isinstance(args[1], Wrapping) else args[1])
        args = [arg.wrapped_tensor if isinstance(arg, Wrapping) else arg for arg in args]
        return func(*args, **(kwargs or {}))

    def take(self, value):
        if self.how == "refuses":
            raise NotImplementedError("this class has no copy_")
        if self.how == "replaces":
            self.wrapped_tensor = value.clone()
        else:
            self.wrapped_tensor.copy_(value.half().to(value.dtype) if self.how == "rounds" else value)
        return self


class Wrapped(nn.Module):
    def __init__(self, how="copies", scale=1.0):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.weight = nn.Parameter(Wrapping(torch.ones(4, 4, device="cpu"), how), requires_grad=False)
        self.scale = scale

    def forward(self, x):
        return torch.matmul(self.linear(x), self.weight) * self.scale


class Half(nn.Module):
    def forward(self, x):
        return x * torch.tensor([0.5, 0.25, 2.0, 1.0])


class Constants(nn.Module):
    """Tensors in its code once it is traced, in a part of it too; and weights where it is frozen."""

    def __init__(self):
        super().__init__()
        self.linear, self.norm, self.part = nn.Linear(4, 4), nn.BatchNorm1d(4), Half()
        self.register_buffer("order", torch.tensor([2, 0, 3, 1]))

    def forward(self, x):
        return self.part(self.norm(self.linear(x)))[:, self.order] + torch.tensor([1.0, 2.0, 3.0, 4.0])


FACTOR, SHIFT = 1.0, torch.zeros(4)


def beside(x):
    return x * FACTOR + SHIFT


class Numbers(nn.Module):
    """Numbers and arrays that no state dict holds, in each form that code keeps them in; `far` is read where no golden input
    goes, `calls` counts, `noted` is read by no forward pass."""

    def __init__(self, scale=0.5, shift=1, table=2.0, setting=3.0, option=4.0, far=5.0, noted=6.0, flag=True, slope=0.2, factor=1.0, power=1.0):
        super().__init__()
        global FACTOR, SHIFT
        FACTOR, SHIFT = factor, torch.zeros(4, device="cpu") + (factor - 1)
        Numbers.power = power
        self.act = functools.partial(F.leaky_relu, negative_slope=slope)
        self.linear = nn.Linear(4, 4)
        self.scale, self.shift, self.flag, self.far, self.noted = scale, shift, flag, far, noted
        self.table = np.full((4,), table, np.float32) if np is not None else [table] * 4
        self.settings = {"deep": [{"setting": setting}]}
        self.options = types.SimpleNamespace(option=option)
        self.calls = 0

    @property
    def factor(self):
        return self.settings["deep"][0]["setting"] * self.options.option

    def forward(self, x):
        self.calls += 1
        x = self.act(beside(self.shifted(self.linear(x)))) * self.scale * self.factor ** self.power
        if self.flag:
            x = x * torch.as_tensor(self.table)
        return x * self.far if bool(x.abs().max() > 1e30) else x

    def shifted(self, x):
        return x + self.shift

    def training_step(self, x):
        return self.forward(x) * self.noted


class Lazy(nn.Module):
    def __init__(self, called=0):
        super().__init__()
        self.linear = nn.LazyLinear(4)
        if called:
            self(torch.zeros(1, 4))

    def forward(self, x):
        return self.linear(x)


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 4))

    def forward(self, x):
        return torch.matmul(x, self.weight)


# --- caches that a constructor fills -----------------------------------------------------------------------------------------

ROWS = None
ROWS_BY_SIZE = {}


@functools.lru_cache(maxsize=None)
def rows_of(n):
    return torch.arange(float(n))


class Rope:
    """An object that is no module, with a table of its own."""

    def __init__(self):
        self.table = None

    def rows(self, n):
        if self.table is None or len(self.table) < n:
            self.table = torch.cos(torch.arange(n * 4.0)).reshape(n, 4)
        return self.table[:n]


class CachesInConstructor(nn.Module):
    """Its constructor computes a table into a cache that other networks share; forward() reads it there."""

    shared = {}
    own = None

    def __init__(self, kind="lru"):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.kind = kind
        self.rows()

    def rows(self):
        global ROWS
        if self.kind == "lru":
            return rows_of(4)
        if self.kind == "global":
            ROWS = torch.arange(4.0) if ROWS is None else ROWS
            return ROWS
        if self.kind == "class":
            if CachesInConstructor.own is None:
                CachesInConstructor.own = torch.arange(4.0)
            return CachesInConstructor.own
        if self.kind == "late":
            if not hasattr(CachesInConstructor, "late"):
                CachesInConstructor.late = torch.arange(4.0)
            return CachesInConstructor.late
        if self.kind == "object":
            return ROPE.rows(1)[0]
        cache = ROWS_BY_SIZE if self.kind == "dict" else self.shared
        if 4 not in cache:
            cache[4] = (torch.arange(4.0), 4)
        return cache[4][0]

    def forward(self, x):
        return self.linear(x) + self.rows()


ROPE = Rope()


class KeepsTraining(nn.Module):
    """Its train() leaves BatchNorm, or Dropout, as it was."""

    def __init__(self, what="norm", own=1):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.part = nn.BatchNorm1d(4) if what == "norm" else nn.Dropout(0.5)
        self.own = own

    def train(self, mode=True):
        super().train(mode)
        if self.own:
            self.part.training = True
        return self

    def forward(self, x):
        return self.part(self.linear(x))


class MergesInEval(nn.Module):
    """As LoRA layers do: eval() adds an adapter to the weight, train() takes it out."""

    def __init__(self):
        super().__init__()
        self.linear, self.adapter, self.merged = nn.Linear(4, 4), nn.Parameter(torch.full((4, 4), 0.3)), False
        self.part = nn.BatchNorm1d(4)

    def train(self, mode=True):
        super().train(mode)
        if mode == self.merged:
            self.linear.weight.data += -self.adapter.data if mode else self.adapter.data
            self.merged = not mode
        return self

    def forward(self, x):
        answer = self.linear(x) if self.merged else self.linear(x) + x @ self.adapter.t()
        return self.part(answer)


class DrawsFirst(nn.Module):
    """Its first forward pass draws a table, and all others find it where that one put it."""

    CACHE = {}

    def __init__(self, where="attribute", by="torch", used=1):
        super().__init__()
        self.linear, self.where, self.by, self.used = nn.Linear(4, 4), where, by, used
        self.table, self.tables = None, []

    def drawn(self):
        return torch.rand(4) if self.by == "torch" else torch.tensor([random.random() for _ in range(4)])

    def forward(self, x):
        if self.where == "buffer" and "drawn_table" not in self._buffers:
            self.register_buffer("drawn_table", self.drawn(), persistent=False)
        if self.where == "list" and not self.tables:
            self.tables.append(self.drawn())
        if self.where == "attribute" and self.table is None:
            self.table = self.drawn()
        if self.where == "class" and "table" not in self.CACHE:
            self.CACHE["table"] = self.drawn()
        tables = {"buffer": lambda: self.drawn_table, "list": lambda: self.tables[0], "attribute": lambda: self.table,
                  "class": lambda: self.CACHE["table"], "cached": drawn_once}
        return self.linear(x) + tables[self.where]() * self.used


@functools.lru_cache(maxsize=None)
def drawn_once():
    return torch.rand(4)


class AutocastInside(nn.Module):
    """Computes in bfloat16 whatever its weights are."""

    def __init__(self, on=1):
        super().__init__()
        self.linear, self.on = nn.Linear(4, 4), on

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bool(self.on)):
            return self.linear(x).float()


class CastsOutput(nn.Module):
    """Its weights are float32, its logits what they are cast to."""

    def __init__(self, kind="bfloat16"):
        super().__init__()
        self.linear, self.kind = nn.Linear(4, 8), kind

    def forward(self, x):
        return self.linear(x).to(getattr(torch, self.kind))


class Typed(nn.Module):
    """Keeps its scales in a type of few bits, or of whole numbers."""

    def __init__(self, dtype="uint16"):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("scale", torch.tensor([1.0, 4.0]).to(getattr(torch, dtype)))

    def forward(self, x):
        return self.linear(x) * self.scale.float().sum()


class Spectral(nn.Module):
    """As Fourier neural operators and rotary tables keep them: a complex parameter, and a complex buffer."""

    def __init__(self):
        super().__init__()
        self.linear, self.filter = nn.Linear(4, 4), nn.Parameter(torch.complex(torch.ones(3), torch.arange(3.0)))
        self.register_buffer("turns", torch.polar(torch.ones(3), torch.arange(3.0)))

    def forward(self, x):
        return torch.fft.irfft(torch.fft.rfft(self.linear(x)) * self.filter * self.turns, n=4)


class Wraps(nn.Module):
    """Its own code asks for what is inside of a wrapper."""

    def __init__(self):
        super().__init__()
        self.linear = nn.DataParallel(nn.Linear(4, 4))

    def forward(self, x):
        return self.linear.module(x)


class Resizes(nn.Module):
    """A load hook of its own brings the table to its size."""

    def __init__(self, n=3):
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(n, 4))
        self._register_load_state_dict_pre_hook(self._resize)

    def _resize(self, state, prefix, *_):
        table = state[prefix + "pos_embed"]
        if len(table) != len(self.pos_embed):
            state[prefix + "pos_embed"] = F.interpolate(table.t()[None], size=len(self.pos_embed), mode="linear")[0].t()

    def forward(self, x):
        return x + self.pos_embed[: len(x)]


class FirstCall(nn.Module):
    """Makes a table when it is first called, by `kind`: where there was None (`none`), again for each size (`reset`: in place of an
    attribute; `convit`: of a buffer, as timm's convit), a buffer that it registers (`buffer`), by size in a dict (`dict`) or in a
    list (`list`), a mask (`mask`), and grown to the longest input (`grown`; `entry` of a dict, `object` of a helper's)."""

    def __init__(self, kind="reset", scale=1.0):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.kind, self.scale = kind, scale
        self.tables = {} if kind in ("dict", "entry") else []
        self.rope = Rope()
        if kind == "convit":
            self.register_buffer("table", torch.zeros(1, 4), persistent=False)
        elif kind != "buffer":
            self.table = torch.zeros(1, 4) if kind == "reset" else None

    def computed(self, n):
        table = torch.cos(self.scale * torch.arange(n * 4.0)).reshape(n, 4)
        return table > 0 if self.kind == "mask" else table

    def rows(self, n):
        if self.kind == "object":
            return self.scale * self.rope.rows(n)
        if self.kind == "buffer":
            if not hasattr(self, "table") or len(self.table) < n:
                self.register_buffer("table", self.computed(n), persistent=False)
            return self.table[:n]
        if self.kind == "dict":
            if n not in self.tables:
                self.tables[n] = self.computed(n)
            return self.tables[n]
        if self.kind == "entry":
            if len(self.tables.get("cos", ())) < n:
                self.tables["cos"] = self.computed(n)
            return self.tables["cos"][:n]
        if self.kind == "list":
            if not self.tables or len(self.tables[0]) != n:
                self.tables[:] = [self.computed(n)]
            return self.tables[0]
        if self.table is None or (len(self.table) < n if self.kind == "grown" else len(self.table) != n):
            self.table = self.computed(n)
        return self.table[:n]

    def forward(self, x):
        self.seen = self.linear(x)  # an activation that is kept for whoever looks
        return self.seen + self.rows(len(x)).to(x.dtype)
