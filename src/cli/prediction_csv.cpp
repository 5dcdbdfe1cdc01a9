#include "cli/prediction_csv.hpp"

#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>

#include "raven/core/error.hpp"
#include "raven/core/new_file.hpp"

namespace raven {
namespace {

constexpr std::size_t written_at_once = std::size_t{1} << 16;

/// A field as RFC 4180 has it: in quotes where it holds what parts fields or lines.
std::string field(const std::string& text) {
  const bool plain = text.find_first_of(",\"\r\n") == std::string::npos && !text.starts_with(' ') &&
                     !text.ends_with(' ');
  if (plain) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

/// The shortest decimal that reads back as the same float.
void append_number(std::string& line, float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  line += ',';
  line.append(text, end);
}

/// Names of the numbers of a line.
std::vector<std::string> value_names(PredictionKind kind, const PredictionNames& names,
                                     std::int64_t width) {
  const std::string front = kind == PredictionKind::probability ? "p_" : "output_";
  std::vector<std::string> called;
  if (!names.classes.empty()) {
    for (const std::string& name : names.classes) called.push_back(front + name);
    return called;
  }
  const bool probability = kind == PredictionKind::probability;
  const std::string name = names.target.empty() ? "value" : names.target;
  if (width == 1) return {probability ? "p_" + name : name};
  for (std::int64_t i = 0; i < width; ++i) {
    called.push_back((probability ? "p_" : name + "_") + std::to_string(i));
  }
  return called;
}

}  // namespace

struct PredictionCsv::Impl {
  Impl(const std::filesystem::path& place, const Dataset& predicted, PredictionKind what,
       PredictionNames known, const Shape& row)
      : named(place),
        file(place),
        out(std::fopen(file.temporary().c_str(), "wb"), std::fclose),
        data(predicted),
        kind(what),
        names(std::move(known)),
        width(row.rank() == 0 ? 1 : row.back()),
        lines_per_row(row.count() / width) {
    if (!out) fail();
  }

  [[noreturn]] void fail() const {
    throw InputError({named.string()},
                     std::string("writing it failed (") + std::strerror(errno) + ")",
                     "check free space and permissions there");
  }

  void put(const std::string& text) {
    waiting += text;
    if (waiting.size() >= written_at_once) flush();
  }
  void flush() {
    if (std::fwrite(waiting.data(), 1, waiting.size(), out.get()) != waiting.size()) fail();
    waiting.clear();
  }

  /// How many rows of the output each sample has, told by their sum. One each where that will do.
  [[nodiscard]] std::vector<std::int64_t> rows_of(std::int64_t first, std::int64_t samples,
                                                  std::int64_t rows) const {
    std::vector<std::int64_t> ones(static_cast<std::size_t>(samples), 1);
    const bool tags = data.schema().target_kind == TargetKind::tags;
    if (rows == samples && !tags) return ones;
    std::vector<std::int64_t> tokens;
    std::vector<std::int64_t> nodes;
    SampleExtent all{.tokens = 0, .nodes = 0};
    for (std::int64_t i = first; i < first + samples; ++i) {
      const SampleExtent extent = data.extent(i);
      all += extent;
      tokens.push_back(extent.tokens);
      nodes.push_back(extent.nodes);
    }
    if (data.schema().ragged() && rows == all.tokens) return tokens;
    if (data.schema().ragged() && rows == all.nodes) return nodes;
    if (rows == samples) return ones;
    throw InputError(
        {named.string()},
        "the model's rows belong neither to samples nor to their tokens or nodes, so a "
        "table can't say what each is of",
        "write a .npy file");
  }

  void put_header() {
    std::string line = positions ? "id,position" : "id";
    if (!names.classes.empty()) line += ",class";
    if (kind != PredictionKind::class_number) {
      for (const std::string& name : value_names(kind, names, width)) line += "," + field(name);
    }
    put(line + "\n");
  }

  void put_line(std::int64_t sample, std::int64_t position, std::int64_t likeliest_class,
                const float* values) {
    std::string line = std::to_string(sample);
    if (positions) line += "," + std::to_string(position);
    if (!names.classes.empty()) {
      line += "," + field(names.classes[static_cast<std::size_t>(likeliest_class)]);
    }
    if (kind != PredictionKind::class_number) {
      for (std::int64_t i = 0; i < width; ++i) append_number(line, values[i]);
    }
    put(line + "\n");
    ++lines;
  }

  std::filesystem::path named;
  NewFile file;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> out;
  const Dataset& data;
  PredictionKind kind;
  PredictionNames names;
  std::int64_t width;
  std::int64_t lines_per_row;
  std::int64_t lines = 0;
  bool begun = false;
  bool positions = false;
  std::string waiting;
};

PredictionCsv::PredictionCsv(const std::filesystem::path& file, const Dataset& data,
                             PredictionKind kind, PredictionNames names, const Shape& row)
    : impl_(std::make_unique<Impl>(file, data, kind, std::move(names), row)) {}
PredictionCsv::~PredictionCsv() = default;

void PredictionCsv::append(std::int64_t first, std::int64_t samples, const Tensor& output) {
  Impl& to = *impl_;
  const std::int64_t rows = output.shape()[0];
  const std::vector<std::int64_t> rows_of = to.rows_of(first, samples, rows);
  if (!to.begun) {
    to.begun = true;
    to.positions =
        to.lines_per_row > 1 || rows != samples || to.data.schema().target_kind == TargetKind::tags;
    to.put_header();
  }
  const bool of_classes = !to.names.classes.empty();
  const Tensor shown =
      to.kind == PredictionKind::probability ? probabilities(output, of_classes) : output;
  const std::vector<std::int64_t> classes =
      of_classes ? likeliest(output) : std::vector<std::int64_t>{};
  const float* values = shown.values().data();
  std::size_t line = 0;
  for (std::int64_t i = 0; i < samples; ++i) {
    const std::int64_t lines = rows_of[static_cast<std::size_t>(i)] * to.lines_per_row;
    for (std::int64_t position = 0; position < lines; ++position, ++line, values += to.width) {
      to.put_line(first + i, position, of_classes ? classes[line] : 0, values);
    }
  }
}

std::int64_t PredictionCsv::rows() const { return impl_->lines; }

void PredictionCsv::commit() {
  impl_->flush();
  if (std::fclose(impl_->out.release()) != 0) impl_->fail();
  impl_->file.commit();
}

}  // namespace raven
