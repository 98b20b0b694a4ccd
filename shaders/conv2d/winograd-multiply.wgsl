// The 36 matrix products of Winograd's convolution, for software adapters: for each position,
// result [rows, columns] = sum over k of left [k, rows] * right [k, columns]. Rows of left may lie in blocks.
//
// Threads: one subgroup of SG lanes a workgroup; each lane sums P vec4s of rows, SG apart, times C4 vec4s of columns, which
// broadcasts hand to all. x: blocks of rows, y: blocks of columns, z: positions. A step takes K values of k, which is
// more than 4 to a gather: both operands are vec4s along what they do not sum over, so that little text works on
// large blocks. k is a multiple of K, rows and columns of 4.
enable subgroups;
diagnostic(off, subgroup_uniformity);
struct Params {
  rows4: u32, columns4: u32, k: u32,
  // Vec4s between positions.
  left_plane: u32, right_plane: u32, result_plane: u32,
  // Vec4 where the result begins.
  result_from: u32,
  // Rows of left lie in blocks of so many vec4s (k inside of them), and so many vec4s are between blocks.
  left_width: u32, left_block: u32,
  // C4, as a number that the compiler does not know: it would unroll the loop of stores.
  most: u32,
}
@group(0) @binding(0) var<storage, read> left: array<vec4f>;
@group(0) @binding(1) var<storage, read> right: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let block = wg.y * ${C4}u;
//#for Q 0 P
  let row$Q = wg.x * ${SG*P}u + ${SG*Q}u + lane;
  let clamped$Q = min(row$Q, params.rows4 - 1u);
  var l$Q = clamped$Q / params.left_width * params.left_block + wg.z * params.left_plane + clamped$Q % params.left_width;
//#for I 0 4
//#for O 0 C4
  var acc${Q}_${I}_$O = vec4f();
//#endfor
//#endfor
//#endfor
//#for J 0 (C4+SG-1)/SG
  var r$J = wg.z * params.right_plane + min(block + ${SG*J}u + lane, params.columns4 - 1u);
//#endfor
  for (var k = 0u; k < params.k; k += ${K}u) {
//#for S 0 K
//#for Q 0 P
    let left${Q}_$S = left[l$Q];
    l$Q += params.left_width;
//#endfor
//#for J 0 (C4+SG-1)/SG
    let right${J}_$S = right[r$J];
    r$J += params.columns4;
//#endfor
//#endfor
//#for O 0 C4
//#for S 0 K
    let b${O}_$S = subgroupBroadcast(right${O/SG}_$S, ${O%SG}u);
//#endfor
//#for Q 0 P
//#for I 0 4
//#for S 0 K
    acc${Q}_${I}_$O += left${Q}_$S[$I] * b${O}_$S;
//#endfor
//#endfor
//#endfor
//#endfor
  }
  // One column at a time, because stores compile slowly.
  for (var o = 0u; o < min(params.most, params.columns4 - block); o++) {
//#for Q 0 P
//#for I 0 4
    var v${Q}_$I: vec4f;
//#endfor
//#endfor
    switch o {
//#for O 0 C4
      case ${O}u: {
//#for Q 0 P
//#for I 0 4
        v${Q}_$I = acc${Q}_${I}_$O;
//#endfor
//#endfor
      }
//#endfor
      default: {}
    }
//#for Q 0 P
    if (row$Q < params.rows4) {
      let to = params.result_from + wg.z * params.result_plane + 4u * row$Q * params.columns4 + block + o;
//#for I 0 4
      result[to + $Iu * params.columns4] = v${Q}_$I;
//#endfor
    }
//#endfor
  }
}
