# SPDX-License-Identifier: Apache-2.0
"""The layers of a Darknet cfg. The first section is [net]; each later one is a layer. Layer numbers that are negative count back
from the layer that states them."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from ..protocol.refusal import Refusal
from .darknet_sections import Section, read_sections

_MAX_SIZE = 1 << 16
_MAX_CHANNELS = 1 << 20
_DEFAULT_EPS = 1e-5
ACTIVATIONS = ("linear", "leaky", "relu", "mish", "swish", "logistic")


class Convolution(NamedTuple):
    in_channels: int
    filters: int
    size: int
    stride: int
    padding: int
    groups: int
    batch_normalize: bool
    eps: float
    activation: str


class Shortcut(NamedTuple):
    """Adds the output of layer `source` to that of the layer before."""

    source: int
    activation: str


class Route(NamedTuple):
    """Joins the outputs of `layers` along the channels; of each only the part `group_id` of `groups`."""

    layers: List[int]
    groups: int
    group_id: int


class Upsample(NamedTuple):
    stride: int


class MaxPool(NamedTuple):
    """With `pad_right_bottom`, one row and one column of zeros go there first (size 2, stride 1: the map keeps its size)."""

    size: int
    stride: int
    padding: int
    pad_right_bottom: bool


class Yolo(NamedTuple):
    """A head. The layer passes its input on: what the network gives is the raw map before any decoding."""

    mask: List[int]
    anchors: List[Tuple[float, float]]
    classes: int


class Shape(NamedTuple):
    channels: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


class Layer(NamedTuple):
    """One section after [net], with the size of its output at the cfg's image size, and the line that states its channels."""

    kind: Any
    shape: Shape
    line: int


class DarknetCfg(NamedTuple):
    image: Shape
    layers: List[Layer]


def read_darknet_cfg(path: str) -> DarknetCfg:
    """Raises Refusal: `malformed` for what contradicts itself, `unsupported` for sections and options that are not known and may
    change what the network computes; `where` is `path:line`."""
    net, *sections = read_sections(path)
    if net.name not in ("net", "network"):
        raise Refusal("malformed", f"the first section is [net]; found [{net.name}]", net.where())
    reader = _Reader(net)
    for section in sections:
        reader.add(section)
    if not any(isinstance(layer.kind, Yolo) for layer in reader.cfg.layers):
        raise Refusal("malformed", "the network has no [yolo] section, so it gives no output", path)
    return reader.cfg


class _Reader:
    def __init__(self, net: Section) -> None:
        image = Shape(net.integer("channels", 3, 1, 4096), net.integer("height", 416, 1, _MAX_SIZE), net.integer("width", 416, 1, _MAX_SIZE))
        self.cfg = DarknetCfg(image, [])
        self._eps = net.number("batch_normalize_eps", _DEFAULT_EPS)
        self._parsers: Dict[str, Callable[[Section], Layer]] = {
            "convolutional": self._convolution,
            "shortcut": self._shortcut,
            "route": self._route,
            "upsample": self._upsample,
            "maxpool": self._maxpool,
            "yolo": self._yolo,
        }

    def add(self, section: Section) -> None:
        if section.name not in self._parsers:
            known = "convolutional, shortcut, route, upsample, maxpool and yolo"
            raise Refusal("unsupported", f"section [{section.name}] is not known; known are {known}", section.where())
        self.cfg.layers.append(self._parsers[section.name](section))

    def _before(self, section: Section) -> Shape:
        if not self.cfg.layers:
            return self.cfg.image
        return self._output_of(len(self.cfg.layers) - 1, section, section.where())

    def _output_of(self, index: int, section: Section, where: str) -> Shape:
        """A yolo section's output is a decoded one in Darknet and never an input of a known network."""
        layer = self.cfg.layers[index]
        if isinstance(layer.kind, Yolo):
            raise Refusal("unsupported", f"section [{section.name}] takes the output of layer {index}, a [yolo]", where)
        return layer.shape

    @staticmethod
    def _layer(kind: Any, shape: Shape, section: Section) -> Layer:
        if shape.channels > _MAX_CHANNELS or shape.height > _MAX_SIZE or shape.width > _MAX_SIZE:
            raise Refusal("malformed", f"the layer's output grows beyond all sense: {shape}", section.where())
        return Layer(kind, shape, section.line("filters"))

    @staticmethod
    def _activation(section: Section) -> str:
        name = section.text("activation", "linear")
        if name not in ACTIVATIONS:
            known = "linear, leaky, relu, mish, swish and logistic"
            raise Refusal("unsupported", f"activation={name} is not known; known are {known}", section.where("activation"))
        return name

    @staticmethod
    def _pooled(shape: Shape, size: int, stride: int, padding: int, section: Section) -> "List[int]":
        for side in shape[1:]:
            if side + padding < size:
                what = f"a window of {size} is larger than the map of {side} with its padding"
                raise Refusal("malformed", what, section.where("size"))
        return [(side + padding - size) // stride + 1 for side in shape[1:]]

    def _convolution(self, section: Section) -> Layer:
        section.allow("batch_normalize", "filters", "size", "stride", "pad", "padding", "groups", "activation", "batch_normalize_eps")
        before = self._before(section)
        filters = section.integer("filters", 1, 1, _MAX_SIZE)
        size = section.integer("size", 1, 1, 255)
        stride = section.integer("stride", 1, 1, 255)
        groups = section.integer("groups", 1, 1, _MAX_SIZE)
        padding = size // 2 if section.integer("pad", 0, 0, 1) else section.integer("padding", 0, 0, 255)
        normalized = section.integer("batch_normalize", 0, 0, 1) != 0
        eps = section.number("batch_normalize_eps", self._eps)
        activation = self._activation(section)
        if filters % groups or before.channels % groups:
            what = f"groups={groups} does not divide {before.channels} channels into {filters} filters"
            raise Refusal("malformed", what, section.where("groups"))
        kind = Convolution(before.channels, filters, size, stride, padding, groups, normalized, eps, activation)
        return self._layer(kind, Shape(filters, *self._pooled(before, size, stride, 2 * padding, section)), section)

    def _shortcut(self, section: Section) -> Layer:
        section.allow("from", "activation")
        sources = self._layer_numbers(section, "from")
        if len(sources) != 1:
            raise Refusal("unsupported", "a shortcut from several layers is not known", section.where("from"))
        here = self._before(section)
        there = self._output_of(sources[0], section, section.where("from"))
        if here != there:
            what = f"a shortcut adds maps of one size, but the layer before gives {here} and layer {sources[0]} gives {there}"
            raise Refusal("malformed", what, section.where("from"))
        return self._layer(Shortcut(sources[0], self._activation(section)), here, section)

    def _route(self, section: Section) -> Layer:
        section.allow("layers", "groups", "group_id")
        layers = self._layer_numbers(section, "layers")
        route = Route(layers, section.integer("groups", 1, 1, _MAX_SIZE), section.integer("group_id", 0, 0, _MAX_SIZE))
        if route.group_id >= route.groups:
            what = f"group_id={route.group_id} is not below groups={route.groups}"
            raise Refusal("malformed", what, section.where("group_id"))
        first = self._output_of(layers[0], section, section.where("layers"))
        channels = sum(self._routed_channels(route, index, first, section) for index in layers)
        return self._layer(route, first._replace(channels=channels), section)

    def _routed_channels(self, route: Route, index: int, first: Shape, section: Section) -> int:
        shape = self._output_of(index, section, section.where("layers"))
        if shape[1:] != first[1:]:
            what = f"a route joins maps of one height and width, but layer {index} gives {shape} and layer {route.layers[0]} gives {first}"
            raise Refusal("malformed", what, section.where("layers"))
        if shape.channels % route.groups:
            what = f"groups={route.groups} does not divide the {shape.channels} channels of layer {index}"
            raise Refusal("malformed", what, section.where("groups"))
        return shape.channels // route.groups

    def _upsample(self, section: Section) -> Layer:
        section.allow("stride")
        before = self._before(section)
        stride = section.integer("stride", 2, 1, 64)
        return self._layer(Upsample(stride), Shape(before.channels, before.height * stride, before.width * stride), section)

    def _maxpool(self, section: Section) -> Layer:
        section.allow("size", "stride")
        before = self._before(section)
        stride = section.integer("stride", 1, 1, 255)
        size = section.integer("size", stride, 1, 255)
        pool = MaxPool(size, stride, (size - 1) // 2, size == 2 and stride == 1)
        padding = 2 * pool.padding + (1 if pool.pad_right_bottom else 0)
        return self._layer(pool, Shape(before.channels, *self._pooled(before, size, stride, padding, section)), section)

    def _yolo(self, section: Section) -> Layer:
        """Everything but mask, anchors and classes concerns training or decoding, which the raw head does not depend on."""
        before = self._before(section)
        classes = section.integer("classes", 20, 1, _MAX_SIZE)
        anchors = self._anchors(section)
        mask = section.integers("mask")
        for index in mask:
            if not 0 <= index < len(anchors):
                raise Refusal("malformed", f"mask names anchor {index} of {len(anchors)}", section.where("mask"))
        expected = len(mask) * (5 + classes)
        if before.channels != expected:
            raise Refusal(
                "malformed",
                f"the layer before a [yolo] with {len(mask)} anchors and {classes} classes gives {len(mask)}*(5+{classes})={expected} "
                f"channels; found {before.channels}",
                f"{section.file}:{self.cfg.layers[-1].line}" if self.cfg.layers else section.where(),
                f"set filters={expected} there, or classes to what the network was trained for",
            )
        return self._layer(Yolo(mask, anchors, classes), before, section)

    @staticmethod
    def _anchors(section: Section) -> List[Tuple[float, float]]:
        values = section.numbers("anchors")
        if len(values) % 2:
            raise Refusal("malformed", f"anchors are pairs of width and height; found {len(values)} numbers", section.where("anchors"))
        return list(zip(values[::2], values[1::2]))

    def _layer_numbers(self, section: Section, key: str) -> List[int]:
        here = len(self.cfg.layers)
        numbers = []
        for stated in section.integers(key):
            number = here + stated if stated < 0 else stated
            if not 0 <= number < here:
                what = f"{key} names layer {stated}, but this is layer {here} and only earlier ones have an output"
                raise Refusal("malformed", what, section.where(key))
            numbers.append(number)
        return numbers
