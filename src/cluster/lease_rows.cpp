#include "cluster/lease_rows.hpp"

#include <algorithm>
#include <cstring>

namespace raven {
namespace {

/// Whether the lease's rows are those of a sampler's batch; else they are the samples in order.
bool of_batches(const Lease& lease, const Welcome& welcome) {
  return lease.purpose == Purpose::train || welcome.order == SampleOrder::streams;
}

}  // namespace

Sampler sampler_of(const Welcome& welcome, const DatasetOffer& data) {
  return {.seed = welcome.seed, .size = data.rows, .batch = welcome.batch, .order = welcome.order};
}

std::int64_t most_rows_of(const Lease& lease, const Welcome& welcome, const DatasetOffer& data) {
  if (!of_batches(lease, welcome)) return data.rows;
  return sampler_of(welcome, data).batch_size(static_cast<std::int64_t>(lease.step));
}

std::optional<LeaseBody> take_apart(const Lease& lease, std::uint32_t carried, const Blob& body) {
  LeaseBody apart;
  std::size_t at = 0;
  for (const Snippet& snippet : lease.snippets) {
    if (carried == 0) break;
    const ValueType type{DType::f32, {snippet.rows, carried}};
    if (body.size() - at < type.bytes()) return std::nullopt;
    apart.states.emplace_back(type, Blob(body.owner(), body.bytes().subspan(at, type.bytes())));
    at += type.bytes();
  }
  apart.rows = {body.owner(), body.bytes().subspan(at)};
  return apart;
}

RowReader reader_of_inline_rows(const Lease& lease, const SampleSchema& schema, const Blob& rows,
                                std::vector<std::size_t> ends) {
  return [base = lease.snippets.front().first, schema, rows, ends = std::move(ends)](
             const Snippet& snippet, const RowViews& to) -> std::string {
    const auto first = static_cast<std::size_t>(snippet.first - base);
    const std::size_t begin = first == 0 ? 0 : ends[first - 1];
    const std::size_t end = ends[first + static_cast<std::size_t>(snippet.rows) - 1];
    return unpack(schema, rows.bytes().subspan(begin, end - begin), to)
               ? std::string()
               : "the rows that came with the work are damaged";
  };
}

std::optional<std::vector<std::int64_t>> numbers_of(const Blob& rows, std::int64_t count,
                                                    std::int64_t size) {
  std::vector<std::int64_t> numbers(rows.size() / sizeof(std::int64_t));
  if (rows.size() % sizeof(std::int64_t) != 0 || std::ssize(numbers) != count) return std::nullopt;
  if (count > 0) std::memcpy(numbers.data(), rows.bytes().data(), rows.size());
  const bool in_range = std::all_of(numbers.begin(), numbers.end(), [&](std::int64_t number) {
    return number >= 0 && number < size;
  });
  if (!in_range) return std::nullopt;
  return numbers;
}

RowReader reader_of_shards(const Lease& lease, const Welcome& welcome, const DatasetOffer& data,
                           const Blob& rows, SampleSource source) {
  std::vector<std::int64_t> samples;
  std::int64_t first = 0;  // position of samples[0] in the batch
  if (!rows.empty()) {
    first = lease.snippets.front().first;
    samples = *numbers_of(rows, static_cast<std::int64_t>(rows.size() / sizeof first), data.rows);
  } else if (of_batches(lease, welcome)) {
    sampler_of(welcome, data).batch_at(static_cast<std::int64_t>(lease.step), samples);
  }
  return [source = std::move(source), samples = std::move(samples), first](
             const Snippet& snippet, const RowViews& to) -> std::string {
    if (!samples.empty()) {
      return source(std::span(samples).subspan(static_cast<std::size_t>(snippet.first - first),
                                               static_cast<std::size_t>(snippet.rows)),
                    to);
    }
    std::vector<std::int64_t> in_order(static_cast<std::size_t>(snippet.rows));
    for (std::int64_t i = 0; i < snippet.rows; ++i)
      in_order[static_cast<std::size_t>(i)] = snippet.first + i;
    return source(in_order, to);
  };
}

}  // namespace raven
