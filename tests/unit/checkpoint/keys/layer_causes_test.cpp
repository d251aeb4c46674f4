// SPDX-License-Identifier: Apache-2.0
// B62: causes that the kinds of layers give away. Each case has others of its kind beside it that are none.
#include <goldseal/checkpoint/keys/keys.hpp>

#include <catch.hpp>

#include <string>
#include <vector>

using namespace goldseal;

namespace {

using Shape = std::vector<std::int64_t>;

struct Row {
  std::string name;
  Shape shape;
  DType dtype = DType::float32;
};

std::vector<Key> keys(const std::vector<Row>& rows) {
  std::vector<Key> result;
  for (const auto& row : rows) result.push_back({row.name, row.dtype, row.shape});
  return result;
}

std::string said(const std::vector<Row>& file, const std::vector<Row>& network) {
  const auto match = match_keys(keys(file), keys(network));
  CHECK_FALSE(match.complete());
  return match.cause + " | " + match.remedy;
}

bool has(const std::string& text, std::string_view part) {
  UNSCOPED_INFO(text);
  return text.find(part) != std::string::npos;
}

std::vector<Row> recurrent(std::int64_t layers, bool both, std::int64_t gates, std::int64_t hidden, bool bias = true) {
  std::vector<Row> rows;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    for (const auto* const end : {"", "_reverse"}) {
      if (*end != '\0' && !both) continue;
      const auto name = "_l" + std::to_string(layer) + end;
      rows.push_back({"rnn.weight_ih" + name, {gates * hidden, layer == 0 ? 3 : hidden}});
      rows.push_back({"rnn.weight_hh" + name, {gates * hidden, hidden}});
      if (!bias) continue;
      rows.push_back({"rnn.bias_ih" + name, {gates * hidden}});
      rows.push_back({"rnn.bias_hh" + name, {gates * hidden}});
    }
  }
  return rows;
}

const std::vector<Row> k_body{{"bert.words.weight", {9, 4}}, {"bert.layer.0.weight", {4, 4}}, {"bert.layer.0.bias", {4}}};

std::vector<Row> with(std::vector<Row> rows, const std::vector<Row>& more) {
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

}  // namespace

TEST_CASE("B62: recurrent layers of another depth, direction, kind, size or bias are named with the argument") {
  const auto plain = recurrent(1, false, 4, 8);
  CHECK(has(said(recurrent(2, false, 4, 8), plain), "num_layers=2 in the checkpoint and 1"));
  CHECK(has(said(plain, recurrent(3, false, 4, 8)), "build it with num_layers=1"));
  CHECK(has(said(recurrent(1, true, 4, 8), plain), "bidirectional=True, as it was trained"));
  CHECK(has(said(plain, recurrent(1, true, 4, 8)), "bidirectional=False, as it was trained"));
  CHECK(has(said(recurrent(1, false, 4, 8, false), plain), "bias=False, as it was trained"));
  CHECK(has(said(plain, recurrent(1, false, 3, 8)), "an LSTM was saved, and a GRU is built"));
  CHECK(has(said(recurrent(1, false, 1, 8), plain), "a plain RNN was saved, and an LSTM is built"));
  CHECK(has(said(plain, recurrent(1, false, 4, 16)), "hidden_size=8 in the checkpoint and 16 in the network"));
}

TEST_CASE("B62: a vocabulary of another size is no number of classes") {
  const std::vector<Row> file{{"model.embed_tokens.weight", {30, 4}}, {"lm_head.weight", {30, 4}}, {"fc.weight", {4, 4}}};
  const std::vector<Row> network{{"model.embed_tokens.weight", {32, 4}}, {"lm_head.weight", {32, 4}}, {"fc.weight", {4, 4}}};
  const auto text = said(file, network);
  CHECK(has(text, "the vocabulary has another size"));
  CHECK(has(text, "resize_token_embeddings(30)"));
  CHECK(has(said({{"fc.weight", {10, 4}}, {"fc.bias", {10}}, {"a", {2}}}, {{"fc.weight", {5, 4}}, {"fc.bias", {5}}, {"a", {2}}}),
            "the last layer has another size"));
}

TEST_CASE("B62: a body with another head, without one, or with one besides is told from another network") {
  const std::vector<Row> task{{"classifier.weight", {2, 4}}, {"classifier.bias", {2}}};
  const std::vector<Row> other{{"cls.predictions.bias", {9}}, {"cls.predictions.decoder.weight", {9, 4}}};
  const auto swapped = said(with(k_body, other), with(k_body, task));
  CHECK(has(swapped, "lacks a part of the network, `classifier`, and has `cls` in its place; the other 3 names agree"));
  CHECK(has(swapped, "newly initialized"));
  CHECK(has(said(k_body, with(k_body, task)), "saved without a head"));
  CHECK(has(said(with(k_body, other), k_body), "--drop 'cls.*'"));
  CHECK(has(said(with(k_body, {{"score.weight", {1, 4}}}), with(k_body, {{"lm_head.weight", {7, 4}}})), "`lm_head`, and has `score`"));
  // A part of the body itself is no head, nor is an entry of a list.
  CHECK_FALSE(has(said(k_body, with(k_body, {{"bert.pooler.weight", {4, 3}}})), "a head"));
  CHECK_FALSE(has(said({{"0.weight", {2}}, {"0.bias", {2}}}, {{"0.weight", {2}}, {"0.bias", {2}}, {"1.running", {2}}}), "a head"));
}

TEST_CASE("B62: auxiliary heads of torchvision are told from heads that answer") {
  const std::vector<Row> aux{{"aux1.fc.weight", {9, 4}}, {"aux2.fc.weight", {9, 4}}};
  CHECK(has(said(with(k_body, aux), k_body), "--allow-unexpected 'aux1.*'"));
  CHECK(has(said(k_body, with(k_body, aux)), "aux_logits=False"));
}

TEST_CASE("B62: a head that was tied where it was saved is told by the embedding of its shape") {
  const std::vector<Row> whole{{"embed.weight", {9, 4}}, {"fc.weight", {4, 4}}, {"lm_head.weight", {9, 4}}};
  const auto text = said({whole[0], whole[1]}, whole);
  CHECK(has(text, "lm_head.weight is missing, and embed.weight has its shape"));
  CHECK(has(text, "tie_word_embeddings=True"));
  CHECK_FALSE(has(said({whole[0], whole[1]}, {whole[0], whole[1], {"lm_head.weight", {8, 4}}}), "one tensor"));
}

TEST_CASE("B62: complex numbers against pairs of real ones are told in both directions") {
  const Row complex{"freqs_cis", {4, 2}, DType::complex64};
  const Row pairs{"freqs_cis", {4, 2, 2}};
  CHECK(has(said({complex}, {pairs}), "view_as_real"));
  CHECK(has(said({pairs}, {complex}), "view_as_complex"));
  CHECK_FALSE(has(said({complex}, {{"freqs_cis", {4, 3, 2}}}), "view_as"));
}

namespace {

std::vector<Row> convolutions(std::int64_t first, std::int64_t second, std::int64_t third) {
  return {{"a.weight", {first, 3, 3, 3}}, {"a.bias", {first}},  {"b.weight", {second, first, 3, 3}},
          {"b.bias", {second}},           {"c.weight", {third, second, 3, 3}}, {"head.weight", {10, third}}};
}

}  // namespace

TEST_CASE("B62: a network of another width is told by the factor, and a pruned one by the various sizes") {
  const auto network = convolutions(8, 16, 32);
  CHECK(has(said(convolutions(4, 8, 16), network), "another width: 6 tensors have 1/2 times its size"));
  CHECK(has(said(convolutions(24, 48, 96), network), "6 tensors have 3 times its size"));
  CHECK(has(said(convolutions(6, 11, 32), network), "channels were taken out of the layers"));
  CHECK(has(said(convolutions(6, 11, 32), network), "structured pruning"));
}

TEST_CASE("sizes that are larger and smaller, kernels and single layers are no other width") {
  const auto network = convolutions(8, 16, 32);
  for (const auto& file : {convolutions(6, 24, 32), convolutions(8, 16, 24)}) {
    CHECK_FALSE(has(said(file, network), "width"));
    CHECK_FALSE(has(said(file, network), "channels were"));
  }
  auto kernel = convolutions(4, 8, 16);
  kernel[0].shape = {4, 3, 5, 5};
  CHECK_FALSE(has(said(kernel, network), "width"));
}
