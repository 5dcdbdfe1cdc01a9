#include "cli/way_in.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

DoorFile doors(std::uint16_t port) {
  return {.gateways = {{"192.0.2.1", port}}, .mpi_server = "server", .token = {}};
}

TEST(DoorPause, grows_at_the_same_doors_up_to_half_a_minute) {
  const DoorPause::Clock::time_point start{};
  DoorPause pause;
  EXPECT_TRUE(pause.is_over(doors(1), start));
  pause.begin(doors(1), start);
  EXPECT_FALSE(pause.is_over(doors(1), start + milliseconds(200)));
  EXPECT_TRUE(pause.is_over(doors(1), start + milliseconds(400)));
  for (int i = 0; i < 3; ++i) pause.begin(doors(1), start);
  EXPECT_FALSE(pause.is_over(doors(1), start + milliseconds(1900)));
  EXPECT_TRUE(pause.is_over(doors(1), start + seconds(3)));
  for (int i = 0; i < 50; ++i) pause.begin(doors(1), start);
  EXPECT_FALSE(pause.is_over(doors(1), start + seconds(29)));
  EXPECT_TRUE(pause.is_over(doors(1), start + seconds(45)));
}

TEST(DoorPause, other_doors_are_tried_at_once) {
  const DoorPause::Clock::time_point start{};
  DoorPause pause;
  for (int i = 0; i < 9; ++i) pause.begin(doors(1), start);
  EXPECT_TRUE(pause.is_over(doors(2), start));
  pause.begin(doors(2), start);
  EXPECT_TRUE(pause.is_over(doors(2), start + milliseconds(400)));
}

}  // namespace
}  // namespace raven
