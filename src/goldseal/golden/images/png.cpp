// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/images/png.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/images/picture_limits.hpp>

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <string>

namespace goldseal::golden {
namespace {

constexpr std::uint32_t k_largest_side = 32768;
constexpr std::size_t k_signature = 8;

// What libpng's callbacks need. Decoding longjmps out of libpng on an error, so everything with a destructor lives in
// the frame above the one that calls setjmp.
struct Source {
  std::span<const std::byte> rest;
  std::string message;
};

// Deflate makes at most 1032 bytes of one (zlib's technical notes); a row of an interlaced picture begins again with
// every pass, which adds bytes and takes none away.
constexpr std::uint64_t k_most_inflated = 1032;

struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::size_t stored_row = 0;  ///< bytes of a row as the file has it
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
  static_cast<Source*>(png_get_error_ptr(png))->message = message;
  png_longjmp(png, 1);
}
void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}

void on_read(png_structp png, png_bytep out, std::size_t count) {
  auto* const source = static_cast<Source*>(png_get_io_ptr(png));
  if (count > source->rest.size()) png_error(png, "the file ends early");
  std::memcpy(out, source->rest.data(), count);
  source->rest = source->rest.subspan(count);
}

bool read_header(Decoder& decoder, Picture& picture) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) return false;
  png_read_info(decoder.png, decoder.info);
  decoder.stored_row = png_get_rowbytes(decoder.png, decoder.info);
  png_set_strip_16(decoder.png);
  png_set_palette_to_rgb(decoder.png);
  png_set_expand_gray_1_2_4_to_8(decoder.png);
  png_set_gray_to_rgb(decoder.png);
  png_set_strip_alpha(decoder.png);
  png_set_interlace_handling(decoder.png);
  png_read_update_info(decoder.png, decoder.info);
  picture.width = png_get_image_width(decoder.png, decoder.info);
  picture.height = png_get_image_height(decoder.png, decoder.info);
  if (png_get_rowbytes(decoder.png, decoder.info) != std::size_t{3} * picture.width) {
    png_error(decoder.png, "its pixels do not become RGB");
  }
  return true;
}

bool read_rows(Decoder& decoder, std::vector<png_bytep>& rows) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) return false;
  png_read_image(decoder.png, rows.data());
  png_read_end(decoder.png, nullptr);
  return true;
}

}  // namespace

bool is_png(std::span<const std::byte> bytes) {
  return bytes.size() >= k_signature &&
         png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0, k_signature) == 0;
}

Picture decode_png(const std::string& file, std::span<const std::byte> bytes) {
  Source source{bytes, {}};
  const auto fail = [&] {
    return Error(ErrorKind::malformed, file,
                 fmt::format("expected a PNG picture, found a damaged one: {}", source.message),
                 "save the picture again");
  };
  Decoder decoder;
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, on_error, on_warning);
  if (decoder.png != nullptr) decoder.info = png_create_info_struct(decoder.png);
  if (decoder.info == nullptr) throw Error(ErrorKind::io, file, "libpng cannot start: out of memory");
  png_set_read_fn(decoder.png, &source, on_read);
  png_set_user_limits(decoder.png, k_largest_side, k_largest_side);
  Picture picture;
  if (!read_header(decoder, picture)) throw fail();
  require_picture_fits(file, picture.width, picture.height,
                       std::uint64_t{decoder.stored_row} * picture.height / k_most_inflated, bytes.size());
  picture.pixels.resize(std::size_t{3} * picture.width * picture.height);
  std::vector<png_bytep> rows(picture.height);
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = &picture.pixels[std::size_t{3} * picture.width * y];
  if (!read_rows(decoder, rows)) throw fail();
  return picture;
}

}  // namespace goldseal::golden
