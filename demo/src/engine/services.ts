/** The panels' parts in the worker, one line each. */
import type { Lab } from './lab.ts';

export const servicesOf = (_lab: Lab) => ({});
