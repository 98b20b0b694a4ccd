// A 2 x 2 block of results pooled before it is stored: y = epilogue(maximum). Include it behind store.wgsl.
//
// y holds the pooled values, nhwc; with PLAIN it is array<f32> [n, c, h, w]. CODES: which result was taken, the first maximum
// of a, b (above), c, d (below) as 0 to 3, a byte for each of the four channels, at the place that their vec4 has in nhwc.
//#if CODES
@group(0) @binding(6) var<storage, read_write> codes: array<u32>;
//#endif

fn store_pooled(a: vec4f, b: vec4f, c: vec4f, d: vec4f, n: u32, row: u32, column: u32, c4: u32) {
  let h = params.oh / 2u;
  let w = params.ow / 2u;
  let to = ((n * h + row) * w + column) * (params.os / 4u) + c4;
//#if CODES
  var best = a;
  var won = vec4u();
  won = select(won, vec4u(1u), b > best);
  best = max(best, b);
  won = select(won, vec4u(2u), c > best);
  best = max(best, c);
  won = select(won, vec4u(3u), d > best);
  codes[to] = won.x | (won.y << 8u) | (won.z << 16u) | (won.w << 24u);
//#endif
  let v = finish(max(max(a, b), max(c, d)), to, ByChannel());
//#if PLAIN
  // A loop that is not unrolled: stores compile slowly.
  for (var i = 4u * c4; i < min(4u * c4 + 4u, params.o); i++) {
    y[((n * params.o + i) * h + row) * w + column] = v[i - 4u * c4];
  }
//#else
  y[to] = v;
//#endif
}
