# SPDX-License-Identifier: Apache-2.0
"""Numbers as the texts of a seal, the same from every worker."""

from __future__ import annotations

import math


def shortest(value: float) -> str:
    """The shortest decimal that reads back exactly, as std::to_chars writes it."""
    if not math.isfinite(value):
        return str(value)
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    mantissa, _, power = f"{abs(value)!r}".partition("e")
    whole, _, part = mantissa.partition(".")
    part = "" if part == "0" else part
    point = len(whole) + int(power or 0)
    digits = (whole + part).lstrip("0")
    point -= len(whole + part) - len(digits)
    digits = digits.rstrip("0")
    if not digits:
        return sign + "0"
    exponent = point - 1
    scientific = digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + f"e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if point >= len(digits):
        fixed = digits + "0" * (point - len(digits))
    elif point > 0:
        fixed = digits[:point] + "." + digits[point:]
    else:
        fixed = "0." + "0" * -point + digits
    return sign + (fixed if len(fixed) <= len(scientific) else scientific)
