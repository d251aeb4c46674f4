// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/pickle/pickle_refusal.hpp>

#include "checkpoint/builders.hpp"

#include <goldseal/base/bytes/byte_reader.hpp>

#include <catch.hpp>

#include <deque>
#include <string>
#include <utility>

using namespace goldseal;
using namespace goldseal::test;

namespace {

// The texts of a document lie in its bytes, which are kept to the end.
pickle::Document parse(std::string bytes, const pickle::Rules& rules = {}) {
  static std::deque<std::string> kept;
  ByteReader reader("p", as_bytes(kept.emplace_back(std::move(bytes))));
  return pickle::read("p", reader, rules);
}
Error refusal(const std::string& bytes, const pickle::Rules& rules = {}) {
  return error_of([&] { (void)parse(bytes, rules); });
}
std::string repeat(std::string_view text, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) result += text;
  return result;
}

}  // namespace

TEST_CASE("dicts, lists, numbers and text are read as symbols") {
  const auto bytes = Pickle()
                         .raw("}(")
                         .text("a")
                         .integer(-5)
                         .text("b")
                         .raw("](K\x01")
                         .raw("G\x3f\xf8")
                         .raw(std::string(6, '\0'))
                         .raw("eu")
                         .stop();
  const auto document = parse(bytes);
  const auto items = document.items(document.root());
  REQUIRE(items.size() == 4);
  CHECK(document.text(items[0]) == "a");
  CHECK(document.integer(items[1]) == -5);
  CHECK(document.integer(document.items(items[3])[0]) == 1);
  CHECK(document.real(document.items(items[3])[1]) == 1.5);
}

TEST_CASE("a long integer keeps its sign and its 64 bits") {
  CHECK(parse(std::string("\x80\x02\x8a\x02\x00\xff.", 7)).integer(0) == 0);
  const auto document = parse(std::string("\x80\x02\x8a\x02\x00\xff.", 7));
  CHECK(document.integer(document.root()) == -256);
}

TEST_CASE("getattr is taken for the member of an enum of torch.distributed, and for nothing else") {
  const pickle::Rules distributed{.torchscript = false, .distributed = true};
  const auto getattr_of = [](const char* module, const char* name, const char* member) {
    return Pickle().global("builtins", "getattr").global(module, name).text(member).raw("\x86R").stop();
  };
  const auto* const metadata = "torch.distributed.checkpoint.metadata";
  const auto document = parse(getattr_of(metadata, "_MEM_FORMAT_ENCODING", "TORCH_PRESERVE_FORMAT"), distributed);
  CHECK(document.is_call(document.root(), pickle::Role::enum_member));

  CHECK(refusal(getattr_of(metadata, "_MEM_FORMAT_ENCODING", "TORCH_PRESERVE_FORMAT"))
            .message()
            .find("builtins.getattr") != std::string::npos);
  CHECK(refusal(getattr_of("os", "path", "join"), distributed).kind() == ErrorKind::malformed);
  for (const auto& bytes : {getattr_of(metadata, "Kind", "__init__"), getattr_of("collections", "OrderedDict", "pop"),
                            Pickle().global("builtins", "getattr").text("a").text("b").raw("\x86R").stop(),
                            Pickle().global("builtins", "getattr").global(metadata, "Kind").raw("\x85R").stop()}) {
    const auto error = refusal(bytes, distributed);
    CHECK(error.kind() == ErrorKind::malformed);
    CHECK(error.message().find("member of an enum") != std::string::npos);
  }
}

TEST_CASE("os.system is refused as code, and nothing runs") {
  const auto error = refusal(Pickle().global("os", "system").text("touch /tmp/owned").raw("\x85R").stop());
  CHECK(error.kind() == ErrorKind::malformed);
  CHECK(error.message().find("import and run os.system") != std::string::npos);
}

TEST_CASE("a whole model is refused with the classes and packages that it needs") {
  const auto error = refusal(Pickle()
                                 .global("models.yolo", "Model")
                                 .raw(")\x81}")
                                 .text("x")
                                 .global("torch.nn.modules.conv", "Conv2d")
                                 .raw("sb")
                                 .stop());
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.message().find("models.yolo.Model, torch.nn.modules.conv.Conv2d") != std::string::npos);
  CHECK(error.remedy().find("the code of models") != std::string::npos);
}

TEST_CASE("module and name are matched apart: joined by a dot they are another pair") {
  CHECK_THROWS_AS(parse(Pickle().global("torch", "_utils._rebuild_tensor_v2").raw(")R").stop()), Error);
  CHECK_THROWS_AS(parse(Pickle().global("collections.OrderedDict", "").raw(")R").stop()), Error);
}

TEST_CASE("opcodes that torch.save does not write are refused by name") {
  CHECK(refusal("\x80\x02(cos\nsystem\no.").kind() == ErrorKind::malformed);
  CHECK(refusal("\x80\x02(ios\nsystem\n.").message().find("INST") != std::string::npos);
  CHECK(refusal("\x80\x02\x8c\x02os\x8c\x06system\x93.").message().find("SHORT_BINUNICODE") != std::string::npos);
  CHECK(refusal("\x80\x02\xff.").message().find("0xff") != std::string::npos);
}

TEST_CASE("protocols other than 2 and 3 are named with the remedy") {
  const auto error = refusal("\x80\x04N.");
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.message().find("protocol 4") != std::string::npos);
  CHECK(error.remedy().find("pickle_protocol") != std::string::npos);
}

TEST_CASE("a pickle that is cut, or that misuses its stack or memo, is refused") {
  CHECK(refusal("\x80\x02").message().find("ends too early") != std::string::npos);
  for (const std::string body :
       {"", "NN", "(", "t", "R", "a", "s", "NNs", "h\x05", "Nq\x07", "u", "K\x01)R", "}}b", "}(NNNu", "N]a"}) {
    INFO(body);
    CHECK_THROWS_AS(parse("\x80\x02" + body + "."), Error);
  }
}

TEST_CASE("a value below a mark cannot be taken from within the group") {
  CHECK_THROWS_AS(parse("\x80\x02N(\x85."), Error);
}

TEST_CASE("a flood of marks or lists ends at a limit, at once") {
  CHECK(refusal("\x80\x02" + repeat("(", 65'000) + ".").message().find("nested deeper") != std::string::npos);
  CHECK(refusal("\x80\x02" + repeat("]", 5'000'000) + ".").message().find("more lists") != std::string::npos);
}

TEST_CASE("a text length beyond the file is refused before memory is taken") {
  CHECK(refusal("\x80\x02X\xff\xff\xff\xff"
                "abc.")
            .message()
            .find("4294967295 more bytes") != std::string::npos);
}

TEST_CASE("records beside the weights stay symbols") {
  const auto bytes = Pickle().global("argparse", "Namespace").raw(")\x81}").text("lr").raw("K\x01sb").stop();
  const auto document = parse(bytes);
  CHECK(document.is_call(document.root(), pickle::Role::record));
}

TEST_CASE("a storage class or tensor class is never called") {
  CHECK_THROWS_AS(parse(Pickle().global("torch", "Tensor").raw("K\x03\x85R").stop()), Error);
  CHECK_THROWS_AS(parse(Pickle().global("torch", "FloatStorage").raw("K\x03\x85R").stop()), Error);
  CHECK_THROWS_AS(parse(Pickle().global("torch", "Tensor").raw(")\x81").stop()), Error);
}

TEST_CASE("classes on no list stay symbols where they are admitted, and what runs code is refused all the same") {
  const pickle::Rules foreign{.foreign = true};
  const auto document = parse(
      Pickle().raw("}(").text("a").global("project", "Config").raw(")\x81}").text("lr").raw("K\x01sbu").stop(), foreign);
  const auto value = document.items(document.root())[1];
  CHECK(document.kind(value) == pickle::Kind::call);
  CHECK(document.global(document.callee(value)).known == nullptr);
  CHECK(document.global(document.callee(value)).name == "Config");

  for (const auto& [module, name] : std::vector<std::pair<const char*, const char*>>{
           {"os", "system"}, {"posix", "system"}, {"builtins", "eval"}, {"io", "open"}, {"torch.hub", "load"},
           {"operator", "attrgetter"}, {"importlib.util", "find_spec"}, {"numpy.f2py", "compile"}}) {
    INFO(module << '.' << name);
    // Behind a harmless class, and never called.
    const auto error = refusal(Pickle().raw("(").global("project", "Config").global(module, name).raw("t").stop(), foreign);
    CHECK(error.kind() == ErrorKind::malformed);
    CHECK(error.message().find("import and run") != std::string::npos);
  }
  CHECK_FALSE(pickle::runs_code("code.models", "Net"));
  CHECK_FALSE(pickle::runs_code("builtins", "max"));
  CHECK(pickle::runs_code("code", "InteractiveInterpreter"));
}

TEST_CASE("getattr is the member of an enum of a user's class, never a way to a function") {
  const pickle::Rules foreign{.foreign = true};
  const auto member = Pickle().global("builtins", "getattr").global("project", "Color").text("red").raw("\x86R");
  const auto document = parse(Pickle(member).stop(), foreign);
  CHECK(document.is_call(document.root(), pickle::Role::enum_member));
  CHECK(refusal(Pickle(member).raw(")R").stop(), foreign).kind() == ErrorKind::malformed);
  const auto other = Pickle().global("builtins", "getattr").raw("K\x01").text("real").raw("\x86R").stop();
  CHECK(refusal(other, foreign).message().find("that is code, not weights") != std::string::npos);
}

TEST_CASE("Python's detours for objects are followed where such objects are admitted") {
  const pickle::Rules foreign{.foreign = true};
  // A tuple that contains itself, the call of what functools.partial returned, and the legacy format's classes.
  CHECK(parse("\x80\x02(K\x01K\x02"
              "1K\x05.",
              foreign)
            .size() > 0);
  CHECK(refusal("\x80\x02(K\x01K\x02"
                "1K\x05.")
            .message()
            .find("POP_MARK") != std::string::npos);
  const auto called = parse(Pickle().global("functools", "partial").raw(")R)R").stop(), foreign);
  CHECK(called.global(called.callee(called.root())).name.empty());
  const auto legacy =
      parse(Pickle().raw("(").text("module").global("project", "Net").text("net.py").text("").raw("tQ)\x81").stop(), foreign);
  CHECK(legacy.global(legacy.callee(legacy.root())).name == "Net");
  CHECK(legacy.persistents().empty());
}

TEST_CASE("an enum of TorchScript is called with its value, and nothing else is") {
  const pickle::Rules foreign{.foreign = true};
  const auto document = parse(Pickle().global("__torch__.layers", "Format").text("NCHW").raw("R").stop(), foreign);
  CHECK(document.kind(document.root()) == pickle::Kind::call);
  CHECK(document.global(document.callee(document.root())).name == "Format");
  for (const auto* const module : {"layers", "__torch__other", "collections"}) {
    const auto error = refusal(Pickle().global(module, "OrderedDict").text("NCHW").raw("R").stop(), foreign);
    CHECK(error.message().find("arguments other than a tuple") != std::string::npos);
  }
}
