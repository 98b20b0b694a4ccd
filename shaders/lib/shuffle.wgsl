// A pseudo-random permutation of 0..count-1 without a table: a Feistel network over the next even power of two, walked
// until it lands inside (Black and Rogaway 2002, "Ciphers with arbitrary finite domains"). src/util/shuffle.ts is its twin.
fn mix_bits(v: u32) -> u32 {
  var h = v;
  h = (h ^ (h >> 16u)) * 0x7feb352du;
  h = (h ^ (h >> 15u)) * 0x846ca68bu;
  return h ^ (h >> 16u);
}

fn shuffled(index: u32, count: u32, half_bits: u32, key: u32) -> u32 {
  let mask = (1u << half_bits) - 1u;
  var at = index;
  for (var walk = 0u; walk < 64u; walk++) {
    var left = at >> half_bits;
    var right = at & mask;
    for (var round = 0u; round < 6u; round++) {
      let next = left ^ (mix_bits(right ^ mix_bits(key + round * 0x9e3779b9u)) & mask);
      left = right;
      right = next;
    }
    at = (left << half_bits) | right;
    if (at < count) { break; }
  }
  return at;
}
