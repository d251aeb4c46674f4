// SPDX-License-Identifier: Apache-2.0
#include <catch.hpp>

#include "checks/samples.hpp"

namespace goldseal {
namespace {

using samples::conforming;
using samples::judge;
using samples::outcome;

namespace {
bool mentions(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
}  // namespace

TEST_CASE("a model that is as it was sealed conforms") { CHECK(outcome(conforming()) == ExitCode::conforms); }

TEST_CASE("code that was not run is sent to whoever can run it, and to no option that cannot help") {
  for (const auto& form : k_builders) {
    if (form.may_be_embedded()) continue;
    auto observed = conforming();
    observed.sealed.model.builder = form.kind;
    observed.run.untold_code = std::string(form.name) + ":own";
    const auto untold = judge("worker.run", observed);
    CHECK(untold.status == Status::unknown);
    const bool program = form.kind == Builder::program;
    CHECK(mentions(untold.remedy, "goldseal::verify(SEAL, module)") == program);
    CHECK(mentions(untold.remedy, "--trust-code") == !program);
    CHECK(mentions(untold.remedy, "--runtime python") == (form.kind == Builder::python));
    CHECK(mentions(untold.remedy, "goldseal.verify(SEAL, model)") == (form.kind == Builder::python));
    observed.run.untold_code.clear();
    observed.run.worker->done = true;
    if (const auto replaced = judge("model.code", observed); replaced.status == Status::unknown)
      CHECK(replaced.remedy == untold.remedy);
  }
}

TEST_CASE("a golden file that is missing or changed is damage") {
  auto observed = conforming();
  observed.files.golden_sha256 = sha256("other");
  CHECK(outcome(observed) == ExitCode::integrity);
  observed.files.golden_sha256.reset();
  CHECK(outcome(observed) == ExitCode::integrity);
}

TEST_CASE("a seal without golden cases is no proof: inconclusive") {
  auto observed = conforming();
  observed.sealed.golden.clear();
  observed.run.outputs.clear();
  CHECK(outcome(observed) == ExitCode::inconclusive);
}

TEST_CASE("a checkpoint that cannot be read is damage, with the reader's words and both sizes") {
  auto observed = conforming();
  observed.files.found[0].damage = "ends too early";
  observed.files.found[0].damage_where = "m.pth at byte 7";
  observed.files.found[0].bytes = 7;
  observed.files.keys.reset();
  const auto finding = judge("file.checkpoint", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message == "the checkpoint is cut short or damaged");
  CHECK(finding.expected.starts_with("10 bytes"));
  CHECK(finding.actual == "ends too early (7 bytes)");
  CHECK(finding.origin == "m.pth at byte 7");
  CHECK(outcome(observed) == ExitCode::integrity);
}

TEST_CASE("a rewritten file with the same tensors warns") {
  auto observed = conforming();
  observed.files.found[0].sha256 = sha256("anew");
  CHECK(judge("file.checkpoint", observed).status == Status::warn);
  CHECK(outcome(observed) == ExitCode::conforms);
}

namespace {

using Kind = golden::WeightChange::Kind;

/// The tensor has other values in the file, and as loaded, and this is known of them.
void change_in_file(Observation& observed, const std::string& name, golden::WeightChange change) {
  observed.files.tensors[name] = sha256("other " + name);
  observed.files.weight_changes[name] = std::move(change);
  for (auto& tensor : *observed.run.loaded_tensors)
    if (tensor.name == name) tensor.sha256 = sha256("other " + name);
}

}  // namespace

TEST_CASE("a byte that changed in one tensor is damage, and it is named") {
  auto observed = conforming();
  change_in_file(observed, "b.weight", {.kind = Kind::one_element, .one_byte = true, .text = "bit 3 of element [1]"});
  const auto finding = judge("tensors.file", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.severity == Severity::integrity);
  CHECK(mentions(finding.message, "b.weight, bit 3"));
  CHECK(outcome(observed) == ExitCode::integrity);
}

TEST_CASE("B23: where all tensors differ and the names agree it is another checkpoint, not damage") {
  auto observed = conforming();
  observed.sealed.created = "2026-01-01T00:00:00Z";
  observed.files.found[0].written = "2026-01-01T00:05:00Z";
  for (const auto* const name : {"a.weight", "b.weight"})
    change_in_file(observed, name, {.kind = Kind::other, .text = "other values throughout"});
  const auto finding = judge("tensors.file", observed);
  CHECK(finding.status == Status::fail);
  CHECK(mentions(finding.message, "another checkpoint of the same network"));
  CHECK(mentions(finding.message, "last written at 2026-01-01T00:05:00Z, after it was sealed at 2026-01-01T00:00:00Z"));
  CHECK(mentions(finding.remedy, "saved again after it was sealed: seal it again"));
  CHECK_FALSE(mentions(finding.remedy, "copy"));
  CHECK(outcome(observed) == ExitCode::fails);
  observed.files.found[0].written = "2025-12-31T00:00:00Z";
  CHECK(mentions(judge("tensors.file", observed).message, "before it was sealed"));
  CHECK_FALSE(mentions(judge("tensors.file", observed).remedy, "saved again"));
}

TEST_CASE("B23: a counter of batches says how many steps lie between the two") {
  auto observed = conforming();
  observed.sealed.model.tensors[0].name = "a.num_batches_tracked";
  observed.files.tensors = {{"a.num_batches_tracked", sha256("8")}, {"b.weight", sha256("x")}};
  observed.run.loaded_tensors.reset();
  observed.files.weight_changes["a.num_batches_tracked"] = {.kind = Kind::counted, .before = 12, .after = 8,
                                                            .text = "12 became 8"};
  observed.files.weight_changes["b.weight"] = {.kind = Kind::other, .text = "other values throughout"};
  const auto finding = judge("tensors.file", observed);
  CHECK(mentions(finding.message, "4 steps earlier"));
  CHECK_FALSE(mentions(finding.message, "flipped"));
  CHECK(outcome(observed) == ExitCode::fails);
}

TEST_CASE("B15: transposed and rounded values fail as what they are") {
  auto observed = conforming();
  change_in_file(observed, "a.weight", {.kind = Kind::exchanged, .text = "the sealed values transposed"});
  CHECK(mentions(judge("tensors.file", observed).message, "the sealed values in other places"));
  CHECK(mentions(judge("tensors.file", observed).message, "transposed"));
  CHECK(outcome(observed) == ExitCode::fails);
  auto rounded = conforming();
  change_in_file(rounded, "a.weight", {.kind = Kind::to_bfloat16, .text = "rounded to bfloat16"});
  CHECK(mentions(judge("tensors.file", rounded).message, "rounded to half precision"));
  CHECK(outcome(rounded) == ExitCode::fails);
}

TEST_CASE("B14: tensors under each other's names are told as that, not as another checkpoint") {
  auto observed = conforming();
  const auto first = observed.files.tensors.at("a.weight");
  observed.files.tensors["a.weight"] = observed.files.tensors.at("b.weight");
  observed.files.tensors["b.weight"] = first;
  const auto finding = judge("tensors.file", observed);
  CHECK(mentions(finding.message, "2 of 2 tensors hold the values of other tensors of the seal"));
  CHECK(mentions(finding.message, "a.weight, holds the values of b.weight"));
  CHECK(mentions(finding.remedy, "names were mixed up"));
  CHECK(outcome(observed) == ExitCode::fails);
  // A tensor of zeros beside another one was not loaded.
  observed.files.tensors["b.weight"] = observed.sealed.model.tensors[1].sha256;
  observed.files.weight_changes["a.weight"] = {.kind = Kind::zero, .text = "all zero: it was never loaded"};
  CHECK(mentions(judge("tensors.file", observed).message, "all zero"));
  CHECK_FALSE(mentions(judge("tensors.file", observed).message, "of other tensors"));
}

TEST_CASE("some tensors with other values are told as that, with no more than is known") {
  auto observed = conforming();
  observed.files.tensors["b.weight"] = sha256("other");
  const auto finding = judge("tensors.file", observed);
  CHECK(finding.status == Status::fail);
  CHECK(mentions(finding.message, "1 of 2 tensors hold other values"));
  CHECK(outcome(observed) == ExitCode::fails);
}

TEST_CASE("what tensors.file has told of is not told again by tensors.loaded, and both fail") {
  auto observed = conforming();
  change_in_file(observed, "b.weight", {.kind = Kind::other, .text = "other values throughout"});
  const auto loaded = judge("tensors.loaded", observed);
  CHECK(loaded.status == Status::fail);
  CHECK(loaded.severity == Severity::fail);
  CHECK(loaded.tables.empty());
  CHECK(mentions(loaded.remedy, "tensors.file"));
  (*observed.run.loaded_tensors)[0].sha256 = sha256("changed while it was loaded");
  CHECK(judge("tensors.loaded", observed).severity == Severity::integrity);
}

TEST_CASE("B14: names are judged before values, and the same tensors under new names are no damage") {
  auto observed = conforming();
  auto& keys = *observed.files.keys;
  keys.have = {{"model.a.weight", DType::float32, {2, 3}, true}, {"model.b.weight", DType::float32, {2, 3}, true}};
  keys.want = {{"net.a.weight", DType::float32, {2, 3}, true}, {"net.b.weight", DType::float32, {2, 3}, true}};
  keys.match = match_keys(keys.have, keys.want);
  observed.sealed.model.tensors[0].name = "net.a.weight";
  observed.sealed.model.tensors[1].name = "net.b.weight";
  keys.digests = {sha256("a"), sha256("b")};
  observed.files.tensors.clear();
  observed.run.loaded_tensors.reset();
  const auto names = judge("keys.sealed", observed);
  CHECK(names.status == Status::fail);
  CHECK(mentions(names.message, "the same tensors under new names"));
  CHECK(mentions(names.message, "the digests of all 2 prove it"));
  CHECK(mentions(names.remedy, "--rename model=net"));
  CHECK(judge("tensors.file", observed).status == Status::unknown);
  CHECK(outcome(observed) == ExitCode::fails);
  // A policy that lets the names pass proves nothing of the values.
  keys.digests = {sha256("a"), sha256("other")};
  CHECK(mentions(judge("keys.sealed", observed).message, "1 of 2 missing tensors"));
  CHECK_FALSE(mentions(judge("keys.sealed", observed).message, "the same tensors under new names"));
}

TEST_CASE("two tensors that changed places are told as such") {
  auto observed = conforming();
  std::swap((*observed.run.loaded_tensors)[0].sha256, (*observed.run.loaded_tensors)[1].sha256);
  const auto finding = judge("tensors.loaded", observed);
  CHECK(finding.tables.at(0).rows.at(0).at(3) == "holds the values of b.weight");
}

TEST_CASE("a tensor that was not loaded is missing, not passed over") {
  auto observed = conforming();
  observed.run.loaded_tensors->pop_back();
  CHECK(judge("tensors.loaded", observed).tables.at(0).rows.at(0).at(3) == "missing");
}

TEST_CASE("F59: another hyperparameter is named with both values") {
  auto observed = conforming();
  (*observed.run.configuration)["0.bn.eps"] = "0.001";
  const auto finding = judge("model.configuration", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.expected == "eps = 1e-05");
  CHECK(finding.actual == "eps = 0.001");
}

TEST_CASE("B57: another choice is named with both values, and fails where the answers differ") {
  auto observed = conforming();
  auto differing = observed.run.outputs;
  differing.front().structure = "other dimensions";
  observed.sealed.model.choices = {{"block.act", "function torch.relu"}, {"os.environ.MODE", "(not set)"}, {"torch.default_dtype", "float32"}};
  observed.run.choices = observed.sealed.model.choices;
  CHECK(judge("model.configuration", observed).status == Status::pass);
  observed.run.choices["block.act"] = "function torch.tanh";
  CHECK(judge("model.configuration", observed).status == Status::warn);  // the answers agree
  observed.run.outputs.clear();
  CHECK(judge("model.configuration", observed).status == Status::unknown);  // there are none
  observed.run.outputs = differing;
  auto finding = judge("model.configuration", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message.find("act of block") != std::string::npos);
  CHECK(finding.expected == "act = function torch.relu");
  CHECK(finding.actual == "act = function torch.tanh");
  observed.run.choices = {{"os.environ.MODE", "fast"}};
  finding = judge("model.configuration", observed);
  CHECK(finding.actual == "MODE = fast");
  CHECK(finding.remedy.find("remove the variable MODE") == 0);
  observed.sealed.model.choices["os.environ.MODE"] = "slow";
  CHECK(judge("model.configuration", observed).remedy.find("set the variable MODE") == 0);
  observed.run.choices = {{"torch.default_dtype", "float64"}};
  CHECK(judge("model.configuration", observed).remedy.find("torch.set_default_dtype(torch.float32)") != std::string::npos);
  observed.sealed.model.choices["forward_hooks"] = "none";
  observed.run.choices = {{"forward_hooks", "itself: function f"}};
  CHECK(judge("model.configuration", observed).status == Status::fail);
  CHECK(judge("model.configuration", observed).message.find("forward hooks") != std::string::npos);
  observed.run.outputs = conforming().run.outputs;
  CHECK(judge("model.configuration", observed).status == Status::pass);  // tools hang hooks on a live model
  observed.run.outputs = differing;
  observed.run.choices = {{"torch.default_dtype", "float64"}};
  (*observed.run.configuration)["0.bn.eps"] = "0.001";
  finding = judge("model.configuration", observed);
  CHECK(finding.expected == "eps = 1e-05");
  CHECK(finding.tables.size() == 2);
}

TEST_CASE("B57: what a seal does not hold of choices and of later settings is not compared") {
  auto observed = conforming();
  observed.run.choices = {{"act", "function torch.tanh"}};
  (*observed.run.configuration)["shrink.lambd"] = "0.5";
  CHECK(judge("model.configuration", observed).status == Status::pass);
  observed.sealed.model.choices = {{"other", "None"}};
  CHECK(judge("model.configuration", observed).status == Status::pass);
  observed.sealed.model.configuration["shrink.lambd"] = "0.1";
  CHECK(judge("model.configuration", observed).actual == "lambd = 0.5");
  observed.sealed.model.configuration.clear();
  CHECK(judge("model.configuration", observed).status == Status::skipped);
  observed.run.choices["other"] = "None";
  CHECK(judge("model.configuration", observed).message == "all 1 choices of forward() are as they were sealed");
}

TEST_CASE("settings that are written otherwise and mean the same are no difference") {
  const auto judged = [](std::map<std::string, std::string> sealed, std::map<std::string, std::string> found) {
    auto observed = conforming();
    observed.sealed.model.configuration = std::move(sealed);
    observed.run.configuration = std::move(found);
    return judge("model.configuration", observed).status;
  };
  const auto one = [&](const std::string& sealed, const std::string& found) {
    const auto there = judged({{"pool.kernel_size", sealed}}, {{"pool.kernel_size", found}});
    CHECK(there == judged({{"pool.kernel_size", found}}, {{"pool.kernel_size", sealed}}));
    return there;
  };
  for (const auto& [sealed, found] : std::vector<std::pair<std::string, std::string>>{
           {"2", "(2, 2)"}, {"2", "[2, 2, 2]"}, {"[2, 3]", "(2, 3)"}, {"2", "(2,)"}, {"1", "1.0"}, {"(0, 6)", "(0.0, 6.0)"},
           {"0.001", "1e-3"}, {"-1", "-1.0"}}) {
    INFO(sealed << " and " << found);
    CHECK(one(sealed, found) == Status::pass);
  }
  for (const auto& [sealed, found] : std::vector<std::pair<std::string, std::string>>{
           {"2", "(2, 3)"}, {"(2, 2)", "(2, 2, 2)"}, {"2", "()"}, {"1", "True"}, {"None", "0"}, {"bilinear", "nearest"},
           {"9007199254740993", "9007199254740992.0"}, {"nan", "0"}, {"(2, (2, 2))", "2"}, {"1e-05", "1e-03"}}) {
    INFO(sealed << " and " << found);
    CHECK(one(sealed, found) == Status::fail);
  }
  const std::map<std::string, std::string> words{{"c.kernel_size", "(3, 5)"}, {"c.dilation", "(2, 1)"}, {"c.padding", "same"}};
  const auto numbers = [&](const std::string& padding) {
    auto found = words;
    found["c.padding"] = padding;
    return found;
  };
  CHECK(judged(words, numbers("(2, 2)")) == Status::pass);
  CHECK(judged(numbers("2"), words) == Status::pass);
  CHECK(judged(words, numbers("1")) == Status::fail);
  CHECK(judged(numbers("valid"), numbers("(0, 0)")) == Status::pass);
  CHECK(judged(numbers("valid"), words) == Status::fail);
  CHECK(judged({{"c.kernel_size", "(4,)"}, {"c.dilation", "(1,)"}, {"c.padding", "same"}},
               {{"c.kernel_size", "(4,)"}, {"c.dilation", "(1,)"}, {"c.padding", "(1,)"}}) == Status::fail);
}

TEST_CASE("keys that do not match fail with tables of what is missing, unexpected and of another shape") {
  auto observed = conforming();
  auto& keys = *observed.run.network_keys;
  keys.match.pairs.clear();
  keys.match.missing = {1};
  keys.match.unexpected = {1};
  keys.match.mismatched = {{0, 0, true, false}};
  const auto finding = judge("keys.network", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.tables.size() == 3);
  CHECK(finding.actual == "0 match, 1 missing, 1 unexpected, 1 of another shape or type");
}

TEST_CASE("F35: a crash of the worker fails the model, a hang leaves the verdict open") {
  auto observed = conforming();
  observed.run.worker->done = false;
  observed.run.outputs.clear();
  observed.run.worker->failure =
      WorkerFailure{WorkerFailure::Kind::crashed, "run", "ended with signal 4 (SIGILL)", "one\ntwo\n"};
  const auto crash = judge("worker.run", observed);
  CHECK(crash.status == Status::fail);
  CHECK(crash.remedy.find("processor") != std::string::npos);
  CHECK(crash.tables.at(0).rows.size() == 2);
  CHECK(outcome(observed) == ExitCode::fails);
  observed.run.worker->failure->kind = WorkerFailure::Kind::hung;
  CHECK(outcome(observed) == ExitCode::inconclusive);
}

TEST_CASE("what another version of PyTorch has and this one lacks is told with both versions") {
  auto observed = conforming();
  observed.run.worker->done = false;
  observed.run.outputs.clear();
  observed.sealed.environment.set("torch.version", std::string("2.13.0"), "test");
  observed.machine.environment.set("torch.version", std::string("1.13.1"), "test");
  for (const auto* raised : {"AttributeError: module 'torch' has no attribute 'vmap'", "\"addmm_impl_cpu_\" not implemented for 'Half'",
                             "AttributeError: module 'torch.nn.utils.parametrizations' has no attribute 'weight_norm'",
                             "ModuleNotFoundError: No module named 'torch.nn.attention'",
                             "ImportError: cannot import name 'vmap' from 'torch.func' (torch/func/__init__.py)"}) {
    observed.run.worker->failure = WorkerFailure{WorkerFailure::Kind::raised, "run", raised, ""};
    CHECK(judge("worker.run", observed).remedy ==
          "PyTorch 1.13.1 lacks what the model calls, which was sealed with 2.13.0: run it with that version");
  }
  observed.run.worker->failure->summary = "ValueError: 3 heads";
  CHECK(judge("worker.run", observed).remedy.find("its words are above") != std::string::npos);
  observed.run.worker->failure->summary = "AttributeError: module 'torch' has no attribute 'vmpa'";
  observed.machine.environment.set("torch.version", std::string("2.13.0"), "test");
  CHECK(judge("worker.run", observed).remedy.find("its words are above") != std::string::npos);
}

TEST_CASE("a tensor that a compiled network has in its code is warned of, and no digest of it is asked for") {
  auto observed = conforming();
  observed.run.network_keys->want[1].compiled_in = CompiledIn::code;
  observed.run.loaded_tensors->pop_back();
  const auto keys = judge("keys.network", observed);
  CHECK(keys.status == Status::warn);
  CHECK(keys.message.find("b.weight is compiled into its code or not used") != std::string::npos);
  CHECK(judge("tensors.loaded", observed).status == Status::pass);
  CHECK(outcome(observed) == ExitCode::conforms);
  observed.run.network_keys->want[1].compiled_in = CompiledIn::counter;
  CHECK(judge("keys.network", observed).status == Status::pass);
  observed.run.loaded_tensors->clear();
  CHECK(outcome(observed) == ExitCode::integrity);
}

}  // namespace
}  // namespace goldseal
