#include "data/digit_skeletons.hpp"

#include "raven/core/contract.hpp"

namespace raven {
namespace {

constexpr PenPoint zero_round[] = {{.30F, 0},    {.08F, .2F}, {0, .5F},    {.08F, .82F}, {.3F, 1},
                                   {.52F, .82F}, {.6F, .5F},  {.52F, .2F}, {.3F, 0}};
constexpr PenPoint zero_open[] = {{.42F, .06F}, {.22F, .04F}, {.05F, .3F}, {.02F, .65F},
                                  {.16F, .96F}, {.4F, .95F},  {.56F, .7F}, {.56F, .3F},
                                  {.4F, .02F},  {.26F, .08F}};
constexpr PenPoint zero_narrow[] = {{.34F, 0},    {.18F, .18F}, {.12F, .5F}, {.18F, .85F}, {.3F, 1},
                                    {.42F, .84F}, {.46F, .5F},  {.4F, .15F}, {.3F, .02F}};

constexpr PenPoint one_bar[] = {{.3F, 0}, {.3F, .5F}, {.3F, 1}};
constexpr PenPoint one_flag[] = {{.1F, .26F}, {.34F, 0}, {.34F, 0}, {.34F, .5F}, {.33F, 1}};
constexpr PenPoint one_base[] = {{.12F, .22F}, {.32F, 0}, {.32F, 0},   {.32F, 1},
                                 lift,         {.1F, 1},  {.3F, .99F}, {.54F, 1}};

constexpr PenPoint two_plain[] = {{.05F, .22F}, {.15F, .05F}, {.35F, 0},  {.52F, .1F},
                                  {.54F, .3F},  {.4F, .55F},  {.2F, .8F}, {.02F, 1},
                                  {.02F, 1},    {.3F, .98F},  {.6F, .99F}};
constexpr PenPoint two_loop[] = {{.04F, .18F}, {.2F, .02F},  {.42F, .04F}, {.52F, .22F},
                                 {.44F, .5F},  {.22F, .84F}, {.08F, .99F}, {0, .9F},
                                 {.1F, .8F},   {.3F, .92F},  {.6F, 1}};
constexpr PenPoint two_angular[] = {{.06F, .1F}, {.3F, 0},  {.52F, .14F}, {.46F, .4F},
                                    {.06F, 1},   {.06F, 1}, {.56F, 1}};

constexpr PenPoint three_round[] = {{.05F, .12F}, {.25F, 0},   {.48F, .08F}, {.5F, .28F},
                                    {.36F, .44F}, {.2F, .48F}, {.2F, .48F},  {.42F, .52F},
                                    {.57F, .7F},  {.5F, .9F},  {.28F, 1},    {.03F, .9F}};
constexpr PenPoint three_flat[] = {{.05F, 0},   {.52F, 0},    {.52F, 0},    {.24F, .4F},
                                   {.24F, .4F}, {.46F, .46F}, {.57F, .68F}, {.5F, .9F},
                                   {.26F, 1},   {.02F, .9F}};
constexpr PenPoint three_loop[] = {{.06F, .08F}, {.3F, 0},    {.5F, .14F}, {.42F, .38F},
                                   {.24F, .48F}, {.2F, .42F}, {.3F, .42F}, {.52F, .58F},
                                   {.54F, .82F}, {.34F, 1},   {.06F, .94F}};

constexpr PenPoint four_open[] = {{.15F, 0}, {.05F, .56F}, {.05F, .56F}, {.3F, .56F}, {.6F, .54F},
                                  lift,      {.45F, .15F}, {.43F, .6F},  {.41F, 1}};
constexpr PenPoint four_closed[] = {{.42F, 0}, {.2F, .34F}, {0, .66F},   {0, .66F}, {.6F, .66F},
                                    lift,      {.42F, 0},   {.42F, .5F}, {.42F, 1}};
constexpr PenPoint four_cup[] = {{.08F, 0}, {.05F, .36F}, {.18F, .52F}, {.36F, .5F}, {.54F, .4F},
                                 lift,      {.56F, 0},    {.51F, .5F},  {.45F, 1}};

constexpr PenPoint five_one_stroke[] = {{.52F, 0},    {.12F, 0},   {.12F, 0},    {.08F, .42F},
                                        {.08F, .42F}, {.3F, .36F}, {.52F, .48F}, {.56F, .7F},
                                        {.45F, .92F}, {.22F, 1},   {.02F, .9F}};
constexpr PenPoint five_hat[] = {{.14F, .03F}, {.1F, .44F},  {.1F, .44F},  {.32F, .38F},
                                 {.54F, .52F}, {.54F, .78F}, {.36F, .98F}, {.06F, .95F},
                                 lift,         {.13F, .03F}, {.34F, .02F}, {.58F, 0}};
constexpr PenPoint five_snake[] = {{.54F, .02F}, {.28F, .03F}, {.1F, .14F},
                                   {.12F, .38F}, {.34F, .45F}, {.54F, .6F},
                                   {.52F, .86F}, {.28F, 1},    {.02F, .92F}};

constexpr PenPoint six_plain[] = {{.45F, 0},    {.22F, .2F}, {.05F, .55F}, {.08F, .88F}, {.3F, 1},
                                  {.53F, .85F}, {.5F, .62F}, {.3F, .52F},  {.08F, .7F}};
constexpr PenPoint six_hook[] = {{.52F, .1F}, {.35F, 0},   {.14F, .15F}, {.03F, .5F},  {.08F, .85F},
                                 {.3F, 1},    {.5F, .85F}, {.48F, .62F}, {.28F, .55F}, {.07F, .7F}};
constexpr PenPoint six_straight[] = {{.36F, 0},    {.16F, .4F},  {.04F, .76F},
                                     {.16F, .98F}, {.42F, .97F}, {.54F, .78F},
                                     {.42F, .6F},  {.2F, .64F},  {.06F, .82F}};

constexpr PenPoint seven_plain[] = {{.02F, .03F}, {.3F, .02F}, {.56F, 0},
                                    {.56F, 0},    {.36F, .5F}, {.2F, 1}};
constexpr PenPoint seven_barred[] = {{.02F, .02F}, {.56F, 0},  {.56F, 0},
                                     {.36F, .48F}, {.22F, 1},  lift,
                                     {.12F, .52F}, {.3F, .5F}, {.52F, .48F}};
constexpr PenPoint seven_curved[] = {{.03F, .18F}, {.06F, .02F}, {.06F, .02F},
                                     {.3F, .05F},  {.56F, .01F}, {.56F, .01F},
                                     {.4F, .35F},  {.29F, .7F},  {.27F, 1}};

constexpr PenPoint eight_one_stroke[] = {
    {.46F, .12F}, {.28F, 0},    {.1F, .1F},   {.11F, .3F}, {.3F, .47F},  {.52F, .66F}, {.5F, .9F},
    {.28F, 1},    {.06F, .88F}, {.09F, .66F}, {.3F, .47F}, {.48F, .28F}, {.46F, .1F}};
constexpr PenPoint eight_rings[] = {{.3F, 0},     {.12F, .1F},  {.12F, .34F}, {.3F, .45F},
                                    {.48F, .34F}, {.48F, .1F},  {.3F, 0},     lift,
                                    {.3F, .45F},  {.06F, .58F}, {.05F, .86F}, {.3F, 1},
                                    {.55F, .86F}, {.54F, .58F}, {.3F, .45F}};
constexpr PenPoint eight_tilted[] = {{.54F, .06F}, {.34F, 0},   {.14F, .1F},  {.16F, .3F},
                                     {.36F, .5F},  {.5F, .72F}, {.4F, .96F},  {.18F, .98F},
                                     {.06F, .8F},  {.2F, .58F}, {.42F, .36F}, {.52F, .04F}};

constexpr PenPoint nine_plain[] = {{.5F, .16F}, {.3F, 0},     {.08F, .12F}, {.06F, .38F},
                                   {.25F, .5F}, {.45F, .38F}, {.52F, .12F}, {.52F, .12F},
                                   {.48F, .6F}, {.42F, 1}};
constexpr PenPoint nine_hook[] = {{.52F, .14F}, {.32F, 0},    {.1F, .1F},   {.08F, .36F},
                                  {.28F, .47F}, {.48F, .34F}, {.53F, .12F}, {.54F, .5F},
                                  {.46F, .86F}, {.26F, 1},    {.06F, .92F}};
constexpr PenPoint nine_lean[] = {{.48F, .08F}, {.26F, .02F}, {.08F, .2F},
                                  {.14F, .42F}, {.36F, .42F}, {.52F, .14F},
                                  {.52F, .14F}, {.36F, .6F},  {.22F, 1}};

constexpr DigitSkeleton table[] = {
    {0, zero_round},       {0, zero_open},   {0, zero_narrow},  {1, one_bar},
    {1, one_flag},         {1, one_base},    {2, two_plain},    {2, two_loop},
    {2, two_angular},      {3, three_round}, {3, three_flat},   {3, three_loop},
    {4, four_open},        {4, four_closed}, {4, four_cup},     {5, five_one_stroke},
    {5, five_hat},         {5, five_snake},  {6, six_plain},    {6, six_hook},
    {6, six_straight},     {7, seven_plain}, {7, seven_barred}, {7, seven_curved},
    {8, eight_one_stroke}, {8, eight_rings}, {8, eight_tilted}, {9, nine_plain},
    {9, nine_hook},        {9, nine_lean}};
constexpr std::size_t ways = 3;
static_assert(std::size(table) == 10 * ways);

}  // namespace

std::span<const DigitSkeleton> digit_skeletons(std::int32_t digit) {
  expects(digit >= 0 && digit < 10, "a digit is 0 .. 9");
  return std::span(table).subspan(static_cast<std::size_t>(digit) * ways, ways);
}

}  // namespace raven
