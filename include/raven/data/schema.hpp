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

/// What a sample is to be mapped to: one class number, `width` real numbers, for each token of a
/// window the token that comes next, a class for each token of a sequence or node of a tree, or
/// nothing that is known: such samples can only be predicted.
enum class TargetKind : std::uint8_t { classes = 1, real = 2, next = 3, tags = 4, none = 5 };
[[nodiscard]] std::string_view to_string(TargetKind kind);

/// What a sample is made of. fixed: features of one shape; sequence: tokens, as many as it has;
/// tree: tokens, which are its leaves from left to right, and nodes above them.
enum class SampleForm : std::uint8_t { fixed = 0, sequence = 1, tree = 2 };
[[nodiscard]] std::string_view to_string(SampleForm form);

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
///
/// Ragged data: feature_shape is that of one token ([] of a token id, [width] of a vector), a *row*
/// of features is a token, and a target belongs to a sample or, with TargetKind::tags, to a token
/// (of a tree: to a node). A raw row carries its own lengths: u32 tokens, of a tree u32 nodes, then
/// features, of a tree the i32 parents, and targets. Parents are in postorder: a node's children
/// stand before it, each subtree without a gap, the root comes last and has parent -1.
struct SampleSchema {
  SampleForm form = SampleForm::fixed;
  FeatureType feature_type = FeatureType::f32;
  Shape feature_shape;  ///< of one sample or token, channels last: [28, 28, 1]; at most five
  std::int32_t vocabulary = 0;  ///< i32 only: token ids are in [0, vocabulary)
  Normalisation normalisation;
  TargetKind target_kind = TargetKind::classes;
  /// Classes, real numbers per sample, or the vocabulary (next); 0 without targets.
  std::int32_t target_width = 0;

  /// Fills up the raw row of a window that its sequence does not fill.
  static constexpr std::int32_t no_token = -1;
  /// The target after the last token, and the tag of what has none: what losses ignore (nn:
  /// ignore_index).
  static constexpr std::int32_t no_target = -100;

  /// The largest row that any file or peer may ask for; of ragged data the largest sample.
  static constexpr std::size_t max_row_bytes = std::size_t{1} << 28;

  /// Samples come with what they are to be mapped to.
  [[nodiscard]] bool has_targets() const { return target_kind != TargetKind::none; }

  /// Shards hold sequences of any length, of which samples are windows.
  [[nodiscard]] bool of_sequences() const { return target_kind == TargetKind::next; }
  /// Tokens in a window. @pre of_sequences()
  [[nodiscard]] std::int64_t context() const { return feature_shape.count(); }

  /// Samples differ in length: each has its SampleExtent.
  [[nodiscard]] bool ragged() const { return form != SampleForm::fixed; }

  /// Of a stored sample; of ragged data: of one token, and of one target.
  [[nodiscard]] std::size_t feature_bytes() const;
  [[nodiscard]] std::size_t target_bytes() const;
  /// @pre !ragged()
  [[nodiscard]] std::size_t row_bytes() const { return feature_bytes() + target_bytes(); }
  /// Of a raw row of ragged data. @pre ragged()
  [[nodiscard]] std::size_t row_bytes(const SampleExtent& extent) const;

  /// Type of the tensor that the features of so many samples (ragged: tokens) become: f32 (or i32
  /// tokens) [rows, ...feature_shape].
  [[nodiscard]] ValueType features(std::int64_t rows) const;
  /// The same of targets: i32 [rows] classes or tags, f32 [rows, target_width] or i32 [rows,
  /// context] next tokens. `rows` is what target_rows() says.
  [[nodiscard]] ValueType targets(std::int64_t rows) const;
  /// Rows of targets that `samples` samples have. @param all their extents added up
  [[nodiscard]] std::int64_t target_rows(std::int64_t samples, const SampleExtent& all) const;

  /// What is wrong with this schema, in words; empty when it can be used. Every other call needs a
  /// sound one.
  [[nodiscard]] std::string_view flaw() const;

  void encode(ByteWriter& out) const;
  /// None, and `in` failed, unless the bytes are a sound schema with targets: nothing else is worth
  /// sending.
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

  /// The stored features of so many samples (ragged: tokens) to `feature_shape.count()` numbers
  /// each (f32, or i32 for tokens).
  void unpack_features(const std::byte* stored, void* out, std::int64_t rows = 1) const;
  /// The target of a sample, from its stored features (next) or its stored target.
  void unpack_target(const std::byte* stored, const std::byte* target, void* out) const;
  /// Whole raw rows. @return false when a class or a token is out of range, as rows from a peer may
  /// be, or, of ragged data, a tree is none or the rows are not what the views have room for; what
  /// was written then is unspecified. @pre the views have the schema's types; of other data than
  /// ragged they are both there
  [[nodiscard]] bool unpack(ByteSpan rows, const RowViews& to) const;

 private:
  [[nodiscard]] bool unpack_ragged(ByteSpan rows, const RowViews& to) const;

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
