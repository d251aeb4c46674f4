// SPDX-License-Identifier: Apache-2.0
#include "numerics/stand_in.hpp"

#include "numerics/tile.hpp"
#include "protocol/error.hpp"

#include <ATen/Functions.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/TensorImpl.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal::worker {
namespace {

using Stack = torch::jit::Stack;

// PyTorch keeps this key for its tests. It comes before autograd and before an operator is taken apart into others.
constexpr auto k_key = c10::DispatchKey::TESTING_ONLY_GenericWrapper;
// Elements of a product's weights that are converted at a time, 32 MiB in float64.
constexpr std::int64_t k_most_at_once = 1 << 22;
// They give their argument back as it is, if it is of the type that they were asked for.
constexpr std::array<std::string_view, 4> k_giving_back{"aten::to", "aten::_to_copy", "aten::type_as", "aten::clone"};

thread_local std::optional<std::string> t_unstreamable;

// Memory for what an operator is given and drops. New memory for each weight costs more time, page by page, than the
// conversion.
class Scratch {
 public:
  at::Tensor take(std::int64_t count, at::ScalarType dtype) {
    auto& kept = dtype == at::kDouble ? m_double : m_float;
    if (!kept.defined()) kept = at::empty({k_most_at_once}, at::TensorOptions().dtype(dtype));
    if (m_used + count > k_most_at_once) return at::empty({count}, at::TensorOptions().dtype(dtype));
    m_used += count;
    return kept.narrow(0, m_used - count, count);
  }
  void give_back() { m_used = 0; }
  bool holds(const at::Tensor& tensor) const {
    return tensor.defined() && tensor.has_storage() && (is(tensor, m_double) || is(tensor, m_float));
  }

 private:
  static bool is(const at::Tensor& tensor, const at::Tensor& kept) {
    return kept.defined() && tensor.storage().unsafeGetStorageImpl() == kept.storage().unsafeGetStorageImpl();
  }
  at::Tensor m_double;
  at::Tensor m_float;
  std::int64_t m_used = 0;
};

thread_local Scratch t_scratch;

// The loaded tensor behind stand-ins and their views.
struct Source {
  std::string name;
  at::Tensor whole;
  at::ScalarType dtype;
  std::optional<Perturbation> tile;

  // A view of the whole, with the same strides: all that lies between its first and its last element.
  at::Tensor converted(const at::Tensor& view) const {
    if (view.numel() == 0) return view.to(dtype);
    std::int64_t extent = 1;
    for (std::int64_t d = 0; d < view.dim(); ++d) extent += (view.size(d) - 1) * view.stride(d);
    const auto flat = whole.as_strided({extent}, {1}, view.storage_offset());
    auto wide = t_scratch.take(extent, dtype);
    if (tile)
      move_by_tile(flat, view.storage_offset() - whole.storage_offset(), name, *tile, wide);
    else
      wide.copy_(flat);
    return wide.as_strided(view.sizes(), view.strides(), wide.storage_offset());
  }
};

class StandIn final : public c10::TensorImpl {
 public:
  StandIn(at::Tensor view, std::shared_ptr<const Source> source)
      : TensorImpl(c10::DispatchKeySet(k_key), c10::scalarTypeToTypeMeta(source->dtype), view.device()),
        m_view(std::move(view)),
        m_source(std::move(source)) {
    set_sizes_and_strides(m_view.sizes(), m_view.strides());
    set_storage_offset(m_view.storage_offset());
    set_storage_access_should_throw();
  }

  const at::Tensor& view() const { return m_view; }
  const std::shared_ptr<const Source>& source() const { return m_source; }

  c10::intrusive_ptr<TensorImpl> shallow_copy_and_detach(const c10::VariableVersion&, bool) const override {
    return c10::make_intrusive<StandIn>(m_view, m_source);
  }
  c10::intrusive_ptr<TensorImpl> shallow_copy_and_detach(c10::VariableVersion&&, bool) const override {
    return c10::make_intrusive<StandIn>(m_view, m_source);
  }

 private:
  at::Tensor m_view;
  std::shared_ptr<const Source> m_source;
};

const StandIn* stand_in_of(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.unsafeGetTensorImpl()->key_set().has(k_key)) return nullptr;
  return static_cast<const StandIn*>(tensor.unsafeGetTensorImpl());
}

at::Tensor wrapped(const at::Tensor& view, const std::shared_ptr<const Source>& source) {
  return at::Tensor(c10::make_intrusive<StandIn>(view, source));
}

// Replaces each stand-in of a value.
template <class Replace>
void replace(c10::IValue& value, const Replace& with) {
  if (value.isTensor()) {
    if (const auto* found = stand_in_of(value.toTensor())) value = with(*found);
  } else if (value.isTensorList()) {
    auto list = value.toTensorVector();
    if (std::none_of(list.begin(), list.end(), [](const auto& tensor) { return stand_in_of(tensor) != nullptr; }))
      return;
    for (auto& tensor : list)
      if (const auto* found = stand_in_of(tensor)) tensor = with(*found);
    value = c10::IValue(std::move(list));
  } else if (value.isList()) {  // of optional tensors: indices
    const auto held = value.toList();
    bool any = false;
    for (std::size_t i = 0; i < held.size(); ++i) {
      const c10::IValue entry = held.get(i);
      any = any || (entry.isTensor() && stand_in_of(entry.toTensor()) != nullptr);
    }
    if (!any) return;
    auto list = held.copy();
    for (std::size_t i = 0; i < list.size(); ++i) {
      const c10::IValue entry = list.get(i);
      if (!entry.isTensor()) continue;
      if (const auto* found = stand_in_of(entry.toTensor())) list.set(i, c10::IValue(with(*found)));
    }
    value = c10::IValue(std::move(list));
  }
}

void refuse_writes(const c10::FunctionSchema& schema, const Stack& stack, std::size_t begin) {
  for (std::size_t i = 0; i < schema.arguments().size(); ++i) {
    const auto* const alias = schema.arguments()[i].alias_info();
    const auto& value = stack[begin + i];
    if (alias == nullptr || !alias->isWrite() || !value.isTensor()) continue;
    const auto* const found = stand_in_of(value.toTensor());
    if (found == nullptr) continue;
    t_unstreamable = found->source()->name;
    throw Refusal(RefusalKind::unsupported, schema.name() + " writes to " + found->source()->name);
  }
}

// Every result lies in an argument's memory, and none is written to.
bool is_view(const c10::FunctionSchema& schema) {
  if (schema.returns().empty() || schema.overload_name() == "dtype") return false;
  if (std::find(k_giving_back.begin(), k_giving_back.end(), schema.name()) != k_giving_back.end()) return false;
  return std::all_of(schema.returns().begin(), schema.returns().end(), [](const c10::Argument& result) {
    return result.alias_info() != nullptr && !result.alias_info()->isWrite();
  });
}

bool lies_in(const at::Tensor& tensor, const Source& source) {
  return tensor.scalar_type() == source.whole.scalar_type() && tensor.has_storage() &&
         tensor.storage().unsafeGetStorageImpl() == source.whole.storage().unsafeGetStorageImpl();
}

// Stand-ins for the views. False, and the stack as it was, where what comes out lies elsewhere or is of another type.
bool call_on_views(const c10::OperatorHandle& op, Stack* stack, std::size_t begin) {
  Stack arguments(stack->begin() + static_cast<std::ptrdiff_t>(begin), stack->end());
  std::shared_ptr<const Source> source;
  for (auto& value : arguments) {
    replace(value, [&](const StandIn& found) {
      if (!source) source = found.source();
      return found.view();
    });
  }
  if (!source) return false;
  op.callBoxed(&arguments);
  for (auto& value : arguments) {
    if (value.isTensor() && lies_in(value.toTensor(), *source)) {
      value = wrapped(value.toTensor(), source);
    } else if (value.isTensorList()) {
      auto list = value.toTensorVector();
      for (auto& tensor : list) {
        if (!lies_in(tensor, *source)) return false;
        tensor = wrapped(tensor, source);
      }
      value = c10::IValue(std::move(list));
    } else {
      return false;
    }
  }
  stack->resize(begin);
  stack->insert(stack->end(), arguments.begin(), arguments.end());
  return true;
}

// Operators that do nothing (a dropout in evaluation) give back what they were given.
void keep_results(Stack* stack, std::size_t begin) {
  for (auto i = begin; i < stack->size(); ++i) {
    auto& value = (*stack)[i];
    if (value.isTensor() && t_scratch.holds(value.toTensor())) value = value.toTensor().clone();
    if (!value.isTensorList()) continue;
    auto list = value.toTensorVector();
    for (auto& tensor : list)
      if (t_scratch.holds(tensor)) tensor = tensor.clone();
    value = c10::IValue(std::move(list));
  }
}

struct GiveBack {
  ~GiveBack() { t_scratch.give_back(); }
};

void call_on_converted(const c10::OperatorHandle& op, Stack* stack, std::size_t begin) {
  const GiveBack after;
  for (auto i = begin; i < stack->size(); ++i)
    replace((*stack)[i], [](const StandIn& found) { return found.source()->converted(found.view()); });
  op.callBoxed(stack);
  keep_results(stack, begin);
}

// Some rows of a large table, in place of all.
bool call_on_rows(const c10::OperatorHandle& op, Stack* stack, std::size_t begin) {
  if (op.schema().name() != "aten::embedding" || !(*stack)[begin].isTensor()) return false;
  const auto* const table = stand_in_of((*stack)[begin].toTensor());
  const auto indices = (*stack)[begin + 1].toTensor();
  if (table == nullptr || table->view().dim() != 2 || !table->view().is_contiguous() || indices.numel() == 0 ||
      indices.numel() >= table->view().size(0))
    return false;
  const auto flat = indices.reshape(-1).to(at::kLong);
  const auto* const index = flat.data_ptr<std::int64_t>();
  const auto rows = table->view().size(0);
  // The operator's own message names an index that is out of range.
  if (std::any_of(index, index + flat.numel(), [&](std::int64_t i) { return i < 0 || i >= rows; })) return false;
  std::vector<at::Tensor> picked;
  for (std::int64_t i = 0; i < flat.numel(); ++i) {
    const GiveBack after;
    picked.push_back(table->source()->converted(table->view().select(0, index[i])).clone());
  }
  auto shape = indices.sizes().vec();
  shape.push_back(table->view().size(1));
  stack->resize(begin);
  stack->emplace_back(at::stack(picked).view(shape));
  return true;
}

// A product with a large matrix, some of its rows at a time.
bool call_in_blocks(const c10::OperatorHandle& op, Stack* stack, std::size_t begin) {
  if (op.schema().name() != "aten::linear" || !(*stack)[begin].isTensor() || !(*stack)[begin + 1].isTensor())
    return false;
  const auto given = (*stack)[begin].toTensor();
  const auto* const weight = stand_in_of((*stack)[begin + 1].toTensor());
  if (weight == nullptr || stand_in_of(given) != nullptr || weight->view().dim() != 2 ||
      weight->view().numel() <= k_most_at_once || !weight->view().is_contiguous() ||
      given.scalar_type() != weight->source()->dtype)
    return false;
  const auto bias = (*stack)[begin + 2].isNone() ? at::Tensor() : (*stack)[begin + 2].toTensor();
  if (stand_in_of(bias) != nullptr) return false;
  const auto rows = weight->view().size(0);
  auto shape = given.sizes().vec();
  shape.back() = rows;
  auto result = at::empty(shape, given.options());
  const auto step = std::max<std::int64_t>(1, k_most_at_once / weight->view().size(1));
  for (std::int64_t first = 0; first < rows; first += step) {
    const GiveBack after;
    const auto count = std::min(step, rows - first);
    const auto block = weight->source()->converted(weight->view().narrow(0, first, count));
    Stack arguments{given, block, bias.defined() ? c10::IValue(bias.narrow(0, first, count)) : c10::IValue()};
    op.callBoxed(&arguments);
    result.narrow(-1, first, count).copy_(arguments.front().toTensor());
  }
  stack->resize(begin);
  stack->emplace_back(std::move(result));
  return true;
}

void fall_back(const c10::OperatorHandle& op, Stack* stack) {
  const c10::impl::ExcludeDispatchKeyGuard below(k_key);
  const auto begin = stack->size() - op.schema().arguments().size();
  refuse_writes(op.schema(), *stack, begin);
  if (is_view(op.schema()) && call_on_views(op, stack, begin)) return;
  if (call_on_rows(op, stack, begin) || call_in_blocks(op, stack, begin)) return;
  call_on_converted(op, stack, begin);
}

TORCH_LIBRARY_IMPL(_, TESTING_ONLY_GenericWrapper, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&fall_back>());
}

}  // namespace

at::Tensor stand_in(const at::Tensor& tensor, const std::string& name, at::ScalarType dtype,
                    const std::optional<Perturbation>& tile) {
  return wrapped(tensor, std::make_shared<const Source>(Source{name, tensor, dtype, tile}));
}

std::optional<std::string> take_unstreamable() { return std::exchange(t_unstreamable, std::nullopt); }

}  // namespace goldseal::worker
