// dx = epilogue(sum over the filter of dy * weight + bias): the counterpart of forward-subgroup.wgsl, with pixels of dx and input channels.
//
// Threads: one subgroup of SG lanes a workgroup; each lane computes P pixels times I4 vec4s of input channels; each step
// takes 4 output channels of one tap. All pixels of a workgroup are of one phase (taps.wgsl); taps of other phases are
// skipped by all, as are those that reach the output from none of its pixels. z: blocks of input channels in each group, times phases.
// BY_IMAGE: neighbouring lanes are the same pixel of neighbouring images, so that a filter as large as the image has one
// such tap for them, not all.
// Layouts: dy, dx nhwc; weight hwio, bias plain. Channels of a group in memory are multiples of 4.
enable subgroups;
diagnostic(off, subgroup_uniformity);
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
//#include "conv2d/taps.wgsl"
@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
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
  let i4 = params.is / 4u;
  let span = o4 / params.groups;
  let blocks = (i4 + ${I4-1}u) / ${I4}u;
  let group = wg.z / (params.sy * params.sx) / blocks;
  let block = wg.z / (params.sy * params.sx) % blocks * ${I4}u;
  let phase = phase_of(wg.z, params.h, params.w);
  let pixels = params.n * phase.rows * phase.columns;
//#for Q 0 P
  let p$Q = linear_group(wg, groups) * ${SG*P}u + ${SG*Q}u + lane;
//#if BY_IMAGE
  let image$Q = min(p$Q, pixels - 1u) % params.n;
  let pixel$Q = min(p$Q, pixels - 1u) / params.n;
//#else
  let image$Q = min(p$Q, pixels - 1u) / (phase.rows * phase.columns);
  let pixel$Q = min(p$Q, pixels - 1u) % (phase.rows * phase.columns);
//#endif
  let ix$Q = phase.x0 + pixel$Q % phase.columns * params.sx;
  let iy$Q = phase.y0 + pixel$Q / phase.columns * params.sy;
  let right$Q = (ix$Q + params.left) / params.sx;
  let bottom$Q = (iy$Q + params.top) / params.sy;
  let at$Q = ((image$Q * params.oh + bottom$Q) * params.ow + right$Q) * o4 + group * span;
//#endfor
  var low = vec2i(i32(bottom0), i32(right0));
  var high = low;
//#for Q 1 P
  low = min(low, vec2i(i32(bottom$Q), i32(right$Q)));
  high = max(high, vec2i(i32(bottom$Q), i32(right$Q)));
//#endfor
  low = subgroupMin(low) - vec2i(i32(params.oh) - 1, i32(params.ow) - 1);
  high = subgroupMax(high);
  let down = taps(params.kh, params.dy, params.sy, phase.y, low.x, high.x);
  let across = taps(params.kw, params.dx, params.sx, phase.x, low.y, high.y);
//#for J 0 (4*I4+SG-1)/SG
  let from$J = min(4u * block + ${SG*J}u + lane, params.is - 1u) * o4 + group * span;
//#endfor
//#for J 0 (I4+SG-1)/SG
  let bias$J = bias_of(group * i4 + block + ${SG*J}u + lane, params.c);
//#endfor
//#for Q 0 P
//#for I 0 I4
  var acc${Q}_${I} = subgroupBroadcast(bias${I/SG}, ${I%SG}u);
//#endfor
//#endfor
  let tap_size = params.is * o4;
  var tap = (down.first * params.kw + across.first) * tap_size;
  var ty = down.shift;
  var tx = across.shift;
  var column = 0u;
  var o = 0u;
  for (var steps = down.count * across.count * span; steps > 0u; steps--) {
    let offset = o - (ty * params.ow + tx) * o4;
//#for J 0 (4*I4+SG-1)/SG
    let w$J = weight[tap + from$J + o];
//#endfor
//#for Q 0 P
    let inside$Q = bottom$Q - ty < params.oh && right$Q - tx < params.ow;
    let d$Q = select(vec4f(), dy[at$Q + offset], inside$Q);
//#endfor
//#for I 0 I4
    let m$I = mat4x4f(
//#for K 0 4
      subgroupBroadcast(w${(4*I+K)/SG}, ${(4*I+K)%SG}u),
//#endfor
    );
//#for Q 0 P
    acc${Q}_${I} += d$Q * m$I;
//#endfor
//#endfor
    o += 1u;
    let tap_ends = o == span;
    o = select(o, 0u, tap_ends);
    tx += select(0u, across.by, tap_ends);
    tap += select(0u, across.step * tap_size, tap_ends);
    column += select(0u, 1u, tap_ends);
    let row_ends = column == across.count;
    tx = select(tx, across.shift, row_ends);
    ty += select(0u, down.by, row_ends);
    tap += select(0u, (down.step * params.kw - across.count * across.step) * tap_size, row_ends);
    column = select(column, 0u, row_ends);
  }
//#for J 0 (I4+SG-1)/SG
  let by$J = by_channel(group * i4 + block + ${SG*J}u + lane, params.c);
//#endfor
  // One store for all, because stores compile slowly.
  for (var i = block; i < min(block + ${I4}u, i4); i++) {
//#for Q 0 P
    var v$Q: vec4f;
//#endfor
    var of_channels: ByChannel;
    switch i - block {
//#for I 0 I4
      case ${I}u: {
//#for Q 0 P
        v$Q = acc${Q}_${I};
//#endfor
//#if CHANNELS
        of_channels = ByChannel(
//#for J 0 4
          subgroupBroadcast(by${I/SG}[$J], ${I%SG}u),
//#endfor
        );
//#endif
      }
//#endfor
      default: {}
    }
    // From i on and not from 0, or the driver would unroll the loop.
    for (var q = i; q < i + ${P}u; q++) {
      var p = p0;
      var to = (image0 * params.h + iy0) * params.w + ix0;
      var v = v0;
//#for Q 1 P
      if (q - i == ${Q}u) {
        p = p$Q;
        to = (image$Q * params.h + iy$Q) * params.w + ix$Q;
        v = v$Q;
      }
//#endfor
      to = to * c4 + group * i4 + i;
      if (p < pixels) { dx[to] = finish(v, to, of_channels); }
    }
  }
}
