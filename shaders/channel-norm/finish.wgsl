// The epilogue of what is stored at element i. Needs `alias T` of part.wgsl.
//#include "lib/math.wgsl"
//#if OPERAND
@group(0) @binding(7) var<storage, read> operand: array<T>;
//#endif

//#epilogue

fn finish(v: T, i: u32) -> T {
//#if OPERAND
  let s = operand[i];
//#else
  let s = T();
//#endif
//#if VEC
  return vec4f(epilogue(v.x, s.x), epilogue(v.y, s.y), epilogue(v.z, s.z), epilogue(v.w, s.w));
//#else
  return epilogue(v, s);
//#endif
}
