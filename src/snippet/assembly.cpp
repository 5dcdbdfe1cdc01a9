#include "raven/snippet/assembly.hpp"

#include <algorithm>

namespace raven {
namespace {

constexpr std::uint32_t magic = 0x53415652;  // "RVAS"
constexpr std::uint16_t format_version = 1;

}  // namespace

RecordedSample recorded_sample(const Graph& graph, Bytes bytes, const Digest& digest) {
  expect_of_sample(graph);
  RecordedSample sample{.bytes = Blob(std::move(bytes)),
                        .digest = digest,
                        .parameters = parameters_of(graph),
                        .metric_names = {}};
  for (const Metric& metric : graph.metrics) sample.metric_names.push_back(metric.name);
  return sample;
}

Bytes encode(const Assembly& assembly) {
  ByteWriter to;
  to.put(magic);
  to.put(format_version);
  to.put(assembly.autobatch);
  to.put(static_cast<std::uint32_t>(assembly.graphs.size()));
  for (const Digest& digest : assembly.graphs) to.put_raw(digest.bytes);
  to.put_list(std::span<const std::uint32_t>(assembly.of_sample));
  to.put(static_cast<std::uint32_t>(assembly.gradients.size()));
  for (const ParameterId id : assembly.gradients) to.put(id.value);
  return to.take();
}

std::optional<Assembly> decode_assembly(ByteSpan bytes) {
  ByteReader from(bytes);
  Assembly assembly;
  if (from.get<std::uint32_t>() != magic) from.fail();
  if (from.get<std::uint16_t>() != format_version) from.fail();
  const auto mode = from.get<std::uint8_t>();
  if (mode > 1) from.fail();
  assembly.autobatch = static_cast<Autobatch>(mode);
  const std::size_t graphs = from.get<std::uint32_t>();
  if (graphs > from.left() / sizeof(Digest)) from.fail();
  for (std::size_t i = 0; i < graphs && from.ok(); ++i) {
    Digest& digest = assembly.graphs.emplace_back();
    const ByteSpan raw = from.get_raw(digest.bytes.size());
    std::copy(raw.begin(), raw.end(), digest.bytes.begin());
  }
  assembly.of_sample = from.get_list<std::uint32_t>();
  for (const std::uint32_t value : from.get_list<std::uint32_t>()) {
    assembly.gradients.push_back({value});
  }
  if (!from.done() || assembly.of_sample.empty()) return std::nullopt;
  const bool in_range =
      std::all_of(assembly.of_sample.begin(), assembly.of_sample.end(),
                  [&](std::uint32_t place) { return place < assembly.graphs.size(); });
  const bool rising = std::adjacent_find(assembly.gradients.begin(), assembly.gradients.end(),
                                         [](ParameterId a, ParameterId b) { return b <= a; }) ==
                      assembly.gradients.end();
  if (!in_range || !rising) return std::nullopt;
  return assembly;
}

}  // namespace raven
