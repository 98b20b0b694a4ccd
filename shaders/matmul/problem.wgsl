// What all matmul kernels are told: y[z, i, j] = sum over q of a[z, i, q] * b[z, q, j], z running over the batch axes
// (RANK of them, row-major), with the strides of the batch axes in a and b: 0 where an operand is broadcast.
struct Params {
  m: u32, n: u32, k: u32, batches: u32,
  a_row: u32, a_k: u32, b_k: u32, b_col: u32,
  // Parts that k is cut into, and elements between their partial results; SUMS: where the sums begin in those.
  splits: u32, split_k: u32, split_size: u32, sums_at: u32,
//#for D 0 RANK
  batch$D: u32, a_batch$D: u32, b_batch$D: u32,
//#endfor
}

// Where the matrices of batch index z begin in a (x) and in b (y), in elements.
fn batch_offsets(z: u32) -> vec2u {
  var rest = z;
  var offsets = vec2u();
//#for D 0 RANK
  offsets += (rest % params.batch${RANK-1-D}) * vec2u(params.a_batch${RANK-1-D}, params.b_batch${RANK-1-D});
  rest /= params.batch${RANK-1-D};
//#endfor
  return offsets;
}
