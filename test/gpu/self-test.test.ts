/** The self-test of subgroups: what it takes for right, and what follows where it is not. */
import { expect, test, vi } from 'vitest';
import { subgroupsWork, withoutWrong } from '../../src/gpu/self-test.ts';
import { DEFAULT_CAPS } from '../../src/util/caps.ts';
import { device } from '../support/device.ts';

const SOFTWARE = { ...DEFAULT_CAPS, software: true, subgroups: true, subgroupMinSize: 8, subgroupMaxSize: 8 };

test('subgroups of the size that the adapter names work, and another size does not', async () => {
  // Of the device itself: the caps are what the self-test has left.
  const { gpu, caps } = await device();
  const { subgroupMinSize: lanes, subgroupMaxSize: most } = gpu.adapterInfo;
  if (!gpu.features.has('subgroups') || !lanes || lanes !== most) return;
  expect(await subgroupsWork(gpu, lanes)).toBe(true);
  expect(caps.subgroups).toBe(true);
  // A workgroup of twice the threads is two subgroups.
  expect(await subgroupsWork(gpu, 2 * lanes)).toBe(false);
});

test('a shader that the device does not take counts as wrong, and is no failure of the device', async () => {
  const on = await device({ limits: 'default' });
  expect(await subgroupsWork(on.gpu, 8)).toBe(false);
  expect(on.failure).toBeNull();
});

test('where they are wrong, the caps have none and it is said', async () => {
  const warn = vi.fn();
  const caps = await withoutWrong(SOFTWARE, { works: async () => false, warn });
  expect(caps).toEqual({ ...SOFTWARE, subgroups: false });
  expect(warn.mock.calls).toEqual([[expect.stringContaining('wrong values')]]);
  expect(await withoutWrong(SOFTWARE, { works: async (lanes) => lanes === 8, warn })).toBe(SOFTWARE);
  expect(warn).toHaveBeenCalledTimes(1);
});

test.each([
  ['a GPU', { ...SOFTWARE, software: false }],
  ['no subgroups', { ...SOFTWARE, subgroups: false }],
  ['subgroups of several sizes', { ...SOFTWARE, subgroupMinSize: 4 }],
])('%s: nothing is tested, since no kernel uses them', async (_, caps) => {
  const works = vi.fn(async () => false);
  expect(await withoutWrong(caps, { works, warn: () => {} })).toBe(caps);
  expect(works).not.toHaveBeenCalled();
});
