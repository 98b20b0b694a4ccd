// Philox4x32-10, counter-based random numbers (Salmon et al. 2011). src/util/philox.ts is its twin.
fn mul_high(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let mid = ah * bl + ((al * bl) >> 16u);
  let mid2 = al * bh + (mid & 0xffffu);
  return ah * bh + (mid >> 16u) + (mid2 >> 16u);
}

fn philox(counter: vec4u, key: vec2u) -> vec4u {
  var x = counter;
  var k = key;
  for (var round = 0u; round < 10u; round++) {
    let a = mul_high(0xd2511f53u, x.x);
    let b = mul_high(0xcd9e8d57u, x.z);
    x = vec4u(b ^ x.y ^ k.x, 0xcd9e8d57u * x.z, a ^ x.w ^ k.y, 0xd2511f53u * x.x);
    k += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return x;
}
