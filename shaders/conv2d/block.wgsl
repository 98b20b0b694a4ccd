// y = epilogue(x * weight + bias) with stride 1 and dilation 1, in blocks of pixels, for software adapters. FLIPPED: the
// gradient of the input, which is the same of dy with the filter turned round; x, y and their sizes are then dy's and dx's.
//
// Threads: one subgroup of SG lanes a workgroup; each lane computes a block of R rows x C columns of pixels times O4 vec4s of
// output channels; z: blocks of output channels. A lane slides along the taps of a row with C columns of x in registers:
// each step takes 4 input channels of one tap, for which it gathers a single new column and its share of the filter's
// 4 x O4 vec4s, which broadcasts hand to all. Taps that reach x from no lane are skipped.
// BY_IMAGE: neighbouring lanes are the same block of neighbouring images, so that more taps can be skipped.
// POOL: y is the maximum of each 2 x 2 block of results (pool.wgsl), of which a lane's block is made; R and C are even.
// Layouts: x, y nhwc; weight hwio; bias plain. groups = 1, channels in memory are multiples of 4.
// Pixels outside wrap to large unsigned numbers and fail the one comparison.
enable subgroups;
diagnostic(off, subgroup_uniformity);
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
//#if PLAIN
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
//#else
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
//#endif
@group(0) @binding(3) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
//#endif

//#epilogue

//#include "conv2d/store.wgsl"
//#if POOL
//#include "conv2d/pool.wgsl"
//#endif

// Along one axis: the first tap that is needed where blocks of `size` begin at `low` to `high` in an image of `extent`,
// and the one after the last; always one at least.
fn taps(low: i32, high: i32, size: i32, extent: u32, kernel: u32) -> vec2u {
  let first = clamp(1 - size - high, 0, i32(kernel) - 1);
  return vec2u(u32(first), u32(clamp(i32(extent) - low, first + 1, i32(kernel))));
}

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let c4 = params.cs / 4u;
  let o4 = params.os / 4u;
//#if POOL
  // The last of an odd number of results is in no window.
  let rows = (params.oh / 2u + ${R/2-1}u) / ${R/2}u;
  let columns = (params.ow / 2u + ${C/2-1}u) / ${C/2}u;
//#else
  let rows = (params.oh + ${R-1}u) / ${R}u;
  let columns = (params.ow + ${C-1}u) / ${C}u;
//#endif
  let block = wg.z * ${O4}u;
  let index = linear_group(wg, groups) * ${SG}u + lane;
  let clamped = min(index, params.n * rows * columns - 1u);
//#if BY_IMAGE
  let image = clamped % params.n;
  let place = clamped / params.n;
//#else
  let image = clamped / (rows * columns);
  let place = clamped % (rows * columns);
//#endif
  let oy = place / columns * ${R}u;
  let ox = place % columns * ${C}u;
  let top = i32(oy - params.top);
  let left = i32(ox - params.left);
  let down = taps(subgroupMin(top), subgroupMax(top), ${R}, params.h, params.kh);
  let across = taps(subgroupMin(left), subgroupMax(left), ${C}, params.w, params.kw);
//#for J 0 (4*O4+SG-1)/SG
//#if FLIPPED
  let from$J = min(4u * block + ${SG*J}u + lane, params.os - 1u) * c4;
//#else
  let from$J = ((${SG*J}u + lane) & 3u) * o4 + min(block + ((${SG*J}u + lane) >> 2u), o4 - 1u);
//#endif
//#endfor
//#for J 0 (O4+SG-1)/SG
  let bias$J = bias_of(block + ${SG*J}u + lane, params.o);
//#endfor
//#for Q 0 R*C
//#for O 0 O4
  var acc${Q}_${O} = subgroupBroadcast(bias${O/SG}, ${O%SG}u);
//#endfor
//#endfor
  let tap_size = params.cs * o4;
  let start = (image * params.h + u32(top)) * params.w * c4;
  var ky = down.x;
  var c = 0u;
  var kx = across.x;
  // Where the next column of x is; `missing` of them are to be gathered, all of the block at the start of a row of taps.
  var ix = u32(left) + across.x;
  var at = start + (ky * params.w + ix) * c4;
  var missing = ${C}u;
//#for Y 0 R
//#for X 0 C
  var x${Y}_${X} = vec4f();
//#endfor
//#endfor
//#if FLIPPED
  var tap = ((params.kh - 1u - ky) * params.kw + params.kw - 1u - across.x) * tap_size;
//#else
  var tap = (ky * params.kw + across.x) * tap_size;
//#endif
  while (ky < down.y) {
//#for J 0 (4*O4+SG-1)/SG
    let w$J = weight[tap + from$J];
//#endfor
    loop {
//#for Y 0 R
//#for X 0 C-1
      x${Y}_${X} = x${Y}_${X+1};
//#endfor
      x${Y}_${C-1} = select(vec4f(), x[at + $Yu * params.w * c4], u32(top) + ky + $Yu < params.h && ix < params.w);
//#endfor
      ix += 1u;
      at += c4;
      missing -= 1u;
      continuing { break if missing == 0u; }
    }
//#for O 0 O4
    let m$O = mat4x4f(
//#for K 0 4
      subgroupBroadcast(w${(4*O+K)/SG}, ${(4*O+K)%SG}u),
//#endfor
    );
//#for Y 0 R
//#for X 0 C
//#if FLIPPED
    acc${Y*C+X}_$O += x${Y}_${X} * m$O;
//#else
    acc${Y*C+X}_$O += m$O * x${Y}_${X};
//#endif
//#endfor
//#endfor
//#endfor
    kx += 1u;
    let row_ends = kx == across.y;
    kx = select(kx, across.x, row_ends);
    c += select(0u, 1u, row_ends);
    let channels_end = c == c4;
    c = select(c, 0u, channels_end);
    ky += select(0u, 1u, channels_end);
    missing = select(1u, ${C}u, row_ends);
    ix = select(ix, u32(left) + across.x, row_ends);
    at = select(at, start + (ky * params.w + ix) * c4 + c, row_ends);
//#if FLIPPED
    tap = select(tap - tap_size, ((params.kh - 1u - ky) * params.kw + params.kw - 1u - across.x) * tap_size + c, row_ends);
//#else
    tap = select(tap + tap_size, (ky * params.kw + across.x) * tap_size + c * params.os, row_ends);
//#endif
  }
//#for J 0 (O4+SG-1)/SG
  let by$J = by_channel(block + ${SG*J}u + lane, params.o);
//#endfor
//#for O 0 O4
//#if CHANNELS
  let of$O = ByChannel(
//#for J 0 4
    subgroupBroadcast(by${O/SG}[$J], ${O%SG}u),
//#endfor
  );
//#else
  let of$O = ByChannel();
//#endif
//#endfor
  if (index > clamped) { return; }
  // Column by column and vec4 by vec4, so that the text has few stores: they compile slowly.
//#if POOL
  for (var column = ox / 2u; column < min((ox + ${C}u) / 2u, params.ow / 2u); column++) {
//#for Y 0 R
//#for O 0 O4
    var l${Y}_$O: vec4f;
    var r${Y}_$O: vec4f;
//#endfor
//#endfor
    switch column - ox / 2u {
//#for X 0 C/2
      case ${X}u: {
//#for Y 0 R
//#for O 0 O4
        l${Y}_$O = acc${Y*C+2*X}_$O;
        r${Y}_$O = acc${Y*C+2*X+1}_$O;
//#endfor
//#endfor
      }
//#endfor
      default: {}
    }
    for (var o = block; o < min(block + ${O4}u, o4); o++) {
//#for Y 0 R
      var l$Y = l${Y}_0;
      var r$Y = r${Y}_0;
//#endfor
//#for O 1 O4
      if (o - block == ${O}u) {
//#for Y 0 R
        l$Y = l${Y}_$O;
        r$Y = r${Y}_$O;
//#endfor
      }
//#endfor
//#for Y 0 R/2
      if (oy / 2u + $Yu < params.oh / 2u) {
        store_pooled(l${2*Y}, r${2*Y}, l${2*Y+1}, r${2*Y+1}, image, oy / 2u + $Yu, column, o);
      }
//#endfor
    }
  }
//#else
  for (var column = ox; column < min(ox + ${C}u, params.ow); column++) {
//#for Y 0 R
//#for O 0 O4
    var v${Y}_$O: vec4f;
//#endfor
//#endfor
    switch column - ox {
//#for X 0 C
      case ${X}u: {
//#for Y 0 R
//#for O 0 O4
        v${Y}_$O = acc${Y*C+X}_$O;
//#endfor
//#endfor
      }
//#endfor
      default: {}
    }
    for (var o = block; o < min(block + ${O4}u, o4); o++) {
//#for Y 0 R
      var v$Y = v${Y}_0;
//#endfor
      var of_channels = of0;
//#for O 1 O4
      if (o - block == ${O}u) {
//#for Y 0 R
        v$Y = v${Y}_$O;
//#endfor
        of_channels = of$O;
      }
//#endfor
//#for Y 0 R
      if (oy + $Yu < params.oh) {
        let to = ((image * params.oh + oy + $Yu) * params.ow + column) * o4 + o;
        y[to] = finish(v$Y, to, of_channels);
      }
//#endfor
    }
  }
//#endif
}
