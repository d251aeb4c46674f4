// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/compare/reduced_precision.hpp>
#include <goldseal/golden/layers/layers.hpp>
#include <goldseal/golden/tensors/constants.hpp>

#include <cmath>
#include <limits>
#include <optional>
#include <random>

using namespace goldseal;
using namespace goldseal::golden;

namespace {

constexpr double k_noise = 1e-7;

// Sketches of a chain of layers: `noise` is added to every projection, in units of what rounding moves it by.
class Chain {
 public:
  explicit Chain(std::uint64_t seed = 1) : m_random(seed) {
    for (const char* name : {"stem", "block.conv", "block.norm", "head"}) {
      LayerSketch layer{
          name, std::string(name) == "block.norm" ? "aten::batch_norm" : "aten::conv2d", {2, 8, 4, 4}, {}, 1, 0};
      for (auto& projection : layer.projections) projection = normal();
      m_layers.push_back(layer);
    }
  }

  std::vector<LayerSketch> with(double noise, std::size_t from = 0) {
    auto layers = m_layers;
    for (std::size_t i = from; i < layers.size(); ++i) {
      for (auto& projection : layers[i].projections) projection += noise * k_noise * normal();
    }
    return layers;
  }

  // As a capture does: 8 responses, 4 of them again at 2^-44, one native run.
  std::vector<SealedLayer> seal(std::optional<std::size_t> narrow_layer = std::nullopt) {
    LayerProbe probe;
    probe.set_reference(m_layers, k_rounding, narrow_layer);
    for (std::int64_t seed = 1; seed <= k_probes; ++seed) probe.add_response(seed, with(1));
    for (std::int64_t seed = 1; seed <= k_fine_probes; ++seed) probe.add_fine(seed, with(0x1p-20));
    probe.calibrate(with(3.4), k_bits_float32);
    return probe.finish();
  }

 private:
  double normal() { return m_normal(m_random); }

  std::mt19937_64 m_random;
  std::normal_distribution<double> m_normal;
  std::vector<LayerSketch> m_layers;
};

LayerTrace follow64(Chain& chain, const std::vector<LayerSketch>& found) {
  return follow_layers(chain.seal(), found, Compute::float64, k_bits_float32);
}

}  // namespace

TEST_CASE("A layer's noise is measured from its sketches within a third") {
  Chain chain;
  for (const auto& layer : chain.seal()) {
    CHECK(layer.response_rms > k_noise / 1.5);
    CHECK(layer.response_rms < k_noise * 1.5);
    CHECK(layer.linearity > k_linear_low);
    CHECK(layer.linearity < k_linear_high);
    CHECK(layer.rms_amplification >= k_least_amplification);
    CHECK(layer.rms_amplification < 8);
  }
}

TEST_CASE("Layers from a rounding to float32 on are not judged as exact ones") {
  Chain chain;
  const auto layers = chain.seal(1);
  CHECK(layers[0].linearity > k_linear_low);
  for (std::size_t i = 1; i < layers.size(); ++i) CHECK(layers[i].linearity == 0);
}

TEST_CASE("Only what computes rounds: constants and elements that are moved are exact in any type") {
  CHECK(rounds_narrower("aten::rsqrt", DType::float32));
  CHECK(rounds_narrower("aten::mul_", DType::bfloat16));
  CHECK(rounds_narrower("conv2d", DType::float32));
  CHECK(rounds_narrower("aten::fake_quantize_per_tensor_affine", DType::float64));
  CHECK_FALSE(rounds_narrower("aten::rsqrt", DType::float64));
  CHECK_FALSE(rounds_narrower("aten::argmax", DType::int64));
  for (const auto* op : {"aten::arange", "aten::zero_", "aten::zeros_like", "aten::cat", "aten::masked_fill_"}) {
    CHECK_FALSE(rounds_narrower(op, DType::float32));
  }
}

TEST_CASE("A float64 run with what sound machines differ by parts at no layer") {
  Chain chain;
  const auto trace = follow64(chain, chain.with(12 * 0x1p-29));
  CHECK(trace.steps.size() == 4);
  CHECK_FALSE(trace.first);
  CHECK(trace.departure.empty());
}

TEST_CASE("The first layer that differs is named, though all behind it differ too") {
  Chain chain;
  const auto trace = follow64(chain, chain.with(1e-3, 2));
  REQUIRE(trace.first == 2);
  CHECK(trace.steps[2].label == "block.norm (batch_norm)");
  CHECK(trace.steps[1].ratio < trace.steps[1].limit);
}

TEST_CASE("A native run is judged by the native limit") {
  Chain chain;
  const auto sealed = chain.seal();
  CHECK_FALSE(follow_layers(sealed, chain.with(10), Compute::native, k_bits_float32).first);
  const auto tf32 = follow_layers(sealed, chain.with(5500, 1), Compute::native, k_bits_float32);
  CHECK(tf32.first == 1);
  CHECK_FALSE(follow_layers(sealed, chain.with(5500), Compute::native, k_bits_float16).first);
}

TEST_CASE("A layer that the network lacks, has besides, or has otherwise is where they part") {
  Chain chain;
  auto lacking = chain.with(0);
  lacking.erase(lacking.begin() + 1);
  CHECK(follow64(chain, lacking).departure == "the network lacks block.conv (conv2d)");
  CHECK(follow64(chain, lacking).first == 1);
  CHECK(follow64(chain, lacking).steps.size() == 4);

  auto more = chain.with(0);
  more.insert(more.begin() + 2, more[1]);
  CHECK(follow64(chain, more).departure == "the network computes block.conv (conv2d), which the seal lacks");

  auto other = chain.with(0);
  other[2].op = "aten::group_norm";
  CHECK(follow64(chain, other).departure ==
        "the network computes block.norm (group_norm) where the seal has block.norm (batch_norm)");

  other = chain.with(0);
  other[3].shape = {2, 9, 4, 4};
  CHECK(follow64(chain, other).departure ==
        "the network computes head (conv2d) of shape [2, 9, 4, 4] where the seal has head (conv2d) of shape [2, 8, 4, "
        "4]");
}

TEST_CASE("A traced convolution is the one that the code calls") {
  Chain chain;
  auto traced = chain.with(0x1p-27);
  for (auto& layer : traced)
    if (layer.op == "aten::conv2d") layer.op = "aten::_convolution";
  const auto trace = follow64(chain, traced);
  CHECK(trace.departure.empty());
  CHECK(!trace.first);
  traced[2].op = "aten::_convolution";
  CHECK(follow64(chain, traced).departure ==
        "the network computes block.norm (_convolution) where the seal has block.norm (batch_norm)");
}

TEST_CASE("NaN where the seal has none differs, and equally many are left out") {
  Chain chain;
  auto found = chain.with(0);
  found[1].non_finite = 3;
  CHECK(follow64(chain, found).first == 1);
  found = chain.with(0);
  found[1].projections[0] = std::numeric_limits<double>::quiet_NaN();
  CHECK(follow64(chain, found).first == 1);
}

TEST_CASE("A second layer of one name is numbered") {
  Chain chain;
  LayerProbe probe;
  auto layers = chain.with(0);
  layers[3] = layers[0];
  probe.set_reference(layers);
  probe.add_response(1, layers);
  const auto trace = follow_layers(probe.finish(), layers, Compute::float64, k_bits_float32);
  CHECK(trace.steps[3].label == "stem (conv2d) #2");
}

TEST_CASE("A layer that perturbed native runs left alone has the noise that they were given") {
  // As of quantized layers, whose steps swallow a small change; a second look takes the place of the first.
  Chain chain;
  LayerProbe probe;
  for (const double rounding : {0x1p-22, 0x1p-9}) {
    probe.set_reference(chain.with(0), rounding);
    for (std::int64_t seed = 1; seed <= k_probes; ++seed) probe.add_response(seed, chain.with(rounding > 1e-4 ? 0 : 1));
  }
  for (const auto& layer : probe.finish()) CHECK(layer.response_rms == 0x1p-10);
  const auto one_step = follow_layers(probe.finish(), chain.with(1e-3 / k_noise), Compute::native, k_bits_float32);
  CHECK_FALSE(one_step.first);
  const auto others = follow_layers(probe.finish(), chain.with(0.5 / k_noise, 2), Compute::native, k_bits_float32);
  CHECK(others.first == 2);
}

TEST_CASE("Layers that change from run to run are not sealed") {
  Chain chain;
  LayerProbe probe;
  probe.set_reference(chain.with(0));
  auto shorter = chain.with(1);
  shorter.pop_back();
  probe.add_response(1, shorter);
  probe.add_response(2, chain.with(1));
  CHECK(probe.finish().empty());
}

TEST_CASE("Responses are held against the same run unmoved, and counted by their size") {
  Chain chain;
  const auto reference = chain.with(0);
  auto unmoved = reference;
  for (auto& layer : unmoved)
    for (auto& projection : layer.projections) projection += 1;  // float32 is off by far more than the response
  auto moved = unmoved;
  for (auto& layer : moved)
    for (auto& projection : layer.projections) projection += 256e-6;
  LayerProbe probe;
  probe.set_reference(reference);
  REQUIRE(probe.set_unmoved(unmoved, 1.0 / 256));
  probe.add_response(1, moved);
  for (const auto& layer : probe.finish()) CHECK(layer.response_rms == Approx(1e-6));
  auto other = unmoved;
  other.pop_back();
  CHECK_FALSE(probe.set_unmoved(other, 1));
  CHECK(probe.finish().size() == reference.size());
}

TEST_CASE("Sealed layers are read back as they were written, and other forms are refused") {
  Chain chain;
  const auto sealed = chain.seal();
  auto tensors = pack_sealed_layers(sealed);
  const auto read = unpack_sealed_layers(tensors);
  REQUIRE(read.size() == sealed.size());
  CHECK(read[2].sketch.module == "block.norm");
  CHECK(read[2].sketch.shape == sealed[2].sketch.shape);
  CHECK(read[2].sketch.projections == sealed[2].sketch.projections);
  CHECK(read[2].response_rms == sealed[2].response_rms);

  CHECK(read[2].sketch.elements == 0);  // a form of before, whose sketches take all elements

  auto shorter = sealed;
  for (auto& layer : shorter) layer.sketch.elements = k_sketch_elements;
  CHECK(unpack_sealed_layers(pack_sealed_layers(shorter))[2].sketch.elements == k_sketch_elements);

  auto cut = tensors;
  cut.pop_back();
  CHECK_THROWS_AS(unpack_sealed_layers(cut), Error);
  const std::string newer = "goldseal layers 3\nx\ty\t1\n";
  tensors[0] = make_tensor("names", DType::uint8, {static_cast<std::int64_t>(newer.size())},
                           std::vector<char>(newer.begin(), newer.end()));
  try {
    static_cast<void>(unpack_sealed_layers(tensors));
    FAIL("a newer form was read");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::unsupported);
  }
}
