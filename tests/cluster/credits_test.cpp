#include "raven/cluster/credits.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "raven/core/error.hpp"

namespace raven {
namespace {

Member member(std::uint32_t peer, const std::string& node, std::uint64_t pid,
              std::uint64_t snippets, Member::State state = Member::State::gone) {
  Member made;
  made.peer = {peer};
  made.hello.node = node;
  made.hello.pid = pid;
  made.hello.numerics.core = "Zen";
  made.hello.threads = 2;
  made.state = state;
  made.snippets = snippets;
  made.rows = snippets * 10;
  made.compute_ns = snippets * 1000;
  return made;
}

std::uint64_t all_snippets(const std::vector<Credit>& credits) {
  return std::accumulate(credits.begin(), credits.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Credit& one) { return sum + one.snippets; });
}

TEST(Credits, everybody_of_all_lives_is_there_once) {
  Roster first;
  first.add(member(1, "a", 100, 5));
  first.add(member(2, "b", 200, 7));
  const std::vector<Credit> earlier = credits_from_json(credits_to_json(credits_of({}, first)));
  Roster second;
  // One survived its master and came back under another number; one came back twice; one is new.
  second.add(member(9, "b", 200, 1, Member::State::ready));
  second.add(member(3, "c", 100, 2));
  second.add(member(4, "c", 100, 3, Member::State::ready));
  const std::vector<Credit> all = credits_of(earlier, second);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].node, "a");
  EXPECT_EQ(all[0].snippets, 5U);
  EXPECT_FALSE(all[0].here);
  EXPECT_EQ(all[1].snippets, 8U);
  EXPECT_EQ(all[1].rows, 80U);
  EXPECT_EQ(all[1].compute_ns, 8000U);
  EXPECT_EQ(all[1].peer, 9U);
  EXPECT_TRUE(all[1].here);
  EXPECT_EQ(all[2].snippets, 5U);
  EXPECT_EQ(all[2].peer, 4U);
  EXPECT_TRUE(all[2].here);
}

TEST(Credits, what_is_read_back_is_what_was_written) {
  Roster roster;
  roster.add(member(1, "a\"\x1b\n", 100, 5));
  const std::vector<Credit> made = credits_of({}, roster);
  const std::vector<Credit> back = credits_from_json(credits_to_json(made));
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].node, made[0].node);
  EXPECT_EQ(back[0].pid, 100U);
  EXPECT_EQ(back[0].threads, 2U);
  EXPECT_EQ(back[0].core, "Zen");
  EXPECT_EQ(back[0].compute_ns, 5000U);
  for (const char* text : {"", "{", "7", "[7]", "[{}]", R"([{"node":7}])"}) {
    EXPECT_THROW((void)credits_from_json(text), InputError) << text;
  }
}

TEST(Credits, a_crowd_that_comes_and_goes_for_ever_takes_no_more_room) {
  std::vector<Credit> earlier;
  std::uint64_t snippets = 0;
  for (std::uint32_t life = 0; life < 40; ++life) {
    Roster roster;
    for (std::uint32_t i = 0; i < 100; ++i) {
      const std::uint32_t peer = life * 100 + i;
      roster.add(member(peer, "n" + std::to_string(peer % 3), peer, 2));
      snippets += 2;
    }
    earlier = credits_from_json(credits_to_json(credits_of(earlier, roster)));
    ASSERT_LE(earlier.size(), most_credits);
    ASSERT_EQ(all_snippets(earlier), snippets) << "nobody's work is lost, none counted twice";
  }
  std::uint64_t processes = 0;
  for (const Credit& credit : earlier) processes += credit.processes;
  EXPECT_EQ(processes, 4000U);
}

}  // namespace
}  // namespace raven
