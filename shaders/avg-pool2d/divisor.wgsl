// What the sum of a window is divided by. DIVISOR: 'padded', the taps in the padded plane, which a window in ceil mode may
// leave; 'inside', the taps in the plane itself; 'fixed', FIXED.

fn divisor(oy: i32, ox: i32) -> f32 {
//#if DIVISOR==fixed
  return f32(FIXED);
//#elif DIVISOR==padded
  let taps_y = min(params.kh, params.h + params.bottom + params.top - oy * params.sh);
  let taps_x = min(params.kw, params.w + params.right + params.left - ox * params.sw);
  return f32(taps_y * taps_x);
//#else
  let rows = rows_of(oy);
  let columns = columns_of(ox);
  return f32((rows.end - rows.first) * (columns.end - columns.first));
//#endif
}
