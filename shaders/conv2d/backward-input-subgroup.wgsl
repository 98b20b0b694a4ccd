// dx = sum over the filter of dy * weight: the counterpart of forward-subgroup.wgsl, with pixels of dx and input channels.
//
// Threads: one subgroup of SG lanes a workgroup; each lane computes P pixels times I4 vec4s of input channels; each step
// takes 4 output channels of one tap. Output pixel oy saw row iy through ky where oy * sy + ky * dy = iy + top, so only
// taps with ky * dy = iy + top (mod sy) count: all pixels of a workgroup are of one such phase (one of sy * sx), and the
// taps of others are skipped by all, as are those that reach the output from none of its pixels. z: blocks of input
// channels times phases. BY_IMAGE: neighbouring lanes are the same pixel of neighbouring images, so that for a filter as
// large as the image there is one such tap, not all of them.
// Layouts: dy, dx nhwc; weight hwio. groups = 1, channels of dy and dx in memory multiples of 4.
enable subgroups;
diagnostic(off, subgroup_uniformity);
//#include "lib/linear-id.wgsl"
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

// The taps along one axis that count for a workgroup: tap `first` and every `step`th after it, which read the output
// `shift`, then every `by` more, pixels before the last that they could.
struct Taps { first: u32, step: u32, shift: u32, by: u32, count: u32 }

// low, high: the shifts with which some pixel of the workgroup reaches the output.
fn taps(kernel: u32, dilation: u32, stride: u32, phase: u32, low: i32, high: i32) -> Taps {
  var first = 0u;
  while (first < kernel && first * dilation % stride != phase) { first += 1u; }
  var step = 1u;
  while (step * dilation % stride != 0u) { step += 1u; }
  let shift = first * dilation / stride;
  let by = step * dilation / stride;
  let skip = u32(max(low - i32(shift), 0) + i32(by) - 1) / by;
  let last = select(0u, u32(high - i32(shift)) / by + 1u, high >= i32(shift));
  let end = min(last, (kernel - first + step - 1u) / step);
  return Taps(first + skip * step, step, shift + skip * by, by, max(end, skip) - skip);
}

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let c4 = params.cs / 4u;
  let o4 = params.os / 4u;
  let block = wg.z / (params.sy * params.sx) * ${I4}u;
  let phase_y = wg.z / params.sx % params.sy;
  let phase_x = wg.z % params.sx;
  // First row and column of the phase, and how many there are.
  let y0 = (phase_y + params.sy - params.top % params.sy) % params.sy;
  let x0 = (phase_x + params.sx - params.left % params.sx) % params.sx;
  let rows = (params.h + params.sy - 1u - y0) / params.sy;
  let columns = (params.w + params.sx - 1u - x0) / params.sx;
  let pixels = params.n * rows * columns;
//#for Q 0 P
  let p$Q = linear_group(wg, groups) * ${SG*P}u + ${SG*Q}u + lane;
//#if BY_IMAGE
  let image$Q = min(p$Q, pixels - 1u) % params.n;
  let pixel$Q = min(p$Q, pixels - 1u) / params.n;
//#else
  let image$Q = min(p$Q, pixels - 1u) / (rows * columns);
  let pixel$Q = min(p$Q, pixels - 1u) % (rows * columns);
//#endif
  let ix$Q = x0 + pixel$Q % columns * params.sx;
  let iy$Q = y0 + pixel$Q / columns * params.sy;
  let right$Q = (ix$Q + params.left) / params.sx;
  let bottom$Q = (iy$Q + params.top) / params.sy;
  let at$Q = ((image$Q * params.oh + bottom$Q) * params.ow + right$Q) * o4;
//#endfor
  var low = vec2i(i32(bottom0), i32(right0));
  var high = low;
//#for Q 1 P
  low = min(low, vec2i(i32(bottom$Q), i32(right$Q)));
  high = max(high, vec2i(i32(bottom$Q), i32(right$Q)));
//#endfor
  low = subgroupMin(low) - vec2i(i32(params.oh) - 1, i32(params.ow) - 1);
  high = subgroupMax(high);
  let down = taps(params.kh, params.dy, params.sy, phase_y, low.x, high.x);
  let across = taps(params.kw, params.dx, params.sx, phase_x, low.y, high.y);
//#for J 0 (4*I4+SG-1)/SG
  let from$J = min(4u * block + ${SG*J}u + lane, params.cs - 1u) * o4;
//#endfor
//#for Q 0 P
//#for I 0 I4
  var acc${Q}_${I} = vec4f();
//#endfor
//#endfor
  let tap_size = params.cs * o4;
  var tap = (down.first * params.kw + across.first) * tap_size;
  var ty = down.shift;
  var tx = across.shift;
  var column = 0u;
  var o = 0u;
  for (var steps = down.count * across.count * o4; steps > 0u; steps--) {
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
    let tap_ends = o == o4;
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
//#for Q 0 P
  if (p$Q < pixels) {
    let at = ((image$Q * params.h + iy$Q) * params.w + ix$Q) * c4 + block;
//#for I 0 I4
    if (block + $Iu < c4) { dx[at + $Iu] = acc${Q}_${I}; }
//#endfor
  }
//#endfor
}
