// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/write/safetensors_writer.hpp>
#include <goldseal/golden/images/jpeg.hpp>
#include <goldseal/golden/images/png.hpp>
#include <goldseal/golden/inputs/input.hpp>

#include <png.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include <jpeglib.h>

using namespace goldseal;
using namespace goldseal::golden;

namespace {

std::vector<double> values(const HostTensor& tensor) {
  std::vector<double> result(tensor.numel());
  copy_as_double(tensor, 0, result);
  return result;
}

// A PNG of one format, by libpng's writer.
std::string png(std::uint32_t width, std::uint32_t height, std::uint32_t format, const void* pixels,
                const void* colormap = nullptr, std::uint32_t colors = 0) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = format;
  image.colormap_entries = colors;
  png_alloc_size_t size = 0;
  REQUIRE(png_image_write_to_memory(&image, nullptr, &size, 0, pixels, 0, colormap) != 0);
  std::string bytes(size, '\0');
  REQUIRE(png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels, 0, colormap) != 0);
  bytes.resize(size);
  return bytes;
}

// A JPEG of one level throughout, by libjpeg's writer.
std::string jpeg(unsigned width, unsigned height, int components, std::uint8_t level) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &data, &size);
  info.image_width = width;
  info.image_height = height;
  info.input_components = components;
  info.in_color_space = components == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  jpeg_start_compress(&info, TRUE);
  std::vector<std::uint8_t> row(width * static_cast<unsigned>(components), level);
  while (info.next_scanline < info.image_height) {
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&info, &pointer, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string bytes(reinterpret_cast<const char*>(data), size);
  std::free(data);
  return bytes;
}

struct Folder {
  TemporaryDirectory directory;
  std::string write(const std::string& name, const std::string& bytes) const {
    const auto path = directory.path() / name;
    write_file_atomically(path, bytes);
    return path.string();
  }
};

InputSlot slot(std::string name, std::vector<std::optional<std::int64_t>> shape) {
  return {std::move(name), std::move(shape), DType::float32};
}

std::string remedy(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.remedy();
  }
  return "accepted";
}

const std::array<std::uint8_t, 12> k_pixels{255, 0, 51, 1, 2, 3, 102, 204, 0, 9, 8, 7};

}  // namespace

TEST_CASE("An input is named, or is the only one") {
  CHECK(parse_input("x=dir/a.npy").name == "x");
  CHECK(std::get<FileSource>(parse_input("x=dir/a.npy").source).path == "dir/a.npy");
  CHECK(parse_input("dir/a=1.npy").name.empty());
  CHECK(parse_input("batch.image=a.png").name == "batch.image");
  CHECK(parse_input("random:1x3,seed=7").name.empty());
  CHECK(parse_input("x=random:1x3,seed=7").text == "random:1x3,seed=7");
}

TEST_CASE("A random input says its shape, seed and kind") {
  const auto source = std::get<RandomSource>(parse_input("x=random:1x3x416x416,seed=7,normal").source);
  CHECK(source.shape == std::vector<std::int64_t>{1, 3, 416, 416});
  CHECK(source.seed == 7);
  CHECK(source.kind == RandomSource::Kind::normal);
  CHECK(std::get<RandomSource>(parse_input("random:2,below=9").source).below == 9);
}

TEST_CASE("A malformed input is refused with the forms that there are") {
  for (const char* text :
       {"x=", "random:", "random:1x", "random:1x0", "random:ax3", "random:1x3,seed=", "random:1x3,seed=x",
        "random:1x3,seed=-1", "random:1x3,below=0", "random:1x3,uniformly", "random:1x3,,"}) {
    CAPTURE(text);
    CHECK_THAT(remedy([&] { (void)parse_input(text); }), Catch::Contains("random:1x3x416x416,seed=7"));
  }
}

TEST_CASE("Uniform values are the top 24 bits of the standard's generator") {
  const auto tensor = make_input(parse_input("random:10000,seed=5489"));
  // The C++ standard fixes the 10,000th output for the default seed, 5489: 9981545732273789042.
  CHECK(values(tensor).back() == static_cast<double>(9981545732273789042ULL >> 40) * 0x1p-24);
  CHECK(values(tensor).front() == static_cast<double>(14514284786278117030ULL >> 40) * 0x1p-24);
  CHECK(tensor.name == "input");
  CHECK(tensor.dtype == DType::float32);
}

TEST_CASE("Normal values have mean 0 and deviation 1, integers stay below their bound") {
  double sum = 0;
  double squares = 0;
  for (const double value : values(make_input(parse_input("random:100000,seed=3,normal")))) {
    sum += value;
    squares += value * value;
  }
  CHECK(std::fabs(sum / 1e5) < 0.015);
  CHECK(squares / 1e5 == Approx(1).epsilon(0.02));
  const auto integers = make_input(parse_input("random:4x50,seed=3,below=7"));
  CHECK(integers.dtype == DType::int64);
  double largest = 0;
  for (const double value : values(integers)) largest = std::max(largest, value);
  CHECK(largest == 6);
}

TEST_CASE("Half-precision values are the float32 ones rounded once") {
  const auto half = make_input(parse_input("random:50,seed=3,float16"));
  const auto full = make_input(parse_input("random:50,seed=3"));
  CHECK(half.dtype == DType::float16);
  for (std::size_t i = 0; i < 50; ++i) {
    CHECK(element_as_double(half, i) == Approx(element_as_double(full, i)).epsilon(0x1p-11));
  }
  CHECK(make_input(parse_input("random:5,bfloat16")).dtype == DType::bfloat16);
  CHECK(make_input(parse_input("random:5,float64")).dtype == DType::float64);
}

TEST_CASE("Another seed gives other values, the same seed the same") {
  CHECK(values(make_input(parse_input("random:8,seed=1"))) == values(make_input(parse_input("random:8,seed=1"))));
  CHECK(values(make_input(parse_input("random:8,seed=1"))) != values(make_input(parse_input("random:8,seed=2"))));
}

TEST_CASE("A picture becomes planes of red, green and blue over 255") {
  const Folder folder;
  const auto tensor = make_input(parse_input("x=" + folder.write("p.png", png(2, 2, PNG_FORMAT_RGB, k_pixels.data()))));
  CHECK(tensor.shape == std::vector<std::int64_t>{1, 3, 2, 2});
  std::vector<double> expected;
  for (const float byte : {255.0F, 1.0F, 102.0F, 9.0F, 0.0F, 2.0F, 204.0F, 8.0F, 51.0F, 3.0F, 0.0F, 7.0F}) {
    expected.push_back(static_cast<double>(byte / 255.0F));
  }
  CHECK(values(tensor) == expected);
}

TEST_CASE("Alpha, grey, palette and 16 bits all become 8-bit RGB") {
  const auto pixels = [](const std::string& bytes) {
    return decode_png("p.png", std::as_bytes(std::span(bytes))).pixels;
  };
  using Bytes = std::vector<std::uint8_t>;
  const std::array<std::uint8_t, 4> transparent{10, 20, 30, 0};
  CHECK(pixels(png(1, 1, PNG_FORMAT_RGBA, transparent.data())) == Bytes{10, 20, 30});
  const std::array<std::uint8_t, 2> grey{7, 200};
  CHECK(pixels(png(2, 1, PNG_FORMAT_GRAY, grey.data())) == Bytes{7, 7, 7, 200, 200, 200});
  const std::array<std::uint8_t, 6> palette{1, 2, 3, 250, 251, 252};
  const std::array<std::uint8_t, 2> indices{1, 0};
  CHECK(pixels(png(2, 1, PNG_FORMAT_RGB_COLORMAP, indices.data(), palette.data(), 2)) == Bytes{250, 251, 252, 1, 2, 3});
  const std::array<std::uint16_t, 3> deep{0xFFFF, 0x1234, 0x00FF};
  const auto of_16_bits = pixels(png(1, 1, PNG_FORMAT_LINEAR_RGB, deep.data()));
  CHECK(of_16_bits == Bytes{0xFF, 0x12, 0x00});
}

TEST_CASE("A JPEG is decoded, a grey one too, and a damaged one refused") {
  const auto whole = jpeg(16, 8, 3, 200);
  const auto picture = decode_jpeg("p.jpg", std::as_bytes(std::span(whole)));
  CHECK(picture.width == 16);
  CHECK(picture.height == 8);
  CHECK(picture.pixels == std::vector<std::uint8_t>(3 * 16 * 8, 200));
  const auto grey = jpeg(8, 8, 1, 77);
  CHECK(decode_jpeg("p.jpg", std::as_bytes(std::span(grey))).pixels == std::vector<std::uint8_t>(3 * 64, 77));
  for (std::size_t length = 3; length + 2 < whole.size(); length += 7) {
    const auto cut = whole.substr(0, length);
    CHECK_THROWS_AS(decode_jpeg("p.jpg", std::as_bytes(std::span(cut))), Error);
  }
}

TEST_CASE("A tensor is taken from a file of tensors by the input's name, or because it is the only one") {
  const Folder folder;
  const std::array<float, 2> values{1, 2};
  const std::array<float, 1> other{5};
  const auto bytes = [](const auto& array) { return std::as_bytes(std::span(array)); };
  const std::vector<TensorToWrite> two{{"x", DType::float32, {1, 2}, bytes(values)},
                                       {"y", DType::float32, {1}, bytes(other)}};
  const auto both = folder.write("two.safetensors", write_safetensors(two));
  CHECK(make_input(parse_input("x=" + both)).shape == std::vector<std::int64_t>{1, 2});
  CHECK(make_input(parse_input("y=" + both)).shape == std::vector<std::int64_t>{1});
  CHECK_THROWS_WITH(make_input(parse_input("z=" + both)), Catch::Contains("found x, y"));
  const auto one = folder.write("one.safetensors", write_safetensors({two.data(), 1}));
  CHECK(make_input(parse_input("z=" + one)).name == "z");
}

TEST_CASE("A damaged picture is an error that says so, at any length") {
  const auto whole = png(2, 2, PNG_FORMAT_RGB, k_pixels.data());
  for (std::size_t length = 8; length < whole.size(); length += 3) {
    const auto cut = whole.substr(0, length);
    CHECK_THROWS_AS(decode_png("p.png", std::as_bytes(std::span(cut))), Error);
  }
}

TEST_CASE("An input that does not fit the network says how to make it fit") {
  const Folder folder;
  const auto picture = parse_input("x=" + folder.write("p.png", png(2, 2, PNG_FORMAT_RGB, k_pixels.data())));
  const auto square = slot("x", {1, 3, 416, 416});
  CHECK(remedy([&] { (void)make_input(picture, &square); }) ==
        "resize the picture to 416 wide and 416 high before capture, as your preprocessing does");
  const auto open = slot("x", {std::nullopt, 3, std::nullopt, std::nullopt});
  CHECK(make_input(picture, &open).shape == std::vector<std::int64_t>{1, 3, 2, 2});
  const auto unbatched = parse_input("x=random:3x2x2");
  const auto batched = slot("x", {1, 3, 2, 2});
  CHECK_THAT(remedy([&] { (void)make_input(unbatched, &batched); }), Catch::Contains("batch axis"));
  const auto tokens = parse_input("x=random:1x3x2x2,below=9");
  CHECK_THAT(remedy([&] { (void)make_input(tokens, &batched); }), Catch::Contains("astype(np.float32)"));
}

TEST_CASE("Inputs go to the slots of their names, in the network's order") {
  const std::vector<InputSlot> slots{slot("image", {1, 2}), slot("mask", {1, 3})};
  const std::vector<InputSpec> specs{parse_input("mask=random:1x3"), parse_input("image=random:1x2")};
  const auto tensors = make_inputs(specs, slots);
  REQUIRE(tensors.size() == 2);
  CHECK(tensors[0].name == "image");
  CHECK(tensors[1].name == "mask");

  CHECK_THROWS_WITH(make_inputs(std::vector{parse_input("imge=random:1x2")}, slots), Catch::Contains("image, mask"));
  CHECK(remedy([&] { (void)make_inputs(std::vector{parse_input("imge=random:1x2")}, slots); }) ==
        "write image=random:1x2");
  CHECK_THROWS_WITH(make_inputs(std::vector{specs[1]}, slots), Catch::Contains("expected an input for 'mask'"));
  CHECK_THROWS_WITH(make_inputs(std::vector{specs[1], specs[1]}, slots), Catch::Contains("'image' twice"));
}

TEST_CASE("A file that is no input is refused by its content") {
  const Folder folder;
  CHECK_THROWS_AS(make_input(parse_input("x=" + folder.write("x.npy", "hello"))), Error);
  CHECK_THROWS_AS(make_input(parse_input("x=missing.npy")), Error);
}
