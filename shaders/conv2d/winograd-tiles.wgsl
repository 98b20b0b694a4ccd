// The tiles of an image as Winograd's 36 products need them (winograd.wgsl). SIDE==6: tiles of 6x6 pixels, 4 apart, for
// the image itself; SIDE==4: tiles of 4x4, for the gradient of a convolution's result as the filter of its weight's gradient.
//
// Threads: one subgroup of SG lanes a workgroup, each lane for a vec4 of channels and `run` tiles in a row, whose columns it
// takes one after another: tiles of 6x6 share two. A strip is a row of tiles of one image, and a dispatch takes some of all
// strips. Tile number = place in the strip * strips + strip, with empty strips behind the last, so that their count is a
// multiple of 4.
// ACROSS: consecutive lanes take consecutive strips and the result is [tiles / 16, 36, channels, 16], else channels and
// [36, tiles, channels]. Layouts: image nhwc. Pixels outside wrap to large unsigned numbers and fail the one comparison.
// SUMS: `sums` [parts, channels] gets what each thread adds up.
// SPREAD: the image is the gradient of a 2 x 2 max pool's input, and given is that of its result, with codes (pool.wgsl)
// that say to which pixel of its window it goes; h and w are those of the pool's input. ODD (0 or 1): top is odd. A column
// of tiles meets so many rows of windows, WINDOWS, and finds them loaded if it is not the first of its windows.
enable subgroups;
diagnostic(off, subgroup_uniformity);
//#include "lib/linear-id.wgsl"
//#include "conv2d/winograd.wgsl"
struct Params {
  h: u32, w: u32,
  // Vec4s of channels, and pixels that the first tile begins before the image.
  c4: u32, top: u32, left: u32,
  // Strips of an image, tiles of a strip, strips with the empty ones, tiles of a thread.
  down: u32, across: u32, strips: u32, run: u32,
  // The first strip, and the one after the last, of those of all images.
  first: u32, end: u32,
  // Vec4s of the result between positions, and between blocks of 16 tiles where ACROSS.
  plane4: u32, block4: u32,
  // 6, as a number that the compiler does not know: it would unroll the loop.
  lines: u32,
//#if SPREAD
  // WINDOWS, likewise.
  windows: u32,
//#endif
//#if SUMS
  // The part that the first thread adds up.
  first_part: u32,
//#endif
}
@group(0) @binding(0) var<storage, read> image: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> result: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;
//#if SUMS
@group(0) @binding(3) var<storage, read_write> sums: array<vec4f>;
//#endif
//#if SPREAD
@group(0) @binding(4) var<storage, read> codes: array<u32>;
//#endif

//#if ACROSS
// Four channels of the tiles of four lanes become four tiles of a channel for each lane.
fn turn(v: vec4f, lane: u32) -> vec4f {
  let odd = (lane & 1u) == 1u;
  let near = subgroupShuffleXor(select(v.yw, v.xz, odd), 1u);
  let r = select(vec4f(v.x, near.x, v.z, near.y), vec4f(near.x, v.y, near.y, v.w), odd);
  let high = (lane & 2u) == 2u;
  let far = subgroupShuffleXor(select(r.zw, r.xy, high), 2u);
  return select(vec4f(r.xy, far), vec4f(far, r.zw), high);
}
//#endif

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
//#if ACROSS
  let group = linear_group(wg, groups);
  let c = group % params.c4;
  let blocks = (params.strips + ${SG-1}u) / ${SG}u;
  let strip = group / params.c4 % blocks * ${SG}u + lane;
  let part = group / params.c4 / blocks;
//#else
  let index = linear_group(wg, groups) * ${SG}u + lane;
  let c = index % params.c4;
  let strip = index / params.c4 % params.strips;
  let part = index / params.c4 / params.strips;
//#endif
  if (strip >= params.strips || part * params.run >= params.across) { return; }
  let real = params.first + strip < params.end;
  let n = (params.first + strip) / params.down;
  let y = (params.first + strip) % params.down * 4u - params.top;
  let end = min((part + 1u) * params.run, params.across);
  var tile = part * params.run;
  var x = tile * 4u - params.left;
  var missing = ${SIDE}u;
//#if SPREAD
  let rows = params.h / 2u;
  let columns = params.w / 2u;
//#for J 0 WINDOWS
  var given$J = vec4f();
  var won$J = vec4u();
//#endfor
//#else
  var at = ((n * params.h + y) * params.w + x) * params.c4 + c;
//#endif
//#for X 0 SIDE
  var column$X = Line6();
//#endfor
//#if SUMS
  var sum = vec4f();
//#endif
  while (tile < end) {
//#for X 0 SIDE-1
    column$X = column${X+1};
//#endfor
//#if SPREAD
    if (x % 2u == 0u || missing == ${SIDE}u) {
      // In a loop, because loads compile slowly.
      for (var j = 0u; j < params.windows; j++) {
        let row = (y + 2u * j - ${ODD}u) / 2u;
        let cell = ((n * rows + row) * columns + x / 2u) * params.c4 + c;
//#for J 0 WINDOWS-1
        given$J = given${J+1};
        won$J = won${J+1};
//#endfor
        given${WINDOWS-1} = select(vec4f(), image[cell], real && row < rows && x / 2u < columns);
        won${WINDOWS-1} = (vec4u(codes[cell]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
      }
    }
//#for Y 0 SIDE
    let v$Y = select(vec4f(), given${(ODD+Y)/2}, won${(ODD+Y)/2} == vec4u(${(ODD+Y)%2*2}u + x % 2u));
//#endfor
//#else
//#for Y 0 SIDE
    let v$Y = select(vec4f(), image[at + $Yu * params.w * params.c4], real && x < params.w && y + $Yu < params.h);
//#endfor
//#endif
//#if SIDE==6
    column5 = from6(Line6(v0, v1, v2, v3, v4, v5));
//#else
    column3 = from4(Line4(v0, v1, v2, v3));
//#endif
//#if SUMS
    sum += (v0 + v1) + (v2 + v3);
//#endif
    x += 1u;
//#if !SPREAD
    at += params.c4;
//#endif
    missing -= 1u;
    if (missing == 0u) {
      let number = tile * params.strips + strip;
//#if ACROSS
      var to = number / 16u * params.block4 + 16u * c + 4u * (lane & 3u) + number % 16u / 4u;
//#else
      var to = number * params.c4 + c;
//#endif
      for (var line = 0u; line < params.lines; line++) {
//#if SIDE==6
        var row = from6(Line6(of6(column0, line), of6(column1, line), of6(column2, line), of6(column3, line), of6(column4, line), of6(column5, line)));
//#else
        var row = from4(Line4(of6(column0, line), of6(column1, line), of6(column2, line), of6(column3, line)));
//#endif
        for (var i = 0u; i < params.lines; i++) {
//#if ACROSS
          result[to] = turn(row[0], lane);
//#else
          result[to] = row[0];
//#endif
          row = Line6(row[1], row[2], row[3], row[4], row[5], row[0]);
          to += params.plane4;
        }
      }
      tile += 1u;
      missing = 4u;
    }
  }
//#if SUMS
  sums[(params.first_part + part * params.strips + strip) * params.c4 + c] = sum;
//#endif
}
