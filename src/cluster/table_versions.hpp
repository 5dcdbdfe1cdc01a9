#pragma once

#include "raven/snippet/gradient.hpp"
#include "raven/tensor/tensor.hpp"

namespace raven {

/// What is left of the last version of a table of which each version differs from the one before in
/// some rows. Whoever holds an old version keeps it: the next one is written over the last, as soon
/// as nobody else sees that, so that a step copies rows and not the table.
class LastVersion {
 public:
  /// A buffer that holds what `now` does, to be made the next version of; `now` itself when it is
  /// the only handle.
  [[nodiscard]] Tensor to_change(const Tensor& now, BufferPool& buffers);
  /// Notes that `next`, a buffer from to_change(now), differs from it in these rows.
  void changed(Tensor now, const Tensor& next, RowGradient rows);

 private:
  Tensor value_;
  RowGradient rows_;  // in which it differs from the present version
};

/// Overwrites the rows of a table. @pre they fit it
void put_rows(const RowGradient& rows, Tensor& table);

}  // namespace raven
