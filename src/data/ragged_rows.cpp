#include "data/ragged_rows.hpp"

#include <cstring>

namespace raven {
namespace {

std::int64_t number_at(const std::byte* from, std::int64_t i) {
  std::int32_t value = 0;
  std::memcpy(&value, from + 4 * i, 4);
  return value;
}

bool all_in(const std::byte* values, std::int64_t count, std::int32_t bound, bool none_allowed) {
  bool sound = true;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t value = number_at(values, i);
    sound &= (value >= 0 && value < bound) || (none_allowed && value == SampleSchema::no_target);
  }
  return sound;
}

std::byte* place(const View& view, std::int64_t row, std::size_t bytes) {
  return static_cast<std::byte*>(view.data) + static_cast<std::size_t>(row) * bytes;
}

}  // namespace

std::optional<RaggedRow> first_ragged_row(const SampleSchema& schema, ByteSpan rows) {
  ByteReader in(rows);
  const bool tree = schema.form == SampleForm::tree;
  RaggedRow row;
  row.extent.tokens = in.get<std::uint32_t>();
  if (tree) row.extent.nodes = in.get<std::uint32_t>();
  // Numbers below 2^32 times at most 2^28 bytes: nothing overflows.
  row.bytes = schema.row_bytes(row.extent);
  if (!in.ok() || row.extent.tokens < 1 || (tree && row.extent.nodes < 1) ||
      row.bytes > rows.size() || row.bytes > SampleSchema::max_row_bytes) {
    return std::nullopt;
  }
  row.features =
      in.get_raw(static_cast<std::size_t>(row.extent.tokens) * schema.feature_bytes()).data();
  row.parents = in.get_raw(static_cast<std::size_t>(row.extent.nodes) * 4).data();
  row.targets = rows.data() + (rows.size() - in.left());
  return row;
}

void write_ragged_row(const SampleSchema& schema, const RaggedRow& row, std::byte* to) {
  const auto put = [&](const void* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
    to += bytes;
  };
  const auto tokens = static_cast<std::uint32_t>(row.extent.tokens);
  const auto nodes = static_cast<std::uint32_t>(row.extent.nodes);
  put(&tokens, 4);
  if (schema.form == SampleForm::tree) put(&nodes, 4);
  put(row.features, tokens * schema.feature_bytes());
  put(row.parents, std::size_t{nodes} * 4);
  put(row.targets,
      static_cast<std::size_t>(schema.target_rows(1, row.extent)) * schema.target_bytes());
}

std::int64_t leaves_of(const std::byte* parents, std::int64_t nodes) {
  if (nodes < 1 || number_at(parents, nodes - 1) != -1) return 0;
  std::int64_t leaves = 0;
  // Backwards a postorder is a preorder: a node's parent is the one just seen or one above it. The
  // walk up leaves what it passes for good, so all walks together are no longer than the tree.
  for (std::int64_t i = nodes - 1; i >= 0; --i) {
    if (i + 1 < nodes) {
      const std::int64_t parent = number_at(parents, i);
      if (parent <= i || parent >= nodes) return 0;
      std::int64_t above = i + 1;  // ends at the root at the latest, as the parent is a node
      while (above < parent) above = number_at(parents, above);
      if (above != parent) return 0;
    }
    // A node's last child stands just before it.
    leaves += i == 0 || number_at(parents, i - 1) != i ? 1 : 0;
  }
  return leaves;
}

bool sound_ragged_row(const SampleSchema& schema, const RaggedRow& row) {
  if (schema.feature_type == FeatureType::i32 &&
      !all_in(row.features, row.extent.tokens * schema.feature_shape.count(), schema.vocabulary,
              false)) {
    return false;
  }
  if (schema.form == SampleForm::tree &&
      leaves_of(row.parents, row.extent.nodes) != row.extent.tokens) {
    return false;
  }
  if (schema.target_kind == TargetKind::real || !schema.has_targets()) return true;
  return all_in(row.targets, schema.target_rows(1, row.extent), schema.target_width,
                schema.target_kind == TargetKind::tags);
}

bool views_fit(const SampleSchema& schema, std::int64_t samples, const SampleExtent& all,
               const RowViews& views) {
  const auto fits = [](const View& view, const ValueType& type) {
    return !view || view.type == type;
  };
  const auto numbers = [](std::int64_t count) { return ValueType{DType::i32, Shape{count}}; };
  const bool tree = schema.form == SampleForm::tree;
  return fits(views.features, schema.features(all.tokens)) &&
         fits(views.targets, schema.targets(schema.target_rows(samples, all))) &&
         (schema.ragged() ? fits(views.lengths, numbers(samples)) : !views.lengths) &&
         (tree ? fits(views.parents, numbers(all.nodes)) && fits(views.nodes, numbers(samples))
               : !views.parents && !views.nodes);
}

void put_ragged_row(const Unpacker& unpacker, const RaggedRow& row, const RaggedCursor& at,
                    const RowViews& to) {
  const SampleSchema& schema = unpacker.schema();
  if (to.features) {
    const auto bytes = static_cast<std::size_t>(schema.feature_shape.count()) * element_bytes;
    unpacker.unpack_features(row.features, place(to.features, at.before.tokens, bytes),
                             row.extent.tokens);
  }
  if (to.targets) {
    const std::size_t bytes = schema.target_bytes();
    std::memcpy(place(to.targets, at.target, bytes), row.targets,
                bytes * static_cast<std::size_t>(schema.target_rows(1, row.extent)));
  }
  if (to.lengths) to.lengths.i32()[at.sample] = static_cast<std::int32_t>(row.extent.tokens);
  if (to.nodes) to.nodes.i32()[at.sample] = static_cast<std::int32_t>(row.extent.nodes);
  if (to.parents) {
    std::memcpy(place(to.parents, at.before.nodes, 4), row.parents,
                static_cast<std::size_t>(row.extent.nodes) * 4);
  }
}

}  // namespace raven
