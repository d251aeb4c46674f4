# SPDX-License-Identifier: Apache-2.0
"""`--model darknet:FILE.cfg`: a network from a Darknet cfg, under the names of the PyTorch-YOLOv3 repositories
(module_list.N.conv_N.weight, module_list.N.batch_norm_N.*). It computes, and tells, what networks/darknet_network.cpp of the
LibTorch worker does."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import Any, Callable, Dict, List, Optional

import torch
from torch import nn

from ..numerics.layer_watch import LayerRecorder
from ..numerics.randomness import RandomWatch
from ..protocol.dtypes import name_of
from ..protocol.refusal import Refusal
from .darknet_cfg import Convolution, DarknetCfg, MaxPool, Route, Shortcut, Upsample, Yolo, read_darknet_cfg
from .decimals import shortest
from .network import Network

_INPUT = "image"
_SLOPE = 0.1  # that Darknet's `leaky` has for negative values
_MOMENTUM = 0.1  # has no effect in evaluation mode

_ACTIVATED: Dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "leaky": lambda x: nn.functional.leaky_relu_(x, _SLOPE),
    "relu": torch.relu_,
    "mish": nn.functional.mish,
    "swish": lambda x: nn.functional.silu(x, inplace=True),
    "logistic": torch.sigmoid_,
}


def build_darknet(source: str, options: Dict[str, str]) -> "DarknetNetwork":
    for name, value in options.items():
        if (name, value) != ("counters", "none"):
            raise Refusal("usage", f"a Darknet network takes the option `counters=none` only; given `{name}={value}`")
    return DarknetNetwork(read_darknet_cfg(source), not options)


def _place(parameters: Dict[str, List[int]]) -> nn.Module:
    """Holds parameters of these shapes, and computes nothing."""
    place = nn.Module()
    for name, shape in parameters.items():
        place._parameters[name] = nn.Parameter(torch.empty(shape, dtype=torch.float32, device="meta"), requires_grad=False)
    return place


def _norm(channels: int, counters: bool) -> nn.Module:
    """BatchNorm's five. Without counters in the checkpoint they are 0, which evaluation does not read."""
    place = _place({"weight": [channels], "bias": [channels]})
    for name in ("running_mean", "running_var"):
        place._buffers[name] = torch.empty(channels, dtype=torch.float32, device="meta")
    place._buffers["num_batches_tracked"] = torch.zeros((), dtype=torch.int64, device="meta" if counters else "cpu")
    if not counters:
        place._non_persistent_buffers_set.add("num_batches_tracked")
    return place


class DarknetNetwork(Network):
    def __init__(self, cfg: DarknetCfg, counters: bool) -> None:
        self._cfg = cfg
        self._recorder: Optional[LayerRecorder] = None
        last_use: Dict[int, int] = {}  # the last layer that reads a layer's output by number
        for index, layer in enumerate(cfg.layers):
            sources = layer.kind.layers if isinstance(layer.kind, Route) else [layer.kind.source] if isinstance(layer.kind, Shortcut) else []
            last_use.update(dict.fromkeys(sources, index))
        self._last_use = last_use
        super().__init__(self._holder(counters))

    def _holder(self, counters: bool) -> nn.Module:
        holder = nn.Module()
        holder.module_list = nn.ModuleList()
        for index, layer in enumerate(self._cfg.layers):
            part = nn.Module()
            if isinstance(layer.kind, Convolution):
                conv = layer.kind
                weights = {"weight": [conv.filters, conv.in_channels // conv.groups, conv.size, conv.size]}
                bias = {} if conv.batch_normalize else {"bias": [conv.filters]}
                part.add_module(f"conv_{index}", _place({**weights, **bias}))
                if conv.batch_normalize:
                    part.add_module(f"batch_norm_{index}", _norm(conv.filters, counters))
            holder.module_list.append(part)
        return holder

    def sources(self) -> List[Dict[str, str]]:
        return []

    def inputs(self) -> List[Dict[str, Any]]:
        return [{"name": _INPUT, "shape": [None, *self._cfg.image], "dtype": "float32"}]

    def configuration(self) -> Dict[str, str]:
        image = self._cfg.image
        found = {"net.channels": str(image.channels), "net.height": str(image.height), "net.width": str(image.width)}
        for index, layer in enumerate(self._cfg.layers):
            found.update(self._settings(layer.kind, index))
        return dict(sorted(found.items()))

    @staticmethod
    def _module(index: int, kind: str) -> str:
        return f"module_list.{index}.{kind}_{index}"

    def _activation_setting(self, index: int, activation: str) -> Dict[str, str]:
        if activation == "leaky":
            return {self._module(index, "leaky") + ".slope": shortest(_SLOPE)}
        return {f"module_list.{index}.activation": activation}

    @singledispatchmethod
    def _settings(self, layer: Any, index: int) -> Dict[str, str]:
        raise NotImplementedError(type(layer).__name__)

    @_settings.register
    def _(self, layer: Convolution, index: int) -> Dict[str, str]:
        name = self._module(index, "conv")
        found = {f"{name}.stride": str(layer.stride), f"{name}.padding": str(layer.padding)}
        if layer.groups != 1:
            found[f"{name}.groups"] = str(layer.groups)
        if layer.batch_normalize:
            found[self._module(index, "batch_norm") + ".eps"] = shortest(layer.eps)
        return {**found, **self._activation_setting(index, layer.activation)}

    @_settings.register
    def _(self, layer: Shortcut, index: int) -> Dict[str, str]:
        found = {self._module(index, "shortcut") + ".from": str(layer.source)}
        return found if layer.activation == "linear" else {**found, **self._activation_setting(index, layer.activation)}

    @_settings.register
    def _(self, layer: Route, index: int) -> Dict[str, str]:
        name = self._module(index, "route")
        found = {f"{name}.layers": ",".join(map(str, layer.layers))}
        if layer.groups != 1:
            found.update({f"{name}.groups": str(layer.groups), f"{name}.group_id": str(layer.group_id)})
        return found

    @_settings.register
    def _(self, layer: Upsample, index: int) -> Dict[str, str]:
        return {self._module(index, "upsample") + ".stride": str(layer.stride)}

    @_settings.register
    def _(self, layer: MaxPool, index: int) -> Dict[str, str]:
        name = self._module(index, "maxpool")
        padding = "0,1,0,1" if layer.pad_right_bottom else str(layer.padding)
        return {f"{name}.size": str(layer.size), f"{name}.stride": str(layer.stride), f"{name}.padding": padding}

    @_settings.register
    def _(self, layer: Yolo, index: int) -> Dict[str, str]:
        name = self._module(index, "yolo")
        anchors = (",".join(map(shortest, layer.anchors[place])) for place in layer.mask)
        return {f"{name}.mask": ",".join(map(str, layer.mask)), f"{name}.anchors": " ".join(anchors), f"{name}.classes": str(layer.classes)}

    def _call_watched(
        self, inputs: Dict[str, torch.Tensor], recorder: Optional[LayerRecorder], draws: Optional[RandomWatch]
    ) -> Any:
        """It draws nothing, and tells its layers by what the cfg calls them."""
        self._recorder = recorder
        try:
            return self.call(inputs)
        finally:
            self._recorder = None

    def call(self, inputs: Dict[str, torch.Tensor]) -> Any:
        x = self._take_input(inputs)
        tensors = {entry.name: entry.place.get() for entry in self.state_entries}
        outputs: Dict[int, torch.Tensor] = {}
        heads = {}
        for index, layer in enumerate(self._cfg.layers):
            x = self._computed(layer.kind, index, x, outputs, tensors)
            if isinstance(layer.kind, Yolo):
                heads[f"yolo_{index}"] = x
            if self._last_use.get(index, 0) > index:
                outputs[index] = x
            for source in [source for source in outputs if self._last_use[source] == index]:
                del outputs[source]
        return heads

    def _take_input(self, inputs: Dict[str, torch.Tensor]) -> torch.Tensor:
        if list(inputs) != [_INPUT]:
            raise Refusal("usage", f"the network takes one input, named `{_INPUT}`")
        x, channels = inputs[_INPUT], self._cfg.image.channels
        if x.dim() != 4 or x.shape[1] != channels or not x.is_floating_point():
            what = f"`{_INPUT}` is a floating tensor [N, {channels}, height, width]; given {name_of(x.dtype)} {list(x.shape)}"
            raise Refusal("usage", what)
        return x

    def _told(self, index: int, kind: str, op: str, result: torch.Tensor) -> torch.Tensor:
        if self._recorder is not None:
            self._recorder.add(self._module(index, kind), op, result)
        return result

    def _activated(self, index: int, activation: str, x: torch.Tensor) -> torch.Tensor:
        if activation == "linear":
            return x
        return self._told(index, activation, activation, _ACTIVATED[activation](x))

    @singledispatchmethod
    def _computed(self, layer: Any, index: int, x: torch.Tensor, outputs: Dict[int, torch.Tensor], tensors: Dict[str, torch.Tensor]) -> torch.Tensor:
        return x  # of a [yolo]

    @_computed.register
    def _(self, layer: Convolution, index: int, x: torch.Tensor, outputs: Any, tensors: Dict[str, torch.Tensor]) -> torch.Tensor:
        name, norm = self._module(index, "conv"), self._module(index, "batch_norm")
        bias = None if layer.batch_normalize else tensors[f"{name}.bias"]
        x = torch.conv2d(x, tensors[f"{name}.weight"], bias, layer.stride, layer.padding, 1, layer.groups)
        self._told(index, "conv", "conv2d", x)
        if layer.batch_normalize:
            weight, bias, mean, var = (tensors[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
            x = torch.batch_norm(x, weight, bias, mean, var, False, _MOMENTUM, layer.eps, torch.backends.cudnn.enabled)
            self._told(index, "batch_norm", "batch_norm", x)
        return self._activated(index, layer.activation, x)

    @_computed.register
    def _(self, layer: Shortcut, index: int, x: torch.Tensor, outputs: Dict[int, torch.Tensor], tensors: Any) -> torch.Tensor:
        return self._activated(index, layer.activation, self._told(index, "shortcut", "add", torch.add(x, outputs[layer.source])))

    @_computed.register
    def _(self, layer: Route, index: int, x: torch.Tensor, outputs: Dict[int, torch.Tensor], tensors: Any) -> torch.Tensor:
        parts = []
        for source in layer.layers:
            part = outputs[source].shape[1] // layer.groups
            parts.append(outputs[source] if layer.groups == 1 else outputs[source].narrow(1, layer.group_id * part, part))
        return self._told(index, "route", "cat", parts[0] if len(parts) == 1 else torch.cat(parts, 1))

    @_computed.register
    def _(self, layer: Upsample, index: int, x: torch.Tensor, outputs: Any, tensors: Any) -> torch.Tensor:
        scale = float(layer.stride)
        return self._told(index, "upsample", "upsample_nearest2d", torch.ops.aten.upsample_nearest2d.vec(x, None, [scale, scale]))

    @_computed.register
    def _(self, layer: MaxPool, index: int, x: torch.Tensor, outputs: Any, tensors: Any) -> torch.Tensor:
        if layer.pad_right_bottom:
            x = torch.constant_pad_nd(x, [0, 1, 0, 1], 0)
        return self._told(index, "maxpool", "max_pool2d", torch.max_pool2d(x, layer.size, layer.stride, layer.padding))
