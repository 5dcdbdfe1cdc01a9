#include "raven/tensor/kernels/tree_lstm.hpp"

#include <algorithm>
#include <cstring>

#include "raven/tensor/kernels/reduce.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/kernels/cell_rows.hpp"
#include "tensor/kernels/forest.hpp"
#include "tensor/kernels/rows_gemm.hpp"
#include "tensor/simd.hpp"

namespace raven::kernels {
namespace {

void copy_row(std::int64_t width, const float* from, float* to) {
  std::memcpy(to, from, as_size(width) * sizeof(float));
}

void add_row_to(std::int64_t width, const float* from, float* to) {
  for (std::int64_t i = 0; i < width; ++i) to[i] += from[i];
}

/// Blocks i f g o without f.
void copy_without_f(std::int64_t size, const float* from, float* to) {
  copy_row(size, from, to);
  copy_row(2 * size, from + 2 * size, to + size);
}

/// Some rows of one level, and places of their children.
struct Part {
  Part(const Forest& forest, std::int64_t first_row, std::int64_t count)
      : first(first_row), rows(count), leaves(first < forest.leaves()) {
    if (leaves) return;
    place = forest.first_place(first);
    places = forest.first_place(first + rows) - place;
  }
  std::int64_t first;
  std::int64_t rows;
  bool leaves;
  std::int64_t place = 0;
  std::int64_t places = 0;
};

/// Calls body(part) for the rows of a level, so many at a time as stay in the second-level cache
/// with the weights from step to step.
template <class Body>
void for_parts(const Forest& forest, std::int64_t level, const Body& body) {
  constexpr std::int64_t rows = 48;
  const std::int64_t end = forest.level(level + 1);
  for (std::int64_t first = forest.level(level); first < end; first += rows) {
    body(Part(forest, first, std::min(rows, end - first)));
  }
}

/// Sums of the children's rows for each row from `first` on.
void sum_children(const Forest& forest, std::int64_t first, std::int64_t rows, std::int64_t size,
                  const float* below, float* sums) {
  for (std::int64_t row = first; row < first + rows; ++row, sums += size) {
    const std::int64_t place = forest.first_place(row);
    copy_row(size, below + place * size, sums);
    for (std::int64_t p = place + 1; p < forest.first_place(row + 1); ++p) {
      add_row_to(size, below + p * size, sums);
    }
  }
}

/// What comes to the gates from outside the tree: x, or the bias of inner nodes.
void begin_gates(const TreeShape& shape, const TreeInputs& in, const Part& part,
                 const Forest& forest, const TreeKept& kept) {
  const std::int64_t size = shape.size;
  float* gates = kept.gates + part.first * 3 * size;
  if (shape.leaves > 0 && part.leaves) {
    copy_row(part.rows * 3 * size, in.x + part.first * 3 * size, gates);
    return;
  }
  for (std::int64_t row = part.first; row < part.first + part.rows; ++row, gates += 3 * size) {
    const float* from = shape.leaves > 0 ? in.bias : in.x + forest.node(row) * 4 * size;
    copy_without_f(size, from, gates);
    if (part.leaves) continue;
    for (std::int64_t p = forest.first_place(row); p < forest.first_place(row + 1); ++p) {
      copy_row(size, from + size, kept.forget + p * size);
    }
  }
}

void run_cells(const TreeShape& shape, const Part& part, const Forest& forest, const TreeKept& kept,
               float* h) {
  for (std::int64_t row = part.first; row < part.first + part.rows; ++row) {
    const std::int64_t place = part.leaves ? 0 : forest.first_place(row);
    const std::int64_t places = part.leaves ? 0 : forest.first_place(row + 1) - place;
    const std::int64_t node = forest.node(row);
    tree_cell(shape.size, kept.gates + row * 3 * shape.size, kept.forget + place * shape.size,
              {places, forest.children() + place, kept.c}, kept.c + node * shape.size,
              h + node * shape.size);
  }
}

}  // namespace

void tree_lstm_forward(const TreeShape& shape, const TreeInputs& in, const TreeKept& kept,
                       float* h) {
  const Forest forest(shape, in.parents, in.nodes);
  const std::int64_t size = shape.size;
  const std::int64_t seen = shape.seen();
  const bool sums = shape.positions == 0;
  const std::int64_t forget_rows = sums ? size : seen;
  const Scratch weight(as_size(3 * size * seen));
  const Scratch forget(as_size(forget_rows * seen));
  const Scratch sum_memory(sums ? as_size(forest.inner() * size) : 0);
  transpose(3 * size, seen, in.weight, weight.data());
  transpose(forget_rows, seen, in.forget_weight, forget.data());
  const auto hear = [&](const Part& part) {
    float* below = kept.below + part.place * size;
    for (std::int64_t p = 0; p < part.places; ++p) {
      const std::int32_t child = forest.children()[part.place + p];
      if (child < 0) {
        std::fill_n(below + p * size, size, 0.0F);
      } else {
        copy_row(size, h + child * size, below + p * size);
      }
    }
    if (sums) sum_children(forest, part.first, part.rows, size, kept.below, sum_memory.data());
    const ConstMatrix heard{sums ? sum_memory.data() : below, seen};
    rows_gemm(part.rows, 3 * size, seen, heard, {weight.data(), 3 * size},
              {kept.gates + part.first * 3 * size, 3 * size}, Accumulate::yes);
    rows_gemm(sums ? part.places : part.rows, forget_rows, seen, {below, seen},
              {forget.data(), forget_rows}, {kept.forget + part.place * size, forget_rows},
              Accumulate::yes);
  };
  for (std::int64_t level = 0; level < forest.levels(); ++level) {
    for_parts(forest, level, [&](const Part& part) {
      begin_gates(shape, in, part, forest, kept);
      if (!part.leaves) hear(part);
      run_cells(shape, part, forest, kept, h);
    });
  }
}

namespace {

/// Gradients on the way from the roots to the leaves.
struct Descent {
  float* gates;   // [nodes, 3 size] by levels
  float* forget;  // [places, size]
  float* h;       // [nodes, size]
  float* c;       // [nodes, size]
  float* heard;   // [rows of a part, seen]
  float* below;   // child-sum: [places of a part, size]
};

void descend(const TreeShape& shape, const TreeInputs& in, const Part& part, const Forest& forest,
             const Descent& d) {
  const std::int64_t size = shape.size;
  const std::int64_t seen = shape.seen();
  const bool sums = shape.positions == 0;
  rows_gemm(part.rows, seen, 3 * size, {d.gates + part.first * 3 * size, 3 * size},
            {in.weight, seen}, {d.heard, seen}, Accumulate::no);
  const float* dforget = d.forget + part.place * size;
  if (sums) {
    rows_gemm(part.places, size, size, {dforget, size}, {in.forget_weight, size}, {d.below, size},
              Accumulate::no);
  } else {
    rows_gemm(part.rows, seen, seen, {dforget, seen}, {in.forget_weight, seen}, {d.heard, seen},
              Accumulate::yes);
  }
  for (std::int64_t row = 0; row < part.rows; ++row) {
    const std::int64_t place = forest.first_place(part.first + row);
    const std::int64_t end = forest.first_place(part.first + row + 1);
    for (std::int64_t p = place; p < end; ++p) {
      const std::int32_t child = forest.children()[p];
      if (child < 0) continue;
      float* to = d.h + child * size;
      add_row_to(size, d.heard + row * seen + (sums ? 0 : p - place) * size, to);
      if (sums) add_row_to(size, d.below + (p - part.place) * size, to);
    }
  }
}

void put(std::int64_t width, const float* from, float* to, Accumulate mode) {
  if (mode == Accumulate::yes) {
    add_row_to(width, from, to);
  } else {
    copy_row(width, from, to);
  }
}

void give_x(const TreeShape& shape, const Forest& forest, const Descent& d,
            const TreeGradients& to) {
  const std::int64_t size = shape.size;
  if (shape.leaves > 0) {
    put(shape.leaves * 3 * size, d.gates, to.dx, to.x_mode);
    return;
  }
  for (std::int64_t row = 0; row < shape.nodes; ++row) {
    float* dx = to.dx + forest.node(row) * 4 * size;
    const float* gates = d.gates + row * 3 * size;
    put(size, gates, dx, to.x_mode);
    put(2 * size, gates + size, dx + 2 * size, to.x_mode);
    if (to.x_mode == Accumulate::no) std::fill_n(dx + size, size, 0.0F);
    if (row < forest.leaves()) continue;
    for (std::int64_t p = forest.first_place(row); p < forest.first_place(row + 1); ++p) {
      add_row_to(size, d.forget + p * size, dx + size);
    }
  }
}

void give_weights(const TreeShape& shape, const Forest& forest, const TreeSaved& kept,
                  const Descent& d, const TreeGradients& to) {
  const std::int64_t size = shape.size;
  const std::int64_t seen = shape.seen();
  const bool sums = shape.positions == 0;
  const std::int64_t inner = forest.inner();
  const float* gates = d.gates + forest.leaves() * 3 * size;
  if (to.dweight != nullptr) {
    const Scratch memory(sums ? as_size(inner * size) : 0);
    if (sums) sum_children(forest, forest.leaves(), inner, size, kept.below, memory.data());
    gemm(Transpose::yes, Transpose::no, 3 * size, seen, inner, {gates, 3 * size},
         {sums ? memory.data() : kept.below, seen}, {to.dweight, seen}, to.weight_mode);
  }
  if (to.dforget_weight != nullptr) {
    const std::int64_t width = sums ? size : seen;
    gemm(Transpose::yes, Transpose::no, width, seen, sums ? forest.places() : inner,
         {d.forget, width}, {kept.below, seen}, {to.dforget_weight, seen}, to.forget_mode);
  }
  if (to.dbias != nullptr) {
    const Scratch memory(as_size(4 * size));
    float* i_g_o = memory.data();
    column_sum(inner, 3 * size, gates, i_g_o);
    put(size, i_g_o, to.dbias, to.bias_mode);
    put(2 * size, i_g_o + size, to.dbias + 2 * size, to.bias_mode);
    column_sum(forest.places(), size, d.forget, i_g_o + 3 * size);
    put(size, i_g_o + 3 * size, to.dbias + size, to.bias_mode);
  }
}

}  // namespace

void tree_lstm_backward(const TreeShape& shape, const TreeInputs& in, const TreeSaved& kept,
                        const float* dh, const TreeGradients& to) {
  const Forest forest(shape, in.parents, in.nodes);
  const std::int64_t size = shape.size;
  std::int64_t most_rows = 0;
  std::int64_t most_places = 0;
  for (std::int64_t level = 1; level < forest.levels(); ++level) {
    for_parts(forest, level, [&](const Part& part) {
      most_rows = std::max(most_rows, part.rows);
      most_places = std::max(most_places, part.places);
    });
  }
  const Scratch gates(as_size(shape.nodes * 3 * size));
  const Scratch forget(as_size(forest.places() * size));
  const Scratch h(as_size(shape.nodes * size));
  const Scratch c(as_size(shape.nodes * size));
  const Scratch heard(as_size(most_rows * shape.seen()));
  const Scratch below(shape.positions == 0 ? as_size(most_places * size) : 0);
  const Descent d{gates.data(), forget.data(), h.data(), c.data(), heard.data(), below.data()};
  copy_row(shape.nodes * size, dh, d.h);
  std::fill_n(d.c, shape.nodes * size, 0.0F);  // of roots; a child's is assigned by its parent
  for (std::int64_t level = forest.levels() - 1; level >= 0; --level) {
    for_parts(forest, level, [&](const Part& part) {
      for (std::int64_t row = part.first; row < part.first + part.rows; ++row) {
        const std::int64_t place = part.leaves ? 0 : forest.first_place(row);
        const std::int64_t places = part.leaves ? 0 : forest.first_place(row + 1) - place;
        const std::int64_t node = forest.node(row);
        tree_cell_backward(size, kept.gates + row * 3 * size, kept.forget + place * size,
                           {places, forest.children() + place, kept.c}, kept.c + node * size,
                           d.h + node * size, d.c + node * size, d.gates + row * 3 * size,
                           d.forget + place * size, d.c);
      }
      if (!part.leaves) descend(shape, in, part, forest, d);
    });
  }
  if (to.dx != nullptr) give_x(shape, forest, d, to);
  give_weights(shape, forest, kept, d, to);
}

}  // namespace raven::kernels
