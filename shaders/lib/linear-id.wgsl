// Number of a workgroup in a grid that was folded because one axis ends at 65,535 (src/graph/workgroups.ts).
fn linear_group(wg: vec3u, count: vec3u) -> u32 {
  return wg.y * count.x + wg.x;
}
