#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "raven/core/bytes.hpp"
#include "raven/data/row_views.hpp"
#include "raven/tensor/tensor.hpp"

namespace raven {

/// What a stored feature is. u8: pixels; f32: measurements; i32: token ids, which are never
/// normalised.
enum class FeatureType : std::uint8_t { u8 = 1, f32 = 2, i32 = 3 };
[[nodiscard]] std::size_t bytes_of(FeatureType type);
[[nodiscard]] std::string_view to_string(FeatureType type);

/// What a sample is to be mapped to: one class number, `width` real numbers, or, for each token of
/// a window, the token that comes next.
enum class TargetKind : std::uint8_t { classes = 1, real = 2, next = 3 };
[[nodiscard]] std::string_view to_string(TargetKind kind);

/// y = (x * scale - mean) / std. `mean` and `std` hold one number for all or one per channel, which
/// is the last dimension of the features. The default changes nothing.
struct Normalisation {
  double scale = 1;
  std::vector<double> mean{0.0};
  std::vector<double> std{1.0};
  friend bool operator==(const Normalisation&, const Normalisation&) = default;
};

/// What one stored row is and what it becomes: enough to turn raw rows into tensors without the
/// shard.
///
/// A raw row is the features, row-major, then the target (i32 class or `width` f32), little-endian,
/// without padding. With TargetKind::next a sample is a window of `context` tokens (the one
/// dimension of feature_shape) of a longer sequence, and a raw row is its context + 1 tokens and no
/// target; where the sequence ends earlier, the row is filled up with no_token.
struct SampleSchema {
  FeatureType feature_type = FeatureType::f32;
  Shape feature_shape;  ///< of one sample, channels last: [28, 28, 1]; at most five dimensions
  std::int32_t vocabulary = 0;  ///< i32 only: token ids are in [0, vocabulary)
  Normalisation normalisation;
  TargetKind target_kind = TargetKind::classes;
  std::int32_t target_width = 0;  ///< classes, real numbers per sample, or the vocabulary (next)

  /// Fills up the raw row of a window that its sequence does not fill.
  static constexpr std::int32_t no_token = -1;
  /// The target after the last token: what losses ignore (nn: ignore_index).
  static constexpr std::int32_t no_target = -100;

  /// The largest row that any file or peer may ask for.
  static constexpr std::size_t max_row_bytes = std::size_t{1} << 28;

  /// Shards hold sequences of any length, of which samples are windows.
  [[nodiscard]] bool of_sequences() const { return target_kind == TargetKind::next; }
  /// Tokens in a window. @pre of_sequences()
  [[nodiscard]] std::int64_t context() const { return feature_shape.count(); }

  [[nodiscard]] std::size_t feature_bytes() const;
  [[nodiscard]] std::size_t target_bytes() const;
  [[nodiscard]] std::size_t row_bytes() const { return feature_bytes() + target_bytes(); }

  /// Types of the tensors that `rows` samples become: f32 (or i32 tokens) [rows, ...feature_shape],
  /// and i32 [rows] classes, f32 [rows, target_width] or i32 [rows, context] next tokens.
  [[nodiscard]] ValueType features(std::int64_t rows) const;
  [[nodiscard]] ValueType targets(std::int64_t rows) const;

  /// What is wrong with this schema, in words; empty when it can be used. Every other call needs a
  /// sound one.
  [[nodiscard]] std::string_view flaw() const;

  void encode(ByteWriter& out) const;
  /// None, and `in` failed, unless the bytes are a sound schema.
  [[nodiscard]] static std::optional<SampleSchema> decode(ByteReader& in);

  friend bool operator==(const SampleSchema&, const SampleSchema&) = default;
};

/// Turns raw rows into tensors. Prepared once per schema; then it allocates nothing.
///
/// Arithmetic: y = (x - centre) * factor in f32, one subtraction and one multiplication, each
/// rounded, where centre = mean / scale and factor = scale / std are computed in double and rounded
/// once. Any CPU gives the same bits. Threads: any, a prepared Unpacker is never changed.
class Unpacker {
 public:
  /// @pre schema.flaw().empty()
  explicit Unpacker(SampleSchema schema);

  [[nodiscard]] const SampleSchema& schema() const { return schema_; }

  /// One sample's stored features to `feature_shape.count()` numbers (f32, or i32 for tokens).
  void unpack_features(const std::byte* stored, void* out) const;
  /// The target of a sample, from its stored features (next) or its stored target.
  void unpack_target(const std::byte* stored, const std::byte* target, void* out) const;
  /// Whole raw rows. @return false when a class or a token is out of range, as rows from a peer may
  /// be; what was written then is unspecified. @pre the views have the schema's types and
  /// rows.size() fits them
  [[nodiscard]] bool unpack(ByteSpan rows, const RowViews& to) const;

 private:
  SampleSchema schema_;
  std::vector<float> centre_;  // one number, or channels repeated to a length that vectorises
  std::vector<float> factor_;
};

/// As Unpacker::unpack, for a single use.
[[nodiscard]] bool unpack(const SampleSchema& schema, ByteSpan rows, const RowViews& to);

/// Where each of `count` raw rows ends that stand one after the other. None when they are not so
/// many, or something is left over.
[[nodiscard]] std::optional<std::vector<std::size_t>> ends_of_rows(const SampleSchema& schema,
                                                                   ByteSpan rows,
                                                                   std::int64_t count);

}  // namespace raven
