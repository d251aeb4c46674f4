// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/workflow/description/description.hpp>
#include <goldseal/workflow/description/json_values.hpp>
#include <goldseal/workflow/description/line_ends.hpp>
#include <goldseal/workflow/description/model_directory.hpp>
#include <goldseal/workflow/description/python_code.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

using namespace goldseal;
namespace fs = std::filesystem;

TEST_CASE("a configuration is kept value by value, whatever its layout") {
  const auto values = json_values(R"({"eps": 1e-12, "act": "gelu", "rope": {"factor": 8.0, "type": "linear"}})");
  REQUIRE(values);
  CHECK(values->at("eps") == "1e-12");
  CHECK(values->at("act") == "\"gelu\"");
  CHECK(values->at("rope.factor") == "8.0");
  CHECK(values == json_values("{\"rope\": {\"type\":\"linear\",\n\"factor\": 8.0}, \"act\": \"gelu\", \"eps\": 1e-12}"));
}

TEST_CASE("a number is no text, a key with a dot is no path, and a long value keeps its digest") {
  CHECK(json_values(R"({"a": "4"})") != json_values(R"({"a": 4})"));
  CHECK(json_values(R"({"a.b": 1})") != json_values(R"({"a": {"b": 1}})"));
  const std::string words(200, 'x');
  const auto kept = json_values("{\"a\": \"" + words + "\"}");
  REQUIRE(kept);
  CHECK(kept->at("a").starts_with("sha256 "));
  CHECK(kept != json_values("{\"a\": \"" + words + "y\"}"));
}

TEST_CASE("an integer keeps every digit, and a byte order mark is no layout") {
  CHECK_FALSE(json_values(R"({"a": 12345678901234567890123})"));
  CHECK_FALSE(json_values(R"({"a": [-9223372036854775809]})"));
  CHECK_FALSE(json_values("\xEF\xBB\xBF{\"a\": 1}"));
  // Digits of a fraction, in a text or in a name are none.
  for (const auto* const small : {R"({"a": 0.10000000000000000555})", R"({"a": 1.2345678901234567890123e-5})", R"({"a": "12345678901234567890123"})",
                                  R"({"12345678901234567890123": 1})", R"({"a": 123456789012345678})", R"({"a": "\"12345678901234567890123"})"}) {
    CAPTURE(small);
    CHECK(json_values(small));
  }
}

TEST_CASE("a large vocabulary is one digest, and every one of its entries counts") {
  std::string table = "{\"vocab\": {\"a\": 0";
  for (int i = 0; i < 3000; ++i) table += ", \"" + std::to_string(i) + "\": " + std::to_string(i);
  const auto values = json_values(table + "}}");
  REQUIRE(values);
  CHECK(values->size() == 1);
  CHECK(values != json_values(table + ", \"x\": 1}}"));
}

TEST_CASE("what names the writer is left out, and what is no object has no values") {
  CHECK(json_values(R"({"transformers_version": "4", "_name_or_path": "/home/me", "a": 1})")->size() == 1);
  for (const auto* const text : {"", "[]", "3", "{", "{\"a\": 1} x"}) CHECK_FALSE(json_values(text));
  std::string deep = "1";
  for (int i = 0; i < 200; ++i) deep = "{\"a\": " + deep + "}";
  CHECK_FALSE(json_values(deep));
}

namespace {

bool holds(const std::vector<fs::path>& files, std::string_view name) {
  return std::ranges::any_of(files, [&](const fs::path& file) { return file.string().ends_with(name); });
}

}  // namespace

TEST_CASE("a model's directory is told from one that holds a checkpoint by chance") {
  const TemporaryDirectory directory;
  const auto put = [&](const fs::path& name, std::string_view text) {
    fs::create_directories((directory.path() / name).parent_path());
    write_file_atomically(directory.path() / name, text);
  };
  put("config.json", R"({"learning_rate": 0.1})");
  CHECK_FALSE(is_model_directory(directory.path()));
  put("config.json", R"({"architectures": ["BertModel"]})");
  CHECK(is_model_directory(directory.path()));
  // Kinds: what builds the network, splits words, prepares pictures and sound, names classes, words a chat, generates.
  constexpr std::array k_kinds{"tokenizer.json", "merges.txt", "spiece.model", "modeling_x.py", "generation_config.json",
                               "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
                               "entity_vocab.json", "vocab.txt", "tokenizer.model.v3", "preprocessor_config.json",
                               "video_preprocessor_config.json", "processor_config.json", "adapter_config.json",
                               "chat_template.jinja", "chat_template.json", "normalizer.json", "id2label.json",
                               "quantize_config.json", "source.spm", "sentencepiece.bpe.model", "bpe.codes", "config.yaml",
                               "additional_chat_templates/tool.jinja", "custom_generate/generate.py"};
  for (const auto* const name : k_kinds) put(name, "{}");
  for (const auto* const name : {"README.md", "model.safetensors", "model.safetensors.index.json", "trainer_state.json"})
    put(name, "{}");
  const auto files = description_files(directory.path());
  for (const auto* const name : k_kinds) {
    CAPTURE(name);
    CHECK(holds(files, name));
  }
  for (const auto* const name : {"README.md", "model.safetensors", "index.json", "trainer_state.json"})
    CHECK_FALSE(holds(files, name));
  put("modules.json", "[]");
  put("1_Pooling/config.json", "{}");
  put("x.seal/config.json", "{}");
  CHECK(holds(description_files(directory.path()), "1_Pooling/config.json"));
  CHECK_FALSE(holds(description_files(directory.path()), "x.seal/config.json"));
  CHECK(directory_of_parts(directory.path() / "1_Pooling") == directory.path());
  CHECK_FALSE(directory_of_parts(directory.path()));
}

TEST_CASE("of a part's weights the whole is sealed: what pools and schedules lies beside it") {
  const TemporaryDirectory directory;
  const auto put = [&](const fs::path& name, std::string_view text) {
    fs::create_directories((directory.path() / name).parent_path());
    write_file_atomically(directory.path() / name, text);
  };
  put("modules.json", R"([{"idx": 0, "type": "Transformer"}, {"idx": 1, "type": "Pooling"}])");
  put("0_Transformer/config.json", R"({"model_type": "bert"})");
  put("0_Transformer/model.safetensors", "");
  put("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
  const auto seal = directory.path() / "0_Transformer/model.seal";
  ModelRecord sealed;
  sealed.files = description_records({Builder::python, "m:f", {}}, directory.path() / "0_Transformer/model.safetensors", {}, seal);
  CHECK(sealed.files.size() == 3);
  const auto state = [&](std::string_view end) {
    for (const auto& seen : observe_descriptions(sealed, {seal, {}, nullptr}))
      if (seen.path.ends_with(end)) return seen.state;
    return DescriptionObservation::State::missing;
  };
  using State = DescriptionObservation::State;
  CHECK(state("1_Pooling/config.json") == State::same);
  put("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": false})");
  CHECK(state("1_Pooling/config.json") == State::changed);
  put("modules.json", "[{\"type\": \"Transformer\",\n \"idx\": 0}, {\"idx\": 1, \"type\": \"Pooling\"}]");
  CHECK(state("modules.json") == State::rewritten);
  put("modules.json", R"([{"idx": 0, "type": "Transformer"}])");
  CHECK(state("modules.json") == State::changed);
}

namespace {

using State = DescriptionObservation::State;

// A directory that is the working one, and a seal in it of what `sources` names.
struct Project {
  TemporaryDirectory directory;
  fs::path before = fs::current_path();
  ModelRecord sealed = {};

  Project() { fs::current_path(directory.path()); }
  ~Project() {
    fs::current_path(before);
    ::unsetenv("PYTHONPATH");
  }
  Project(const Project&) = delete;
  Project& operator=(const Project&) = delete;

  void put(const fs::path& name, std::string_view text) const {
    if (name.has_parent_path()) fs::create_directories(name.parent_path());
    write_file_atomically(name, text);
  }
  void seal(const std::vector<SourceFile>& sources, const fs::path& checkpoint = "net.pth") {
    sealed.files = description_records({Builder::python, "net:Net", {}}, checkpoint, sources, directory.path() / "net.seal");
  }
  [[nodiscard]] State state(std::size_t i = 0) const {
    return observe_descriptions(sealed, {directory.path() / "net.seal", {}, nullptr}).at(i).state;
  }
};

}  // namespace

TEST_CASE("a link that leads elsewhere since is another file: of a source, of its package, of a configuration") {
  Project project;
  for (const auto* const one : {"v1", "v2"}) {
    project.put(fs::path(one) / "net.py", std::string("EPS = '") + one + "'\n");
    project.put(fs::path(one) / "config.json", std::string("{\"model_type\": \"") + one + "\"}");
  }
  const auto point = [](const fs::path& link, const fs::path& to) {
    fs::remove(link);
    fs::create_symlink(to, link);
  };
  point("net.py", "v1/net.py");
  project.seal({{"net", fs::absolute("net.py").string()}});
  CHECK(project.sealed.files.front().path == "../net.py");
  CHECK(project.state() == State::same);
  point("net.py", "v2/net.py");
  CHECK(project.state() == State::changed);

  point("lib", "v1");
  project.seal({{"lib.net", fs::absolute("lib/net.py").string()}}, "lib/net.pth");
  REQUIRE(project.sealed.files.size() == 2);
  CHECK(project.state(0) == State::same);
  point("lib", "v2");
  CHECK(project.state(0) == State::changed);
  CHECK(project.state(1) == State::changed);
}

TEST_CASE("a project that is copied with its seal keeps its paths, whatever link led to it") {
  Project project;
  fs::create_directories("releases/one");
  project.put("releases/one/net.py", "EPS = 1\n");
  fs::create_symlink("releases/one", "current");
  CHECK(path_from_seal("current/net.py", "current/net.seal") == "../net.py");
  CHECK(path_from_seal("releases/one/net.py", "current/net.seal") == "../net.py");
  CHECK(path_from_seal("current/net.py", "releases/one/net.seal") == "../net.py");
  CHECK(path_from_seal("current", "net.seal") == "../current");
  CHECK(path_from_seal("current/", "net.seal") == "../current");
  CHECK(path_from_seal("current/../one/net.py", "net.seal") == "../releases/one/net.py");
}

TEST_CASE("what import takes first is what would serve") {
  Project project;
  project.put("parts.py", "EPS = 1\n");
  project.put("pkg/net.py", "EPS = 1\n");
  project.seal({{"parts", fs::absolute("parts.py").string()}, {"pkg.net", fs::absolute("pkg/net.py").string()}});
  const auto alone = [&](const char* name, std::string_view text, State wanted, std::size_t i = 0) {
    CAPTURE(name);
    project.put(name, text);
    CHECK(project.state(i) == wanted);
    fs::remove_all(name);
  };
  // Beside it: a package and compiled code come first, a byte code file and another module's do not.
  alone("parts/__init__.py", "EPS = 2\n", State::changed);
  fs::remove_all("parts");
  alone("parts.cpython-311-x86_64-linux-gnu.so", "code", State::changed);
  alone("parts.abi3.so", "code", State::changed);
  alone("pkg/net.so", "code", State::changed, 1);
  alone("parts.pyc", "code", State::same);
  alone("parts.data.so", "code", State::same);
  alone("parts2.py", "EPS = 2\n", State::same);
  project.put("parts/README", "");  // a directory without __init__ comes last
  CHECK(project.state() == State::same);
  fs::remove_all("parts");

  // A directory of PYTHONPATH that comes before its own, with another file, with the same, and after its own.
  project.put("first/parts.py", "EPS = 2\n");
  project.put("work/README", "");
  fs::current_path("work");
  const auto first = (project.directory.path() / "first").string();
  ::setenv("PYTHONPATH", first.c_str(), 1);
  CHECK(project.state() == State::changed);
  ::setenv("PYTHONPATH", (project.directory.path().string() + ":" + first).c_str(), 1);
  CHECK(project.state() == State::same);
  ::setenv("PYTHONPATH", first.c_str(), 1);
  project.put("../first/parts.py", "# 2\nEPS = 1\n");
  CHECK(project.state() == State::same);
  ::unsetenv("PYTHONPATH");

  // The working directory: its own project's file counts, another project's leaves the question open.
  project.put("parts.py", "EPS = 2\n");
  CHECK(project.state() == State::missing);
  fs::current_path(project.directory.path());
  fs::create_directory("src");
  fs::rename("parts.py", "src/parts.py");
  project.seal({{"parts", fs::absolute("src/parts.py").string()}});
  CHECK(project.state() == State::same);
  project.put("parts.py", "EPS = 2\n");
  CHECK(project.state() == State::changed);
}

TEST_CASE("what was read, a plain configuration and the weights of other parts are described too") {
  Project project;
  project.put("anchors.txt", "1 2");
  project.put("config.json", R"({"width": 4})");
  project.put("hparams.yaml", "width: 4");
  project.seal({{"", fs::absolute("anchors.txt").string()}});
  CHECK(project.sealed.files.size() == 3);
  for (const auto& file : project.sealed.files) CHECK(file.role == FileRole::description);
  CHECK(project.state(2) == State::same);
  project.put("anchors.txt", "1 3");
  CHECK(project.state(2) == State::changed);

  project.put("st/modules.json", "[{}, {}]");
  project.put("st/model.safetensors", "own");
  project.put("st/2_Dense/model.safetensors", "dense");
  project.seal({}, "st/model.safetensors");
  const auto records = project.sealed.files;
  CHECK(std::ranges::count_if(records, [](const auto& f) { return f.path.ends_with("2_Dense/model.safetensors"); }) == 1);
  CHECK(std::ranges::count_if(records, [](const auto& f) { return f.path.ends_with("st/model.safetensors"); }) == 0);
}

TEST_CASE("a directory that brings code brings what lies below it") {
  const TemporaryDirectory directory;
  const auto put = [&](const fs::path& name, std::string_view text) {
    fs::create_directories((directory.path() / name).parent_path());
    write_file_atomically(directory.path() / name, text);
  };
  put("config.json", R"({"model_type": "x"})");
  put("sub/more.py", "");
  put(".hidden/more.py", "");
  CHECK_FALSE(holds(description_files(directory.path()), "sub/more.py"));
  put("config.json", R"({"model_type": "x", "auto_map": {"AutoModel": "modeling_x.X"}})");
  CHECK(holds(description_files(directory.path()), "sub/more.py"));
  CHECK_FALSE(holds(description_files(directory.path()), ".hidden/more.py"));
}

TEST_CASE("an argument is a path where it looks like one and is there") {
  const TemporaryDirectory directory;
  fs::create_directory(directory.path() / "train");
  const auto before = fs::current_path();
  fs::current_path(directory.path());
  CHECK(path_options({Builder::python, "m:f", {{"directory", "train"}}}) == std::vector<std::string>{"directory"});
  CHECK(path_options({Builder::python, "m:f", {{"mode", "train"}}}).empty());
  CHECK(path_options({Builder::python, "m:f", {{"mode", "./train"}}}) == std::vector<std::string>{"mode"});
  CHECK(path_options({Builder::python, "m:f", {{"directory", "gone"}}}).empty());
  CHECK(path_options({Builder::darknet, "m.cfg", {{"directory", "train"}}}).empty());
  fs::current_path(before);
}

TEST_CASE("a text with other line ends is told as that, whichever way it was rewritten") {
  const auto compared = [](std::string_view sealed, std::string_view found) {
    return other_line_ends(found, sealed.size(), sha256(std::as_bytes(std::span(sealed))));
  };
  const auto windows = compared("a\nb\n", "a\r\nb\r\n");
  REQUIRE(windows);
  CHECK(windows->sealed == "LF (Unix)");
  CHECK(windows->found == "CR LF (Windows)");
  const auto plain = compared("a\r\nb\r\n", "a\nb\n");
  REQUIRE(plain);
  CHECK(plain->sealed == "CR LF (Windows)");
  CHECK(compared("a\nb\n", "a\r\nb\n"));  // a line that was pasted
  CHECK_FALSE(compared("a\nb\n", "a\nb\n"));
  CHECK_FALSE(compared("a\nb\n", "a\r\nc\r\n"));
  CHECK_FALSE(compared("a\nb\n", "a\nb\n\n"));
  // A return without a line feed is a line of its own to Python.
  CHECK_FALSE(compared("a\r\nb\n", "a\r\r\nb\n"));
  CHECK_FALSE(compared("a\r\r\nb\r\n", "a\r\nb\n"));
  CHECK_FALSE(compared("ab\n", "a\rb\n"));
}

TEST_CASE("line ends within a source's strings are no change of its code") {
  CHECK(digest_of_code("x = '''a\nb'''\n") == digest_of_code("x = '''a\r\nb'''\r\n"));
  CHECK(digest_of_code("x = '''a\\\nb'''\n") == digest_of_code("x = '''a\\\r\nb'''\r\n"));
  CHECK(digest_of_code("x = '''a\nb'''\n") != digest_of_code("x = '''a\n\nb'''\r\n"));
  CHECK_FALSE(digest_of_code("x = '''a\rb'''\n"));
}

TEST_CASE("a comment is no code, whatever stands where one could stand") {
  const auto same = [](const char* one, const char* other) {
    const auto first = digest_of_code(one);
    return first && first == digest_of_code(other);
  };
  CHECK(same("x = 1  # one\n", "x = 1\n"));
  CHECK(same("# a\n\nx = 1\n", "x = 1"));
  CHECK(same("def f(a,  # first\n      b):\n    return a\n", "def f(a,\n      b):\n\n    # sum\n    return a\n"));
  CHECK(same("x = 1\r\n# c\r\n", "x = 1\n"));
  CHECK(same("s = '# text'  # c\n", "s = '# text'\n"));
  CHECK(same("x = f'{a:>{w}}'  # {\n", "x = f'{a:>{w}}'\n"));

  // Kinds: values, order, indentation, what is in strings of every form, docstrings, and comments that something reads.
  CHECK_FALSE(same("eps = 1e-3\n", "eps = 1e-5\n"));
  CHECK_FALSE(same("if a:\n    x = 1\ny = 2\n", "if a:\n    x = 1\n    y = 2\n"));
  CHECK_FALSE(same("s = '# one'\n", "s = '# two'\n"));
  CHECK_FALSE(same("s = \"it's # one\"\n", "s = \"it's # two\"\n"));
  CHECK_FALSE(same("s = r'\\'# one'\n", "s = r'\\'# two'\n"));
  CHECK_FALSE(same("s = '''\n# one\n'''\n", "s = '''\n# two\n'''\n"));
  CHECK_FALSE(same("s = '''a\n\nb'''\n", "s = '''a\nb'''\n"));
  CHECK_FALSE(same("s = '''a \nb'''\n", "s = '''a\nb'''\n"));
  CHECK_FALSE(same("def f():\n    '''one'''\n", "def f():\n    '''two'''\n"));
  CHECK_FALSE(same("def f(x):  # type: (int) -> int\n", "def f(x):  # type: (str) -> int\n"));
  CHECK_FALSE(same("# coding: utf-8\nx = 1\n", "# coding: latin-1\nx = 1\n"));

  // What versions of Python, or a hasty reader, would take apart otherwise.
  for (const auto* const doubtful :
       {"f\"{a[\"#\"]}\"\n", "f'{a['#']}'\n", "s = 'open\n", "s = '''open\n", "f'{'\n", "f'{a!r}}'\n",
        "rf'{x[\"k\"]}'  # c\n", "x = 1 \\\n\n-2\n", "x = 1 \\\n# c\n-2\n", "x = 1\f\n", "x = 1\ry = 2\n"}) {
    CAPTURE(doubtful);
    CHECK_FALSE(digest_of_code(doubtful));
  }
  CHECK_FALSE(digest_of_code(std::string_view("x\0y", 3)));
}
