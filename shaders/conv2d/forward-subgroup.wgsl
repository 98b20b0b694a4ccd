// y = epilogue(x * weight + bias): implicit matrix product of pixels and output channels for software adapters, which run
// one subgroup as the lanes of vector instructions. A gather costs as much as 100 multiplications, a broadcast nothing.
//
// Threads: one subgroup of SG lanes a workgroup; each lane computes P pixels (SG apart) times O4 vec4s of output channels.
// z: blocks of output channels in each group. Each step of the loop takes 4 input channels of one tap: a lane gathers those of its own
// pixels and its share of the filter's 4 x O4 vec4s, which broadcasts hand to all.
// Layouts: x, y nhwc; weight hwio; bias plain. Channels of a group in memory are multiples of 4.
// One loop over taps and channels with counters: nested loops would copy all sums in and out for each tap.
// Pixels outside wrap to large unsigned numbers and fail the one comparison.
enable subgroups;
diagnostic(off, subgroup_uniformity);
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
//#endif

//#epilogue

//#include "conv2d/store.wgsl"

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let c4 = params.cs / 4u;
  let o4 = params.os / 4u;
  let pixels = params.n * params.oh * params.ow;
  let i4 = params.is / 4u;
  let span = o4 / params.groups;
  let blocks = (span + ${O4-1}u) / ${O4}u;
  let group = wg.z / blocks;
  let block = group * span + wg.z % blocks * ${O4}u;
  let block_end = (group + 1u) * span;
//#for Q 0 P
  let p$Q = linear_group(wg, groups) * ${SG*P}u + ${SG*Q}u + lane;
  let row$Q = min(p$Q, pixels - 1u) / params.ow;
  let left$Q = min(p$Q, pixels - 1u) % params.ow * params.sx - params.left;
  let top$Q = row$Q % params.oh * params.sy - params.top;
  let at$Q = ((row$Q / params.oh * params.h + top$Q) * params.w + left$Q) * c4 + group * i4;
//#endfor
//#for J 0 (4*O4+SG-1)/SG
  let from$J = ((${SG*J}u + lane) & 3u) * o4 + min(block + ((${SG*J}u + lane) >> 2u), block_end - 1u);
//#endfor
//#for J 0 (O4+SG-1)/SG
  let bias$J = bias_of(block + ${SG*J}u + lane, params.o);
//#endfor
//#for Q 0 P
//#for O 0 O4
  var acc${Q}_${O} = subgroupBroadcast(bias${O/SG}, ${O%SG}u);
//#endfor
//#endfor
  // Where the tap is: rows down, columns right, vec4s from the first.
  var tap = 0u;
  var ty = 0u;
  var tx = 0u;
  var c = 0u;
  let end = params.kh * params.kw * i4 * params.os;
  while (tap < end) {
    let offset = (ty * params.w + tx) * c4 + c;
//#for J 0 (4*O4+SG-1)/SG
    let w$J = weight[tap + from$J];
//#endfor
    tap += params.os;
//#for Q 0 P
    let inside$Q = top$Q + ty < params.h && left$Q + tx < params.w;
    let x$Q = select(vec4f(), x[at$Q + offset], inside$Q);
//#endfor
//#for O 0 O4
    let m$O = mat4x4f(
//#for K 0 4
      subgroupBroadcast(w${(4*O+K)/SG}, ${(4*O+K)%SG}u),
//#endfor
    );
//#for Q 0 P
    acc${Q}_${O} += m$O * x$Q;
//#endfor
//#endfor
    c += 1u;
    let tap_ends = c == i4;
    c = select(c, 0u, tap_ends);
    tx += select(0u, params.dx, tap_ends);
    let row_ends = tx == params.kw * params.dx;
    tx = select(tx, 0u, row_ends);
    ty += select(0u, params.dy, row_ends);
  }
//#for J 0 (O4+SG-1)/SG
  let by$J = by_channel(block + ${SG*J}u + lane, params.o);
//#endfor
  // One store for all, because stores compile slowly.
  for (var o = block; o < min(block + ${O4}u, block_end); o++) {
//#for Q 0 P
    var v$Q: vec4f;
//#endfor
    var of_channels: ByChannel;
    switch o - block {
//#for O 0 O4
      case ${O}u: {
//#for Q 0 P
        v$Q = acc${Q}_${O};
//#endfor
//#if CHANNELS
        of_channels = ByChannel(
//#for J 0 4
          subgroupBroadcast(by${O/SG}[$J], ${O%SG}u),
//#endfor
        );
//#endif
      }
//#endfor
      default: {}
    }
    // From o on and not from 0, or the driver would unroll the loop.
    for (var q = o; q < o + ${P}u; q++) {
      var p = p0;
      var v = v0;
//#for Q 1 P
      if (q - o == ${Q}u) {
        p = p$Q;
        v = v$Q;
      }
//#endfor
      if (p < pixels) { y[p * o4 + o] = finish(v, p * o4 + o, of_channels); }
    }
  }
}
