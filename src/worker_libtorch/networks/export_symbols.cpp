// SPDX-License-Identifier: Apache-2.0
#include "networks/export_symbols.hpp"

#include "protocol/error.hpp"

#include <cmath>
#include <cstdint>
#include <map>

namespace goldseal::worker {
namespace {

using c10::IValue;
using Arguments = std::vector<IValue>;

const IValue& argument(const Arguments& arguments, std::size_t index) {
  if (index >= arguments.size()) throw Refusal(RefusalKind::malformed, "an operator on sizes lacks an argument");
  return arguments[index];
}

bool is_whole(const IValue& value) { return value.isInt() || value.isBool(); }

std::int64_t whole(const IValue& value) { return value.isBool() ? std::int64_t{value.toBool()} : value.toInt(); }

double real(const IValue& value) { return is_whole(value) ? static_cast<double>(whole(value)) : value.toDouble(); }

// Python's //: rounds towards minus infinity.
std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  if (b == 0) throw Refusal(RefusalKind::runtime, "the program divides a size by zero");
  const auto quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

std::int64_t checked_power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  for (; exponent > 0; --exponent)
    if (__builtin_mul_overflow(result, base, &result))
      throw Refusal(RefusalKind::runtime, "a power of a size does not fit into 64 bits");
  return result;
}

// Whole arguments give a whole result, others a real one.
template <class Whole, class Real>
IValue arithmetic(const Arguments& arguments, Whole on_whole, Real on_real) {
  const auto& a = argument(arguments, 0);
  const auto& b = argument(arguments, 1);
  if (is_whole(a) && is_whole(b)) return on_whole(whole(a), whole(b));
  return on_real(real(a), real(b));
}

template <class Compare>
IValue comparison(const Arguments& arguments, Compare compare) {
  const auto& a = argument(arguments, 0);
  const auto& b = argument(arguments, 1);
  if (is_whole(a) && is_whole(b)) return compare(whole(a), whole(b));
  return compare(real(a), real(b));
}

IValue to_whole(const Arguments& arguments, double (*round)(double)) {
  const auto& a = argument(arguments, 0);
  return is_whole(a) ? IValue(whole(a)) : IValue(static_cast<std::int64_t>(round(a.toDouble())));
}

std::int64_t sum(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) throw Refusal(RefusalKind::runtime, "a sum of sizes overflows");
  return result;
}

std::int64_t difference(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_sub_overflow(a, b, &result)) throw Refusal(RefusalKind::runtime, "a difference of sizes overflows");
  return result;
}

std::int64_t product(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) throw Refusal(RefusalKind::runtime, "a product of sizes overflows");
  return result;
}

IValue add(const Arguments& arguments) {
  return arithmetic(arguments, sum, [](double a, double b) { return a + b; });
}
IValue subtract(const Arguments& arguments) {
  return arithmetic(arguments, difference, [](double a, double b) { return a - b; });
}
IValue multiply(const Arguments& arguments) {
  return arithmetic(arguments, product, [](double a, double b) { return a * b; });
}
IValue divide(const Arguments& arguments) { return real(argument(arguments, 0)) / real(argument(arguments, 1)); }
IValue divide_floored(const Arguments& arguments) {
  return arithmetic(arguments, floor_divide, [](double a, double b) { return std::floor(a / b); });
}
IValue modulo(const Arguments& arguments) {
  return arithmetic(
      arguments, [](std::int64_t a, std::int64_t b) { return a - floor_divide(a, b) * b; },
      [](double a, double b) { return a - std::floor(a / b) * b; });
}
IValue power(const Arguments& arguments) {
  const auto& base = argument(arguments, 0);
  const auto& exponent = argument(arguments, 1);
  if (is_whole(base) && is_whole(exponent) && whole(exponent) >= 0) return checked_power(whole(base), whole(exponent));
  return std::pow(real(base), real(exponent));
}
IValue smaller(const Arguments& arguments) {
  return arithmetic(
      arguments, [](std::int64_t a, std::int64_t b) { return a < b ? a : b; },
      [](double a, double b) { return a < b ? a : b; });
}
IValue greater(const Arguments& arguments) {
  return arithmetic(
      arguments, [](std::int64_t a, std::int64_t b) { return a > b ? a : b; },
      [](double a, double b) { return a > b ? a : b; });
}
IValue negative(const Arguments& arguments) {
  const auto& a = argument(arguments, 0);
  return is_whole(a) ? IValue(difference(0, whole(a))) : IValue(-a.toDouble());
}
IValue positive(const Arguments& arguments) { return argument(arguments, 0); }
IValue equal(const Arguments& arguments) {
  return comparison(arguments, [](auto a, auto b) { return a == b; });
}
IValue not_equal(const Arguments& arguments) {
  return comparison(arguments, [](auto a, auto b) { return a != b; });
}
IValue less(const Arguments& arguments) {
  return comparison(arguments, [](auto a, auto b) { return a < b; });
}
IValue at_most(const Arguments& arguments) {
  return comparison(arguments, [](auto a, auto b) { return a <= b; });
}
IValue more(const Arguments& arguments) {
  return comparison(arguments, [](auto a, auto b) { return a > b; });
}
IValue at_least(const Arguments& arguments) {
  return comparison(arguments, [](auto a, auto b) { return a >= b; });
}
IValue both(const Arguments& arguments) { return argument(arguments, 0).toBool() && argument(arguments, 1).toBool(); }
IValue either(const Arguments& arguments) { return argument(arguments, 0).toBool() || argument(arguments, 1).toBool(); }
IValue inverse(const Arguments& arguments) { return !argument(arguments, 0).toBool(); }
IValue choose(const Arguments& arguments) {
  return argument(arguments, 0).toBool() ? argument(arguments, 1) : argument(arguments, 2);
}
IValue truncated(const Arguments& arguments) { return to_whole(arguments, std::trunc); }
IValue rounded_up(const Arguments& arguments) { return to_whole(arguments, std::ceil); }
IValue rounded_down(const Arguments& arguments) { return to_whole(arguments, std::floor); }
IValue as_real(const Arguments& arguments) { return real(argument(arguments, 0)); }
IValue square_root(const Arguments& arguments) { return std::sqrt(real(argument(arguments, 0))); }

}  // namespace

SymbolicOperator find_symbolic_operator(std::string_view target) {
  // torch/_export/serde/serialize.py, _SYM_OPS.
  static const std::map<std::string_view, SymbolicOperator> k_operators{
      {"_operator.add", add},
      {"_operator.sub", subtract},
      {"_operator.mul", multiply},
      {"_operator.truediv", divide},
      {"_operator.floordiv", divide_floored},
      {"_operator.mod", modulo},
      {"_operator.pow", power},
      {"_operator.neg", negative},
      {"_operator.pos", positive},
      {"_operator.eq", equal},
      {"_operator.ne", not_equal},
      {"_operator.lt", less},
      {"_operator.le", at_most},
      {"_operator.gt", more},
      {"_operator.ge", at_least},
      {"_operator.and_", both},
      {"_operator.or_", either},
      {"math.trunc", truncated},
      {"math.ceil", rounded_up},
      {"math.floor", rounded_down},
      {"torch.sym_int", truncated},
      {"torch.sym_float", as_real},
      {"torch.sym_not", inverse},
      {"torch.sym_ite", choose},
      {"torch.sym_max", greater},
      {"torch.sym_min", smaller},
      {"torch._sym_sqrt", square_root},
      {"torch.sym_sqrt", square_root},
  };
  const auto found = k_operators.find(target);
  return found == k_operators.end() ? nullptr : found->second;
}

}  // namespace goldseal::worker
