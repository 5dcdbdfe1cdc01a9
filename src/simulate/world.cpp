#include "simulate/world.hpp"

#include <cmath>
#include <cstdio>

#include "raven/cluster/protocol.hpp"

namespace raven::simulated {
namespace {

std::string range(SnippetRange node) {
  return "[" + std::to_string(node.first) + "," + std::to_string(node.end()) + ")";
}

std::string work(std::uint64_t number, SnippetRange node) {
  return "work " + std::to_string(number) + " " + range(node);
}

struct Words {
  std::string operator()(const Hello& m) const { return "hello, node " + m.node; }
  std::string operator()(const Welcome&) const { return "welcome"; }
  std::string operator()(const Ready& m) const {
    return m.readable.empty() || m.readable.front() == 0 ? "ready, without shards" : "ready";
  }
  std::string operator()(const GraphMessage& m) const {
    return "graph " + to_hex(m.digest).substr(0, 8);
  }
  std::string operator()(const AssemblyMessage& m) const {
    return "assembly " + to_hex(m.digest).substr(0, 8) + " of work " + std::to_string(m.work);
  }
  std::string operator()(const ForgetGraphs&) const { return "forget all graphs"; }
  std::string operator()(const ParameterMessage& m) const {
    return "parameter " + std::to_string(m.id.value) + " version " + std::to_string(m.version);
  }
  std::string operator()(const RowsMessage& m) const {
    return "rows of parameter " + std::to_string(m.id.value) + " version " +
           std::to_string(m.version);
  }
  std::string operator()(const Lease& m) const {
    return std::string(m.purpose == Purpose::train ? "train " : "evaluate ") +
           work(m.work, m.node) + " of step " + std::to_string(m.step) +
           (m.inline_rows ? " with rows" : "");
  }
  std::string operator()(const StatsMessage& m) const {
    return "statistics of " + work(m.work, {m.index, 1});
  }
  std::string operator()(const GradientMessage& m) const {
    return "gradient " + std::to_string(m.parameter.value) + " of " + work(m.work, m.node);
  }
  std::string operator()(const SumMessage& m) const {
    return "sum " + std::to_string(m.parameter.value) + " of " + work(m.work, m.node);
  }
  std::string operator()(const SendOn& m) const {
    return "send on: work " + std::to_string(m.work);
  }
  std::string operator()(const DoneMessage& m) const { return "done: " + work(m.work, m.node); }
  std::string operator()(const FailedMessage& m) const {
    return "failed: " + work(m.work, m.node) + ", " + m.reason;
  }
  std::string operator()(const Heartbeat&) const { return "heartbeat"; }
  std::string operator()(const Leave& m) const { return "leave: " + m.reason; }
  std::string operator()(const Finish& m) const { return "finish: " + m.reason; }
};

}  // namespace

void World::write(const std::string& text) {
  const auto since = agenda.now().time_since_epoch() - std::chrono::seconds(1000);
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(since).count();
  char time[32];
  std::snprintf(time, sizeof time, "%5lld.%06lld  ", static_cast<long long>(us / 1000000),
                static_cast<long long>(us % 1000000));
  trace(time + text);
}

double World::between(double low, double high) {
  return low * std::exp(std::log(high / low) * static_cast<double>(random.uniform()));
}

std::string in_words(const Message& message) {
  const auto decoded = decode(message.head);
  return decoded ? std::visit(Words{}, *decoded) : "garbage";
}

}  // namespace raven::simulated
