// Gradient of the input: output pixel oy saw row iy through ky where oy * sy + ky * dy = iy + top, so only taps with
// ky * dy = iy + top (mod sy) count. Pixels with the same remainders are a phase, of which there are sy * sx.
// Needs params.
struct Phase {
  y: u32, x: u32,
  // First row and column, and how many there are.
  y0: u32, x0: u32, rows: u32, columns: u32,
}

fn phase_of(number: u32, height: u32, width: u32) -> Phase {
  let y = number / params.sx % params.sy;
  let x = number % params.sx;
  let y0 = (y + params.sy - params.top % params.sy) % params.sy;
  let x0 = (x + params.sx - params.left % params.sx) % params.sx;
  return Phase(y, x, y0, x0, (height + params.sy - 1u - y0) / params.sy, (width + params.sx - 1u - x0) / params.sx);
}

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
