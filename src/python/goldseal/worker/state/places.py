# SPDX-License-Identifier: Apache-2.0
"""Where a module keeps a tensor, and what is read and written there. A tensor of a class that is made of others has no
elements of its own: where it is made of one alone, of the same shape and type, that one is read and replaced."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional

import torch
from torch import nn

from ..protocol.refusal import Refusal


class Place(NamedTuple):
    """Where a module keeps a tensor: one of its dictionaries."""

    module: nn.Module
    table: str  # `_parameters`, `_buffers`, or `__dict__` for a tensor that is registered as nothing
    attribute: str

    def get(self) -> torch.Tensor:
        return self.held()

    def set(self, tensor: torch.Tensor) -> None:
        self.put(tensor)

    def held(self) -> torch.Tensor:
        """The very object that the module has there."""
        return getattr(self.module, self.table)[self.attribute]

    def is_held(self, tensor: Any) -> bool:
        return getattr(self.module, self.table).get(self.attribute) is tensor

    def put(self, tensor: torch.Tensor) -> None:
        getattr(self.module, self.table)[self.attribute] = tensor


class ScriptPlace(Place):
    """A TorchScript module's attribute; assigning it in Python would refuse another element type."""

    def held(self) -> torch.Tensor:
        return getattr(self.module, self.attribute)

    def put(self, tensor: torch.Tensor) -> None:
        self.module._c.setattr(self.attribute, tensor)  # type: ignore[operator,union-attr,unused-ignore]

    def is_held(self, tensor: Any) -> bool:
        return True  # each look gives another object


class WrappingPlace(Place):
    """Of a tensor whose class wraps one of the same shape and type (torchao's, a framework's own)."""

    def get(self) -> torch.Tensor:
        wrapper = self.held()
        name = sole_inner(wrapper)
        if name is None:
            raise Refusal("unsupported", f"{self.attribute} is a {wrapped_class(wrapper)}, made otherwise than before")
        return getattr(wrapper, name)

    def set(self, tensor: torch.Tensor) -> None:
        self.put(_wrapped_anew(self.held(), tensor))


def place_of(module: nn.Module, table: str, attribute: str, tensor: torch.Tensor) -> Place:
    if isinstance(module, torch.jit.ScriptModule):
        return ScriptPlace(module, table, attribute)
    wraps = wrapped_class(tensor) is not None and sole_inner(tensor) is not None
    return (WrappingPlace if wraps else Place)(module, table, attribute)


def wrapped_class(tensor: torch.Tensor) -> Optional[str]:
    """The class of a tensor that is made of others (torchao's, DTensor), which no plain tensor may stand for."""
    kind = type(tensor)
    if kind in (torch.Tensor, nn.Parameter):
        return None
    dispatch = getattr(kind, "__torch_dispatch__", None)
    plain = getattr(torch.Tensor, "__torch_dispatch__", None)
    if getattr(dispatch, "__func__", dispatch) is getattr(plain, "__func__", plain) and not hasattr(kind, "__tensor_flatten__"):
        return None
    return f"{kind.__module__}.{kind.__qualname__}"


def inner_tensors(tensor: torch.Tensor) -> List[str]:
    flatten = getattr(tensor, "__tensor_flatten__", None)
    if flatten is None:
        return []
    try:
        return [str(name) for name in flatten()[0]]
    except Exception:
        return []


def sole_inner(tensor: torch.Tensor) -> Optional[str]:
    """The attribute of the one plain tensor that this one wraps; None where it is made of several, or of another form."""
    names = inner_tensors(tensor)
    inner = getattr(tensor, names[0], None) if len(names) == 1 else None
    if not isinstance(inner, torch.Tensor) or wrapped_class(inner) is not None:
        return None
    return names[0] if (inner.shape, inner.dtype) == (tensor.shape, tensor.dtype) else None


def _wrapped_anew(wrapper: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    kind: Any = type(wrapper)
    names, context = wrapper.__tensor_flatten__()  # type: ignore[attr-defined,unused-ignore]
    try:
        made = kind.__tensor_unflatten__({names[0]: tensor.detach()}, context, wrapper.size(), wrapper.stride())
        if isinstance(wrapper, nn.Parameter) or getattr(wrapper, "_is_param", False):
            made = nn.Parameter(made, requires_grad=False)
    except Exception as error:
        raise Refusal(
            "unsupported",
            f"a {wrapped_class(wrapper)} around another tensor raised {type(error).__name__}: {str(error)[:300]}",
            remedy="seal the network before its parameters are wrapped",
        ) from None
    if sole_inner(made) is None or made.dtype != tensor.dtype:
        raise Refusal("unsupported", f"a {wrapped_class(wrapper)} around a {tensor.dtype} tensor computes in {made.dtype}")
    return made
