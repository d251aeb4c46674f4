// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/pickle/virtual_machine.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace goldseal::pickle {
namespace {

// A checkpoint of two million tensors stays below these. They bound the memory that a hostile file can take to about
// a gigabyte, whatever it claims.
constexpr std::size_t k_value_limit = std::size_t{1} << 25;
constexpr std::size_t k_container_limit = std::size_t{1} << 22;
constexpr std::size_t k_mark_limit = 1000;

bool may_be_called(Role role) {
  switch (role) {
    case Role::storage_class:
    case Role::untyped_storage:
    case Role::dtype:
    case Role::quantizer_scheme:
    case Role::tensor_class:
      return false;
    default:
      return true;
  }
}

}  // namespace

Machine::Machine(std::string_view file, ByteReader& reader) : m_file(file), m_reader(reader) {
  m_document.m_values.push_back({Kind::none, 0, 0});
  m_document.m_values.push_back({Kind::boolean, 0, 0});
  m_document.m_values.push_back({Kind::boolean, 0, 1});
  m_document.m_values.push_back({Kind::tuple, 0, 0});
  for (std::uint64_t i = 0; i < 256; ++i) m_document.m_values.push_back({Kind::integer, 0, i});
}

Document Machine::finish() {
  if (m_stack.size() != 1 || !m_marks.empty()) m_reader.fail("the pickle ends with more or less than one value");
  m_document.m_root = m_stack.front();
  return std::move(m_document);
}

void Machine::fail_at(std::uint64_t offset, std::string message) const {
  throw Error(ErrorKind::malformed, at_byte(m_file, offset), std::move(message));
}

Id Machine::add(Kind kind, std::uint64_t payload, std::uint32_t size) {
  auto& values = m_document.m_values;
  if (values.size() >= k_value_limit) m_reader.fail("the pickle holds more values than any checkpoint");
  values.push_back({kind, size, payload});
  return static_cast<Id>(values.size() - 1);
}

Id Machine::add_container(Kind kind, Container container) {
  auto& containers = m_document.m_containers;
  if (containers.size() >= k_container_limit)
    m_reader.fail("the pickle holds more lists and dicts than any checkpoint");
  containers.push_back(std::move(container));
  return add(kind, containers.size() - 1);
}

Id Machine::add_tuple(std::span<const Id> items) {
  if (items.empty()) return k_empty_tuple;
  auto& all = m_document.m_tuple_items;
  const auto begin = all.size();
  all.insert(all.end(), items.begin(), items.end());
  return add(Kind::tuple, begin, static_cast<std::uint32_t>(items.size()));
}

Id Machine::pop() {
  const auto id = top();
  m_stack.pop_back();
  return id;
}

/// What lies below the last mark belongs to an enclosing list or tuple.
Id Machine::top() {
  const auto floor = m_marks.empty() ? 0 : m_marks.back();
  if (m_stack.size() <= floor) m_reader.fail("the pickle takes a value from an empty stack");
  return m_stack.back();
}

std::string_view Machine::pop_text() {
  const auto id = pop();
  if (m_document.kind(id) != Kind::text) m_reader.fail("the pickle names a class by values other than text");
  return m_document.text(id);
}

/// The values above the last mark; they stay on the stack until `drop_marked`.
std::span<const Id> Machine::marked() {
  if (m_marks.empty()) m_reader.fail("the pickle closes a group that it never opened");
  return std::span(m_stack).subspan(m_marks.back());
}

void Machine::drop_marked() {
  m_stack.resize(m_marks.back());
  m_marks.pop_back();
}

void Machine::mark() {
  if (m_marks.size() >= k_mark_limit) m_reader.fail("the pickle is nested deeper than any checkpoint");
  m_marks.push_back(m_stack.size());
}

void Machine::push_integer(std::int64_t value) {
  push(value >= 0 && value < 256 ? k_small_integers + static_cast<Id>(value)
                                 : add(Kind::integer, static_cast<std::uint64_t>(value)));
}

void Machine::push_real(std::uint64_t bits) { push(add(Kind::real, bits)); }

void Machine::push_list() { push(add_container(Kind::list, {})); }

void Machine::push_dict() { push(add_container(Kind::dict, {})); }

void Machine::push_tuple(std::size_t count) {
  std::array<Id, 3> items{};
  for (auto i = count; i > 0; --i) items[i - 1] = pop();
  push(add_tuple(std::span(items).first(count)));
}

void Machine::push_marked_tuple() {
  const auto id = add_tuple(marked());
  drop_marked();
  push(id);
}

void Machine::push_large_integer(std::size_t size) {
  const auto bytes = m_reader.take(size);
  if (size > 8) {
    push(add(Kind::large_integer, 0));
    return;
  }
  const bool negative = size > 0 && (std::to_integer<unsigned>(bytes.back()) & 0x80U) != 0;
  std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
  std::memcpy(&value, bytes.data(), size);
  push_integer(static_cast<std::int64_t>(value));
}

void Machine::push_text(std::size_t size) {
  const auto text = m_reader.text(size);
  push(add(Kind::text, std::bit_cast<std::uint64_t>(text.data()), static_cast<std::uint32_t>(text.size())));
}

void Machine::push_python2_text(std::size_t size) {
  push_text(size);
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (!std::ranges::all_of(m_document.text(m_stack.back()), is_ascii)) m_document.m_python2_text = true;
}

void Machine::push_global(const Global& global) {
  auto& globals = m_document.m_globals;
  globals.push_back(global);
  push(add(Kind::global, globals.size() - 1));
}

/// ('storage', …), or ('module', CLASS, FILE, SOURCE), by which the legacy format names the class of a module.
void Machine::push_persistent() {
  const auto value = pop();
  const auto parts = m_document.kind(value) == Kind::tuple ? m_document.items(value) : std::span<const Id>();
  const bool names_class = parts.size() == 4 && m_document.kind(parts[0]) == Kind::text &&
                           m_document.text(parts[0]) == "module" && m_document.kind(parts[1]) == Kind::global;
  if (names_class) return push(parts[1]);
  const auto id = add(Kind::persistent, value);
  m_document.m_persistents.push_back(id);
  push(id);
}

bool Machine::is_foreign_call(Id id) const {
  return m_document.kind(id) == Kind::call && m_document.global(m_document.callee(id)).known == nullptr;
}

bool Machine::is_script_class(Id id) const {
  const auto& global = m_document.global(id);
  return global.known == nullptr && (global.module == "__torch__" || global.module.starts_with("__torch__."));
}

void Machine::push_call(bool construct) {
  const auto at = m_reader.offset() - 1;
  auto arguments = pop();
  auto callee = pop();
  if (is_foreign_call(callee)) {  // functools.partial(…)(), by which Python pickles __new__ with keywords
    push_global({});
    callee = pop();
  }
  if (m_document.kind(callee) != Kind::global) fail_at(at, "the pickle calls a value other than a class or function");
  if (m_document.kind(arguments) != Kind::tuple && is_script_class(callee)) {  // TorchScript calls an enum with its value
    const std::array value{arguments};
    arguments = add_tuple(value);
  }
  if (m_document.kind(arguments) != Kind::tuple) fail_at(at, "the pickle calls with arguments other than a tuple");
  const auto& global = m_document.global(callee);
  const bool allowed =
      global.known == nullptr || (construct ? global.known->role == Role::record : may_be_called(global.known->role));
  if (!allowed) {
    fail_at(at, fmt::format("the pickle calls {}.{}, which torch.save never does", escape_unprintable(global.module),
                            escape_unprintable(global.name)));
  }
  if (global.known != nullptr && global.known->role == Role::enum_member) require_enum_member(at, arguments);
  push(add_container(Kind::call, {{}, callee, arguments, Document::k_no_id}));
}

// getattr reaches anything: only a plain name of a class that the reader admits by its module is taken.
void Machine::require_enum_member(std::uint64_t at, Id arguments) const {
  const auto items = m_document.items(arguments);
  const bool fits = items.size() == 2 && m_document.kind(items[0]) == Kind::global &&
                    m_document.global(items[0]).known == nullptr && m_document.kind(items[1]) == Kind::text &&
                    !m_document.text(items[1]).starts_with('_');
  if (!fits) {
    throw Error(ErrorKind::malformed, at_byte(m_file, at),
                "the file asks Python to import and run getattr for something else than the member of an enum: that is "
                "code, not weights",
                "do not load it with torch.load; take the file from a source that you trust");
  }
}

void Machine::build() {
  const auto at = m_reader.offset() - 1;
  const auto state = pop();
  const auto target = top();
  const bool call = m_document.kind(target) == Kind::call;
  const auto* const known = call ? m_document.global(m_document.callee(target)).known : nullptr;
  const bool allowed = call && (known == nullptr || known->role == Role::ordered_dict || known->role == Role::record);
  if (!allowed) fail_at(at, "the pickle sets attributes on a value that has none in a checkpoint");
  auto& container = m_document.m_containers[m_document.m_values[target].payload];
  if (container.state != Document::k_no_id) fail_at(at, "the pickle sets the attributes of a value twice");
  container.state = state;
}

void Machine::set_items(Id target, std::span<const Id> pairs) {
  const bool object = m_document.is_call(target, Role::record) || is_foreign_call(target);
  if (!m_document.is_mapping(target) && !object) m_reader.fail("the pickle sets an item on a value other than a dict");
  if (pairs.size() % 2 != 0) m_reader.fail("the pickle sets a key without a value");
  auto& items = m_document.m_containers[m_document.m_values[target].payload].items;
  items.insert(items.end(), pairs.begin(), pairs.end());
}

void Machine::append(Id target, std::span<const Id> values) {
  const bool object = m_document.is_call(target, Role::record) || is_foreign_call(target);
  if (m_document.kind(target) != Kind::list && !object) {
    m_reader.fail("the pickle appends to a value other than a list");
  }
  auto& items = m_document.m_containers[m_document.m_values[target].payload].items;
  items.insert(items.end(), values.begin(), values.end());
}

void Machine::append_top() {
  const auto value = pop();
  append(top(), {&value, 1});
}

void Machine::set_top() {
  std::array<Id, 2> pair{};
  pair[1] = pop();
  pair[0] = pop();
  set_items(top(), pair);
}

void Machine::set_marked() {
  const std::vector<Id> values(marked().begin(), marked().end());
  drop_marked();
  set_items(top(), values);
}

void Machine::append_marked() {
  const std::vector<Id> values(marked().begin(), marked().end());
  drop_marked();
  append(top(), values);
}

void Machine::drop_top() { (void)pop(); }

void Machine::drop_group() {
  (void)marked();
  drop_marked();
}

void Machine::put(std::size_t index) {
  const auto value = top();
  // Picklers number their memo from 0 without gaps, so that an index beyond it is an attempt at its memory.
  if (index > m_memo.size()) m_reader.fail(fmt::format("the pickle stores value {} before {}", index, m_memo.size()));
  if (index == m_memo.size()) {
    m_memo.push_back(value);
  } else {
    m_memo[index] = value;
  }
}

void Machine::get(std::size_t index) {
  if (index >= m_memo.size()) m_reader.fail(fmt::format("the pickle recalls value {} of {}", index, m_memo.size()));
  push(m_memo[index]);
}

}  // namespace goldseal::pickle
