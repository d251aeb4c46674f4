// SPDX-License-Identifier: Apache-2.0
// Tricks that have beaten scanners and readers of checkpoints. Each must end in a refusal, or where it is harmless in
// a note, within bounded time and memory, and nothing may run.
#include "checkpoint/builders.hpp"

#include <catch.hpp>

#include <algorithm>

using namespace goldseal;
using namespace goldseal::test;

namespace {

const std::string k_storage = "\x01\x02\x03\x04\x05\x06\x07\x08";

std::string file_of(const std::string& pickle) { return torch_file(pickle, {k_storage}); }

/// A state dict of one tensor, rebuilt by `function` from what `arguments` pushes.
std::string rebuilt(std::string_view module, std::string_view name, const Pickle& arguments) {
  auto body = arguments.stop().substr(2);
  body.pop_back();
  return file_of(Pickle().raw("}").text("w").global(module, name).raw("(").raw(body).raw("tRs").stop());
}

Pickle storage_of(std::string_view storage_class, std::int32_t count = 2) {
  Pickle pickle;
  pickle.raw("(").text("storage").global("torch", storage_class).text("0").text("cpu").integer(count).raw("tQ");
  return pickle;
}

void check_refused(const std::string& bytes) {
  const auto error = refusal_of(bytes);
  CHECK((error.kind() == ErrorKind::malformed || error.kind() == ErrorKind::unsupported));
  CHECK_FALSE(error.message().empty());
}

}  // namespace

TEST_CASE("functions that load or run files are refused by whatever module they are in") {
  const std::vector<std::pair<std::string, std::string>> functions{
      {"torch.serialization", "load"},
      {"torch", "load"},
      {"torch.jit", "load"},
      {"torch._inductor.codecache", "compile_file"},
      {"numpy.f2py.crackfortran", "getlincoef"},
      {"pip", "main"},
      {"pip._internal", "main"},
      {"builtins", "eval"},
      {"__builtin__", "exec"},
      {"builtins", "getattr"},
      {"posix", "system"},
      {"nt", "system"},
      {"subprocess", "Popen"},
      {"runpy", "run_path"},
      {"torch.hub", "load"},
      {"torch.utils.data.datapipes", "x"},
      {"asyncio.unix_events", "_UnixSubprocessTransport._start"},
      {"timeit", "timeit"},
      {"torch._dynamo.guards", "GuardBuilder.get"},
      {"numpy.testing._private.utils", "runstring"},
      {"os\\x2esystem", "x"},
      {"os ", "system"}};
  for (const auto& [module, name] : functions) {
    INFO(module << " " << name);
    check_refused(file_of(Pickle().global(module, name).text("x").raw("\x85R").stop()));
    // The same, hidden in a value beside a sound state dict.
    check_refused(file_of(Pickle()
                              .raw("}(")
                              .text("w")
                              .tensor("FloatStorage", "0", 2, 0, {2}, {1})
                              .text("x")
                              .global(module, name)
                              .text("x")
                              .raw("\x85Ru")
                              .stop()));
  }
}

TEST_CASE("requires_grad must be True or False, and a quantization axis one of the tensor's") {
  const auto plain = [](const std::string& gradient) {
    return rebuilt("torch._utils", "_rebuild_tensor_v2",
                   storage_of("FloatStorage")
                       .integer(0)
                       .tuple({2})
                       .tuple({1})
                       .raw(gradient)
                       .global("collections", "OrderedDict")
                       .raw(")R"));
  };
  CHECK(open_bytes(plain("\x88")).tensors.size() == 1);
  for (const auto& other : {Pickle().integer(1).body(), std::string("N"), Pickle().text("True").body(), std::string("]")})
    check_refused(plain(other));
  const auto quantized = [](const std::string& axis) {
    return rebuilt("torch._utils", "_rebuild_qtensor",
                   storage_of("QInt8Storage", 8)
                       .integer(0)
                       .tuple({2, 4})
                       .tuple({4, 1})
                       .raw("(")
                       .global("torch", "per_channel_affine")
                       .raw("NN" + axis + "t")
                       .raw("\x89")
                       .global("collections", "OrderedDict")
                       .raw(")R"));
  };
  CHECK(open_bytes(quantized(Pickle().integer(1).body())).tensors.size() == 1);
  for (const auto& other : {Pickle().integer(2).body(), Pickle().integer(-1).body(), std::string("N")})
    check_refused(quantized(other));
}

TEST_CASE("a payload before a broken opcode is refused, not read up to the break") {
  check_refused(file_of(std::string("\x80\x02") + "cposix\nsystem\n)R\xff"));
}

TEST_CASE("the magic of a memo that grows or is reordered ends in a refusal") {
  check_refused(file_of(Pickle().raw("}r\xff\xff\xff\x7f").stop()));
  check_refused(file_of(Pickle().raw("Nq\x05").stop()));
  check_refused(file_of(Pickle().raw("}j\xff\xff\xff\xff").stop()));
}

TEST_CASE("attributes are set on nothing that a checkpoint holds") {
  check_refused(file_of(Pickle().raw("}").raw("}").text("x").raw("Nsb").stop()));
  check_refused(rebuilt("torch._utils", "_rebuild_tensor_v2", Pickle().raw("N}b")));
}

TEST_CASE("tensors rebuilt in ways that torch.save does not write are refused") {
  const std::string hooks = "ccollections\nOrderedDict\n)R";
  const auto v2 = [&](const Pickle& storage, const std::string& rest) {
    auto body = storage.stop().substr(2);
    body.pop_back();
    return rebuilt("torch._utils", "_rebuild_tensor_v2", Pickle().raw(body).raw(rest));
  };
  const std::string zero("K\0", 2);
  CHECK_NOTHROW(open_bytes(v2(storage_of("FloatStorage"), zero + "K\x02\x85K\x01\x85\x89" + hooks)));
  const auto lazy =
      open_bytes(v2(storage_of("FloatStorage"), zero + "K\x02\x85K\x01\x85\x89" + hooks +
                                                    Pickle().raw("}").text("conj").raw("\x88s").stop().substr(2, 12)));
  CHECK(lazy.tensors.empty());  // a conjugated view is not what its storage says
  CHECK(lazy.notes.at(0).rule == "state-dict.unsupported-tensors");
  CHECK(lazy.notes.at(0).unread.at(0).name == "w");
  CHECK(lazy.notes.at(0).unread.at(0).kind == UnreadKind::view);
  check_refused(v2(storage_of("FloatStorage"), zero + "K\x02\x85K\x01\x85\x89" + hooks +
                                                   Pickle().text("a").raw("Ns").stop().substr(2, 8)));  // hooks
  check_refused(v2(storage_of("FloatStorage"), zero + "N" + "K\x01\x85\x89" + hooks));
  check_refused(v2(storage_of("FloatStorage"), zero + "K\x02\x85)\x89" + hooks));
  check_refused(v2(storage_of("Tensor"), zero + "K\x02\x85K\x01\x85\x89" + hooks));
  check_refused(v2(storage_of("float32"), zero + "K\x02\x85K\x01\x85\x89" + hooks));
  check_refused(v2(Pickle().raw("N"), zero + "K\x02\x85K\x01\x85\x89" + hooks));
  check_refused(rebuilt("torch._tensor", "_rebuild_from_type_v2",
                        Pickle().global("torch", "Tensor").global("torch", "Tensor").raw("K\x03\x85}")));
  check_refused(rebuilt("torch._utils", "_rebuild_parameter", Pickle().raw("N\x89").raw(hooks)));
}

TEST_CASE("a storage key that leads out of the archive finds nothing") {
  for (const std::string key : {"../../etc/passwd", "/etc/passwd", "0/../0", "", "00"}) {
    INFO(key);
    check_refused(file_of(Pickle().raw("}").text("w").tensor("FloatStorage", key, 2, 0, {2}, {1}).raw("s").stop()));
  }
}

TEST_CASE("persistent ids of another shape are refused") {
  for (const std::string id : {"N", ")", "K\x01", "(NNNNNt"}) {
    check_refused(file_of(Pickle().raw("}").text("w").raw(id).raw("Qs").stop()));
  }
}

TEST_CASE("structures that contain themselves or double at each step end at once") {
  check_refused(file_of(
      Pickle().raw("}q").raw(std::string(1, '\0')).text("a").raw("h").raw(std::string(1, '\0')).raw("s").stop()));
  check_refused(
      file_of(Pickle().raw("]q").raw(std::string(1, '\0')).raw("h").raw(std::string(1, '\0')).raw("a").stop()));
  std::string tower = "\x80\x02]q";
  tower += '\0';
  for (int i = 0; i < 200; ++i) {
    const auto before = static_cast<char>(i);
    const auto next = static_cast<char>(i + 1);
    tower += std::string("](h") + before + "h" + before + "eq" + next;
  }
  check_refused(file_of(tower + "."));
}

TEST_CASE("a compressed pickle is refused: torch.save stores it, and a bomb would be one") {
  auto bytes = file_of(state_dict_pickle({"a"}));
  bytes[8] = '\x08';
  bytes[bytes.find("PK\x01\x02") + 10] = '\x08';
  const auto error = refusal_of(bytes);
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.remedy().find("torch.save") != std::string::npos);
}

TEST_CASE("control characters of a file do not reach the terminal through an error") {
  const auto error = refusal_of(
      file_of(Pickle().raw("}(").text("\x1b[2J").tensor("FloatStorage", "0", 2, 9, {2}, {1}).raw("u").stop()));
  CHECK(error.message().find('\x1b') == std::string::npos);
  CHECK(error.message().find("\\x1b") != std::string::npos);
}

TEST_CASE("content decides what a file is, its name does not") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "model.safetensors";
  write_file_atomically(path, file_of(state_dict_pickle({"a"})));
  CHECK(open_checkpoint(path).container == Container::Kind::torch_zip);
}
