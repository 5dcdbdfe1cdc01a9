#include "raven/cluster/gateway_sums.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "raven/cluster/protocol.hpp"
#include "raven/core/buffer_pool.hpp"
#include "raven/snippet/tree.hpp"

namespace raven {
namespace {

/// A subtree that a newcomer computes.
struct Claim {
  PeerId peer;
  SnippetRange node;
  std::vector<std::uint32_t> delivered = {};  ///< parameters whose gradient has come

  [[nodiscard]] bool has_delivered(ParameterId id) const {
    return std::find(delivered.begin(), delivered.end(), id.value) != delivered.end();
  }
};

/// A sum that waits for its sibling.
struct Kept {
  SnippetRange node;
  Gradient sum;
};

class GatewaySums final : public Passage {
 public:
  void outward(PeerId to, ByteSpan head, std::vector<Inward>& inward) override {
    const std::optional<AnyMessage> message = decode(head);
    if (!message) return;
    if (const auto* lease = std::get_if<Lease>(&*message)) {
      // What waited for a slow newcomer may be of work that is done.
      if (lease->work < work_) return;
      if (lease->work > work_) begin(*lease);
      if (lease->purpose == Purpose::train && is_tree_node(lease->node, root_)) {
        claims_.push_back({to, lease->node});
      }
    } else if (const auto* order = std::get_if<SendOn>(&*message)) {
      if (to != gateway || order->work != work_) return;
      claims_.clear();
      send_what_waits_in_vain(inward);
    }
  }

  bool inward(PeerId from, Message message, std::vector<Inward>& inward) override {
    const std::optional<AnyMessage> decoded = decode(message.head);
    if (decoded) {
      if (std::holds_alternative<SumMessage>(*decoded)) return false;
      if (const auto* gradient = std::get_if<GradientMessage>(&*decoded)) {
        if (gradient->withheld) return false;
        if (take(from, *gradient, message.body, inward)) return true;
        inward.push_back({from, std::move(message)});
        send_what_waits_in_vain(gradient->parameter, inward);
        return true;
      }
      if (const auto* stats = std::get_if<StatsMessage>(&*decoded)) {
        // The master will want somebody else's gradient instead.
        const bool finite =
            std::isfinite(stats->loss) && std::ranges::all_of(stats->metrics, [](double metric) {
              return std::isfinite(metric);
            });
        if (!finite) give_up(from, stats->work, stats->node, inward);
      }
      if (const auto* failed = std::get_if<FailedMessage>(&*decoded)) {
        give_up(from, failed->work, failed->node, inward);
      }
    }
    inward.push_back({from, std::move(message)});
    return true;
  }

  void lost(PeerId newcomer, std::vector<Inward>& inward) override {
    std::erase_if(claims_, [&](const Claim& claim) { return claim.peer == newcomer; });
    send_what_waits_in_vain(inward);
  }

 private:
  /// Whatever is kept of earlier work came too late: that work is done.
  void begin(const Lease& lease) {
    work_ = lease.work;
    root_ = lease.root;
    claims_.clear();
    kept_.clear();
  }

  void give_up(PeerId from, std::uint64_t work, SnippetRange node, std::vector<Inward>& inward) {
    if (work != work_) return;
    std::erase_if(claims_,
                  [&](const Claim& claim) { return claim.peer == from && claim.node == node; });
    send_what_waits_in_vain(inward);
  }

  /// @return false when the message is to be passed on as it is
  bool take(PeerId from, const GradientMessage& gradient, const Blob& body,
            std::vector<Inward>& inward) {
    if (gradient.work != work_) return false;
    const ParameterId id = gradient.parameter;
    const auto claim = std::find_if(claims_.begin(), claims_.end(), [&](const Claim& c) {
      return c.peer == from && c.node == gradient.node && !c.has_delivered(id);
    });
    if (claim == claims_.end()) return false;
    claim->delivered.push_back(id.value);
    std::vector<Kept>& kept = kept_[id.value];
    std::optional<Gradient> decoded = decode_gradient(gradient.form, body);
    if (!decoded) return false;
    // Whose numbers are none only the master can tell, as long as nothing was added to them.
    if (!is_finite(*decoded)) {
      inward.push_back({from, encode(gradient, body)});
      give_up(from, gradient.work, gradient.node, inward);
      return true;
    }
    // All that is kept of a parameter can be added up, and is of snippets of its own.
    const bool fits = std::all_of(kept.begin(), kept.end(), [&](const Kept& sum) {
      return can_add(sum.sum, *decoded) && !sum.node.overlaps(gradient.node);
    });
    const std::optional<SnippetRange> sibling = sibling_of(gradient.node);
    if (!fits || !sibling || !comes(*sibling, id)) return false;
    const GradientMessage note{gradient.work, gradient.node, id, true};
    inward.push_back({from, encode(note)});
    Kept sum{gradient.node, std::move(*decoded)};
    while (const auto other = sibling_of(sum.node)) {
      const auto found = std::find_if(kept.begin(), kept.end(), [&](const Kept& candidate) {
        return candidate.node == *other;
      });
      if (found == kept.end()) break;
      Kept both = add(sum, *found);
      // The sum of two numbers may be beyond all numbers: that, too, is for the master to find.
      if (!is_finite(both.sum)) {
        send(*found, id, inward);
        kept.erase(found);
        send(sum, id, inward);
        send_what_waits_in_vain(id, inward);
        return true;
      }
      sum = std::move(both);
      kept.erase(found);
    }
    kept.push_back(std::move(sum));
    send_what_waits_in_vain(id, inward);
    return true;
  }

  void send(const Kept& sum, ParameterId id, std::vector<Inward>& inward) {
    inward.push_back(
        {gateway, encode(SumMessage{work_, sum.node, id, sum.sum.form()}, sum.sum.blob())});
  }

  [[nodiscard]] Kept add(Kept a, Kept b) {
    if (b.node.first < a.node.first) std::swap(a, b);
    return {{a.node.first, a.node.count + b.node.count}, sum_of(a.sum, b.sum, buffers_)};
  }

  [[nodiscard]] std::optional<SnippetRange> sibling_of(SnippetRange node) const {
    const std::optional<SnippetRange> parent = parent_of(node, root_);
    if (!parent) return std::nullopt;
    const SnippetRange left = left_child(*parent);
    return left == node ? right_child(*parent) : left;
  }

  /// All of that node's gradient is here or can still be expected through here.
  [[nodiscard]] bool comes(SnippetRange node, ParameterId id) const {
    const auto kept = kept_.find(id.value);
    const bool here =
        kept != kept_.end() && std::any_of(kept->second.begin(), kept->second.end(),
                                           [&](const Kept& k) { return k.node == node; });
    const bool expected = std::any_of(claims_.begin(), claims_.end(), [&](const Claim& claim) {
      return claim.node == node && !claim.has_delivered(id);
    });
    if (here || expected) return true;
    return node.count > 1 && comes(left_child(node), id) && comes(right_child(node), id);
  }

  /// Sends sums whose sibling will not come, until nothing that is kept waits in vain: one that
  /// goes is missed by those that hoped for it.
  void send_what_waits_in_vain(ParameterId id, std::vector<Inward>& inward) {
    std::vector<Kept>& kept = kept_[id.value];
    const auto in_vain = [&](const Kept& sum) {
      const std::optional<SnippetRange> sibling = sibling_of(sum.node);
      return !sibling || !comes(*sibling, id);
    };
    for (auto it = std::find_if(kept.begin(), kept.end(), in_vain); it != kept.end();
         it = std::find_if(kept.begin(), kept.end(), in_vain)) {
      const Kept sum = std::move(*it);
      kept.erase(it);
      send(sum, id, inward);
    }
  }

  void send_what_waits_in_vain(std::vector<Inward>& inward) {
    for (const auto& entry : kept_) send_what_waits_in_vain(ParameterId{entry.first}, inward);
  }

  std::uint64_t work_ = 0;
  SnippetRange root_;
  std::vector<Claim> claims_;
  std::map<std::uint32_t, std::vector<Kept>> kept_;  ///< by ParameterId
  BufferPool buffers_;
};

}  // namespace

std::unique_ptr<Passage> make_gateway_sums() { return std::make_unique<GatewaySums>(); }

}  // namespace raven
