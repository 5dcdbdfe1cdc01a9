#include "raven/cluster/master.hpp"

#include <gtest/gtest.h>

#include <map>

#include "cluster/box.hpp"

namespace raven {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Drives a master by hand: says what comes in and when, and keeps what goes out, peer by peer.
class Stage {
 public:
  explicit Stage(ClusterBox& box)
      : compute_(1),
        master_(box.setup(), box.fresh_parameters(), compute_, buffers_, nullptr, now_),
        fingerprint_(box.setup().fingerprint) {}

  void says(std::uint32_t peer, const AnyMessage& message, Blob body = {}) {
    MasterActions actions;
    master_.on({Event::Kind::message, {peer}, encode(message, std::move(body))}, now_, actions);
    keep(actions);
  }
  void greets(std::uint32_t peer) {
    says(peer, Hello{.fingerprint = fingerprint_, .core = "test", .node = "stage", .threads = 1});
    says(peer, Ready{.readable = {1, 1}});
  }
  void passes(std::chrono::nanoseconds time) {
    now_ += std::chrono::duration_cast<Instant::duration>(time);
    MasterActions actions;
    master_.tick(now_, actions);
    keep(actions);
  }
  void disappears(std::uint32_t peer) {
    MasterActions actions;
    master_.on({Event::Kind::lost, {peer}, {}}, now_, actions);
    keep(actions);
  }

  /// Subtrees leased to a peer since the last call.
  std::vector<SnippetRange> leases_of(std::uint32_t peer) {
    std::vector<SnippetRange> nodes;
    for (const AnyMessage& message : std::exchange(sent_[peer], {})) {
      if (const auto* lease = std::get_if<Lease>(&message)) nodes.push_back(lease->node);
    }
    return nodes;
  }
  template <class M>
  std::optional<M> last(std::uint32_t peer) const {
    std::optional<M> found;
    const auto messages = sent_.find(peer);
    if (messages == sent_.end()) return found;
    for (const AnyMessage& message : messages->second) {
      if (const auto* wanted = std::get_if<M>(&message)) found = *wanted;
    }
    return found;
  }
  [[nodiscard]] bool dropped(std::uint32_t peer) const {
    return std::find(dropped_.begin(), dropped_.end(), PeerId{peer}) != dropped_.end();
  }
  [[nodiscard]] const Master& master() const { return master_; }

 private:
  void keep(MasterActions& actions) {
    for (const auto& [peer, message] : actions.sends)
      sent_[peer.value].push_back(decode(message.head).value());
    dropped_.insert(dropped_.end(), actions.drops.begin(), actions.drops.end());
  }

  Instant now_{seconds(1000)};
  ComputePool compute_;
  BufferPool buffers_;
  Master master_;
  Digest fingerprint_;
  std::map<std::uint32_t, std::vector<AnyMessage>> sent_;
  std::vector<PeerId> dropped_;
};

TEST(Master, without_contributors_it_waits_and_begins_with_the_first) {
  ClusterBox box;
  Stage stage(box);
  for (int i = 0; i < 50; ++i) stage.passes(milliseconds(100));
  EXPECT_FALSE(stage.master().finished());
  stage.greets(1);
  EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{{0, 8}}));
}

TEST(Master, waits_for_as_many_as_the_job_asks_for) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  EXPECT_TRUE(stage.leases_of(1).empty());
  stage.greets(2);
  EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{{0, 4}}));
  EXPECT_EQ(stage.leases_of(2), (std::vector<SnippetRange>{{4, 4}}));
}

TEST(Master, a_silent_contributor_is_given_up_and_its_work_goes_to_another) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  (void)stage.leases_of(1);
  for (int i = 0; i < 49; ++i) {
    stage.passes(milliseconds(100));
    stage.says(1, Heartbeat{});
  }
  EXPECT_FALSE(stage.dropped(2));
  stage.passes(milliseconds(200));
  EXPECT_TRUE(stage.dropped(2));
  EXPECT_FALSE(stage.dropped(1));
  EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{{4, 4}}));
}

TEST(Master, a_connection_that_ends_is_seen_at_once) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  (void)stage.leases_of(1);
  stage.disappears(2);
  EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{{4, 4}}));
}

TEST(Master, an_overdue_lease_is_handed_to_another_as_well) {
  ClusterBox box;
  box.contributors.min = 2;
  box.contributors.lease = milliseconds(1000);
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  (void)stage.leases_of(1);
  (void)stage.leases_of(2);
  std::uint32_t snippets = 0;
  for (int i = 0; i < 11; ++i) {
    stage.passes(milliseconds(100));
    stage.says(1, Heartbeat{});
    stage.says(2, Heartbeat{});
    for (const std::uint32_t peer : {1U, 2U}) {
      for (const SnippetRange node : stage.leases_of(peer)) snippets += node.count;
    }
  }
  EXPECT_EQ(snippets, 8U);
  EXPECT_FALSE(stage.dropped(1));
  EXPECT_FALSE(stage.dropped(2));
}

TEST(Master, after_a_pause_of_its_own_it_blames_nobody) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  stage.passes(seconds(60));
  EXPECT_FALSE(stage.dropped(1));
}

TEST(Master, another_numerics_class_is_told_how_to_come_back) {
  ClusterBox box;
  Stage stage(box);
  stage.says(1, Hello{.fingerprint = {}, .core = "Nehalem", .threads = 1});
  const auto finish = stage.last<Finish>(1);
  ASSERT_TRUE(finish);
  EXPECT_TRUE(finish->refused);
  EXPECT_NE(finish->reason.find("OPENBLAS_CORETYPE=test"), std::string::npos) << finish->reason;
}

TEST(Master, any_numerics_class_may_come_when_the_job_says_so) {
  ClusterBox box;
  box.contributors.numerics = ContributorSpec::Numerics::any;
  Stage stage(box);
  stage.says(1, Hello{.fingerprint = {}, .core = "Nehalem", .threads = 1});
  EXPECT_TRUE(stage.last<Welcome>(1));
}

TEST(Master, another_version_is_refused_in_words) {
  ClusterBox box;
  Stage stage(box);
  stage.says(1, Hello{.protocol = protocol_version + 1, .threads = 1});
  const auto finish = stage.last<Finish>(1);
  ASSERT_TRUE(finish);
  EXPECT_NE(finish->reason.find("same version"), std::string::npos);
}

TEST(Master, claims_of_done_work_without_results_are_not_believed) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  stage.says(1, DoneMessage{.work = 1, .node = {0, 8}});
  EXPECT_TRUE(stage.dropped(1));
}

TEST(Master, who_leaves_is_not_waited_for) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  (void)stage.leases_of(2);
  stage.says(1, Leave{"the node is wanted elsewhere"});
  EXPECT_EQ(stage.leases_of(2), (std::vector<SnippetRange>{{0, 4}}));
}

}  // namespace
}  // namespace raven
