#include "raven/tensor/kernels/update.hpp"

#include <functional>
#include <limits>

#include "tensor/kernel_checks.hpp"

namespace raven {
namespace {

using kernels::GradientUse;

/// One step: (step number from 1, old weights, new weights, gradient, two states).
using Step =
    std::function<kernels::UpdateFindings(std::int64_t, std::int64_t, const float*, float*,
                                          const float*, float*, float*, const GradientUse&)>;

std::vector<std::pair<const char*, Step>> optimizers() {
  using namespace kernels;
  return {
      {"sgd", [](auto, auto n, auto w, auto out, auto g, auto, auto,
                 auto& use) { return sgd_update(n, w, out, g, nullptr, {.rate = 0.1F}, use); }},
      {"momentum",
       [](auto, auto n, auto w, auto out, auto g, auto s, auto, auto& use) {
         return sgd_update(n, w, out, g, s, {.rate = 0.1F, .momentum = 0.9F, .weight_decay = 0.01F},
                           use);
       }},
      {"nesterov",
       [](auto, auto n, auto w, auto out, auto g, auto s, auto, auto& use) {
         return sgd_update(
             n, w, out, g, s,
             {.rate = 0.1F, .momentum = 0.9F, .weight_decay = 0.01F, .nesterov = true}, use);
       }},
      {"adam",
       [](auto t, auto n, auto w, auto out, auto g, auto s, auto v, auto& use) {
         return adam_update(n, w, out, g, s, v, {.rate = 0.1F, .weight_decay = 0.05F, .step = t},
                            use);
       }},
      {"adamw",
       [](auto t, auto n, auto w, auto out, auto g, auto s, auto v, auto& use) {
         return adamw_update(n, w, out, g, s, v, {.rate = 0.1F, .weight_decay = 0.05F, .step = t},
                             use);
       }},
      {"rmsprop",
       [](auto, auto n, auto w, auto out, auto g, auto s, auto, auto& use) {
         return rmsprop_update(n, w, out, g, s, nullptr, {.rate = 0.1F, .weight_decay = 0.05F},
                               use);
       }},
      {"rmsprop with momentum",
       [](auto, auto n, auto w, auto out, auto g, auto s, auto v, auto& use) {
         return rmsprop_update(n, w, out, g, s, v, {.rate = 0.1F, .alpha = 0.9F, .momentum = 0.9F},
                               use);
       }},
      {"adagrad",
       [](auto t, auto n, auto w, auto out, auto g, auto s, auto, auto& use) {
         return adagrad_update(n, w, out, g, s,
                               {.rate = 0.1F, .rate_decay = 0.1F, .weight_decay = 0.05F, .step = t},
                               use);
       }},
  };
}

TEST(Update, tells_whether_all_that_it_wrote_is_finite) {
  // Lengths that fill vectors, and that leave a part of one.
  for (const std::int64_t count : {1, 3, 16, 37}) {
    const auto size = static_cast<std::size_t>(count);
    for (const auto& [name, step] : optimizers()) {
      const std::vector<float> weights(size, 2.0F);
      std::vector<float> after(size);
      const auto finite = [&](float at_end) {
        std::vector<float> gradient(size, 0.5F);
        gradient.back() = at_end;
        std::vector<float> first(size);
        std::vector<float> second(size);
        return step(1, count, weights.data(), after.data(), gradient.data(), first.data(),
                    second.data(), GradientUse{})
            .finite;
      };
      EXPECT_TRUE(finite(1.0F)) << name << " of " << count;
      EXPECT_FALSE(finite(std::numeric_limits<float>::infinity())) << name << " of " << count;
      EXPECT_FALSE(finite(std::numeric_limits<float>::quiet_NaN())) << name << " of " << count;
    }
  }
  // Lanes that are not there would be 0 / 0.
  const std::vector<float> ones(3, 1.0F);
  std::vector<float> after(3);
  std::vector<float> m(3);
  std::vector<float> v(3);
  EXPECT_TRUE(kernels::adam_update(3, ones.data(), after.data(), ones.data(), m.data(), v.data(),
                                   {.epsilon = 0}, GradientUse{})
                  .finite);
}

// Three steps from {1, -2, 0.5} with gradients {0.5, -1, 0.25} (i + 1) - 0.3 i^2, made with
// torch 1.13 in float64.
TEST(Update, three_steps_equal_torch) {
  const std::vector<std::vector<double>> expected = {{0.85, -1.25, 0.5},
                                                     {0.696154749, -0.861399498, 0.436562375},
                                                     {0.574082158, -0.220589216, 0.441636929},
                                                     {0.7059948, -1.711319033, 0.302807761},
                                                     {0.693408687, -1.684198013, 0.303026328},
                                                     {-1.07057667, 0.758896672, -0.197994469},
                                                     {-0.465138723, -0.311905958, -0.479660324},
                                                     {0.798040661, -1.746379248, 0.4078499}};
  const auto all = optimizers();
  ASSERT_EQ(all.size(), expected.size());
  for (std::size_t k = 0; k < all.size(); ++k) {
    SCOPED_TRACE(all[k].first);
    Floats32 w = {1.0F, -2.0F, 0.5F};
    Floats32 state1(3);
    Floats32 state2(3);
    for (int i = 0; i < 3; ++i) {
      const float shift = 0.3F * static_cast<float>(i * i);
      const auto times = static_cast<float>(i + 1);
      // The gradient comes as a sum over a batch of four.
      const Floats32 g = {4 * (0.5F * times - shift), 4 * (-1.0F * times - shift),
                          4 * (0.25F * times - shift)};
      all[k].second(i + 1, 3, w.data(), w.data(), g.data(), state1.data(), state2.data(),
                    {.scale = 0.25F});
    }
    expect_close(w, expected[k], 1e-6);
  }
}

TEST(Update, new_weights_may_go_to_another_buffer_with_the_same_bits) {
  const std::int64_t count = 100'003;
  const Floats32 w = some_floats(count, 91);
  const Floats32 g = some_floats(count, 92);
  for (const auto& [name, step] : optimizers()) {
    SCOPED_TRACE(name);
    const auto run = [&, &update = step](bool in_place) {
      return on_any_pool([&] {
        Floats32 old = w;
        Floats32 fresh(w.size());
        Floats32 state1(w.size());
        Floats32 state2(w.size());
        update(1, count, old.data(), in_place ? old.data() : fresh.data(), g.data(), state1.data(),
               state2.data(), {.scale = 0.5F});
        EXPECT_TRUE(in_place || same_bits(old, w));
        return in_place ? old : fresh;
      });
    };
    EXPECT_TRUE(same_bits(run(true), run(false)));
  }
}

TEST(Update, clips_each_element_after_scaling) {
  const Floats32 w(3);
  const Floats32 g = {10.0F, -10.0F, 1.0F};
  Floats32 out(3);
  kernels::sgd_update(3, w.data(), out.data(), g.data(), nullptr, {.rate = 1.0F},
                      {.scale = 0.5F, .clip_value = 2.0F});
  EXPECT_EQ(out, (Floats32{-2.0F, 2.0F, -0.5F}));
}

}  // namespace
}  // namespace raven
