// Included once for each SIMD target: Highway toggles this guard.
#if defined(RAVEN_TENSOR_PHILOX_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef RAVEN_TENSOR_PHILOX_INL_HPP
#undef RAVEN_TENSOR_PHILOX_INL_HPP
#else
#define RAVEN_TENSOR_PHILOX_INL_HPP
#endif

#include "raven/core/random.hpp"
#include "tensor/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

using Words = hn::RebindToUnsigned<Floats>;
using WordVector = hn::Vec<Words>;

/// Words that one call of random_words makes.
HWY_INLINE std::size_t random_words_lanes() { return 4 * hn::Lanes(Words()); }

#if HWY_TARGET == HWY_SCALAR

HWY_INLINE void random_words(const RandomKey& key, std::uint32_t block, std::uint32_t* out) {
  const auto words = key.words(block);
  std::memcpy(out, words.data(), sizeof words);
}

#else

/// Upper and lower halves of the 64-bit products a * factor.
HWY_INLINE void wide_product(WordVector a, std::uint32_t factor, WordVector& high,
                             WordVector& low) {
  const Words words;
  const hn::RepartitionToWide<Words> pairs;
  const WordVector f = hn::Set(words, factor);
  const auto even = hn::MulEven(a, f);
  const auto odd = hn::MulEven(hn::BitCast(words, hn::ShiftRight<32>(hn::BitCast(pairs, a))), f);
  const auto upper = hn::Set(pairs, 0xFFFFFFFF00000000ULL);
  high = hn::BitCast(words, hn::Or(hn::ShiftRight<32>(even), hn::And(odd, upper)));
  low = hn::BitCast(words, hn::Or(hn::AndNot(upper, even), hn::ShiftLeft<32>(odd)));
}

/// key.words(block), key.words(block + 1) ...: one Philox per lane, to 4 * lanes words in the
/// stream's order.
HWY_INLINE void random_words(const RandomKey& key, std::uint32_t block, std::uint32_t* out) {
  const Words words;
  const auto low_word = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
  const auto high_word = [](std::uint64_t value) {
    return static_cast<std::uint32_t>(value >> 32);
  };
  WordVector c0 = hn::Add(hn::Iota(words, 0), hn::Set(words, block));
  WordVector c1 = hn::Set(words, key.op);
  WordVector c2 = hn::Set(words, low_word(key.sample));
  WordVector c3 = hn::Set(words, low_word(key.step));
  std::uint32_t k0 = low_word(key.seed) ^ (high_word(key.step) * 0x85EBCA6BU);
  std::uint32_t k1 = high_word(key.seed) ^ high_word(key.sample);
  for (int round = 0; round < 10; ++round) {
    WordVector high_a;
    WordVector low_a;
    WordVector high_b;
    WordVector low_b;
    wide_product(c0, 0xD2511F53U, high_a, low_a);
    wide_product(c2, 0xCD9E8D57U, high_b, low_b);
    c0 = hn::Xor(hn::Xor(high_b, c1), hn::Set(words, k0));
    c1 = low_b;
    c2 = hn::Xor(hn::Xor(high_a, c3), hn::Set(words, k1));
    c3 = low_a;
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  hn::StoreInterleaved4(c0, c1, c2, c3, words, out);
}

#endif

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
