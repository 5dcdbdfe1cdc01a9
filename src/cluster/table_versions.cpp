#include "cluster/table_versions.hpp"

#include <cstring>
#include <utility>

namespace raven {
namespace {

/// Calls `visit(element, elements)` for each of the rows, by their first element in a table.
template <class Visit>
void for_each_row(const RowGradient& rows, Visit visit) {
  const auto width = static_cast<std::size_t>(rows.width());
  for (const std::uint32_t row : rows.numbers()) visit(row * width, width);
}

}  // namespace

Tensor LastVersion::to_change(const Tensor& now, BufferPool& buffers) {
  if (now.unique()) return now;
  if (value_.empty() || !value_.unique()) {
    Tensor copy(now.type(), buffers);
    std::memcpy(copy.view().data, now.view().data, now.type().bytes());
    return copy;
  }
  Tensor next = std::move(value_);
  for_each_row(std::as_const(rows_), [&](std::size_t at, std::size_t width) {
    std::memcpy(&next.values()[at], &now.values()[at], width * sizeof(float));
  });
  return next;
}

void LastVersion::changed(Tensor now, const Tensor& next, RowGradient rows) {
  if (std::as_const(now).view().data == next.view().data) {
    *this = {};
    return;
  }
  value_ = std::move(now);
  rows_ = std::move(rows);
}

void put_rows(const RowGradient& rows, Tensor& table) {
  const float* from = rows.values().data();
  for_each_row(rows, [&](std::size_t at, std::size_t width) {
    std::memcpy(&table.values()[at], from, width * sizeof(float));
    from += width;
  });
}

}  // namespace raven
