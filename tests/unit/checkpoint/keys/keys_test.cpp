// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/keys/keys.hpp>

#include <goldseal/base/messages/text.hpp>

#include <catch.hpp>

using namespace goldseal;

namespace {

std::vector<Key> keys(const std::vector<std::string>& names, const std::vector<std::int64_t>& shape = {2},
                      DType dtype = DType::float32) {
  std::vector<Key> result;
  for (const auto& name : names) result.push_back({name, dtype, shape});
  return result;
}

const std::vector<std::string> k_names{"conv.weight", "conv.bias", "bn.weight"};

std::vector<std::string> prefixed(const std::string& prefix, const std::vector<std::string>& names = k_names) {
  std::vector<std::string> result;
  for (const auto& name : names) result.push_back(prefix + name);
  return result;
}

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("equal names match in any order and need no explanation") {
  const auto match = match_keys(keys({"b", "a"}), keys({"a", "b"}));
  CHECK(match.complete());
  CHECK(match.pairs.size() == 2);
  CHECK(match.removed_segments.empty());
  CHECK(match.cause.empty());
}

TEST_CASE("wrapper segments are removed wherever they are, and reported") {
  struct Row {
    std::string prefix;
    std::vector<std::string> removed;
  };
  for (const auto& [prefix, removed] : std::vector<Row>{{"module.", {"module"}},
                                                        {"module.module.", {"module", "module"}},
                                                        {"_orig_mod.", {"_orig_mod"}},
                                                        {"_orig_mod.module.", {"_orig_mod", "module"}},
                                                        {"module._orig_mod.", {"module", "_orig_mod"}},
                                                        {"_fsdp_wrapped_module.", {"_fsdp_wrapped_module"}},
                                                        {"_forward_module.", {"_forward_module"}},
                                                        {"model.", {"model"}},
                                                        {"model._orig_mod.", {"model", "_orig_mod"}},
                                                        {"ema_model.module.", {"ema_model", "module"}}}) {
    INFO(prefix);
    const auto match = match_keys(keys(prefixed(prefix)), keys(k_names));
    CHECK(match.complete());
    CHECK(match.removed_segments == removed);
    CHECK(match.renamed == k_names);
    CHECK(match.cause.empty());
  }
}

TEST_CASE("segments inside a path are removed too") {
  const auto match = match_keys(keys({"features.module.0.weight", "classifier._checkpoint_wrapped_module.weight"}),
                                keys({"features.0.weight", "classifier.weight"}));
  CHECK(match.complete());
  CHECK(match.removed_segments == std::vector<std::string>{"module", "_checkpoint_wrapped_module"});
}

TEST_CASE("names that merely contain a wrapper's name stay whole") {
  const std::vector<std::string> names{"mlp_module.weight", "module_list.0.weight", "submodule.bias"};
  const auto match = match_keys(keys(prefixed("module.", names)), keys(names));
  CHECK(match.complete());
  CHECK(match.renamed == names);
}

TEST_CASE("a network with a part called module keeps it") {
  const std::vector<std::string> names{"backbone.module.weight", "head.weight"};
  CHECK(match_keys(keys(names), keys(names)).removed_segments.empty());
  const auto match = match_keys(keys(prefixed("module.", names)), keys(names));
  CHECK(match.complete());
  CHECK(match.removed_segments == std::vector<std::string>{"module"});
}

TEST_CASE("nothing is removed where two names would become one") {
  const auto match = match_keys(keys({"module.a", "a"}), keys({"a", "b"}));
  CHECK_FALSE(match.complete());
  CHECK(match.removed_segments.empty());
  CHECK(match.unexpected.size() == 1);
}

TEST_CASE("a key without the prefix is not shortened: no seven characters are cut off") {
  const auto match = match_keys(keys({"module.a", "encoder"}), keys({"a", "encoder"}));
  CHECK(match.complete());
  CHECK(match.renamed == std::vector<std::string>{"a", "encoder"});
}

TEST_CASE("names are never made longer to fit a wrapped network") {
  const auto match = match_keys(keys(k_names), keys(prefixed("module.")));
  CHECK_FALSE(match.complete());
  CHECK(mentions(match.cause, "the network is wrapped"));
}

TEST_CASE("state entries that a state dict does not save may be absent") {
  auto want = keys({"a", "buffer"});
  want[1].required = false;
  CHECK(match_keys(keys({"a"}), want).complete());
  CHECK(match_keys(keys({"a", "buffer"}), want).complete());
  CHECK(match_keys(keys({"module.a"}), want).complete());
}

TEST_CASE("another class count is explained with both heads") {
  auto have = keys({"module.head.weight", "module.head.bias", "module.body.weight"});
  have[0].shape = {18, 1024, 1, 1};
  have[1].shape = {18};
  auto want = keys({"head.weight", "head.bias", "body.weight"});
  want[0].shape = {255, 1024, 1, 1};
  want[1].shape = {255};
  const auto match = match_keys(have, want);
  CHECK(match.missing.empty());
  REQUIRE(match.mismatched.size() == 2);
  CHECK(match.mismatched[0].shape);
  CHECK(match.removed_segments == std::vector<std::string>{"module"});
  CHECK(mentions(match.cause, "18 = 3*(5+1 classes), 255 = 3*(5+80 classes)"));
  CHECK(mentions(match.cause, "[18, 1024, 1, 1], [255, 1024, 1, 1] wanted"));
  CHECK(mentions(match.remedy, "classes=1"));
}

TEST_CASE("missing BatchNorm counters alone are explained") {
  const auto match = match_keys(keys({"bn.weight"}), keys({"bn.weight", "bn.num_batches_tracked"}));
  CHECK(match.missing.size() == 1);
  CHECK(mentions(match.cause, "before 0.4.1"));
  CHECK(mentions(match.remedy, "num_batches_tracked"));
}

TEST_CASE("the counters are told of also under a prefix") {
  const auto match = match_keys(keys({"module.bn.weight", "module.bn.bias"}),
                                keys({"bn.weight", "bn.bias", "bn.num_batches_tracked"}));
  CHECK(match.missing == std::vector<std::size_t>{2});
  CHECK(match.unexpected.empty());
  CHECK(mentions(match.cause, "DataParallel"));
}

TEST_CASE("half precision is explained") {
  const auto match = match_keys(keys({"w"}, {2}, DType::float16), keys({"w"}));
  REQUIRE(match.mismatched.size() == 1);
  CHECK(match.mismatched[0].dtype);
  CHECK_FALSE(match.mismatched[0].shape);
  CHECK(mentions(match.cause, "half precision"));
  CHECK(mentions(match.remedy, "convert --dtype float32"));
}

TEST_CASE("flat FSDP shards cannot be renamed") {
  const auto match = match_keys(keys({"_fsdp_wrapped_module._flat_param"}, {1000}), keys(k_names));
  CHECK(mentions(match.cause, "flat FSDP shards"));
  CHECK(mentions(match.remedy, "FULL_STATE_DICT"));
}

TEST_CASE("a tied weight that was saved once is explained by its twin") {
  auto want = keys({"embed.weight", "lm_head.weight"});
  want[1].alias_of = "embed.weight";
  const auto match = match_keys(keys({"embed.weight"}), want);
  CHECK(mentions(match.cause, "lm_head.weight is tied to embed.weight"));
  CHECK(mentions(match_keys(keys({"lm_head.weight"}), want).cause, "embed.weight is tied to lm_head.weight"));
  want.push_back(keys({"norm.weight"}).front());
  CHECK_FALSE(mentions(match_keys(keys({"embed.weight"}), want).cause, "is tied to"));
}

TEST_CASE("another repository's naming of a YOLOv3 is recognised") {
  const auto match = match_keys(keys({"model.0.conv.weight", "model.1.conv.weight"}),
                                keys({"module_list.0.conv_0.weight", "module_list.1.conv_1.weight"}));
  CHECK(mentions(match.cause, "ultralytics yolov3 since v9"));
  CHECK(mentions(match.cause, "eriklindernoren"));
}

TEST_CASE("an unknown prefix is named with the command that removes it") {
  const auto match = match_keys(keys(prefixed("detector.core.")), keys(k_names));
  CHECK_FALSE(match.complete());
  CHECK(mentions(match.remedy, "--strip-prefix detector.core"));
}

TEST_CASE("a part of the network is told from a prefix") {
  const auto match = match_keys(keys(k_names), keys(prefixed("backbone.")));
  CHECK(mentions(match.cause, "the network's names begin with `backbone.`"));
}

TEST_CASE("names with nothing in common are shown side by side") {
  const auto match = match_keys(keys({"alpha", "beta"}), keys({"completely.other", "names.here"}));
  CHECK(mentions(match.cause, "not one name in common"));
  CHECK(match.missing.size() == 2);
  CHECK(match.unexpected.size() == 2);
}

TEST_CASE("near names are offered") {
  const auto match = match_keys(keys({"fc1.weight", "fc2.wieght"}), keys({"fc1.weight", "fc2.weight"}));
  REQUIRE(match.nearest.size() == 1);
  CHECK(mentions(match.cause, "fc2.wieght may be fc2.weight"));
}

TEST_CASE("a list of more or fewer layers is counted") {
  const std::vector<std::string> three{"b.0.w", "b.0.v", "b.1.w", "b.1.v", "b.2.w", "b.2.v", "head.w"};
  auto five = three;
  for (const auto* const name : {"b.3.w", "b.3.v", "b.4.w", "b.4.v"}) five.emplace_back(name);
  const auto longer = match_keys(keys(five), keys(three));
  CHECK(mentions(longer.cause, "b has 5 entries in the checkpoint and 3 in the network"));
  CHECK(mentions(longer.remedy, "with 5"));
  CHECK(mentions(match_keys(keys(three), keys(five)).cause, "b has 3 entries in the checkpoint and 5 in the network"));
  auto other = three;
  other.emplace_back("b.2.u");  // of an entry that is there
  CHECK(!mentions(match_keys(keys(other), keys(three)).cause, "entries"));
  other = five;
  other.emplace_back("aux.w");
  CHECK(!mentions(match_keys(keys(other), keys(three)).cause, "entries"));
}

TEST_CASE("tables that code computes may be missing") {
  auto want = keys(k_names);
  want.push_back({"block.relative_position_index", DType::int64, {4, 4}});
  want.push_back({"rotary.inv_freq", DType::float32, {4}});
  const auto match = match_keys(keys(k_names), want);
  CHECK(mentions(match.cause, "2 tables that the network's code computes are missing (block.relative_position_index)"));
  CHECK(mentions(match.remedy, "--allow-missing"));
  want.push_back({"head.weight", DType::float32, {4}});
  CHECK(!mentions(match_keys(keys(k_names), want).cause, "computes"));
}

TEST_CASE("dimensions of size 1 and other input channels are told from other sizes") {
  const auto cause = [](const std::vector<std::int64_t>& have, const std::vector<std::int64_t>& want) {
    auto file = keys(k_names);
    auto network = keys(k_names);
    file.push_back({"l.weight", DType::float32, have});
    network.push_back({"l.weight", DType::float32, want});
    return match_keys(file, network).cause;
  };
  CHECK(mentions(cause({4, 8, 1, 1}, {4, 8}), "other dimensions of size 1: l.weight is [4, 8, 1, 1], [4, 8] wanted"));
  CHECK(mentions(cause({1}, {}), "other dimensions of size 1"));
  CHECK(mentions(cause({8, 1, 4, 4}, {8, 3, 4, 4}), "another number of input channels: l.weight is [8, 1, 4, 4]"));
  for (const auto& [have, want] : std::vector<std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>>{
           {{4, 8}, {4, 9}}, {{4, 8, 3, 3}, {4, 9, 5, 5}}, {{5, 8, 3, 3}, {4, 9, 3, 3}}, {{4, 8, 1}, {4, 9}}, {{2, 8}, {16}}}) {
    INFO(format_shape(have) << format_shape(want));
    CHECK(!mentions(cause(have, want), "input channels"));
    CHECK(!mentions(cause(have, want), "size 1"));
  }
}

TEST_CASE("an EMA copy without dots is recognised") {
  const auto match =
      match_keys(keys({"model_ema.convweight", "model_ema.convbias", "model_ema.bnweight"}), keys(k_names));
  CHECK(mentions(match.cause, "lost their dots"));
}

TEST_CASE("a hundred thousand keys are matched") {
  std::vector<std::string> names;
  for (int i = 0; i < 100'000; ++i) names.push_back("blocks." + std::to_string(i) + ".attention.query.weight");
  const auto have = keys(prefixed("module.", names));
  const auto want = keys(names);
  CHECK(match_keys(have, want).complete());
}
